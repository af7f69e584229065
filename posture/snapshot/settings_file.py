"""`evidence/settings.json`: the profile, parameters, accepted risks and attestations as applied."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from posture.errors import EvidenceError
from posture.settings import CHOICES, AcceptedRisk, Attestation, Profile, Settings, Thresholds
from posture.snapshot.folder import read_object

T = TypeVar("T")
SETTINGS_VERSION = 1
_MOST = 100_000


def settings_json(settings: Settings) -> dict[str, Any]:
    """Return settings as JSON; it holds no secret because Settings hold none."""
    return {
        "settings_version": SETTINGS_VERSION,
        "profile": settings.profile.value,
        "parameters": settings.thresholds.as_json(),
        "include_accepted": settings.include_accepted,
        "accepted": [_plain(asdict(r)) for r in settings.accepted],
        "attestations": [_plain(asdict(a)) for a in settings.attestations],
    }


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    return {
        k: v.isoformat() if isinstance(v, date) else list(v) if isinstance(v, tuple) else v for k, v in value.items()
    }


def load_settings(evidence: Path) -> Settings:
    """Read the settings an evidence folder was judged with; defaults where it has none.

    Raises EvidenceError naming the file and the key that is wrong.
    """
    file = evidence / "settings.json"
    found = read_object(file)
    if found is None:
        return Settings()
    version = found.get("settings_version")
    if version != SETTINGS_VERSION:
        newer = isinstance(version, int) and version > SETTINGS_VERSION
        raise EvidenceError(
            f"{file}: settings_version is {version!r}; this posture reads {SETTINGS_VERSION}."
            + (" Upgrade posture." if newer else "")
        )
    try:
        return Settings(
            profile=Profile(found["profile"]),
            thresholds=thresholds_from(_object(found, "parameters")),
            accepted=tuple(_made(AcceptedRisk, r) for r in _list(found, "accepted")),
            attestations=tuple(_made(Attestation, a) for a in _list(found, "attestations")),
            include_accepted=found.get("include_accepted", True) is not False,
        )
    except KeyError as missing:
        raise EvidenceError(f"{file} is not as posture writes it: it lacks {missing}") from None
    except (TypeError, ValueError) as error:
        raise EvidenceError(f"{file} is not as posture writes it: {error}") from None


def _object(found: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = found[key]
    if not isinstance(value, dict):
        raise ValueError(f"{key} is not an object")
    return value


def _list(found: Mapping[str, Any], key: str) -> list[Any]:
    value = found[key]
    if not isinstance(value, list):
        raise ValueError(f"{key} is not a list")
    return value


def _made(kind: type[T], row: Any) -> T:
    """Return a row of the file as the dataclass it was; each field by the type the dataclass declares."""
    if not isinstance(row, dict):
        raise ValueError(f"an entry of {kind.__name__} is not an object")
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for name, value in row.items():
        if name not in known:
            raise ValueError(f"{name} is not known in {kind.__name__}")
        values[name] = _typed(name, value, known[name].type)
    return kind(**values)


def _typed(name: str, value: Any, kind: Any) -> Any:
    if kind is str and isinstance(value, str):
        return value
    if kind is date and isinstance(value, str):
        return date.fromisoformat(value)
    if kind == tuple[str, ...] and isinstance(value, list) and all(isinstance(v, str) for v in value):
        return tuple(value)
    if kind is Any:
        return value
    raise ValueError(f"{name} is {type(value).__name__}, which it cannot be")


def thresholds_from(given: Mapping[str, Any]) -> Thresholds:
    """Return thresholds with the given values over the defaults.

    Raises ValueError naming the parameter that is unknown or of another type.
    """
    defaults = Thresholds()
    known = {f.name: getattr(defaults, f.name) for f in fields(defaults)}
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            raise ValueError(f"unknown parameter {name!r}")
        values[name] = _as(name, value, known[name])
    return Thresholds(**values)


def _as(name: str, value: Any, default: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(default, bool):
        good, wanted = isinstance(value, bool), "true or false"
    elif isinstance(default, float):
        good, wanted = number and 0 <= value <= 100, "a number from 0 to 100"
        value = float(value) if good else value
    elif isinstance(default, int):
        good = number and isinstance(value, int) and 0 <= value <= _MOST
        wanted = f"a whole number from 0 to {_MOST:,}"
    elif isinstance(default, tuple):
        good, wanted = isinstance(value, list | tuple) and all(isinstance(v, str) for v in value), "a list of texts"
        value = tuple(value) if good else value
    else:
        good = value in CHOICES[name]
        wanted = " or ".join(map(repr, CHOICES[name]))
    if not good:
        raise ValueError(f"parameter {name} is {value!r}; it must be {wanted}")
    return value
