"""Nothing posture does writes to the tenant: over every command that asks and every sample, from the record."""

import os
from pathlib import Path
from typing import Any

import pytest

from posture.emulator import app as emulated
from posture.emulator.app import Recorded
from tests.cli.run import posture
from tests.reads import writes

SAMPLES = ("contoso", "dayone", "hardened", "halfblind")


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Recorded]:
    """Every request that reaches an emulator of this process."""
    monkeypatch.chdir(tmp_path)
    for name in [n for n in os.environ if n.startswith("POSTURE_")]:
        monkeypatch.delenv(name)
    sent: list[Recorded] = []
    made = emulated.create_app

    def create_app(*args: Any, **named: Any) -> Any:
        return made(*args, **{**named, "record": sent.append})

    monkeypatch.setattr(emulated, "create_app", create_app)
    return sent


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("command", ["audit", "collect", "doctor", "hunt"])
def test_every_command_only_reads(record: list[Recorded], command: str, sample: str) -> None:
    extra = ["--include", "all"] if command in ("audit", "collect", "doctor") else []
    said = posture(command, "--sample", sample, *extra)
    assert said.code in (0, 1, 3), said.err
    assert len(record) > (40 if command != "hunt" else 2)
    assert writes(record) == []


def test_the_record_would_show_a_write() -> None:
    """The check itself: what it must catch, it catches."""

    def sent(method: str, path: str, body: str = "") -> Recorded:
        return Recorded(method, path, "", {}, body)

    bad = [
        sent("PATCH", "/v1.0/policies/authorizationPolicy"),
        sent("POST", "/v1.0/invitations"),
        sent("POST", "/v1.0/$batch", '{"requests":[{"id":"1","method":"DELETE","url":"/users/x"}]}'),
        sent("POST", "/v1.0/$batch", '{"requests":[{"id":"1","method":"GET","url":"/users","body":{}}]}'),
        sent("DELETE", "/v1.0/$batch"),
    ]
    assert len(writes(bad)) == len(bad)
    good = [
        sent("GET", "/v1.0/users"),
        sent("POST", "/v1.0/directoryObjects/getByIds", '{"ids":[]}'),
        sent("POST", "/beta/$batch", '{"requests":[{"id":"1","method":"GET","url":"/users"}]}'),
    ]
    assert writes(good) == []
