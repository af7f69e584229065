"""posture's benchmark: every figure of the design's targets, as ratios of medians in one run.

    python tests/bench.py                      # all parts at their usual sizes
    python tests/bench.py read evidence        # some parts
    python tests/bench.py audit --sizes 1000,10000,100000,1000000

The emulated tenant is served by another process, so that its cost is not
ours. CPU is `time.process_time` around the work, imports and one warm-up left
out; memory is the largest resident set of the whole child process. Each pair
is run in turn (A B A B …) and the medians of the pairs' ratios are printed.
The exit status is 1 where a target was missed. What each figure means and what
was measured: docs/benchmark.md.
"""

import argparse
import asyncio
import contextlib
import json
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from posture.collect.source import Source
    from posture.graph.reader import GraphReader

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

TARGETS = {
    "read": 1.3,
    "evidence": 1.5,
    "latency": 0.25,
    "judge": 1.5,
    "version": 1.3,
    "contoso": 3.0,
    "peak": 400,
    "growth": 1.5,
}
PAGE_KB = {5_000: 700, 100_000: 1_500}
"""How large report.html may be, in kB, by guests."""
MISSED: list[str] = []


def main() -> int:
    """Run the parts asked for and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help=", ".join(PARTS))
    parser.add_argument("--guests", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--sizes", default="1000,10000,100000", help="guests of the whole audits; add 1000000 for the full table"
    )
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        CHILDREN[options.child](*options.parts)
        return 0
    for name in options.parts or list(PARTS):
        print(f"\n== {name}", flush=True)
        PARTS[name](options)
    print("\n" + ("missed: " + "; ".join(MISSED) if MISSED else "every target reached"))
    return 1 if MISSED else 0


def _judged(words: str, value: float, target: float) -> str:
    """Return the target in words and remember where it was missed."""
    if value <= target:
        return f"target {target:g}"
    MISSED.append(words)
    return f"MISSED, target {target:g}"


# -- the served tenant ---------------------------------------------------------------------------------------------


@contextlib.contextmanager
def served(guests: int, *, latency: float = 0.0, page_size: int = 0, grown: bool = False) -> Iterator[str]:
    """Serve a generated tenant from another process; yields its address.

    `grown` puts the guests into the default sample, in which nearly everything
    is wrong: every control judges, and two findings name each guest on average.
    """
    with tempfile.TemporaryDirectory() as folder:
        tenant = Path(folder) / "generated"
        quirks = f"[quirks]\npage_size = {page_size}\n" if page_size else ""
        generate = f"\n{quirks}[generate]\nguests = {guests}\nseed = 7\n"
        if grown:
            shutil.copytree(ROOT / "samples" / "contoso", tenant)
            with (tenant / "tenant.toml").open("a") as out:
                out.write(generate)
        else:
            tenant.mkdir()
            (tenant / "tenant.toml").write_text(
                'name = "generated"\ntitle = "generated for the benchmark"\nclock = 2026-11-20T08:15:00Z\n'
                f'licences = ["P1", "P2"]\npermissions = "all"{generate}'
            )
        extra: list[str] = []
        if latency:
            plan = Path(folder) / "faults.toml"
            plan.write_text(f'[[faults]]\nkind = "latency"\nseconds = {latency}\n')
            extra = ["--faults", str(plan)]
        port = _free_port()
        command = [sys.executable, "-m", "posture", "emulate", str(tenant), "--port", str(port), *extra]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as server:
            try:
                _wait(port, server)
                yield f"http://127.0.0.1:{port}"
            finally:
                server.terminate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        if server.poll() is not None:
            raise SystemExit("the emulator did not start")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise SystemExit("the emulator did not start in a minute")


# -- children: one measurement each, printed as JSON ---------------------------------------------------------------


def _report(cpu: float, wall: float, **more: object) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"cpu": cpu, "wall": wall, "peak": peak, **more}), flush=True)


def _timed(work: Callable[[], object], **more: object) -> None:
    cpu, wall = time.process_time(), time.perf_counter()
    found = work()
    _report(time.process_time() - cpu, time.perf_counter() - wall, found=found, **more)


def _query() -> str:
    from posture.snapshot.shapes import GuestUser

    select = ",".join(GuestUser.__annotations__)
    return f"/v1.0/users?$filter=userType%20eq%20'Guest'&$select={select}&$top=999"


def child_httpx(url: str) -> None:
    """Plain httpx and orjson, page after page."""
    import httpx
    import orjson

    async def read(limit: int | None = None) -> int:
        rows = 0
        async with httpx.AsyncClient(trust_env=False, headers={"Authorization": "Bearer emulated"}) as client:
            link: str | None = url + _query()
            while link:
                page = orjson.loads((await client.get(link)).content)
                rows += len(page["value"])
                link = page.get("@odata.nextLink")
                if limit and rows >= limit:
                    break
        return rows

    asyncio.run(read(999))
    _timed(lambda: asyncio.run(read()))


def child_aiohttp(url: str) -> None:
    """Plain aiohttp and orjson, for comparison."""
    import aiohttp
    import orjson
    from yarl import URL

    async def read(limit: int | None = None) -> int:
        rows = 0
        async with aiohttp.ClientSession(headers={"Authorization": "Bearer emulated"}) as client:
            link: str | None = url + _query()
            while link:
                async with client.get(URL(link, encoded=True)) as answer:
                    page = orjson.loads(await answer.read())
                rows += len(page["value"])
                link = page.get("@odata.nextLink")
                if limit and rows >= limit:
                    break
        return rows

    asyncio.run(read(999))
    _timed(lambda: asyncio.run(read()))


def child_reader(url: str) -> None:
    """The project's reader, page after page, nothing written."""
    from posture.graph.reader import open_reader
    from posture.snapshot.shapes import GuestUser

    params = {"$filter": "userType eq 'Guest'", "$select": ",".join(GuestUser.__annotations__), "$top": "999"}

    async def read(limit: int | None = None) -> int:
        rows = 0
        reader = open_reader(url, None)
        async for page in reader.pages("/users", params):
            rows += len(page.rows)
            if limit and rows >= limit:
                break
        await reader.aclose()
        return rows

    asyncio.run(read(999))
    _timed(lambda: asyncio.run(read()))


