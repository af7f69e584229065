"""Write a run's evidence with its manifest, and load it again as a Snapshot."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from posture.errors import EvidenceError
from posture.settings import Settings
from posture.snapshot import folder as f
from posture.snapshot.settings_file import settings_json
from posture.snapshot.types import Fact, Gap, GapReason, Provenance, Snapshot, Tenant
from posture.snapshot.values import moment

MANIFEST_VERSION = 1
SETTINGS = "settings.json"
_ANSWERS = (".json", ".ndjson", ".ndjson.gz")
_YEARS = (2000, 2200)
_LARGEST = 2**53
_LONGEST_NAME = 1_000
_LONGEST_SHOWN = 120


def stamp(when: datetime) -> str:
    """Return a time as evidence writes it: UTC, milliseconds, Z."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def manifest_of(
    *,
    meta: Mapping[str, Any],
    tenant: Tenant,
    taken_at: datetime,
    facts: Iterable[tuple[str, Provenance, Mapping[str, Any]]],
    gaps: Iterable[Gap],
) -> dict[str, Any]:
    """Return the manifest's content.

    `meta` is tool, command, cloud, account and permissions; each fact comes
    with its provenance and further numbers (bytes, started, attempts).
    """
    files = []
    for name, provenance, extra in sorted(facts, key=lambda item: item[1].file):
        entry: dict[str, Any] = {
            "fact": name,
            "file": provenance.file,
            "endpoint": provenance.endpoint,
            "url": provenance.url,
            "permission": provenance.permission,
            "retrieved_at": stamp(provenance.retrieved_at),
            "request_ids": list(provenance.request_ids),
            "pages": provenance.pages,
            "sha256": provenance.sha256,
            **extra,
        }
        for key in ("rows", "count_before", "count_after"):
            if getattr(provenance, key) is not None:
                entry[key] = getattr(provenance, key)
        if provenance.notes:
            entry["notes"] = list(provenance.notes)
        files.append(entry)
    return {
        "manifest_version": MANIFEST_VERSION,
        **meta,
        "tenant": {
            "id": tenant.id,
            "name": tenant.name,
            "domains": list(tenant.domains),
            "primary_domain": tenant.primary_domain,
        },
        "taken_at": stamp(taken_at),
        "files": files,
        "gaps": [_gap_json(g) for g in sorted(gaps, key=lambda g: g.name)],
    }


def _gap_json(gap: Gap) -> dict[str, str]:
    return {
        "fact": gap.name,
        "reason": gap.reason.value,
        "detail": gap.detail,
        "endpoint": gap.endpoint,
        "permission": gap.permission,
        "licence": gap.licence,
        "request_id": gap.request_id,
        "file": gap.file,
    }


def load(root: Path) -> Snapshot:
    """Load an evidence folder.

    Every file named by the manifest must be there, be a plain file inside the
    folder and have its hash; no other answer may lie among them, and the
    organization read must be the tenant the manifest names. Raises
    EvidenceError naming the file and what is wrong with it.
    """
    manifest = f.Folder(root).manifest()
    version = manifest.get("manifest_version")
    if version != MANIFEST_VERSION:
        newer = isinstance(version, int) and version > MANIFEST_VERSION
        raise EvidenceError(
            f"{root / 'manifest.json'}: manifest_version is {version!r}; this posture reads {MANIFEST_VERSION}."
            + (" Upgrade posture." if newer else "")
        )
    taken_at = moment(manifest.get("taken_at"))
    if taken_at is None or not _YEARS[0] <= taken_at.year <= _YEARS[1]:
        raise EvidenceError(f"{root / 'manifest.json'}: taken_at is no time of a run")
    entries = [(str(e["fact"]), provenance_from(e)) for e in _objects(manifest, "files")]
    _no_twins(root, entries)
    for _, provenance in entries:
        check(root, provenance)
    strange = unnamed(root, (provenance.file for _, provenance in entries))
    if strange:
        raise EvidenceError(f"{root / strange[0]} is not named by the manifest; it was put there after the run")
    gaps = {g.name: g for g in map(_gap, _objects(manifest, "gaps"))}
    facts = {
        name: Fact(name, value_of(root, provenance), provenance) for name, provenance in entries if name not in gaps
    }
    tenant = _tenant(manifest)
    _same_tenant(manifest, tenant, facts.get("organization"))
    return Snapshot(tenant, taken_at, facts, gaps, manifest)


def _no_twins(root: Path, entries: Iterable[tuple[str, Provenance]]) -> None:
    facts: set[str] = set()
    files: set[str] = set()
    for name, provenance in entries:
        if name in facts or provenance.file.casefold() in files:
            raise EvidenceError(f"{root / 'manifest.json'}: {name!r} or its file {provenance.file} is listed twice")
        facts.add(name)
        files.add(provenance.file.casefold())


def unnamed(root: Path, named: Iterable[str]) -> list[str]:
    """Return the answers in the folders of Graph's versions that no manifest entry names, in order."""
    known = set(named)
    tops = {"v1.0", "beta", *(name.partition("/")[0] for name in known)}
    found = (
        path.relative_to(root).as_posix()
        for top in tops
        for path in (root / top).rglob("*")
        if path.name.endswith(_ANSWERS) and not path.name.startswith(".") and not path.is_dir()
    )
    return sorted(name for name in found if name not in known)


