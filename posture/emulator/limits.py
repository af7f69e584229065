"""The documented throttling limits, enforced when `[quirks] limits = true`.

Source: https://learn.microsoft.com/graph/throttling-limits
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from posture.emulator import answers


@dataclass
class _Window:
    """So many units within so many seconds, sliding."""

    units: int
    seconds: float
    retry_after: bool = True
    held: deque[tuple[float, int]] = field(default_factory=deque)
    total: int = 0

    def take(self, now: float, cost: int) -> float | None:
        """Take units; return None, or the seconds until they would be free."""
        while self.held and self.held[0][0] <= now - self.seconds:
            self.total -= self.held.popleft()[1]
        if self.total + cost > self.units:
            return max(0.1, self.held[0][0] + self.seconds - now) if self.held else self.seconds
        self.held.append((now, cost))
        self.total += cost
        return None


class Limits:
    """The buckets of one application in one tenant of up to 500, or more, users."""

    def __init__(self, now: Callable[[], float], users: int) -> None:
        self._now = now
        self._windows = {
            "identity": _Window(3500 if users < 50 else 5000 if users <= 500 else 8000, 10),
            "audit": _Window(5, 10),
            "sign-in-activity": _Window(10, 60),
            "conditional-access": _Window(1, 1, retry_after=False),
            "identity-providers": _Window(200, 60),
        }

    def take(self, bucket: str, cost: int) -> float:
        """Count one request; raise the 429 of its bucket when it is empty.

        Returns the share of the bucket in use.
        """
        window = self._windows[bucket]
        units = cost if bucket == "identity" else 1
        wait = window.take(self._now(), units)
        if wait is not None:
            raise answers.throttled(f"{wait:.3f}" if window.retry_after else None)
        return window.total / window.units


def bucket_of(path: str, *, sign_in_activity: bool) -> str:
    """Return the bucket a path counts in."""
    path = path.lower()
    if sign_in_activity:
        return "sign-in-activity"
    if path.startswith(("auditlogs/", "reports/")):
        return "audit"
    if path.startswith("identity/conditionalaccess/"):
        return "conditional-access"
    if path in ("identity/identityproviders", "policies/authenticationflowspolicy"):
        return "identity-providers"
    return "identity"