def child_httpx_evidence(url: str) -> None:
    """A plain httpx and orjson script that writes the same sorted gzip at the same level."""
    import gzip

    import httpx
    import orjson

    from posture.snapshot.folder import GZIP_LEVEL

    async def read(out: Path, limit: int | None = None) -> int:
        lines = []
        async with httpx.AsyncClient(trust_env=False, headers={"Authorization": "Bearer emulated"}) as client:
            link: str | None = url + _query()
            while link:
                page = orjson.loads((await client.get(link)).content)
                lines += [(row["id"], orjson.dumps(row)) for row in page["value"]]
                link = page.get("@odata.nextLink")
                if limit and len(lines) >= limit:
                    break
        lines.sort()
        with gzip.open(out, "wb", compresslevel=GZIP_LEVEL) as packed:
            for _, line in lines:
                packed.write(line + b"\n")
        return len(lines)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(read(Path(folder) / "warm.gz", 999))
        _timed(lambda: asyncio.run(read(Path(folder) / "users.ndjson.gz")))


def child_evidence(url: str, mode: str = "serial") -> None:
    """The project's collector for the guest list: read, check the count, sort, write evidence."""
    from posture.collect.guests import deleted_users, guests
    from posture.graph.reader import open_reader

    async def read(root: Path) -> int:
        reader = open_reader(url, None)
        rows = len(await guests(_source(reader, root, "guests", parts=mode == "parts")))
        sent = sum(v for k, v in reader.requests.items() if k == "sent")
        await reader.aclose()
        return rows if mode == "serial" else sent

    async def warm(root: Path) -> None:
        reader = open_reader(url, None)
        await deleted_users(_source(reader, root, "deleted_users", parts=False))
        await reader.aclose()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(warm(Path(folder) / "warm"))
        _timed(lambda: asyncio.run(read(Path(folder) / "timed")))


def _source(reader: "GraphReader", root: Path, fact: str, *, parts: bool) -> "Source":
    from datetime import UTC, datetime

    from posture.collect.journal import Journal
    from posture.collect.source import Source

    return Source(
        reader,
        root / "evidence",
        fact=fact,
        permission="User.Read.All",
        journal=Journal(root),
        partition_from=20_000 if parts else 10**9,
        taken_at=datetime(2026, 11, 20, 8, 15, tzinfo=UTC),
    )


def child_judge(folder: str, mode: str) -> None:
    """Parse the evidence once, or judge it by all controls (parsing included; the parent subtracts).

    "all" also writes who is affected and hunts, as an audit does.
    """
    from posture.assess.evaluate import evaluate
    from posture.controls.registry import catalogue
    from posture.settings import Settings
    from posture.snapshot.guests import guests
    from posture.snapshot.store import load

    snapshot = load(Path(folder))
    catalogue()

    def parse() -> int:
        return sum(1 for _ in guests(snapshot))

    def judge() -> int:
        return len(evaluate(snapshot, Settings(), hunts=False).findings)

    def judge_all() -> int:
        with tempfile.TemporaryDirectory() as out:
            return len(evaluate(snapshot, Settings(), affected=Path(out)).findings)

    _timed({"parse": parse, "judge": judge, "all": judge_all}[mode])


