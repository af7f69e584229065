"""What an emulated tenant is: a folder of Graph's bodies and the switches of its tenant.toml.

The data model: everything is said once, and the rest is computed. Rows of
`v1.0/users` may carry `signInActivity`, `sponsors` and `invitedBy` (ids or
objects), `appRoleAssignments`, `licenseDetails`; rows of `v1.0/groups` carry
`members`, `owners` (ids or objects), `settings`; `applications` and
`servicePrincipals` carry `owners`; role assignments carry `principalId`.
Memberships, owned objects, principals and activated directory roles follow
from these. Relationships are sent only when `$expand` or a path asks for them.

An evidence folder is served as it was recorded: several lists of one path are
merged by id, and a gap answers with the error it stands for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

from posture.emulator import quirks as q
from posture.emulator import toml
from posture.emulator.faults import Fault, parse_faults
from posture.emulator.permissions import GRAPH_PERMISSIONS_ALL
from posture.errors import EvidenceError, SettingsError
from posture.snapshot.folder import Folder

CLOUDS = ("global", "usgov", "dod", "china")
LICENCES = ("P1", "P2", "Governance")


@dataclass(frozen=True)
class Generate:
    """`[generate]`: how many guests are made up, and what they are like.

    Shares are 0 to 1. `memberships` is the mean number of groups of a guest,
    `crowded` the share that sits in more groups than one `$expand` returns.
    """

    guests: int
    seed: int = 0
    pending: float = 0.1
    disabled: float = 0.02
    never_signed_in: float = 0.15
    stale: float = 0.2
    sponsored: float = 0.5
    consumer: float = 0.05
    registered: float = 0.6
    crowded: float = 0.001
    domains: int = 200
    staff: int = 25
    groups: int = 40
    memberships: int = 2


@dataclass(frozen=True)
class EmulatedTenant:
    """A tenant to serve. `permissions` None stands for all; `manifest` is there for evidence alone."""

    name: str
    title: str
    clock: datetime
    folder: Folder
    cloud: str = "global"
    licences: frozenset[str] = frozenset(LICENCES)
    permissions: frozenset[str] | None = None
    quirks: q.Quirks = field(default_factory=q.Quirks)
    faults: tuple[Fault, ...] = ()
    generate: Generate | None = None
    manifest: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def premium(self) -> bool:
        """Entra ID P1 or P2 is there."""
        return bool(self.licences & {"P1", "P2"})

    @property
    def governed(self) -> bool:
        """Entra ID P2 or Governance is there."""
        return bool(self.licences & {"P2", "Governance"})


def _sample_roots() -> list[Path]:
    packaged = Path(str(resources.files("posture"))) / "_samples"
    checkout = Path(__file__).resolve().parents[2] / "samples"
    return [root for root in (packaged, checkout) if root.is_dir()]


def sample_names() -> tuple[str, ...]:
    """Return the names of the samples that ship with posture."""
    found = {p.parent.name for root in _sample_roots() for p in root.glob("*/tenant.toml")}
    return tuple(sorted(found))


def find_sample(name_or_path: str) -> Path:
    """Return the folder of a sample by its name, or of any folder by its path.

    Raises SettingsError listing the known samples where there is neither.
    """
    if name_or_path and not set(name_or_path) & {"/", "\\", "\x00"} and name_or_path not in (".", ".."):
        for root in _sample_roots():
            if (root / name_or_path / "tenant.toml").is_file():
                return root / name_or_path
    path = Path(name_or_path).expanduser() if name_or_path and "\x00" not in name_or_path else None
    if path is not None and path.is_dir():
        return path
    raise SettingsError(
        f"there is no sample tenant {name_or_path!r}; known are {', '.join(sample_names()) or 'none'}, "
        "or give the path of a folder with a tenant.toml"
    )


def load_tenant(path: Path) -> EmulatedTenant:
    """Read a sample tenant, an evidence folder or a run folder that holds one.

    Raises EvidenceError naming file and key where it cannot be believed.
    """
    if (path / "tenant.toml").is_file():
        return _sample(path)
    if (path / "evidence" / "manifest.json").is_file():
        path = path / "evidence"
    if (path / "manifest.json").is_file():
        return _evidence(path)
    if not path.is_dir():
        raise EvidenceError(f"{path} is not a folder")
    raise EvidenceError(f"{path} is no tenant: it holds neither tenant.toml nor manifest.json")


def _sample(path: Path) -> EmulatedTenant:
    table = toml.read(path / "tenant.toml")
    name = table.text("name", path.name)
    tenant = EmulatedTenant(
        name=name,
        title=table.text("title", name),
        clock=table.moment("clock"),
        folder=Folder(path),
        cloud=table.text("cloud", "global", choices=CLOUDS),
        licences=frozenset(table.texts("licences", choices=LICENCES)),
        permissions=_permissions(table),
        quirks=q.parse(table.table("quirks")),
        faults=parse_faults(table.tables("faults")),
        generate=_generate(table.table("generate")),
    )
    table.finish()
    return tenant


def _permissions(table: toml.Table) -> frozenset[str] | None:
    value = table.any("permissions", GRAPH_PERMISSIONS_ALL)
    if value == GRAPH_PERMISSIONS_ALL:
        return None
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise table.wrong("permissions", 'must be "all" or a list of texts in quotes')
    return frozenset(value)


def _generate(table: toml.Table | None) -> Generate | None:
    if table is None:
        return None
    default = Generate(0)
    made = Generate(
        guests=table.whole("guests", high=10_000_000),
        seed=table.whole("seed", 0),
        pending=table.number("pending", default.pending),
        disabled=table.number("disabled", default.disabled),
        never_signed_in=table.number("never_signed_in", default.never_signed_in),
        stale=table.number("stale", default.stale),
        sponsored=table.number("sponsored", default.sponsored),
        consumer=table.number("consumer", default.consumer),
        registered=table.number("registered", default.registered),
        crowded=table.number("crowded", default.crowded),
        domains=table.whole("domains", default.domains, low=1, high=1_000_000),
        staff=table.whole("staff", default.staff, low=1, high=1000),
        groups=table.whole("groups", default.groups, low=0, high=1000),
        memberships=table.whole("memberships", default.memberships, low=0, high=20),
    )
    table.finish()
    return made


def _evidence(path: Path) -> EmulatedTenant:
    folder = Folder(path)
    manifest = folder.manifest()
    try:
        clock = datetime.fromisoformat(str(manifest.get("taken_at"))).astimezone(UTC)
    except ValueError:
        raise EvidenceError(f"{path / 'manifest.json'}: taken_at is not a time") from None
    tenant = manifest.get("tenant")
    name = tenant.get("primary_domain") if isinstance(tenant, dict) else None
    name = name if isinstance(name, str) and name else path.name
    cloud = manifest.get("cloud")
    return EmulatedTenant(
        name=name,
        title=f"evidence of {name}",
        clock=clock,
        folder=folder,
        cloud=cloud if isinstance(cloud, str) and cloud in CLOUDS else "global",
        manifest=manifest,
    )
