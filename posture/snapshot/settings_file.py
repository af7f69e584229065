"""`evidence/settings.json`: the profile, parameters, accepted risks and attestations as applied."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import date
from pathlib import Path
from typing import Any

from posture.errors import EvidenceError
from posture.settings import AcceptedRisk, Attestation, Profile, Settings, Thresholds
from posture.snapshot.folder import parse_strict


def settings_json(settings: Settings) -> dict[str, Any]:
    """Return settings as JSON; it holds no secret because Settings hold none."""
    return {
        "settings_version": 1,
        "profile": settings.profile.value,
        "parameters": settings.thresholds.as_json(),
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
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        raise EvidenceError(f"{file} cannot be read: {error.strerror or error}") from error
    found = parse_strict(data, str(file))
    try:
        return Settings(
            profile=Profile(found["profile"]),
            thresholds=thresholds_from(found["parameters"]),
            accepted=tuple(_accepted(r) for r in found["accepted"]),
            attestations=tuple(_attestation(a) for a in found["attestations"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise EvidenceError(f"{file} is not as posture writes it: {error}") from None


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
    if isinstance(default, bool):
        good = isinstance(value, bool)
    elif isinstance(default, float):
        good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100
        value = float(value) if good else value
    elif isinstance(default, int):
        good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100_000
    elif isinstance(default, tuple):
        good = isinstance(value, list | tuple) and all(isinstance(v, str) for v in value)
        value = tuple(value) if good else value
    else:
        good = isinstance(value, type(default))
    if not good:
        wanted = "a list of texts" if isinstance(default, tuple) else f"like its default, {default!r}"
        raise ValueError(f"parameter {name} is {value!r}; it must be {wanted}")
    return value


def _accepted(row: Mapping[str, Any]) -> AcceptedRisk:
    words = {**row, "approved": date.fromisoformat(row["approved"]), "until": date.fromisoformat(row["until"])}
    return AcceptedRisk(**{**words, "domains": tuple(row.get("domains", ())), "guests": tuple(row.get("guests", ()))})


def _attestation(row: Mapping[str, Any]) -> Attestation:
    return Attestation(**{**row, "when": date.fromisoformat(row["when"]), "until": date.fromisoformat(row["until"])})
