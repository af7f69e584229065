"""Generated tenants of any size, for what depends on size."""

from pathlib import Path

from posture.emulator.tenant import EmulatedTenant, load_tenant


def made(root: Path, guests: int, **shares: float) -> EmulatedTenant:
    """Return a tenant with made-up guests; nobody in more groups than one page of $expand holds, unless told."""
    shares = {"crowded": 0, **shares}
    lines = "".join(f"{name} = {value}\n" for name, value in shares.items())
    root.mkdir(parents=True)
    (root / "tenant.toml").write_text(
        'clock = 2026-11-20T08:15:00Z\nlicences = ["P1", "P2"]\npermissions = "all"\n'
        f"[generate]\nguests = {guests}\nseed = 7\n{lines}"
    )
    return load_tenant(root)
