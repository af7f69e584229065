"""What a reply means: it is the answer, it is asked for again after a pause, or it is an error.

Single answers, pages, counts and the items of a batch are judged alike.

Source: https://learn.microsoft.com/graph/errors, https://learn.microsoft.com/graph/throttling
"""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from posture.errors import AnswerError, GraphError, NetworkError, ThrottledError, TokenRefusedError
from posture.graph.answer import Answer, Event, Limits
from posture.graph.challenge import claims_asked_for
from posture.graph.links import cleaned
from posture.graph.pacing import Pace
from posture.graph.refusals import NON_PREMIUM, as_error, read_refusal
from posture.graph.retry import THROTTLED, TRANSIENT, backoff, jittered, retry_after
from posture.graph.wire import Credential

if TYPE_CHECKING:
    import httpx

KEPT_HEADERS = (
    "content-type",
    "retry-after",
    "x-ms-resource-unit",
    "x-ms-throttle-limit-percentage",
    "x-ms-throttle-scope",
    "x-ms-throttle-information",
    "x-ms-ags-diagnostic",
)


UNKNOWN_MEMBERS = {"Prefer": "include-unknown-enum-members"}
"""Asks for the value itself where Graph would say `unknownFutureValue`: what we do not know, we name.

Source: https://learn.microsoft.com/graph/best-practices-concept#handling-future-members-in-evolvable-enumerations
"""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. `keep_body` False leaves the body out of the Answer, for pages.

    `began` is the address of the list that a page belongs to, "" for all else:
    a next link is opaque and need not name what makes a service slow.
    """

    url: str
    method: str = "GET"
    content: bytes | None = None
    eventual: bool = False
    accept: str = "application/json"
    keep_body: bool = True
    began: str = ""

    @property
    def path(self) -> str:
        """Version and path, for people."""
        return urlsplit(self.url).path

    @property
    def pace_by(self) -> str:
        """The address by which the pace is kept."""
        return self.began or self.url


@dataclass(frozen=True, slots=True)
class Reply:
    """A status, its headers under lower-case names, and the body: of a response or of a batch's item.

    `mark` tells which token the request carried, "" where nobody knows.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    mark: str = ""

    @property
    def request_id(self) -> str:
        """The service's id of this reply, cleaned; "" where it gave none."""
        return cleaned(self.headers.get("request-id", "") or self.headers.get("x-ms-request-id", ""), 100)


@dataclass(slots=True)
class Patience:
    """What has been tried for one request, and what is left to try."""

    limits: Limits
    attempt: int = 0
    waited: float = 0.0
    unreadable: int = 0
    token_renewed: bool = False
    challenged: bool = False
    unlicensed_once: bool = False

    def allows(self, seconds: float, *, throttled: bool = False, outage: bool = False) -> bool:
        """Whether one more attempt after such a pause is within limits."""
        limits = self.limits
        most = limits.throttled_attempts if throttled else limits.outage_attempts if outage else limits.attempts
        within = seconds <= self.limits.longest_wait and self.waited + seconds <= self.limits.total_wait
        return self.attempt < most and within

    @property
    def tries(self) -> str:
        """The number of attempts as the end of a sentence, "" for one."""
        return f" after {self.attempt} attempts" if self.attempt > 1 else ""


