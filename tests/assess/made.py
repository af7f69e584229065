"""Controls and findings made up for tests of what is done with them."""

from typing import Any

from posture.assess.types import Finding
from posture.controls.registry import Control, Outcome, Remediation, Verdict, passed
from posture.settings import Severity


def control(code: str = "GUEST-INV-001", fail: Severity = Severity.HIGH, **changes: Any) -> Control:
    """Return a control that nobody registered."""
    words = {k: k for k in ("title", "summary", "why", "attack", "fix", "breaks", "default")}
    return Control(
        **{
            "code": code,
            **words,
            "source": ("https://learn.microsoft.com",),
            "partial": min(fail, Severity.MEDIUM, key=lambda s: s.rank),
            "kind": "setting",
            "scored": True,
            "licence": "none",
            "function": _holds,
            "needs": (),
            "optional": (),
            "observes": (),
            "remediation": (Remediation(),),
            "frameworks": {},
            "authorities": (),
            "parameters": (),
            "permissions": (),
            "empty_is_good": "",
            "unverified": (),
            **changes,
            "fail": fail,
        }
    )


def _holds() -> Verdict:
    return passed("it holds")


def finding(outcome: Outcome, fail: Severity = Severity.HIGH, code: str = "GUEST-INV-001", **changes: Any) -> Finding:
    """Return a finding with the severity its outcome has."""
    made = control(code, fail, **changes.pop("control", {}))
    usual = {Outcome.FAIL: made.fail, Outcome.PARTIAL: made.partial}.get(outcome, Severity.INFO)
    return Finding(made, outcome, changes.pop("severity", usual), "words", **changes)
