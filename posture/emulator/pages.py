"""Pages of made-up guests kept on disk, so that a benchmark measures the reader and not this server."""

import tempfile
import weakref
from typing import IO

from posture.emulator.call import Reply

DISK_LIMIT = 1024 * 1024 * 1024
"""Bytes of pages that are kept; later ones are made anew each time."""


class PageCache:
    """Finished answers in one temporary file."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._places: dict[str, tuple[int, int, dict[str, str]]] = {}
        self._end = 0

    def get(self, key: str) -> Reply | None:
        """Return an answer kept under a key."""
        place = self._places.get(key)
        if place is None or self._file is None:
            return None
        at, size, headers = place
        self._file.seek(at)
        return Reply(200, self._file.read(size), dict(headers))

    def put(self, key: str, reply: Reply) -> None:
        """Keep an answer, while there is room."""
        body = reply.payload()
        if self._end + len(body) > DISK_LIMIT:
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the app
            weakref.finalize(self, self._file.close)
        self._file.seek(self._end)
        self._file.write(body)
        self._places[key] = (self._end, len(body), dict(reply.headers))
        self._end += len(body)
