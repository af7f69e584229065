"""What may be sent to Graph: GET, and the two POSTs that read."""

from collections.abc import Iterable

import orjson

from posture.emulator.app import Recorded

READ_ONLY_POSTS = {
    "/v1.0/$batch",
    "/beta/$batch",
    "/v1.0/directoryObjects/getByIds",
    "/beta/directoryObjects/getByIds",
}


def writes(sent: Iterable[Recorded]) -> list[str]:
    """Return what is no reading, in words; none is what must be."""
    found = []
    for one in sent:
        words = f"{one.method} {one.path}"
        if one.method == "GET":
            continue
        if one.method != "POST" or one.path not in READ_ONLY_POSTS:
            found.append(words)
        elif one.path.endswith("/$batch"):
            found += [f"{words}: {item}" for item in _items(one.body) if item.get("method") != "GET" or "body" in item]
    return found


def _items(body: str) -> list[dict[str, object]]:
    return list(orjson.loads(body)["requests"])
