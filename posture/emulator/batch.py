"""The two POSTs that only read: `$batch` of GETs and `directoryObjects/getByIds`."""

import json
from collections.abc import Callable
from typing import Any

import orjson

from posture.emulator import answers
from posture.emulator.call import JSON, Call, Reply, loads
from posture.emulator.data import Dataset
from posture.emulator.permissions import Granted
from posture.emulator.shape import show_object

BATCH_LIMIT = 20
"""Requests in one $batch. https://learn.microsoft.com/graph/json-batching"""
IDS_LIMIT = 1000
"""Ids in one call. https://learn.microsoft.com/graph/api/directoryobject-getbyids"""


def batch(call: Call, version: str, answer: Callable[[Call], Reply], refuse: Callable[..., Reply]) -> Reply:
    """Answer each request of a batch on its own.

    The answers come in another order than the requests: Graph does not promise
    any, so nobody may count on it. That a count arrives as a JSON number is
    unverified.
    """
    body = loads(call.body)
    requests = body.get("requests") if isinstance(body, dict) else None
    if not isinstance(requests, list) or not requests or not all(isinstance(r, dict) for r in requests):
        raise answers.Refusal(400, "BadRequest", "Invalid batch payload format.")
    if len(requests) > BATCH_LIMIT:
        message = f"Number of batch request steps exceeds the maximum value of {BATCH_LIMIT}."
        raise answers.Refusal(400, "BadRequest", message)
    names = [r.get("id") for r in requests]
    if not all(isinstance(n, str) and n for n in names) or len(set(names)) != len(names):
        raise answers.Refusal(400, "BadRequest", "Every request in a batch needs its own id.")
    items = []
    for request in requests:
        step = _step(call, version, request)
        wrong = answers.Refusal(400, "BadRequest", "Invalid url in batch request.")
        items.append(_item(str(request["id"]), refuse(call, wrong) if step is None else answer(step)))
    return Reply(200, {"responses": items[::-1]})


def _step(call: Call, version: str, request: dict[str, Any]) -> Call | None:
    url, method, headers = request.get("url"), request.get("method"), request.get("headers")
    if not isinstance(url, str) or not isinstance(method, str) or "://" in url:
        return None
    path, _, query = url.partition("?")
    if path.strip("/").lower() == "$batch":
        return None
    given = headers if isinstance(headers, dict) else {}
    return Call(
        method.upper(),
        f"/{version}/{path.lstrip('/')}",
        query.partition("#")[0],
        {str(k).lower(): str(v) for k, v in given.items()},
        orjson.dumps(request["body"]) if "body" in request else b"",
        call.origin,
        batched=True,
    )


def _item(name: str, reply: Reply) -> dict[str, Any]:
    kind = reply.headers.get("Content-Type", JSON)
    body: Any = reply.body
    if isinstance(body, bytes):
        body = orjson.Fragment(body) if _fits(body) else body.decode("utf-8", "replace")
    return {"id": name, "status": reply.status, "headers": {**reply.headers, "Content-Type": kind}, "body": body}


def _fits(body: bytes) -> bool:
    """Tell whether a body can stand within another: odd JSON can, a torn one cannot."""
    try:
        json.loads(body, parse_int=str)
    except RecursionError:
        return True
    except ValueError:
        return False
    return True


def by_ids(call: Call, version: str, data: Dataset, granted: Granted) -> Reply:
    """Return the directory objects with the ids asked for; unknown ids are left out."""
    body = loads(call.body)
    ids = body.get("ids") if isinstance(body, dict) else None
    kinds = body.get("types") if isinstance(body, dict) else None
    if not isinstance(ids, list) or not all(isinstance(i, str) for i in ids):
        raise answers.bad_request("The ids are missing.")
    if len(ids) > IDS_LIMIT:
        raise answers.bad_request(f"Too many ids: {len(ids)}. Max allowed: {IDS_LIMIT}.")
    wanted = {str(k).lower() for k in kinds} if isinstance(kinds, list) and kinds else {"directoryobject"}
    found = []
    for known in data.links.resolve(ids):
        kind = str(known["@odata.type"]).rpartition(".")[2]
        if "directoryobject" in wanted or kind.lower() in wanted:
            found.append(show_object(data, granted, known, None))
    context = f"{call.origin}/{version}/$metadata#directoryObjects"
    return Reply(200, {"@odata.context": context, "value": found}, {"x-ms-resource-unit": "5"})
