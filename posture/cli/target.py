"""What a command asks: an embedded sample, a server on loopback, or a real tenant. One path for all."""

import os
import re
from collections.abc import Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posture.cli.config import Config, Value
from posture.cli.console import in_utf8
from posture.errors import EvidenceError, SettingsError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from posture.cli.connection import Connection
    from posture.graph.reader import GraphReader

_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DOMAIN = re.compile(r"[^\s/@:?#%\\]+\.[^\s/@:?#%\\]+")


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
            return f"sample tenant {in_utf8(self.sample.name)}"
        return self.url if self.kind == "loopback" else f"Microsoft Graph ({self.cloud})"


def target(config: Config, asked: "Connection") -> Target:
    """Return the target the options mean. Raises SettingsError for what cannot be meant."""
    from posture.graph.clouds import CLOUDS
    from posture.graph.signin import METHODS

    values = {
        "sample": config.value("sample", asked.sample),
        "graph-url": config.value("graph-url", asked.graph_url),
        "auth": config.one_of("auth", asked.auth, METHODS),
        "cloud": config.one_of("cloud", asked.cloud, CLOUDS, "global"),
        "tenant": config.value("tenant", asked.tenant),
        "client-id": config.value("client-id", asked.client_id),
        "certificate": config.value("certificate", str(asked.certificate) if asked.certificate else None),
        "token-cache": config.flag("token-cache", asked.token_cache),
        "ca-bundle": config.value("ca-bundle", str(asked.ca_bundle) if asked.ca_bundle else None),
    }
    given = [name for name in ("sample", "graph-url", "auth") if values[name].value]
    named = [name for name in given if values[name].origin == "option"] or given
    if len(named) > 1 and {"sample", "graph-url"} & set(named):
        raise SettingsError(f"--{named[0]} and --{named[1]} exclude each other; give one of them")
    cloud_name = str(values["cloud"].value)
    bundle = Path(str(values["ca-bundle"].value)) if values["ca-bundle"].value else None
    if bundle is not None and not bundle.is_file():
        raise SettingsError(f"{values['ca-bundle'].named('ca-bundle')}: {bundle} is not a file")
    if "sample" in named:
        from posture.emulator.tenant import find_sample

        return Target("sample", cloud_name, values, sample=find_sample(str(values["sample"].value)))
    if "graph-url" in named:
        return Target("loopback", cloud_name, values, url=str(values["graph-url"].value))
    if not values["auth"].value:
        raise SettingsError(
            "nothing to ask: give --auth for a real tenant ("
            + ", ".join(METHODS)
            + "), or --sample contoso for the demo"
        )
    check_names(values)
    return Target("tenant", cloud_name, values, ca_bundle=bundle)


def check_names(values: Mapping[str, Value]) -> None:
    """Refuse what can be neither a tenant nor an application before the sign-in service is asked."""
    tenant, client = values["tenant"], values["client-id"]
    if tenant.value and not (is_id(str(tenant.value)) or is_domain(str(tenant.value))):
        raise SettingsError(
            f"{tenant.named('tenant')} is {tenant.value!r}; give the tenant's id or a domain such as contoso.example"
        )
    if client.value and not is_id(str(client.value)):
        raise SettingsError(
            f"{client.named('client-id')} is {client.value!r}; give the application (client) id, "
            "as in 00000000-0000-4000-8000-000000000001"
        )


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
    if session.arm is not None:
        session.arm.on_event = on_event
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
    cloud = where.values["cloud"]
    if cloud.origin == "option" and cloud.value != emulated.cloud:
        raise SettingsError(f"--cloud is {cloud.value!r}; the sample tenant {emulated.name} is in {emulated.cloud}")
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
    if wanted and is_id(str(wanted)) and claims.tenant_id and claims.tenant_id.casefold() != str(wanted).casefold():
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


def is_id(text: str) -> bool:
    """Whether a text has the form of Entra's ids."""
    return _ID.fullmatch(text) is not None


def is_domain(text: str) -> bool:
    """Whether a text has the form of a domain name."""
    return _DOMAIN.fullmatch(text) is not None


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
        cache=bool(values["token-cache"].value),
        ca_bundle=where.ca_bundle,
        environment=dict(os.environ),
    )
