"""Where a value comes from: option, environment, `posture.toml`, default, in this order.

A file found in the current folder must not steer us: graph-url, programs and an
output folder outside the current one come from options or the environment only.
"""

import difflib
import math
import os
import re
import stat
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posture.errors import SettingsError
from posture.settings import AcceptedRisk, Attestation, Profile, Settings

if TYPE_CHECKING:
    from posture.report.brand import Brand

FILE = "posture.toml"
_FILE_LIMIT = 4 * 1024 * 1024

_PLAIN_KEYS: Mapping[str, type | tuple[type, ...]] = {
    "profile": str,
    "auth": str,
    "cloud": str,
    "tenant": str,
    "client-id": str,
    "certificate": str,
    "fail-on": str,
    "out": str,
    "lookback-days": int,
    "format": list,
    "decline": list,
    "include": list,
    "token-cache": bool,
    "no-people": bool,
    "paper": str,
    "short": bool,
}
_TABLES = {"parameters", "accepted", "attested", "brand", "tenants"}
_NEVER_IN_FILE = {"graph-url", "ca-bundle", "browser", "program", "sample", "secret", "token", "password"}
_ACCEPTED_KEYS = {"control", "reason", "owner", "approved", "until", "kind", "ticket", "only"}
_ONLY_KEYS = {"domains", "guests", "value"}
_ATTESTED_KEYS = {"control", "value", "who", "when", "until", "evidence"}
_BRAND_KEYS = {"name", "logo", "accent", "cover", "confidentiality", "language"}
_KINDS = {"accepted", "false-positive", "compensated", "planned"}
_LONGEST_DAYS = 400
_FROM_ENVIRONMENT = "environment "
_ON, _OFF = {"true", "1", "yes", "on"}, {"false", "0", "no", "off"}
SETTINGS = (
    *_PLAIN_KEYS,
    *("sample", "graph-url", "ca-bundle", "config", "browser", "ignore-exceptions", "json", "quiet", "verbose"),
)
"""What options and the environment may say; `posture.toml` knows those of `_PLAIN_KEYS`."""
_SECRETS = ("POSTURE_TOKEN", "POSTURE_CLIENT_SECRET", "POSTURE_CERTIFICATE_PASSWORD")
_DOMAIN = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+")
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True)
class Value:
    """A setting and where it came from: option, environment, the file, or default."""

    value: Any
    origin: str

    def named(self, name: str) -> str:
        """Return the setting as the person wrote it, for a message about it."""
        if self.origin == "option":
            return f"--{name}"
        if self.origin.startswith(_FROM_ENVIRONMENT):
            return self.origin.removeprefix(_FROM_ENVIRONMENT)
        return name if self.origin == "default" else f"{self.origin}: {name}"


@dataclass(frozen=True)
class Config:
    """The file as read, checked whole before anything is asked of Graph."""

    file: Path | None = None
    plain: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    accepted: tuple[AcceptedRisk, ...] = ()
    attestations: tuple[Attestation, ...] = ()
    brand: Mapping[str, str] = field(default_factory=dict)
    tenants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    named: bool = False
    """Whether somebody named the file, rather than it lying in the current folder."""

    def value(self, name: str, option: Any = None, default: Any = None) -> Value:
        """Return one setting by its option name, e.g. "client-id"."""
        if option is not None and option != []:
            return Value(option, "option")
        given = os.environ.get(variable_of(name))
        if given:
            return Value(given, _FROM_ENVIRONMENT + variable_of(name))
        if name in self.plain and name not in _NEVER_IN_FILE:
            return Value(self.plain[name], str(self.file))
        return Value(default, "default")

    def flag(self, name: str, option: bool | None = None) -> Value:
        """Return a setting that is on or off; off where nobody says."""
        found = self.value(name, option, False)
        if isinstance(found.value, bool):
            return found
        word = str(found.value).strip().casefold()
        if word not in _ON | _OFF:
            raise SettingsError(f"{found.named(name)} is {found.value!r}; it must be true or false")
        return Value(word in _ON, found.origin)

    def number(self, name: str, option: int | None, low: int, high: int) -> Value:
        """Return a whole number between bounds; None where nobody says."""
        found = self.value(name, option)
        if found.value is None:
            return found
        try:
            number = int(str(found.value))
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise SettingsError(
                f"{found.named(name)} is {found.value!r}; it must be a whole number from {low} to {high}"
            )
        return Value(number, found.origin)

    def one_of(self, name: str, option: str | None, known: Iterable[str], default: str | None = None) -> Value:
        """Return a word out of those known; the default, which may be None, where nobody says."""
        found = self.value(name, option, default)
        if found.value is not None and found.value not in (words := tuple(known)):
            raise SettingsError(f"{found.named(name)} is {found.value!r}; one of {', '.join(words)}")
        return found

    def several(self, name: str, option: list[str] | None = None) -> Value:
        """Return a list of words; in the environment they stand between commas."""
        found = self.value(name, option, [])
        given = found.value.split(",") if isinstance(found.value, str) else found.value
        return Value(tuple(w for w in (str(v).strip() for v in given) if w), found.origin)

    def settings(
        self, profile: Profile, *, lookback_days: int | None = None, include_accepted: bool = True
    ) -> Settings:
        """Return what an assessment depends on."""
        from posture.snapshot.settings_file import thresholds_from

        given = dict(self.parameters)
        if lookback_days is not None:
            given["lookback_days"] = lookback_days
        try:
            thresholds = thresholds_from(given)
        except ValueError as error:
            raise SettingsError(f"{self._place('parameters')}: {error}") from None
        return Settings(
            profile, thresholds, self.accepted if include_accepted else (), self.attestations, include_accepted
        )

    def _place(self, key: str) -> str:
        return f"{self.file or FILE}, [{key}]"


