"""How fast to ask: one gate for all, one adaptive limit, and the documented limits of a few services.

Source: https://learn.microsoft.com/graph/throttling-limits
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True, slots=True)
class Timer:
    """Time as the reader feels it: a clock that only goes forward, and sleep. Tests bring their own."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep


@dataclass(frozen=True, slots=True)
class Family:
    """Requests that share a documented limit: at most `requests` in any `seconds`."""

    name: str
    requests: int
    seconds: float


SIGN_IN_ACTIVITY = Family("sign-in activity", 10, 60.0)
REPORTS = Family("audit logs and reports", 5, 10.0)
CONDITIONAL_ACCESS = Family("Conditional Access", 1, 1.0)


def family_of(url: str) -> Family | None:
    """Return the family whose limit a request falls under, None for the directory's own large one."""
    parts = urlsplit(url)
    path = parts.path.casefold()
    if "/auditlogs/" in path or "/reports/authenticationmethods/" in path:
        return REPORTS
    if "/identity/conditionalaccess/" in path:
        return CONDITIONAL_ACCESS
    if "/users" in path and "signinactivity" in unquote(parts.query).casefold():
        return SIGN_IN_ACTIVITY
    return None


class Gate:
    """Closed for everybody until a moment; a service that asks for a pause closes it."""

    def __init__(self, timer: Timer) -> None:
        self._timer = timer
        self._until = 0.0

    def close_for(self, seconds: float) -> None:
        """Let nobody through for so long; never shortens a pause already asked for."""
        self._until = max(self._until, self._timer.now() + seconds)

    async def wait(self) -> None:
        """Return once the gate is open, however often it was closed meanwhile."""
        waited_for = 0.0
        while self._until > waited_for:
            waited_for = self._until
            if (left := waited_for - self._timer.now()) > 0:
                await self._timer.sleep(left)


class Pacer:
    """Keeps one family under its limit: the first requests go at once, later ones when the window allows."""

    def __init__(self, family: Family, timer: Timer) -> None:
        self._family, self._timer = family, timer
        self._turns: deque[float] = deque(maxlen=family.requests)
        self._line = asyncio.Lock()

    async def turn(self, tell: Callable[[float], None] | None = None) -> None:
        """Wait for this request's turn; `tell` hears how long, where there is anything to wait."""
        async with self._line:
            ready = self._turns[0] + self._family.seconds if len(self._turns) == self._turns.maxlen else 0.0
            if (left := ready - self._timer.now()) > 0:
                if tell is not None:
                    tell(left)
                await self._timer.sleep(left)
            self._turns.append(max(ready, self._timer.now()))


class AdaptiveLimit:
    """How many requests may be under way at once.

    It halves when the service throttles, once for all requests that were under
    way at that moment, and grows by one for each full round that went well.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._allowed = float(most)
        self._busy = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._generation = 0

    @property
    def allowed(self) -> int:
        """How many may be under way now."""
        return int(self._allowed)

    @property
    def mark(self) -> int:
        """The mark of a request that goes now, to hand to `throttled`."""
        return self._generation

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[int]:
        """Hold one place; yields its mark."""
        await self._enter()
        try:
            yield self._generation
        finally:
            self._busy -= 1
            self._wake()

    async def _enter(self) -> None:
        if self._busy < self.allowed and not self._waiting:
            self._busy += 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._busy -= 1
                self._wake()
            elif place in self._waiting:  # else `_wake` has passed over it already
                self._waiting.remove(place)
            raise

    def _wake(self) -> None:
        while self._waiting and self._busy < self.allowed:
            place = self._waiting.popleft()
            if not place.done():
                self._busy += 1
                place.set_result(None)

    def throttled(self, mark: int) -> None:
        """Halve, unless another request of the same moment has done so."""
        if mark == self._generation:
            self._generation += 1
            self._allowed = max(1.0, self._allowed / 2)

    def went_well(self) -> None:
        """Grow a little."""
        if self._allowed < self._most:
            self._allowed = min(float(self._most), self._allowed + 1 / self._allowed)
            self._wake()


@dataclass(slots=True)
class Pace:
    """Everything that decides when a request may go.

    `keep` says whether the documented limits of families are kept; on loopback
    nobody needs them.
    """

    timer: Timer
    limit: AdaptiveLimit
    keep: bool
    gate: Gate = field(init=False)
    _pacers: dict[str, Pacer] = field(default_factory=dict, init=False)
    _gates: dict[str, Gate] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.gate = Gate(self.timer)

    async def turn(self, url: str, tell: Callable[[str, float], None]) -> None:
        """Return when a request to this address may go."""
        family = family_of(url)
        if family is not None:
            if self.keep:
                pacer = self._pacers.setdefault(family.name, Pacer(family, self.timer))
                await pacer.turn(lambda seconds: tell(f"keeps to the limit of {family.name}", seconds))
            await self._gate_of(family).wait()
        await self.gate.wait()

    def requests_a_minute(self, url: str) -> float | None:
        """Return the rate of the family an address falls under; None where it has none or it is not kept."""
        family = family_of(url)
        return family.requests * 60 / family.seconds if family is not None and self.keep else None

    def pause(self, url: str, seconds: float) -> None:
        """Close the gate as an answer asked.

        The services behind a family have limits of their own, so their gate
        closes for them alone; any other closes for all.
        """
        family = family_of(url)
        (self.gate if family is None else self._gate_of(family)).close_for(seconds)

    def _gate_of(self, family: Family) -> Gate:
        return self._gates.setdefault(family.name, Gate(self.timer))
