"""Controls whose remedy is no request to Graph: portal, PowerShell of another service, or a decision."""

from collections.abc import Iterator

from posture.plan.remedies import Evidence, Finding, Risk, Step, remedy, step

BY_HAND = {
    "GUEST-AUT-004": "Put terms of use before guests",
    "GUEST-AUT-006": "Let MFA at sign-in register the guests who have none",
    "GUEST-PRV-007": "Close Azure roles and subscription movement to guests",
    "GUEST-WRK-005": "Integrate SharePoint with Entra B2B, and let site guests expire",
    "GUEST-VIS-001": "Export the identity logs",
    "GUEST-VIS-002": "Export the Graph activity logs",
    "GUEST-VIS-003": "Keep the logs longer",
    "GUEST-VIS-004": "Tell somebody when guest posture changes",
}
"""Why there is no request: documents are uploaded, people register themselves, or Graph does not reach the setting."""


def _by_hand(code: str, title: str) -> None:
    @remedy(code, risk=Risk.LOW)
    def make(ev: Evidence, finding: Finding) -> Iterator[Step]:
        yield step(finding.control, 1, title, leaves="pass")


for _code, _title in BY_HAND.items():
    _by_hand(_code, _title)
