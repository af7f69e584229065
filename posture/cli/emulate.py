"""`posture emulate`: serve a sample tenant or recorded evidence as Graph, on loopback."""

from pathlib import Path
from typing import Annotated

import typer

from posture.cli.console import tell
from posture.errors import EvidenceError, SettingsError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(emulate)


def emulate(
    source: Annotated[
        str, typer.Argument(metavar="SAMPLE|FOLDER", help="A sample tenant, its folder, or an evidence folder.")
    ],
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, metavar="PORT", help="Port on 127.0.0.1; 0 picks a free one.")
    ] = 8400,
    faults: Annotated[
        Path | None, typer.Option("--faults", metavar="FILE", help="A fault plan (docs/emulator.md).")
    ] = None,
    allow_writes: Annotated[
        bool, typer.Option("--allow-writes", help="Take the catalogue's own remediations; for tests.")
    ] = False,
) -> None:
    """Serve a tenant as Microsoft Graph on 127.0.0.1.

    Until interrupted with Ctrl-C. Any bearer token will do.
    """
    from posture.emulator.app import create_app
    from posture.emulator.faults import load_faults
    from posture.emulator.serve import serve
    from posture.emulator.tenant import find_sample, load_tenant

    if faults is not None and not faults.is_file():
        raise SettingsError(f"--faults: {faults} is not a file")
    try:
        tenant = load_tenant(find_sample(source))
        planned = load_faults(faults) if faults else None
    except EvidenceError as error:
        raise SettingsError(str(error)) from None
    app = create_app(tenant, allow_writes=allow_writes, faults=planned)
    serve(
        app,
        "127.0.0.1",
        port,
        ready=lambda url: tell(f"Serving {source} as Graph; audit it with: posture audit --graph-url {url}"),
    )