CHILDREN: dict[str, Callable[..., None]] = {
    "httpx": child_httpx,
    "aiohttp": child_aiohttp,
    "reader": child_reader,
    "httpx-evidence": child_httpx_evidence,
    "evidence": child_evidence,
    "judge": child_judge,
}


def _child(name: str, *arguments: str) -> dict[str, float]:
    command = [sys.executable, str(Path(__file__)), "--child", name, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-2000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


# -- parts ---------------------------------------------------------------------------------------------------------


def part_read(options: argparse.Namespace) -> None:
    """Reading N guests, nothing written: CPU against plain httpx + orjson, aiohttp beside it."""
    with served(options.guests) as url:
        rounds = [{n: _child(n, url) for n in ("httpx", "reader", "aiohttp")} for _ in range(options.rounds)]
    _ratio("reader CPU ÷ httpx + orjson", rounds, "reader", "httpx", TARGETS["read"])
    _ratio("aiohttp CPU ÷ httpx + orjson", rounds, "aiohttp", "httpx", None)
    _peak("reader peak", [r["reader"] for r in rounds])


def part_evidence(options: argparse.Namespace) -> None:
    """Reading and writing evidence, against a plain script that writes the same sorted gzip."""
    with served(options.guests) as url:
        rounds = [
            {"ours": _child("evidence", url), "plain": _child("httpx-evidence", url)} for _ in range(options.rounds)
        ]
    _ratio("evidence CPU ÷ plain script", rounds, "ours", "plain", TARGETS["evidence"])
    _peak("collector peak", [r["ours"] for r in rounds])
    for size in (10_000, 1_000_000) if options.guests >= 100_000 else ():
        with served(size) as url:
            found = _child("evidence", url)
        print(f"  {size:>9,} guests: peak {found['peak']:.0f} MiB, {found['cpu']:.1f} s CPU", flush=True)


def part_latency(options: argparse.Namespace) -> None:
    """Wall time at 100 ms a page: parts at once against page after page."""
    with served(options.guests, latency=0.1) as url:
        rounds = [
            {"parts": _child("evidence", url, "parts"), "serial": _child("evidence", url)}
            for _ in range(min(options.rounds, 3))
        ]
    _ratio("wall, parts at once ÷ page after page", rounds, "parts", "serial", TARGETS["latency"], "wall")
    pages = -(-options.guests // 999)
    print(f"  requests in parts: {rounds[0]['parts']['found']:.0f} for {pages} pages of 999")


def part_version(options: argparse.Namespace) -> None:
    """`posture --version` against a bare Typer app in the same environment."""
    bare = (
        "import typer\napp = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)\n"
        "@app.command()\ndef main(version: bool = False) -> None:\n    print('bare 1')\napp()\n"
    )
    ours = [sys.executable, "-c", "from posture.cli.main import run; run()", "--version"]
    theirs = [sys.executable, "-c", bare, "--version"]
    rounds = [{"ours": _whole(ours), "bare": _whole(theirs)} for _ in range(options.rounds * 4)]
    _ratio("posture --version CPU ÷ bare Typer app", rounds[1:], "ours", "bare", TARGETS["version"])
    with tempfile.TemporaryDirectory() as out:
        audit = [sys.executable, "-m", "posture", "audit", "--sample", "contoso", "--quiet", "--out", out]
        runs = [_whole(audit) for _ in range(options.rounds)]
    wall, cpu = (statistics.median(r[n] for r in runs) for n in ("wall", "cpu"))
    told = _judged("audit --sample contoso", wall, TARGETS["contoso"])
    print(f"  audit --sample contoso, all reports: {wall:.2f} s wall, {cpu:.2f} s CPU ({told} s)")


def _audited(size: int) -> dict[str, float]:
    """Audit a grown tenant once, whole; print and return what it took. Parts share what was measured."""
    if size in _AUDITED:
        return _AUDITED[size]
    with served(size, grown=True) as url, tempfile.TemporaryDirectory() as out:
        found = _whole([sys.executable, "-m", "posture", "audit", "--graph-url", url, "--quiet", "--out", out])
        pages = list(Path(out).glob("*/*/report.html"))
        if len(pages) != 1:
            raise SystemExit(f"the audit of {size:,} guests made no report")
        found["page"] = pages[0].stat().st_size / 1000
        found["folder"] = sum(f.stat().st_size for f in pages[0].parent.rglob("*") if f.is_file()) / 1e6
        manifest = json.loads((pages[0].parent / "evidence" / "manifest.json").read_bytes())
        found["pages"] = sum(f["pages"] for f in manifest["files"])
    each = found["cpu"] / size * 1e6
    print(
        f"  {size:>9,} guests: {found['wall']:7.1f} s wall, {found['cpu']:7.1f} s CPU ({each:.0f} µs a guest), "
        f"peak {found['peak']:.0f} MiB, {found['pages']:,.0f} pages read, report.html {found['page']:,.0f} kB, "
        f"run folder {found['folder']:,.0f} MB",
        flush=True,
    )
    _AUDITED[size] = found
    return found


_AUDITED: dict[int, dict[str, float]] = {}


def part_audit(options: argparse.Namespace) -> None:
    """The whole audit at growing sizes: peak memory, time, pages read, size of the page."""
    found = {size: _audited(size) for size in (int(s) for s in options.sizes.split(","))}
    if 1_000_000 in found and 100_000 in found:
        most = found[1_000_000]["peak"]
        grew = most / found[100_000]["peak"]
        words = "peak at 1,000,000 ÷ peak at 100,000"
        print(f"  {words}: {grew:.2f} ({_judged(words, grew, TARGETS['growth'])})")
        print(f"  peak at 1,000,000: {most:.0f} MiB ({_judged('peak at 1,000,000', most, TARGETS['peak'])})")


def part_page(options: argparse.Namespace) -> None:
    """The size of report.html; its time until ready is measured by tests/report/browser."""
    for size, most in PAGE_KB.items():
        found = _audited(size)["page"]
        words = f"report.html at {size:,}"
        print(f"  {words}: {found:,.0f} kB ({_judged(words, found, most)})")


def part_judge(options: argparse.Namespace) -> None:
    """Judging by all controls against parsing the same evidence once."""
    with served(options.guests, grown=True) as url, tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "posture", "collect", "--graph-url", url, "--quiet", "--out", out]
        subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.DEVNULL)
        evidence = next(Path(out).glob("*/*/evidence"))
        rounds = []
        for _ in range(min(options.rounds, 3)):
            one = {mode: _child("judge", str(evidence), mode) for mode in ("parse", "judge", "all")}
            for mode in ("judge", "all"):
                one[mode]["cpu"] -= one["parse"]["cpu"]
            rounds.append(one)
    _ratio("judging CPU, parsing excluded ÷ parsing once", rounds, "judge", "parse", TARGETS["judge"])
    _ratio("with who is affected written and logs hunted", rounds, "all", "parse", None)
    _peak("peak of judging", [r["all"] for r in rounds])


