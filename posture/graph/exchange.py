"""One question to Graph, asked until it is answered or patience ends.

This is the only place that waits and asks again, so that every rule about it
holds for single answers, pages, counts and batches alike.
"""

import ssl
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from posture.errors import AnswerError, GraphError, NetworkError, SignInError, ThrottledError, TokenRefusedError
from posture.graph.answer import Answer, Event, Limits
from posture.graph.challenge import claims_asked_for
from posture.graph.links import cleaned
from posture.graph.pacing import Pace
from posture.graph.refusals import NON_PREMIUM, as_error, read_refusal
from posture.graph.retry import THROTTLED, TRANSIENT, backoff, jittered, retry_after
from posture.graph.wire import Credential, Send

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

KEPT_HEADERS = (
    "content-type",
    "retry-after",
    "x-ms-resource-unit",
    "x-ms-throttle-limit-percentage",
    "x-ms-throttle-scope",
    "x-ms-throttle-information",
    "x-ms-ags-diagnostic",
)


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. `keep_body` False leaves the body out of the Answer, for pages."""

    url: str
    method: str = "GET"
    content: bytes | None = None
    eventual: bool = False
    accept: str = "application/json"
    keep_body: bool = True

    @property
    def path(self) -> str:
        """Version and path, for people."""
        return urlsplit(self.url).path


@dataclass(slots=True)
class _Patience:
    """What is left of it for one request."""

    limits: Limits
    attempt: int = 0
    waited: float = 0.0
    unreadable: int = 0
    token_renewed: bool = False
    challenged: bool = False
    unlicensed_once: bool = False

    def allows(self, seconds: float, *, throttled: bool) -> bool:
        """Whether one more attempt after such a pause is within limits."""
        most = self.limits.throttled_attempts if throttled else self.limits.attempts
        within = seconds <= self.limits.longest_wait and self.waited + seconds <= self.limits.total_wait
        return self.attempt < most and within


@dataclass(slots=True)
class Exchange:
    """Asks through `send`, under `pace`, as long as `limits` allow."""

    send: Send
    credential: Credential
    limits: Limits
    pace: Pace
    clock: Callable[[], datetime]
    request_ids: Callable[[str], str]
    on_event: Callable[[Event], None] | None = None
    requests: Counter[str] = field(default_factory=Counter)
    _had_token: bool = False

    def tell(self, event: Event) -> None:
        """Report an event."""
        if self.on_event is not None:
            self.on_event(event)

    async def ask(self, ask: Ask, read: Callable[[bytes], T]) -> tuple[Answer, T]:
        """Return the answer and what `read` makes of its body.

        `read` raises UnreadableError for a body worth asking for again and
        AnswerError for one that is not.
        """
        patience = _Patience(self.limits)
        started = self.clock()
        while True:
            patience.attempt += 1
            sent_id = self.request_ids(ask.url)
            response, pause = await self._attempt(ask, sent_id, patience)
            if response is not None:
                pause = await self._after(ask, response, patience)
                if pause is None:
                    answer = self._answer(ask, response, sent_id, started, patience.attempt)
                    try:
                        return answer, read(response.content)
                    except AnswerError as error:
                        pause = self._after_unreadable(error, answer, patience)
            if pause is None:
                raise AssertionError("an attempt ends in an answer or a pause")
            self.requests["retried"] += 1
            patience.waited += pause
            if pause:
                await self.pace.timer.sleep(pause)

    async def _attempt(
        self, ask: Ask, sent_id: str, patience: _Patience
    ) -> tuple["httpx.Response | None", float | None]:
        """Send once. Returns the response, or None and the pause before the next attempt."""
        import httpx

        headers = {
            "Accept": ask.accept,
            "client-request-id": sent_id,
            "x-ms-throttle-priority": "Low",
        }
        if ask.eventual:
            headers["ConsistencyLevel"] = "eventual"

        def paced(detail: str, seconds: float) -> None:
            self.tell(Event("pace", ask.path, detail, seconds, patience.attempt))

        await self.pace.turn(ask.url, paced)
        failure: httpx.TransportError | SignInError
        async with self.pace.limit.slot() as mark:
            self.requests["sent"] += 1
            try:
                response = await self.send(ask.method, ask.url, headers, ask.content)
            except httpx.TransportError as error:
                failure = error
            except SignInError as error:
                if not self._had_token:
                    raise
                failure = error
            else:
                self._had_token = True
                if response.status_code in THROTTLED:
                    self.pace.limit.throttled(mark)
                elif response.status_code < 500:
                    self.pace.limit.went_well()
                return response, None
        if isinstance(failure, SignInError):
            raise TokenRefusedError(f"{ask.path}: the token ran out and could not be renewed: {failure}", url=ask.url)
        return None, self._after_failure(ask, failure, patience)

    def _after_failure(self, ask: Ask, failure: "httpx.TransportError", patience: _Patience) -> float:
        from posture.graph.transport import DamagedError, OversizeError

        words = _network_words(failure)
        if isinstance(failure, OversizeError):
            raise AnswerError(f"{ask.path}: {words}", url=ask.url)
        damaged = isinstance(failure, DamagedError)
        patience.unreadable += damaged
        pause = backoff(patience.attempt, throttled=False)
        spent = patience.unreadable >= self.limits.unreadable_attempts
        if _is_hopeless(failure) or spent or not patience.allows(pause, throttled=False):
            kind = AnswerError if damaged else NetworkError
            tries = f" after {patience.attempt} attempts" if patience.attempt > 1 else ""
            raise kind(f"{ask.path}: {words}{tries}", url=ask.url)
        self.tell(Event("retry", ask.path, words, pause, patience.attempt))
        return pause

    async def _after(self, ask: Ask, response: "httpx.Response", patience: _Patience) -> float | None:
        """Return the pause before asking again, None where the response is the answer, or raise."""
        status = response.status_code
        if status == 200:
            return None
        if status in TRANSIENT:
            return self._after_transient(ask, response, patience)
        refusal = read_refusal(response.content)
        challenge = claims_asked_for(response.headers.get("www-authenticate", "")) if status in (401, 403) else ""
        if challenge and not patience.challenged:
            patience.challenged = True
            self.credential.challenge(challenge)
            return self._again(ask, "token", "Conditional Access asks for a new token", patience)
        if status == 401 and not patience.token_renewed and not patience.challenged:
            patience.token_renewed = True
            self.credential.forget()
            return self._again(ask, "token", "the token was not accepted and is renewed", patience)
        if refusal.code == NON_PREMIUM and not patience.unlicensed_once:
            patience.unlicensed_once = True
            return self._again(ask, "retry", "called unlicensed; asked once more", patience)
        if challenge:
            raise TokenRefusedError(
                f"{ask.path}: Conditional Access asks for more than this sign-in can give",
                status=status,
                code=refusal.code,
                request_id=_request_id(response),
                url=ask.url,
            )
        raise self._error(ask, response, patience)

    def _again(self, ask: Ask, kind: str, why: str, patience: _Patience) -> float:
        self.tell(Event(kind, ask.path, why, 0.0, patience.attempt))
        return 0.0

    def _after_transient(self, ask: Ask, response: "httpx.Response", patience: _Patience) -> float:
        status = response.status_code
        throttled = status in THROTTLED
        asked = retry_after(response.headers.get("retry-after"), self._server_time(response))
        pause = jittered(asked) if asked is not None else backoff(patience.attempt, throttled=throttled)
        allowed = patience.allows(asked if asked is not None else pause, throttled=status == 429)
        if throttled:
            # However long one request is told to wait, the others wait no longer than patience.
            self.pace.pause(ask.url, pause if allowed else backoff(1, throttled=True))
        if not allowed:
            raise self._error(ask, response, patience, asked)
        said = f"{status}, as the service asks" if asked is not None else f"{status}"
        self.tell(Event("wait" if throttled else "retry", ask.path, said, pause, patience.attempt))
        return pause

    def _after_unreadable(self, error: AnswerError, answer: Answer, patience: _Patience) -> float:
        from posture.graph.bodies import UnreadableError

        path = urlsplit(answer.url).path
        patience.unreadable += 1
        pause = backoff(patience.attempt, throttled=False)
        worth_it = isinstance(error, UnreadableError) and patience.unreadable < self.limits.unreadable_attempts
        if not worth_it or not patience.allows(pause, throttled=False):
            tries = f" after {patience.attempt} attempts" if patience.attempt > 1 else ""
            raise AnswerError(
                f"{path}: {error}{tries}", status=answer.status, request_id=answer.request_id, url=answer.url
            )
        self.tell(Event("retry", path, str(error), pause, patience.attempt))
        return pause

    def _error(
        self, ask: Ask, response: "httpx.Response", patience: _Patience, asked: float | None = None
    ) -> GraphError:
        if asked is not None and asked > self.limits.longest_wait:
            return ThrottledError(
                f"{ask.path}: the service asks to wait {asked:,.0f} seconds, longer than posture's "
                f"{self.limits.longest_wait:,.0f}",
                status=response.status_code,
                code=read_refusal(response.content).code,
                request_id=_request_id(response),
                url=ask.url,
            )
        return as_error(
            response.status_code,
            read_refusal(response.content),
            where=ask.path,
            url=ask.url,
            request_id=_request_id(response),
            attempts=patience.attempt,
        )

    def _server_time(self, response: "httpx.Response") -> datetime:
        """The service's own clock where it tells, so that ours may be wrong."""
        try:
            when = parsedate_to_datetime(response.headers.get("date", ""))
        except (ValueError, TypeError, IndexError, OverflowError):
            return self.clock()
        return when if when.tzinfo is not None else when.replace(tzinfo=UTC)

    def _answer(self, ask: Ask, response: "httpx.Response", sent_id: str, started: datetime, attempts: int) -> Answer:
        headers: Mapping[str, str] = {
            name: cleaned(response.headers[name]) for name in KEPT_HEADERS if name in response.headers
        }
        return Answer(
            url=ask.url,
            status=response.status_code,
            body=response.content if ask.keep_body else b"",
            request_id=_request_id(response),
            client_request_id=sent_id,
            server_date=cleaned(response.headers.get("date", ""), 64),
            started=started,
            ended=self.clock(),
            attempts=attempts,
            headers=headers,
        )


