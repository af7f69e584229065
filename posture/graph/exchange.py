"""One question to Graph, asked until it is answered or patience ends.

This is the only place that sends, waits and asks again.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from posture.errors import AnswerError, SignInError, TokenRefusedError
from posture.graph.answer import Answer, Event, Limits
from posture.graph.judge import UNKNOWN_MEMBERS, Ask, Judge, Patience, Reply
from posture.graph.pacing import Pace
from posture.graph.retry import THROTTLED
from posture.graph.tokens import mark_of
from posture.graph.wire import Credential, Send

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")


class Exchange:
    """Asks through `send`, under `pace`, as long as `limits` allow."""

    def __init__(
        self,
        send: Send,
        credential: Credential,
        *,
        limits: Limits,
        pace: Pace,
        clock: Callable[[], datetime],
        request_ids: Callable[[str], str],
        on_event: Callable[[Event], None] | None = None,
        may_lack_token: bool = False,
    ) -> None:
        self._send, self.pace, self.limits, self.clock = send, pace, limits, clock
        self.request_ids = request_ids
        self.on_event = on_event
        self.requests: Counter[str] = Counter()
        self.judge = Judge(limits, pace, credential, clock, self.tell)
        # Before the first token a refused sign-in ends the run; later, or for a side question, it is a gap.
        self._had_token = may_lack_token
        self._answered = False

    def tell(self, event: Event) -> None:
        """Report an event."""
        if self.on_event is not None:
            self.on_event(event)

    async def ask(self, ask: Ask, read: Callable[[bytes], T]) -> tuple[Answer, T]:
        """Return the answer and what `read` makes of its body.

        `read` raises UnreadableError for a body worth asking for again and
        AnswerError for one that is not.
        """
        patience = Patience(self.limits)
        started = self.clock()
        while True:
            sent_id = self.request_ids(ask.url)
            reply, pause = await self._attempt(ask, sent_id, patience)
            if reply is not None:
                verdict = self.judge.after_reply(ask, reply, patience)
                if verdict is None:
                    try:
                        found = read(reply.body)
                    except AnswerError as error:
                        pause = self.judge.after_unreadable(ask, reply, error, patience)
                    else:
                        return self.judge.answer(ask, reply, sent_id, started, patience.attempt), found
                else:
                    pause = verdict
            await self.rest(patience, pause)

    async def rest(self, patience: Patience, seconds: float) -> None:
        """Wait before one more attempt."""
        self.requests["retried"] += 1
        patience.waited += seconds
        if seconds > 0:
            await self.pace.timer.sleep(seconds)

    async def turn(self, ask: Ask, attempt: int) -> None:
        """Wait until a request may go."""
        await self.pace.turn(
            ask.pace_by, lambda why, seconds: self.tell(Event("pace", ask.path, why, seconds, attempt))
        )

    async def _attempt(self, ask: Ask, sent_id: str, patience: Patience) -> tuple[Reply | None, float]:
        """Send once; return the reply, or None and the pause before the next attempt."""
        import httpx

        patience.attempt += 1
        await self.turn(ask, patience.attempt)
        failure: httpx.TransportError | SignInError
        async with self.pace.limit.slot() as mark:
            self.requests["sent"] += 1
            try:
                response = await self._send(ask.method, ask.url, _headers(ask, sent_id), ask.content)
            except httpx.TransportError as error:
                failure = error
            except SignInError as error:
                if not self._had_token:
                    raise
                failure = error
            else:
                self._had_token = self._answered = True
                self._learn(response.status_code, mark)
                return _reply(response), 0.0
        if isinstance(failure, SignInError):
            raise TokenRefusedError(f"{ask.path}: no token could be had: {failure}", url=ask.url)
        return None, self.judge.after_failure(ask, failure, patience, answered=self._answered)

    def _learn(self, status: int, mark: int) -> None:
        if status in THROTTLED:
            self.pace.limit.throttled(mark)
        elif status < 500:
            self.pace.limit.went_well()


def _headers(ask: Ask, sent_id: str) -> Mapping[str, str]:
    headers = {"Accept": ask.accept, "client-request-id": sent_id, "x-ms-throttle-priority": "Low", **UNKNOWN_MEMBERS}
    if ask.eventual:
        headers["ConsistencyLevel"] = "eventual"
    return headers


def _reply(response: "httpx.Response") -> Reply:
    mark = ""
    if response.status_code in (401, 403):
        mark = mark_of(response.request.headers.get("authorization", "").removeprefix("Bearer "))
    return Reply(response.status_code, response.headers, response.content, mark)
