"""Where runs go: never through a link that a folder from elsewhere brings along."""

from datetime import UTC, datetime

import pytest

from posture.errors import OutputError, SettingsError
from posture.history import runs
from posture.history.runs import finish, start
from posture.snapshot.types import Tenant

TAKEN_AT = datetime(2026, 11, 23, 2, 15, 45, tzinfo=UTC)
CONTOSO = Tenant("t", primary_domain="contoso.example")


def test_a_run_goes_to_its_place(tmp_path):
    run = start(tmp_path / "reports")
    place = finish(run, tmp_path / "reports", CONTOSO, TAKEN_AT)
    assert place == tmp_path / "reports" / "contoso.example" / "2026-11-23T021545Z"


@pytest.mark.parametrize("link", ["reports", "reports/.unfinished"])
def test_no_run_begins_behind_a_link(tmp_path, link):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / link).parent.mkdir(exist_ok=True)
    (tmp_path / link).symlink_to(elsewhere)
    with pytest.raises(SettingsError, match="is a link"):
        start(tmp_path / "reports")
    assert not any(elsewhere.iterdir())


def test_no_run_ends_behind_a_link(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    run = start(tmp_path / "reports")
    (tmp_path / "reports" / "contoso.example").symlink_to(elsewhere)
    with pytest.raises(OutputError, match="is a link"):
        finish(run, tmp_path / "reports", CONTOSO, TAKEN_AT)
    assert not any(elsewhere.iterdir())
    assert run.is_dir(), "what was read is kept"


def test_a_run_that_nobody_may_enter_is_passed_over(tmp_path, monkeypatch):
    for name in ("closed", "open"):
        (tmp_path / "contoso.example" / name / "evidence").mkdir(parents=True)
        (tmp_path / "contoso.example" / name / "evidence" / "manifest.json").write_text("{}")
    known = runs.is_evidence

    def refused(folder):  # rights mean nothing to root, who runs tests in containers
        if folder.parent.name == "closed":
            raise PermissionError(13, "Permission denied", str(folder))
        return known(folder)

    monkeypatch.setattr(runs, "is_evidence", refused)
    assert [r.name for r in runs.runs(tmp_path)] == ["open"]
