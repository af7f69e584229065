"""What a command asks: an embedded sample, a server on loopback, or a real tenant. One path for all."""

import os
from collections.abc import Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posture.cli.config import Config, Value
from posture.errors import EvidenceError, SettingsError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from posture.graph.reader import GraphReader

DEFAULT_SAMPLE = "contoso"
CLOUDS = ("global", "usgov", "dod", "china")


@dataclass(frozen=True)
class Target:
    """Where the answers come from.

    `kind` is sample, loopback or tenant. `values` are the settings with their
    origins, for `posture doctor`.
    """

    kind: str
    cloud: str
    values: Mapping[str, Value] = field(default_factory=dict)
    sample: Path | None = None
    url: str = ""
    ca_bundle: Path | None = None

    @property
    def label(self) -> str:
        """A few words for people."""
        if self.kind == "sample" and self.sample is not None:
            return f"sample tenant {self.sample.name}"
        return self.url if self.kind == "loopback" else f"Microsoft Graph ({self.cloud})"


def target(
    config: Config,
    *,
    sample: str | None,
    graph_url: str | None,
    auth: str | None = None,
    cloud: str | None = None,
    tenant: str | None = None,
    client_id: str | None = None,
    certificate: Path | None = None,
    token_cache: bool | None = None,
    ca_bundle: Path | None = None,
) -> Target:
    """Return the target the options mean. Raises SettingsError for what cannot be meant."""
    values = {
        "sample": config.value("sample", sample),
        "graph-url": config.value("graph-url", graph_url),
        "auth": config.value("auth", auth),
        "cloud": config.value("cloud", cloud, "global"),
        "tenant": config.value("tenant", tenant),
        "client-id": config.value("client-id", client_id),
        "certificate": config.value("certificate", str(certificate) if certificate else None),
        "token-cache": config.value("token-cache", token_cache, False),
        "ca-bundle": config.value("ca-bundle", str(ca_bundle) if ca_bundle else None),
    }
    given = [name for name in ("sample", "graph-url", "auth") if values[name].value]
    named = [name for name in given if values[name].origin == "option"] or given
    if len(named) > 1 and {"sample", "graph-url"} & set(named):
        raise SettingsError(f"--{named[0]} and --{named[1]} exclude each other; give one of them")
    cloud_name = str(values["cloud"].value)
    if cloud_name not in CLOUDS:
        raise SettingsError(f"cloud is {cloud_name!r}; one of {', '.join(CLOUDS)}")
    bundle = Path(str(values["ca-bundle"].value)) if values["ca-bundle"].value else None
    if bundle is not None and not bundle.is_file():
        raise SettingsError(f"--ca-bundle: {bundle} is not a file")
    if "sample" in named:
        from posture.emulator.tenant import find_sample

        return Target("sample", cloud_name, values, sample=find_sample(str(values["sample"].value)))
    if "graph-url" in named:
        return Target("loopback", cloud_name, values, url=str(values["graph-url"].value))
    from posture.graph.signin import METHODS

    way = values["auth"].value
    if not way:
        raise SettingsError(
            "nothing to ask: give --auth for a real tenant ("
            + ", ".join(METHODS)
            + "), or --sample contoso for the demo"
        )
    if way not in METHODS:
        raise SettingsError(f"auth is {way!r}; one of {', '.join(METHODS)}")
    return Target("tenant", cloud_name, values, ca_bundle=bundle)


@dataclass
class Session:
    """An open target: the reader, the clock, and what is known of the account."""

    reader: "GraphReader"
    clock: Callable[[], datetime]
    meta: dict[str, Any]
    cloud: str
    arm: "GraphReader | None" = None


def _now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def opened(where: Target, *, on_event: Callable[[Any], None] | None = None) -> "AsyncIterator[Session]":
    """Open a target for one asyncio run; the token is had before the first question."""
    if where.kind == "sample":
        session = await _sample(where)
    elif where.kind == "loopback":
        session = _loopback(where)
    else:
        session = await _tenant(where)
    session.reader.on_event = on_event
    try:
        yield session
    finally:
        await session.reader.aclose()
        if session.arm is not None and session.arm is not session.reader:
            await session.arm.aclose()


async def _sample(where: Target) -> Session:
    from uuid import NAMESPACE_URL, uuid5

    import httpx

    from posture.emulator.app import create_app
    from posture.emulator.tenant import load_tenant
    from posture.graph.reader import open_reader

    if where.sample is None:
        raise SettingsError("no sample named")
    try:
        emulated = load_tenant(where.sample)
    except EvidenceError as error:
        raise SettingsError(f"--sample: {error}") from None  # known before any call
    clock = _fixed(emulated.clock)
    app = create_app(emulated, clock=clock)
    reader = open_reader(
        "http://127.0.0.1",
        None,
        transport=httpx.ASGITransport(app=app),
        clock=clock,
        request_ids=lambda url: str(uuid5(NAMESPACE_URL, url)),
    )
    granted = sorted(emulated.permissions) if emulated.permissions is not None else ["all"]
    account = {"kind": "emulated", "tenant_id": "", "permissions": granted}
    return Session(reader, clock, {"account": account, "target": where.label}, emulated.cloud, arm=reader)


def _fixed(moment: datetime) -> Callable[[], datetime]:
    return lambda: moment


def _loopback(where: Target) -> Session:
    from posture.graph.reader import open_reader

    reader = open_reader(where.url, None, clock=_now)
    account = {"kind": "emulated", "tenant_id": ""}
    return Session(reader, _now, {"account": account, "target": where.label}, where.cloud, arm=reader)


async def _tenant(where: Target) -> Session:
    from posture.graph.clouds import CLOUDS as KNOWN
    from posture.graph.reader import open_arm_reader, open_reader
    from posture.graph.signin import claims_of, credential

    cloud = KNOWN[where.cloud]
    ticket = credential(sign_in_options(where), cloud)
    token = await ticket.get_token(cloud.scope)
    claims = claims_of(token.token)
    wanted = where.values["tenant"].value
    if wanted and _is_guid(str(wanted)) and claims.tenant_id and claims.tenant_id.casefold() != str(wanted).casefold():
        raise SettingsError(f"signed in to tenant {claims.tenant_id}, not to {wanted}; check --tenant and the account")
    reader = open_reader(cloud, ticket, clock=_now, ca_bundle=where.ca_bundle)
    account = {
        "kind": claims.kind,
        "tenant_id": claims.tenant_id,
        "account": claims.account,
        "app_id": claims.app_id,
        "permissions": sorted(claims.permissions),
        "roles": sorted(claims.roles),
    }
    arm = open_arm_reader(cloud, ticket, ca_bundle=where.ca_bundle)
    return Session(reader, _now, {"account": account, "target": where.label}, where.cloud, arm=arm)


def _is_guid(text: str) -> bool:
    return len(text) == 36 and text.count("-") == 4


def sign_in_options(where: Target) -> Any:
    """Return the options of the sign-in; secrets come from the environment alone."""
    from posture.graph.signin import SignIn

    values = where.values
    certificate = values["certificate"].value
    return SignIn(
        method=str(values["auth"].value),
        tenant=str(values["tenant"].value or ""),
        client_id=str(values["client-id"].value or ""),
        certificate=Path(str(certificate)) if certificate else None,
        cache=bool(values["token-cache"].value)
        and str(values["token-cache"].value).casefold() not in {"0", "false", "no"},
        ca_bundle=where.ca_bundle,
        environment=dict(os.environ),
    )
