"""A sign-in kept for the next run, encrypted by the platform, only where asked for.

azure-identity keeps the tokens; which account they belong to stands in a small
record without secrets beside them.

Source: https://learn.microsoft.com/python/api/overview/azure/identity-readme#persistent-token-caching
"""

import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from posture.graph.clouds import Cloud
    from posture.graph.signin import SignIn

CACHE_NAME = "posture"


def remembering(kind: type, options: "SignIn", cloud: "Cloud", arguments: dict[str, Any]) -> Any:
    """Return an interactive credential; with `options.cache`, one that remembers its account."""
    if not options.cache:
        return kind(client_id=options.client_id, **arguments)
    from azure.identity import AuthenticationRecord, TokenCachePersistenceOptions

    place = record_path(options, cloud)
    record = None
    with suppress(OSError, ValueError, KeyError):
        record = AuthenticationRecord.deserialize(place.read_text(encoding="utf-8"))
    if record is not None and (record.authority, record.client_id) != (
        urlsplit(cloud.authority).netloc,
        options.client_id,
    ):
        # The record says where to sign in; only this cloud's own service may be meant.
        record = None
    if record is not None:
        arguments = {k: v for k, v in arguments.items() if k != "authority"}
    inner = kind(
        client_id=options.client_id,
        authentication_record=record,
        cache_persistence_options=TokenCachePersistenceOptions(name=CACHE_NAME, allow_unencrypted_storage=False),
        **arguments,
    )
    return _Remembering(inner, place, known=record is not None)


class _Remembering:
    """Writes the record down after the first sign-in."""

    def __init__(self, inner: Any, place: Path, *, known: bool) -> None:
        self._inner, self._place, self._known = inner, place, known

    def get_token(self, *scopes: str, **options: Any) -> Any:
        if not self._known:
            # Tokens under continuous access evaluation have a cache of their own: ask for that very one.
            record = self._inner.authenticate(scopes=list(scopes), enable_cae=bool(options.get("enable_cae")))
            _write(self._place, record.serialize())
            self._known = True
        return self._inner.get_token(*scopes, **options)

    def close(self) -> None:
        self._inner.close()


def record_path(options: "SignIn", cloud: "Cloud") -> Path:
    """Return where the record of this application, tenant and cloud lies, beside azure-identity's own files."""
    mark = sha256("\n".join((cloud.name, options.tenant.casefold(), options.client_id.casefold())).encode())
    local = options.environment.get("LOCALAPPDATA")
    home = Path(local) if local else Path.home()
    return home / ".IdentityService" / f"{CACHE_NAME}-{mark.hexdigest()[:16]}.json"


def _write(place: Path, text: str) -> None:
    # Without the record the next run asks again, which is no reason to fail this one.
    with suppress(OSError):
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            out.write(text)