@dataclass(frozen=True, slots=True)
class Judge:
    """Decides, tells of pauses, and closes the gate where a service asks for it."""

    limits: Limits
    pace: Pace
    credential: Credential
    clock: Callable[[], datetime]
    tell: Callable[[Event], None]

    def after_reply(self, ask: Ask, reply: Reply, patience: Patience) -> float | None:
        """Return the pause before asking again, None where the reply is the answer, or raise a GraphError."""
        if reply.status == 200:
            return None
        if reply.status in TRANSIENT:
            return self._after_transient(ask, reply, patience)
        refusal = read_refusal(reply.body)
        asked = claims_asked_for(reply.headers.get("www-authenticate", "")) if reply.status in (401, 403) else ""
        if asked and not patience.challenged:
            patience.challenged = True
            self.credential.challenge(asked, reply.mark)
            return self._with_new_token(ask, "Conditional Access asks for a new token", patience)
        if asked:
            raise TokenRefusedError(
                f"{ask.path}: Conditional Access asks for more than this sign-in can give",
                status=reply.status,
                code=refusal.code,
                request_id=reply.request_id,
                url=ask.url,
            )
        if reply.status == 401 and not patience.token_renewed and not patience.challenged:
            patience.token_renewed = True
            self.credential.forget(reply.mark)
            return self._with_new_token(ask, "the token was not accepted and is renewed", patience)
        if refusal.code == NON_PREMIUM and not patience.unlicensed_once:
            patience.unlicensed_once = True
            pause = backoff(2, throttled=False)
            self.tell(Event("retry", ask.path, "called unlicensed; asked once more", pause, patience.attempt))
            return pause
        raise self._error(ask, reply, patience)

    def after_failure(
        self, ask: Ask, failure: "httpx.TransportError", patience: Patience, *, answered: bool = False
    ) -> float:
        """Return the pause after a connection that failed or a body that arrived damaged, or raise.

        `answered` says that the service has answered before: what worked a moment ago is waited for longer.
        """
        import httpx

        from posture.graph.transport import DamagedError, OversizeError, TooSlowError

        words = network_words(failure, ask.url)
        if isinstance(failure, OversizeError):
            raise AnswerError(f"{ask.path}: {words}", url=ask.url)
        damaged = isinstance(failure, DamagedError)
        patience.unreadable += 2 if isinstance(failure, TooSlowError | httpx.ReadTimeout) else int(damaged)
        pause = backoff(patience.attempt, throttled=False)
        spent = patience.unreadable >= self.limits.unreadable_attempts
        outage = answered and isinstance(failure, httpx.ConnectError | httpx.ConnectTimeout)
        if is_hopeless(failure) or spent or not patience.allows(pause, outage=outage):
            kind = AnswerError if damaged else NetworkError
            raise kind(f"{ask.path}: {words}{patience.tries}", url=ask.url)
        self.tell(Event("retry", ask.path, words, pause, patience.attempt))
        return pause

    def after_unreadable(self, ask: Ask, reply: Reply, error: AnswerError, patience: Patience) -> float:
        """Return the pause before asking again for a body that was no JSON, or raise with place and id."""
        from posture.graph.bodies import UnreadableError

        patience.unreadable += 1
        pause = backoff(patience.attempt, throttled=False)
        worth_it = isinstance(error, UnreadableError) and patience.unreadable < self.limits.unreadable_attempts
        if not worth_it or not patience.allows(pause):
            raise AnswerError(
                f"{ask.path}: {error}{patience.tries}",
                status=reply.status,
                request_id=reply.request_id,
                url=ask.url,
            )
        self.tell(Event("retry", ask.path, str(error), pause, patience.attempt))
        return pause

    def answer(self, ask: Ask, reply: Reply, sent_id: str, started: datetime, attempts: int) -> Answer:
        """Return the reply as the Answer it is."""
        return Answer(
            url=ask.url,
            status=reply.status,
            body=reply.body if ask.keep_body else b"",
            request_id=reply.request_id,
            client_request_id=sent_id,
            server_date=cleaned(reply.headers.get("date", ""), 64),
            started=started,
            ended=self.clock(),
            attempts=attempts,
            headers={name: cleaned(reply.headers[name]) for name in KEPT_HEADERS if name in reply.headers},
        )

    def _with_new_token(self, ask: Ask, why: str, patience: Patience) -> float:
        self.tell(Event("token", ask.path, why, 0.0, patience.attempt))
        return 0.0

    def _after_transient(self, ask: Ask, reply: Reply, patience: Patience) -> float:
        throttled = reply.status in THROTTLED
        asked = retry_after(reply.headers.get("retry-after"), self._server_time(reply))
        pause = jittered(asked) if asked is not None else backoff(patience.attempt, throttled=throttled)
        allowed = patience.allows(pause if asked is None else asked, throttled=reply.status == 429)
        if throttled:
            # However long one request is told to wait, the others wait no longer than patience.
            self.pace.pause(ask.pace_by, pause if allowed else backoff(1, throttled=True))
        if not allowed:
            raise self._too_long(ask, reply, asked) or self._error(ask, reply, patience)
        why = f"{reply.status}, as the service asks" if asked is not None else f"{reply.status}"
        self.tell(Event("wait" if throttled else "retry", ask.path, why, pause, patience.attempt))
        return pause

    def _too_long(self, ask: Ask, reply: Reply, asked: float | None) -> GraphError | None:
        if asked is None or asked <= self.limits.longest_wait:
            return None
        return ThrottledError(
            f"{ask.path}: the service asks to wait {asked:,.0f} seconds, posture waits at most "
            f"{self.limits.longest_wait:,.0f}",
            status=reply.status,
            code=read_refusal(reply.body).code,
            request_id=reply.request_id,
            url=ask.url,
        )

    def _error(self, ask: Ask, reply: Reply, patience: Patience) -> GraphError:
        return as_error(
            reply.status,
            read_refusal(reply.body),
            where=ask.path,
            url=ask.url,
            request_id=reply.request_id,
            tries=patience.tries,
        )

    def _server_time(self, reply: Reply) -> datetime:
        """The service's own clock where it tells, so that ours may be wrong."""
        try:
            when = parsedate_to_datetime(reply.headers.get("date", ""))
        except (ValueError, TypeError, IndexError, OverflowError):
            return self.clock()
        return when if when.tzinfo is not None else when.replace(tzinfo=UTC)


def is_hopeless(failure: BaseException) -> bool:
    """Whether asking again cannot help: the proxy or the address is refused, or the certificate."""
    import httpx

    refused = isinstance(failure, httpx.UnsupportedProtocol | httpx.ProxyError | httpx.LocalProtocolError)
    return refused or _is_distrust(failure)


def _is_distrust(failure: BaseException) -> bool:
    cause: BaseException | None = failure
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return True
        cause = cause.__cause__ or cause.__context__
    # httpcore keeps only the text of what OpenSSL said.
    return "CERTIFICATE_VERIFY_FAILED" in str(failure)


def network_words(failure: Exception, url: str) -> str:
    """Say in plain words why no answer arrived from an address."""
    import httpx

    if _is_distrust(failure):
        return (
            f"the certificate of {_host(url)} is not trusted; if your organization inspects traffic, "
            "name its CA file with --ca-bundle"
        )
    said = cleaned(str(failure), 160)
    match failure:
        case httpx.ProxyError():
            return f"the proxy refuses the connection to {_way(url)} ({said})"
        case httpx.ConnectTimeout():
            return f"no connection to {_way(url)} in time"
        case httpx.ConnectError():
            return f"no connection to {_way(url)} ({said})"
        case httpx.TimeoutException():
            return "the answer did not come in time"
        case httpx.RemoteProtocolError() | httpx.NetworkError():
            return f"the connection broke ({said})" if said else "the connection broke"
    return said or type(failure).__name__


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _way(url: str) -> str:
    """Name the host and the proxy that leads to it, where there is one."""
    from posture.graph.transport import proxy_for, without_password

    proxy = proxy_for(url) if url.startswith("https://") else ""
    return f"{_host(url)} through the proxy {without_password(proxy)}" if proxy else _host(url)
