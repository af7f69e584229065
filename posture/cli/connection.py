"""The options that say whom to ask, the same for every command that asks Graph, and how a command takes them."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from typing import TYPE_CHECKING, Any

from posture.cli import options as o
from posture.errors import SettingsError

if TYPE_CHECKING:
    from posture.cli.config import Config
    from posture.cli.target import Target


@dataclass(frozen=True)
class Connection:
    """Whom to ask and how to sign in, as the options say; None where they do not, and environment or file may."""

    sample: o.Sample = None
    graph_url: o.GraphUrl = None
    auth: o.Auth = None
    cloud: o.CloudName = None
    tenant: o.TenantId = None
    client_id: o.ClientId = None
    certificate: o.Certificate = None
    token_cache: o.TokenCache = None
    ca_bundle: o.CaBundle = None
    config_file: o.ConfigFile = None

    def load(self) -> "Config":
        """Return the settings file that is named or found, with the tables of the tenant asked."""
        from posture.cli.config import load

        return load(self.config_file, tenant=self.tenant or "")

    def target(self, config: "Config") -> "Target":
        """Return what the options, the environment and the file mean together."""
        from posture.cli.target import target

        return target(config, self)

    def unused(self, why: str) -> None:
        """Refuse an option that names whom to ask where nobody is asked; `why` is half a sentence."""
        for name, given in (("sample", self.sample), ("graph-url", self.graph_url), ("auth", self.auth)):
            if given is not None:
                raise SettingsError(f"--{name} names whom to ask, but {why}; leave one of them out")


def asking(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `Connection`, where its parameter `connection` stands.

    Typer reads options off a signature; this writes the shared ones into it.
    """
    shared = [
        inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=f.type)
        for f in fields(Connection)
    ]
    signature = inspect.signature(command)
    written: list[inspect.Parameter] = []
    for own in signature.parameters.values():
        written += shared if own.annotation is Connection else [own.replace(kind=own.KEYWORD_ONLY)]

    @wraps(command)
    def run(**given: Any) -> None:
        command(connection=Connection(**{p.name: given.pop(p.name) for p in shared}), **given)

    run.__dict__["__signature__"] = signature.replace(parameters=written)
    run.__annotations__ = {p.name: p.annotation for p in written}
    return run
