"""The options that several commands share, each written once."""

from pathlib import Path
from typing import Annotated

import typer

Sample = Annotated[
    str | None,
    typer.Option(
        "--sample",
        metavar="NAME|FOLDER",
        help="An embedded sample tenant (contoso, dayone, hardened, halfblind) or a folder.",
    ),
]
GraphUrl = Annotated[
    str | None,
    typer.Option("--graph-url", metavar="URL", help="A Graph-like server on loopback, as `posture emulate` is."),
]
Auth = Annotated[
    str | None,
    typer.Option(
        "--auth",
        metavar="WAY",
        help="browser, device-code, cli, powershell, certificate, secret, managed-identity, workload, "
        "environment or token.",
    ),
]
CloudName = Annotated[
    str | None, typer.Option("--cloud", metavar="CLOUD", help="global, usgov, dod or china; global otherwise.")
]
TenantId = Annotated[str | None, typer.Option("--tenant", metavar="ID|DOMAIN", help="The tenant to sign in to.")]
ClientId = Annotated[
    str | None, typer.Option("--client-id", metavar="ID", help="The app registration to sign in with.")
]
Certificate = Annotated[
    Path | None,
    typer.Option(
        "--certificate", metavar="FILE", help="PEM or PFX with key; password in POSTURE_CERTIFICATE_PASSWORD."
    ),
]
TokenCache = Annotated[
    bool | None,
    typer.Option("--token-cache/--no-token-cache", help="Keep a browser or device-code sign-in, encrypted."),
]
CaBundle = Annotated[
    Path | None, typer.Option("--ca-bundle", metavar="FILE", help="Certificates of your own authority.")
]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Settings file; posture.toml in this folder otherwise.")
]
Out = Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="Where runs go; reports/ otherwise.")]
ProfileName = Annotated[
    str | None, typer.Option("--profile", metavar="NAME", help="posture, cis-m365-v7, scuba-aad or ms-zta.")
]
FailOn = Annotated[
    str | None,
    typer.Option(
        "--fail-on",
        metavar="SEVERITY",
        help="Exit 1 at this severity or above: critical, high, medium, low, info or never; high otherwise.",
    ),
]
Formats = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        metavar="NAME",
        help="Besides html, md, json and csv also: xlsx, pdf, sarif, oscal, ocsf or junit; may be repeated.",
    ),
]
Decline = Annotated[
    list[str] | None, typer.Option("--decline", metavar="SOURCE", help="Leave a source out; may be repeated.")
]
Include = Annotated[
    list[str] | None, typer.Option("--include", metavar="SOURCE", help="Read an optional source too; may be repeated.")
]
Lookback = Annotated[
    int | None, typer.Option("--lookback-days", metavar="DAYS", help="Days of logs to read, 1 to 365; 30 otherwise.")
]
Json = Annotated[bool, typer.Option("--json", help="Machine output on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show requests that wait or are tried again.")]
IgnoreExceptions = Annotated[
    bool, typer.Option("--ignore-exceptions", help="Show the bare truth, without accepted risks.")
]
NoPeople = Annotated[bool, typer.Option("--no-people", help="Leave people out of the reports, for sharing.")]
Paper = Annotated[str | None, typer.Option("--paper", metavar="SIZE", help="Paper of a print: a4 or letter.")]
Short = Annotated[bool, typer.Option("--short", help="Markdown short enough for a comment.")]
Browser = Annotated[
    str | None,
    typer.Option(
        "--browser",
        metavar="PATH",
        help="The Chrome, Chromium or Edge that prints the PDF; an installed one otherwise.",
    ),
]
