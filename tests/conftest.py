"""What holds for every test: a property is judged by its truth, not by how busy the machine is."""

from hypothesis import settings

settings.register_profile("posture", deadline=None)
settings.load_profile("posture")