def variable_of(name: str) -> str:
    """Return the environment variable of an option."""
    return "POSTURE_" + name.upper().replace("-", "_")


def unknown_variables() -> dict[str, str]:
    """Return variables of ours that mean nothing, each with the one that may have been meant or ""."""
    known = [*map(variable_of, SETTINGS), *_SECRETS]
    strange = sorted(n for n in os.environ if n.startswith("POSTURE_") and n not in known)
    return {n: next(iter(difflib.get_close_matches(n, known, 1, 0.6)), "") for n in strange}


def load(path: Path | None = None, *, tenant: str = "") -> Config:
    """Read `posture.toml`: the one named, else the one in the current folder if there is one.

    `tenant` names a `[tenants.NAME]` table whose values go before the file's
    own; without it POSTURE_TENANT does, then the file's `tenant`. Raises
    SettingsError naming file, place and remedy.
    """
    named = path or os.environ.get(variable_of("config"))
    file = Path(named or FILE)
    if not named and not os.path.lexists(file):
        return Config()
    try:
        state = file.stat()
        if not stat.S_ISREG(state.st_mode):
            raise SettingsError(f"{file} is no plain file")
        if state.st_size > _FILE_LIMIT:
            raise SettingsError(f"{file} is larger than {_FILE_LIMIT:,} bytes")
        text = file.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except UnicodeDecodeError:
        raise SettingsError(f"{file} cannot be read: it is not UTF-8 text") from None
    except ValueError as error:  # of TOML, and of numbers with thousands of digits
        raise SettingsError(f"{file}: {error}") from None
    except RecursionError:
        raise SettingsError(f"{file}: brackets stand in each other too deep") from None
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror or error}") from None
    own = tenant or os.environ.get(variable_of("tenant")) or data.get("tenant")
    found = _Reader(file, text).config(data, own if isinstance(own, str) else "")
    return replace(found, named=bool(named))


