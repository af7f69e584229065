"""The matrix in two shares of about equal weight, one for each core."""

from posture.collect.registry import gatherers
from tests.collect.world import known_gatherers

LISTS = {
    "applications",
    "service_principals",
    "groups",
    "group_owners",
    "external_members",
    *(n for n in known_gatherers() if n.startswith("guest") and n != "guest_registration_details"),
    *(n for n in known_gatherers() if gatherers()[n].asks_per),
    "client_app_assignments",
}
"""Sources with a count of their own or with many small questions: two addresses and more each."""
SETTINGS = set(known_gatherers()) - LISTS
