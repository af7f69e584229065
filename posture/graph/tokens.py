"""Tokens are fetched once, kept in memory, and renewed before they run out.

The SDK asks for a token before every request; some ways to sign in start a
program each time, others block. Here a token is asked for once, beside the
event loop, and all requests share it.
"""

import asyncio
import hashlib
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from posture.errors import PostureError, SettingsError, SignInError

T = TypeVar("T")

RENEW_BEFORE = 300
"""Seconds before its end at which a token is renewed, as azure-identity does."""
ASK_AT_MOST_EVERY = 60
"""Seconds between two requests for a token that comes with little life left."""


@dataclass(slots=True)
class _Held:
    token: Any = field(repr=False)
    mark: str = field(repr=False)
    renew_at: float


class TokenOnce:
    """Wraps any azure-identity credential for the reader.

    `make` builds the credential underneath; it is built on first use and again
    after `forget`, unless `interactive`: a person is not asked twice.
    `explain` turns the library's errors into a SignInError.
    """

    def __init__(
        self,
        make: Callable[[], Any],
        explain: Callable[[Exception], SignInError],
        *,
        interactive: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._make, self._explain, self._interactive, self._now = make, explain, interactive, now
        self._inner: Any = None
        self._held: dict[tuple[str, ...], _Held] = {}
        self._claims: dict[tuple[str, ...], str] = {}
        self._lock = asyncio.Lock()

    async def get_token(self, *scopes: str, claims: str | None = None, **options: Any) -> Any:
        """Return an azure-core AccessToken for the scopes.

        Raises SignInError, and SettingsError where no credential can be built from what was given.
        """
        async with self._lock:
            held = self._held.get(scopes)
            claims = claims or self._claims.pop(scopes, None)
            now = self._now()
            if held is not None and not claims and now < held.renew_at:
                return held.token
            try:
                token = await beside_the_loop(lambda: self._fetch(scopes, claims, options))
            except SignInError:
                if held is None or claims or held.token.expires_on - now < ASK_AT_MOST_EVERY / 2:
                    raise
                # The old one is good for a while yet; the next try may succeed.
                held.renew_at = now + ASK_AT_MOST_EVERY / 2
                return held.token
            renew_at = max(token.expires_on - RENEW_BEFORE, min(token.expires_on, now + ASK_AT_MOST_EVERY))
            self._held[scopes] = _Held(token, mark_of(token.token), renew_at)
            return token

    def _fetch(self, scopes: tuple[str, ...], claims: str | None, options: dict[str, Any]) -> Any:
        failure: PostureError
        try:
            if self._inner is None:
                self._inner = self._make()
            wanted = {**options, "claims": claims} if claims else options
            return self._inner.get_token(*scopes, **wanted)
        except PostureError as error:
            failure = type(error)(str(error))
        except Exception as error:  # every library under azure-identity raises its own kinds; `explain` words them
            failure = self._explain(error)
            if self._inner is None:  # not even built, so nothing was asked: the settings cannot be meant
                failure = SettingsError(str(failure))
        # Raised outside the handler: what the library knew, a token included, does not travel along.
        raise failure

    def forget(self, mark: str = "") -> None:
        """Drop the token that a refused request carried, unless it has been renewed meanwhile.

        `mark` is `mark_of` that token; "" drops whatever is held.
        """
        dropped = [scopes for scopes, held in self._held.items() if mark in ("", held.mark)]
        for scopes in dropped:
            del self._held[scopes]
        if dropped and not self._interactive:
            self._let_go()

    def challenge(self, claims: str, mark: str = "") -> None:
        """Fetch a token that answers a claims challenge next time, unless that has been done meanwhile."""
        for scopes in [scopes for scopes, held in self._held.items() if mark in ("", held.mark)]:
            del self._held[scopes]
            self._claims[scopes] = claims

    def _let_go(self) -> None:
        inner, self._inner = self._inner, None
        if inner is not None:
            with suppress(AttributeError):
                inner.close()

    async def close(self) -> None:
        """Forget all tokens and close the credential."""
        self._held.clear()
        self._let_go()


def mark_of(token: str) -> str:
    """Return what tells one token from another and gives nothing of it away."""
    return hashlib.sha256(token.encode()).hexdigest()[:16]


async def beside_the_loop(work: Callable[[], T]) -> T:
    """Run blocking work in a thread that does not keep the program alive.

    A person may press Ctrl-C while a browser or device code waits for them;
    asyncio.to_thread would wait with them.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result: T | None = None
        failure: BaseException | None = None
        try:
            result = work()
        except BaseException as error:  # carried over to the waiter, whatever it is
            failure = error
        with suppress(RuntimeError):  # the loop may be closed by now
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=run, name="posture-sign-in", daemon=True).start()
    return await done