class _Reader:
    def __init__(self, file: Path, text: str) -> None:
        self._file, self._text = file, text

    def config(self, data: Mapping[str, Any], tenant: str) -> Config:
        for key in data:
            if key in _NEVER_IN_FILE:
                raise self._bad(key, "is taken from an option or the environment only, never from a file")
            if key not in _PLAIN_KEYS and key not in _TABLES:
                raise self._unknown(key, {*_PLAIN_KEYS, *_TABLES})
        tenants = self._table(data, "tenants")
        own = self._tenant(tenants, tenant)
        for table in (data, *tenants.values()):
            for key, value in table.items():
                kind = _PLAIN_KEYS.get(key, object)
                if not isinstance(value, kind) or (isinstance(value, bool) and kind not in (bool, object)):
                    raise self._bad(key, f"is {value!r}; it must be {_words(kind)}")
            for row in self._rows(table, "accepted"):
                self._accepted(row)
            for row in self._rows(table, "attested"):
                self._attested(row)
        plain = {k: v for k, v in {**data, **own}.items() if k in _PLAIN_KEYS}
        self._inside(plain)
        return Config(
            file=self._file,
            plain=plain,
            parameters={**self._table(data, "parameters"), **self._table(own, "parameters")},
            accepted=tuple(
                self._accepted(row) for row in (*self._rows(data, "accepted"), *self._rows(own, "accepted"))
            ),
            attestations=tuple(
                self._attested(row) for row in (*self._rows(data, "attested"), *self._rows(own, "attested"))
            ),
            brand=self._brand(self._table(data, "brand")),
            tenants=tenants,
        )

    def _tenant(self, tenants: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        for key, table in tenants.items():
            if not isinstance(table, dict):
                raise self._bad(key, "under tenants must be a table")
            for inner in table:
                if inner in _NEVER_IN_FILE or inner not in {
                    *_PLAIN_KEYS,
                    "parameters",
                    "accepted",
                    "attested",
                    "id",
                    "domain",
                }:
                    raise self._unknown(inner, {*_PLAIN_KEYS, "parameters", "accepted", "attested"})
        found = tenants.get(name, {})
        return found if isinstance(found, dict) else {}

    def _inside(self, plain: Mapping[str, Any]) -> None:
        """Refuse an output folder that a file sends outside the current one."""
        out = plain.get("out")
        if isinstance(out, str) and not Path(out).resolve().is_relative_to(Path.cwd()):
            raise self._bad("out", f"sends the output to {out!r}, outside this folder; give --out instead")

    def _table(self, data: Mapping[str, Any], key: str) -> dict[str, Any]:
        found = data.get(key, {})
        if not isinstance(found, dict):
            raise self._bad(key, "must be a table")
        return found

    def _rows(self, data: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
        found = data.get(key, [])
        if not isinstance(found, list) or not all(isinstance(r, dict) for r in found):
            raise self._bad(key, f"must be written as [[{key}]] tables")
        return found

    def _brand(self, table: Mapping[str, Any]) -> dict[str, str]:
        for key, value in table.items():
            if key not in _BRAND_KEYS:
                raise self._unknown(key, _BRAND_KEYS)
            if not isinstance(value, str):
                raise self._bad(key, "under [brand] must be text")
        return dict(table)

    def _accepted(self, row: Mapping[str, Any]) -> AcceptedRisk:
        self._keys(row, _ACCEPTED_KEYS, "accepted")
        control = self._control(row, "accepted")
        for key in ("reason", "owner", "approved", "until"):
            if key not in row:
                raise self._bad("accepted", f"for {control} lacks {key!r}, which is required", near=control)
        reason, owner = self._word(row, "reason"), self._word(row, "owner")
        if len(reason.strip()) < 15:
            raise self._bad(
                "reason", f"of {control} is shorter than 15 characters; say why the risk is taken", near=reason
            )
        approved, until = self._day(row, "approved"), self._day(row, "until")
        if until < approved or (until - approved).days > _LONGEST_DAYS:
            raise self._bad(
                "until", f"of {control} must lie after approved, at most {_LONGEST_DAYS} days later", near=str(until)
            )
        kind = row.get("kind", "accepted")
        if not isinstance(kind, str) or kind not in _KINDS:
            raise self._bad("kind", f"of {control} is {kind!r}; one of {', '.join(sorted(_KINDS))}", near=str(kind))
        only = row.get("only", {})
        if not isinstance(only, dict):
            raise self._bad("only", f"of {control} must be a table [accepted.only]")
        self._keys(only, _ONLY_KEYS, "only")
        empty = next((key for key in ("guests", "domains") if only.get(key) == []), "")
        if empty or ("only" in row and not only):
            raise self._bad(
                "only", f"of {control} names {'no ' + empty if empty else 'nothing'}; leave it out to accept all of it"
            )
        guests = self._words(only, "guests")
        for guest in guests:
            if not _GUID.fullmatch(guest):
                raise self._bad(
                    "guests", f"of {control} holds {guest!r}, which is no object id; mail can be reassigned"
                )
        domains = self._words(only, "domains")
        for domain in domains:
            if not _DOMAIN.fullmatch(_domain(domain)):
                raise self._bad(
                    "domains", f"of {control} holds {domain!r}; give exact domains such as fabrikam.example"
                )
        if "value" in only and not _is_json(only["value"]):
            raise self._bad("value", f"of {control} is {only['value']!r}, which no setting can be")
        return AcceptedRisk(
            control=control,
            reason=reason,
            owner=owner,
            approved=approved,
            until=until,
            kind=str(kind),
            ticket=self._word(row, "ticket") if "ticket" in row else "",
            domains=tuple(_domain(d) for d in domains),
            guests=guests,
            value=only.get("value"),
        )

    def _attested(self, row: Mapping[str, Any]) -> Attestation:
        self._keys(row, _ATTESTED_KEYS, "attested")
        control = self._control(row, "attested")
        for key in ("value", "who", "when", "until"):
            if key not in row:
                raise self._bad("attested", f"for {control} lacks {key!r}, which is required", near=control)
        value = self._word(row, "value")
        if value not in {"pass", "partial", "fail", "not-applicable"}:
            raise self._bad(
                "value", f"of {control} is {value!r}; one of pass, partial, fail, not-applicable", near=value
            )
        when, until = self._day(row, "when"), self._day(row, "until")
        if until < when or (until - when).days > _LONGEST_DAYS:
            raise self._bad(
                "until", f"of {control} must lie after when, at most {_LONGEST_DAYS} days later", near=str(until)
            )
        return Attestation(
            control,
            value,
            self._word(row, "who"),
            when,
            until,
            self._word(row, "evidence") if "evidence" in row else "",
        )

    def _control(self, row: Mapping[str, Any], table: str) -> str:
        code = row.get("control")
        if not isinstance(code, str):
            raise self._bad(table, "lacks 'control', the id such as GUEST-INV-001")
        from posture.controls.registry import catalogue

        known = [c.code for c in catalogue()]
        if code not in known:
            near = difflib.get_close_matches(code, known, 1, 0.5)
            raise self._bad(
                "control", f"{code!r} is no control" + (f"; did you mean {near[0]}?" if near else ""), near=code
            )
        return code

    def _keys(self, row: Mapping[str, Any], known: set[str], where: str) -> None:
        for key in row:
            if key not in known:
                raise self._unknown(key, known, where)

    def _word(self, row: Mapping[str, Any], key: str) -> str:
        value = row[key]
        if not isinstance(value, str) or not value.strip():
            raise self._bad(key, f"is {value!r}; it must be text")
        return value

    def _words(self, row: Mapping[str, Any], key: str) -> tuple[str, ...]:
        value = row.get(key, [])
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise self._bad(key, "must be a list of texts")
        return tuple(value)

    def _day(self, row: Mapping[str, Any], key: str) -> date:
        value = row[key]
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        raise self._bad(key, f"is {_literal(value)}; write a date such as 2026-12-31, without quotes", near=str(value))

    def _unknown(self, key: str, known: set[str], where: str = "") -> SettingsError:
        near = difflib.get_close_matches(key, known, 1, 0.6)
        inside = f" in [{where}]" if where else ""
        return self._bad(key, f"is not known{inside}" + (f"; did you mean {near[0]!r}?" if near else ""))

    def _bad(self, key: str, what: str, near: str = "") -> SettingsError:
        for wanted in filter(None, (near, key)):
            for number, line in enumerate(self._text.splitlines(), 1):
                if wanted in line:
                    return SettingsError(f"{self._file}, line {number}: {key} {what}")
        return SettingsError(f"{self._file}: {key} {what}")


def _is_json(value: Any) -> bool:
    """Whether Graph could answer with a value: times are texts there, and there is no number beyond numbers."""
    if isinstance(value, list):
        return all(map(_is_json, value))
    if isinstance(value, dict):
        return all(map(_is_json, value.values()))
    return isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value))


def _domain(text: str) -> str:
    try:
        return text.strip().rstrip(".").casefold().encode("idna").decode()
    except UnicodeError:
        return text.strip().casefold()


def _literal(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else repr(value)


def _words(kind: type | tuple[type, ...]) -> str:
    return {str: "text", int: "a whole number", list: "a list", bool: "true or false"}[
        kind if isinstance(kind, type) else kind[0]
    ]


def brand_of(config: Config) -> "Brand":
    """Return the checked brand of the file.

    Its logo lies in the folder of the file or below: a file that somebody sends
    must not bring another picture of this computer into a report.
    """
    from posture.report.brand import brand

    given = dict(config.brand)
    logo = given.pop("logo", "")
    folder = config.file.parent if config.file else Path()
    if "\x00" in logo or not (folder / logo).resolve().is_relative_to(folder.resolve()):
        raise SettingsError(f"{config.file}: brand.logo {logo!r} lies outside the folder of the file; put it beside it")
    return brand(logo=folder / logo if logo else None, **given)
