import pytest

from posture.report.dates import percent


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0, "0 %"),
        (0.004, "under 1 %"),
        (0.29, "29 %"),
        (0.57, "57 %"),
        (0.5999, "59 %"),
        (0.6, "60 %"),
        (0.914, "91 %"),
        (0.9999, "99 %"),
        (1, "100 %"),
    ],
)
def test_a_share_is_never_rounded_up(share, said):
    assert percent(share) == said