def _request_id(response: "httpx.Response") -> str:
    return cleaned(response.headers.get("request-id", "") or response.headers.get("x-ms-request-id", ""), 100)


def _is_hopeless(failure: Exception) -> bool:
    """Whether asking again cannot help: the certificate is refused, the proxy is."""
    import httpx

    cause: BaseException | None = failure
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return True
        cause = cause.__cause__ or cause.__context__
    return isinstance(failure, httpx.UnsupportedProtocol | httpx.ProxyError | httpx.LocalProtocolError)


def _network_words(failure: Exception) -> str:
    import httpx

    if _is_hopeless(failure) and not isinstance(
        failure, httpx.UnsupportedProtocol | httpx.ProxyError | httpx.LocalProtocolError
    ):
        return (
            "the server's certificate is not trusted; if a proxy of your organization inspects traffic, "
            "name its CA file with --ca-bundle"
        )
    said = cleaned(str(failure), 160)
    match failure:
        case httpx.ProxyError():
            return f"the proxy refuses the connection ({said})"
        case httpx.ConnectTimeout():
            return "no connection in time"
        case httpx.ConnectError():
            return f"no connection ({said})"
        case httpx.TimeoutException():
            return "the answer did not come in time"
        case httpx.RemoteProtocolError() | httpx.ReadError() | httpx.WriteError() | httpx.CloseError():
            return f"the connection broke ({said})" if said else "the connection broke"
    return said or type(failure).__name__
