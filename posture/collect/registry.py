"""How a gatherer is declared: one function reads one source and is named like its fact."""

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

Gather = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Gatherer:
    """One source and what reading it takes.

    `permission` is the least read permission (several joined by " + " are all
    needed); `roles` the directory roles a delegated caller needs besides, any
    one of them. `licence` is "" for none. `clouds` are those where Microsoft
    documents the endpoint. `after` names facts that must be there first; they
    are passed as arguments. Those that `may_lack` names too are passed as the
    Gap they are where they could not be read, and the gatherer notes what that
    leaves out. `page` is the documentation. `optional` sources are read only
    when asked for; any can be left out by name. `cost` tells in
    words what a run pays where it is more than a page or two; `asks_per` names
    the fact whose rows it asks about, 20 a request, so that a bound is known.
    """

    name: str
    function: Gather
    endpoint: str
    permission: str
    page: str
    licence: str = ""
    roles: tuple[str, ...] = ()
    clouds: tuple[str, ...] = ("global", "usgov", "dod", "china")
    after: tuple[str, ...] = ()
    may_lack: tuple[str, ...] = ()
    optional: bool = False
    cost: str = ""
    asks_per: str = ""


_registry: dict[str, Gatherer] = {}


def gatherer(endpoint: str, *, permission: str, page: str, **more: Any) -> Callable[[Gather], Gather]:
    """Register a function as the gatherer of the fact it is named after."""

    def register(function: Gather) -> Gather:
        name = function.__name__
        if name in _registry:
            raise TypeError(f"gatherer {name}: taken")
        made = Gatherer(name, function, endpoint, permission, page, **more)
        if not {*made.may_lack, *filter(None, [made.asks_per])} <= set(made.after):
            raise TypeError(f"gatherer {name}: may_lack and asks_per name facts of after")
        _registry[name] = made
        return function

    return register


@cache
def gatherers() -> Mapping[str, Gatherer]:
    """Return all gatherers by fact name."""
    package = importlib.import_module("posture.collect")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"posture.collect.{module.name}")
    return dict(_registry)