def part_hunts(options: argparse.Namespace) -> None:
    """Hunting exported logs: rows a second against plain parsing of the same file, and peak memory."""
    from tests.bench_hunts import bench

    few, many = bench()
    words = "peak at 1,000,000 rows ÷ peak at 100,000"
    grew = many["peak"] / few["peak"]
    print(f"  {words}: {grew:.2f} ({_judged(words, grew, TARGETS['growth'])})")


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "version": part_version,
    "read": part_read,
    "evidence": part_evidence,
    "latency": part_latency,
    "judge": part_judge,
    "hunts": part_hunts,
    "page": part_page,
    "audit": part_audit,
}


def _whole(command: list[str]) -> dict[str, float]:
    """Run a command as a whole process; its exit status is not judged."""
    begun = time.perf_counter()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    wall = time.perf_counter() - begun
    return {"cpu": usage.ru_utime + usage.ru_stime, "wall": wall, "peak": usage.ru_maxrss / 1024}


def _ratio(
    words: str, rounds: list[dict[str, dict[str, float]]], a: str, b: str, target: float | None, what: str = "cpu"
) -> None:
    ratios = sorted(r[a][what] / r[b][what] for r in rounds)
    median_a, median_b = (statistics.median(r[n][what] for r in rounds) for n in (a, b))
    found = statistics.median(ratios)
    aim = f" ({_judged(words, found, target)})" if target else ""
    print(
        f"  {words}: {found:.2f}{aim}; {median_a:.2f} s and {median_b:.2f} s, "
        f"{ratios[0]:.2f} to {ratios[-1]:.2f} in {len(rounds)} rounds",
        flush=True,
    )


def _peak(words: str, found: list[dict[str, float]]) -> None:
    print(f"  {words}: {max(f['peak'] for f in found):.0f} MiB", flush=True)


if __name__ == "__main__":
    sys.exit(main())