def _same_tenant(manifest: Mapping[str, Any], tenant: Tenant, organization: Fact | None) -> None:
    """Refuse evidence of two tenants in one folder."""
    account = manifest.get("account")
    claimed = account.get("tenant_id") if isinstance(account, dict) else None
    row = next(iter(organization.value), None) if organization and not isinstance(organization.value, dict) else None
    for other, what in ((claimed, "the account"), (row.get("id") if row else None, "the organization read")):
        if isinstance(other, str) and other and tenant.id and other.casefold() != tenant.id.casefold():
            raise EvidenceError(
                f"the evidence is of two tenants: the manifest names {tenant.id}, {what} belongs to {other}"
            )


def copy(source: Path, target: Path, settings: Settings) -> None:
    """Copy what the manifest of checked evidence names, with the settings to judge it by.

    Nothing else goes along: a folder from elsewhere may hold more than evidence.
    """
    for name in ["manifest.json", *(str(e["file"]) for e in _objects(f.Folder(source).manifest(), "files"))]:
        f.copy_private(source / name, target / name)
    f.write_private(target / SETTINGS, f.dump(settings_json(settings)))


def _objects(manifest: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    found = manifest.get(key)
    if not isinstance(found, list) or not all(isinstance(x, dict) and isinstance(x.get("fact"), str) for x in found):
        raise EvidenceError(f"manifest.json: {key} is not a list of objects that name their fact")
    return found


def _gap(entry: Mapping[str, Any]) -> Gap:
    try:
        reason = GapReason(str(entry.get("reason")))
    except ValueError:
        reason = GapReason.ERROR
    words = {k: str(entry.get(k, "")) for k in ("detail", "endpoint", "permission", "licence", "request_id", "file")}
    return Gap(str(entry["fact"]), reason, **words)


def provenance_from(entry: Mapping[str, Any]) -> Provenance:
    """Read one `files` entry of a manifest; EvidenceError where it is not one."""
    file, when = entry.get("file"), moment(entry.get("retrieved_at"))
    if not isinstance(file, str) or not _is_inside(file):
        raise EvidenceError(f"manifest.json: {_shown(file)} is no file of an answer inside the folder")
    if when is None:
        raise EvidenceError(f"manifest.json: retrieved_at of {file} is not a time")
    ids = entry.get("request_ids")
    notes = entry.get("notes")
    return Provenance(
        endpoint=str(entry.get("endpoint", "")),
        url=str(entry.get("url", "")),
        permission=str(entry.get("permission", "")),
        retrieved_at=when,
        request_ids=tuple(map(str, ids)) if isinstance(ids, list) else (),
        file=file,
        sha256=str(entry.get("sha256", "")),
        rows=_whole(entry.get("rows")),
        pages=1 if (pages := _whole(entry.get("pages"))) is None else pages,
        count_before=_whole(entry.get("count_before")),
        count_after=_whole(entry.get("count_after")),
        notes=tuple(map(str, notes)) if isinstance(notes, list) else (),
    )


def _is_inside(file: str) -> bool:
    """Whether a name is one that evidence files have: Graph's version and path, nothing that leads elsewhere."""
    parts = file.split("/")
    return (
        len(file) <= _LONGEST_NAME
        and len(parts) > 1
        and file.endswith(_ANSWERS)
        and file.isprintable()
        and not set(file) & {"\\", ":"}
        and not any(part in ("", ".", "..") for part in parts)
    )


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST else None


def check(root: Path, provenance: Provenance) -> None:
    """Raise EvidenceError unless the file a fact rests on is there, in the folder itself, and has its hash.

    Short lists are read once, so that a wrong number of rows is known before
    any verdict; a long one is found out where it is read.
    """
    path = root / provenance.file
    if not path.exists() and not path.is_symlink():
        raise EvidenceError(f"{provenance.file} is named by the manifest and missing from {root}")
    if path.resolve() != root.resolve() / provenance.file or not path.is_file():
        raise EvidenceError(f"{provenance.file} is a link or no plain file; evidence lies in its own folder")
    if f.file_sha256(path) != provenance.sha256:
        raise EvidenceError(f"{provenance.file} is not the file the manifest describes: its SHA-256 differs")
    if provenance.file.endswith(".ndjson"):
        for _ in f.FileRows(root, provenance.file, provenance.rows):
            pass


def value_of(root: Path, provenance: Provenance) -> Any:
    """Return a fact's value from its evidence file: an object, or rows that read themselves again."""
    if provenance.file.endswith((".ndjson", ".ndjson.gz")):
        return f.FileRows(root, provenance.file, provenance.rows)
    path = root / provenance.file
    if path.stat().st_size > f.SINGLE_LIMIT:
        raise EvidenceError(f"{provenance.file} is larger than {f.SINGLE_LIMIT:,} bytes")
    value = f.parse_strict(path.read_bytes(), provenance.file)
    if isinstance(value, int) and not isinstance(value, bool):
        return {"value": value}  # a $count answer is a bare number
    if not isinstance(value, dict):
        raise EvidenceError(f"{provenance.file} is not a JSON object")
    return unwrap(value)


def unwrap(body: dict[str, Any]) -> dict[str, Any]:
    """Return a singleton without the `value` wrapper some of Microsoft's examples print.

    Source: https://learn.microsoft.com/graph/api/externalidentitiespolicy-get?view=graph-rest-beta
    """
    inner = body.get("value")
    return inner if isinstance(inner, dict) and set(body) <= {"value", "@odata.context"} else body


def _tenant(manifest: Mapping[str, Any]) -> Tenant:
    found = manifest.get("tenant")
    found = found if isinstance(found, dict) else {}
    domains = found.get("domains")
    return Tenant(
        id=str(found.get("id", "")),
        name=str(found.get("name", "")),
        domains=tuple(map(str, domains)) if isinstance(domains, list) else (),
        primary_domain=str(found.get("primary_domain", "")),
    )
