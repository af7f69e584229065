"""Many small questions in few requests: 20 to a `$batch`, each answered or refused by itself.

Throttled and failed items are asked again together; a refused item is its own
error and costs the others nothing.

Source: https://learn.microsoft.com/graph/json-batching
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec
import orjson
from msgspec import Raw

from posture.errors import AnswerError, GraphError
from posture.graph.answer import Answer
from posture.graph.bodies import UnreadableError, as_sent, decoded, single
from posture.graph.exchange import Exchange
from posture.graph.judge import UNKNOWN_MEMBERS, Ask, Patience, Reply
from posture.graph.retry import THROTTLED

BATCH_SIZE = 20
"""Questions in one batch, Graph's own limit."""
IN_FLIGHT = 4
"""Batches under way at once."""


class _Item(msgspec.Struct):
    id: str
    status: int
    headers: dict[str, Any] | None = None
    body: Raw = Raw(b"")


class _Envelope(msgspec.Struct):
    responses: list[_Item]


_envelope = msgspec.json.Decoder(_Envelope)


@dataclass(slots=True)
class _Question:
    path: str
    ask: Ask
    patience: Patience
    started: datetime
    result: Answer | GraphError | None = None


class Batcher:
    """Asks batches of one version through an Exchange. `prefix` is root and version, `url_of` adds a path to it."""

    def __init__(
        self, exchange: Exchange, prefix: str, url_of: Callable[[str], str], *, eventual: bool = False
    ) -> None:
        self._exchange, self._prefix, self._url_of, self._eventual = exchange, prefix, url_of, eventual

    async def results(self, paths: Iterable[str]) -> AsyncIterator[tuple[str, Answer | GraphError]]:
        """Yield each path with its answer or its own error, in the order asked.

        Any number of paths takes the memory of a few batches.
        """
        rest = iter(paths)
        under_way: deque[asyncio.Task[list[_Question]]] = deque()
        try:
            while True:
                while len(under_way) < IN_FLIGHT and (chunk := list(islice(rest, BATCH_SIZE))):
                    under_way.append(asyncio.create_task(self._ask_all([self._question(p) for p in chunk])))
                if not under_way:
                    return
                for question in await under_way[0]:
                    if question.result is None:
                        raise AssertionError("every question ends in a result")
                    yield question.path, question.result
                under_way.popleft()
        finally:
            for task in under_way:
                task.cancel()
                with suppress(asyncio.CancelledError, GraphError):
                    await task

    def _question(self, path: str) -> _Question:
        ask = Ask(self._url_of(path), eventual=self._eventual)
        return _Question(path, ask, Patience(self._exchange.limits), self._exchange.clock())

    async def _ask_all(self, questions: list[_Question]) -> list[_Question]:
        waiting = questions
        while waiting:
            pauses = await self._round(waiting)
            waiting = [q for q in waiting if q.result is None]
            if waiting:
                pause = max(pauses)
                for question in waiting[1:]:
                    question.patience.waited += pause
                await self._exchange.rest(waiting[0].patience, pause)
        return questions

    async def _round(self, waiting: list[_Question]) -> list[float]:
        """Ask once; give every question that is settled its result and return the pauses of the others."""
        exchange = self._exchange
        for question in waiting:
            question.patience.attempt += 1
            await exchange.turn(question.ask, question.patience.attempt)
        exchange.requests["batched"] += len(waiting)
        limit = exchange.pace.limit
        mark = limit.mark
        batch = Ask(f"{self._prefix}/$batch", method="POST", content=self._content(waiting))
        try:
            outer, replies = await exchange.ask(batch, _replies)
        except GraphError as error:
            for question in waiting:
                question.result = error
            return []
        if any(reply is not None and reply.status in THROTTLED for reply in replies.values()):
            limit.throttled(mark)
        pauses = []
        for number, question in enumerate(waiting):
            pause = self._settle(question, replies.get(str(number)), outer)
            if pause is not None:
                pauses.append(pause)
        return pauses

    def _content(self, waiting: list[_Question]) -> bytes:
        headers = dict(UNKNOWN_MEMBERS)
        if self._eventual:
            headers["ConsistencyLevel"] = "eventual"
        return orjson.dumps(
            {
                "requests": [
                    {
                        "id": str(number),
                        "method": "GET",
                        "url": question.ask.url.removeprefix(self._prefix),
                        "headers": headers,
                    }
                    for number, question in enumerate(waiting)
                ]
            }
        )

    def _settle(self, question: _Question, reply: Reply | None, outer: Answer) -> float | None:
        judge, ask, patience = self._exchange.judge, question.ask, question.patience
        ids = {"request-id": outer.request_id, "date": outer.server_date}
        try:
            if reply is None:
                missing = UnreadableError("the batch left this question unanswered")
                return judge.after_unreadable(ask, Reply(outer.status, ids, b""), missing, patience)
            reply = Reply(reply.status, {**ids, **reply.headers}, reply.body)
            pause = judge.after_reply(ask, reply, patience)
            if pause is None:
                try:
                    single(reply.body, max_bytes=self._exchange.limits.single_bytes)
                except AnswerError as error:
                    return judge.after_unreadable(ask, reply, error, patience)
                question.result = judge.answer(ask, reply, outer.client_request_id, question.started, patience.attempt)
        except GraphError as error:
            question.result = error
            return None
        return pause


def _replies(body: bytes) -> Mapping[str, Reply | None]:
    """Return the items by id; None for an id that came twice, which answers nothing."""
    try:
        envelope, text = decoded(_envelope, body)
    except msgspec.ValidationError as error:
        raise AnswerError(f"the answer is no batch: {error}") from None
    bodies = as_sent(body, text, [bytes(item.body) for item in envelope.responses])
    found: dict[str, Reply | None] = {}
    for item, raw in zip(envelope.responses, bodies, strict=True):
        headers = {name.casefold(): str(value) for name, value in (item.headers or {}).items()}
        found[item.id] = None if item.id in found else Reply(item.status, headers, raw)
    return found
