"""How fast exported logs are hunted, against plain parsing of the same file, and in how much memory.

    python tests/bench_hunts.py                  # 100,000 and 1,000,000 rows
    python tests/bench_hunts.py --rows 10000

Half of the rows are sign-ins (one in five a guest's), half are audits (one in
ten an activity that some hunt reads). CPU is `time.process_time`; memory is the
largest resident set of a child process of its own.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

OURS = "0f1e2d3c-0000-4000-8000-00000000c0de"
START = datetime(2026, 10, 21, tzinfo=UTC)
APPS = (
    "1fec8e78-bce4-4aaf-ab1b-5451cc387264",
    "00000003-0000-0ff1-ce00-000000000000",
    "c44b4083-3bb0-49c1-b47d-974e53cbdf3c",
    "14d82eec-204b-4c2f-b7e8-296a70dab67e",
)
PLACES = (
    ("Oslo", "NO", 59.91, 10.75),
    ("Lagos", "NG", 6.45, 3.39),
    ("Lima", "PE", -12.05, -77.04),
    ("Osaka", "JP", 34.69, 135.5),
)
BUSY = (
    "Invite external user",
    "Redeem external user invite",
    "Update user",
    "Add member to group",
    "Add member to role",
)


def write_log(path: Path, rows: int, seed: int = 7) -> None:
    """Write made-up Graph rows, one JSON object a line, in no order of time."""
    chance = random.Random(seed)
    with path.open("w", encoding="utf-8") as out:
        for number in range(rows):
            row = _sign_in(chance, number) if number % 2 else _audit(chance, number)
            out.write(json.dumps(row, separators=(",", ":")))
            out.write("\n")


def _when(chance: random.Random) -> str:
    return (START + timedelta(seconds=chance.randrange(30 * 86_400))).isoformat().replace("+00:00", ".1234567Z")


def _person(number: int) -> str:
    return f"{number:08d}-0000-4000-8000-000000000000"


def _sign_in(chance: random.Random, number: int) -> dict[str, Any]:
    guest = chance.random() < 0.2
    who = chance.randrange(20_000) + (0 if guest else 1_000_000)
    city, country, latitude, longitude = PLACES[who % 4]
    home = "fab00000-0000-4000-8000-000000000001" if guest else OURS
    return {
        "id": f"{number:08d}-1111-4000-8000-000000000000",
        "createdDateTime": _when(chance),
        "userDisplayName": f"Person {who}",
        "userPrincipalName": f"person{who}@{'fabrikam' if guest else 'contoso'}.example",
        "userId": _person(who),
        "appId": APPS[chance.randrange(4)],
        "appDisplayName": "An application",
        "ipAddress": f"203.0.113.{who % 250}",
        "clientAppUsed": "Browser",
        "correlationId": _person(number),
        "conditionalAccessStatus": "success",
        "isInteractive": True,
        "riskDetail": "none",
        "riskLevelAggregated": "none",
        "riskLevelDuringSignIn": "none",
        "riskState": "none",
        "resourceDisplayName": "Microsoft Graph",
        "resourceId": "00000003-0000-0000-c000-000000000000",
        "homeTenantId": home,
        "resourceTenantId": OURS,
        "status": {"errorCode": 0 if chance.random() < 0.95 else 53003, "failureReason": "Other."},
        "deviceDetail": {"deviceId": "", "operatingSystem": "Windows10", "browser": "Edge 142", "trustType": ""},
        "location": {
            "city": city,
            "countryOrRegion": country,
            "geoCoordinates": {"latitude": latitude, "longitude": longitude},
        },
        "appliedConditionalAccessPolicies": [],
    }


def _audit(chance: random.Random, number: int) -> dict[str, Any]:
    busy = chance.random() < 0.1
    guest = _person(chance.randrange(20_000))
    activity = BUSY[chance.randrange(len(BUSY))] if busy else "Update device"
    inviter = chance.randrange(500)
    return {
        "id": f"Directory_{number:08d}",
        "category": "UserManagement",
        "correlationId": _person(number),
        "result": "success",
        "resultReason": "",
        "activityDisplayName": activity,
        "activityDateTime": _when(chance),
        "loggedByService": "Core Directory",
        "operationType": "Update",
        "initiatedBy": {
            "app": None,
            "user": {
                "id": _person(1_000_000 + inviter),
                "displayName": None,
                "userPrincipalName": f"person{inviter}@contoso.example",
                "ipAddress": "198.51.100.4",
                "userType": None,
            },
        },
        "targetResources": [
            {
                "id": guest,
                "displayName": None,
                "type": "User",
                "userPrincipalName": f"g{guest}#EXT#@contoso.example",
                "modifiedProperties": [{"displayName": "UserType", "oldValue": '["Guest"]', "newValue": '["Guest"]'}],
            }
        ],
        "additionalDetails": [{"key": "invitedUserEmailAddress", "value": f"{guest}@fabrikam.example"}],
    }


def parse_plainly(path: Path) -> int:
    """Parse every line and keep nothing: the least any reader has to do."""
    import orjson

    count = 0
    with path.open("rb") as lines:
        for line in lines:
            count += bool(orjson.loads(line))
    return count


def hunt(path: Path) -> int:
    """Hunt the file as `posture hunt` does; returns the number of leads."""
    from posture.hunts.run import TenantContext, hunt_files
    from posture.settings import Settings

    return len(hunt_files([path], TenantContext(OURS, ("contoso.example",)), Settings()).leads)


def measure(what: str, path: Path) -> dict[str, float]:
    """Run one of the two in a process of its own; returns CPU seconds, peak MiB and its answer."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__)), "--child", what, str(path)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def bench(sizes: tuple[int, ...] = (100_000, 1_000_000)) -> list[dict[str, float]]:
    """Print rows a second, the ratio to plain parsing and the peak memory for each size."""
    found = []
    print(f"{'rows':>10} {'plain rows/s':>14} {'hunted rows/s':>14} {'CPU ratio':>10} {'peak MiB':>9} {'leads':>6}")
    for rows in sizes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "log.jsonl"
            write_log(path, rows)
            plain, hunted = measure("plain", path), measure("hunt", path)
        line = {
            "rows": rows,
            "plain": rows / plain["cpu"],
            "hunted": rows / hunted["cpu"],
            "ratio": hunted["cpu"] / plain["cpu"],
            "peak": hunted["peak"],
            "leads": hunted["answer"],
        }
        found.append(line)
        print(
            f"{rows:>10,} {line['plain']:>14,.0f} {line['hunted']:>14,.0f} {line['ratio']:>10.2f} {line['peak']:>9.0f} "
            f"{line['leads']:>6.0f}",
            flush=True,
        )
    return found


def main() -> int:
    """Measure the sizes asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="*", default=[100_000, 1_000_000])
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        what, path = options.child
        work = {"plain": parse_plainly, "hunt": hunt}[what]
        started = time.process_time()
        answer = work(Path(path))
        cpu = time.process_time() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"cpu": cpu, "peak": peak, "answer": answer}))
        return 0
    bench(tuple(options.rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
