"""The whole catalogue: generated tests over every control and every fact it rests on.

Run as a script, this file writes `posture/controls/README.md` anew.
"""

import copy
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from posture.assess.evaluate import evaluate
from posture.assess.types import Finding
from posture.collect.registry import gatherers
from posture.controls import page
from posture.controls.frameworks import FRAMEWORKS, coverage, known, mapped, mappings
from posture.controls.registry import AREAS, Control, Outcome, catalogue, tallies
from posture.hunts.registry import hunts
from posture.settings import Settings, Thresholds
from posture.snapshot.types import GapReason
from tests.facts import ABSENT, TAKEN_AT, counted, gap, snapshot
from tests.kept import KEPT, NEGLECTED, kept_tenant, neglected_tenant

README = Path(page.__file__).parent / "README.md"
CONTROLS = catalogue()
CODES = [c.code for c in CONTROLS]
SIZES = {"INV": 7, "PER": 6, "XTA": 5, "AUT": 6, "LIF": 11, "PRV": 7, "WRK": 6, "VIS": 4}
"""Controls in each area; with the eight hunts they are sixty."""
NOT_GATHERED: dict[str, str] = {}
"""Facts no gatherer reads yet. Their controls are manual or not assessed; this list may not grow silently."""
DO_NOT_PASS: dict[str, tuple[str, str]] = {
    "GUEST-PRV-007": ("manual", "not in Graph"),
    "GUEST-WRK-005": ("manual", "not in Graph"),
    "GUEST-VIS-001": ("manual", "Azure Activity is not read"),
    "GUEST-VIS-003": ("manual", "the retention of the destination is not read"),
    "GUEST-VIS-004": ("manual", "not in Graph"),
}
"""Controls that cannot pass by facts alone: their outcome in the kept tenant, and why."""


def fact_names(control: Control) -> dict[str, bool]:
    return page.facts_of(control)


def find(control: Control, facts: dict[str, Any], settings: Settings | None = None) -> Finding:
    return evaluate(snapshot(**facts), settings or KEPT, controls=(control,)).findings[0]


PAIRS = [(c, fact, must) for c in CONTROLS for fact, must in fact_names(c).items()]
PAIR_IDS = [f"{c.code}-{fact}" for c, fact, _ in PAIRS]


# What every control says of itself


def test_all_are_there() -> None:
    found = {area: sum(c.area == area for c in CONTROLS) for area in SIZES}
    assert found == SIZES
    ours = [h for h in hunts() if h.code.startswith("GUEST-HUN-")]
    assert [h.code for h in ours] == [f"GUEST-HUN-{n:03d}" for n in range(1, 9)]
    assert len(CONTROLS) + len(ours) == 60


@pytest.mark.parametrize("control", CONTROLS, ids=CODES)
def test_words(control: Control) -> None:
    for name in ("title", "summary", "why", "attack", "fix", "breaks", "default", "licence"):
        text = getattr(control, name)
        assert text.strip(), name
        assert "TODO" not in text
    assert len(control.title) <= 110
    assert control.source
    assert all(re.fullmatch(r"https://[\w./?=&#%()-]+", url) for url in control.source)
    assert control.kind in ("setting", "inventory", "manual", "exposure")
    assert control.area in AREAS
    assert control.partial.rank <= control.fail.rank


def test_titles_are_unique() -> None:
    assert len({c.title for c in CONTROLS}) == len(CONTROLS)


@pytest.mark.parametrize("control", CONTROLS, ids=CODES)
def test_every_parameter_has_a_source(control: Control) -> None:
    for name in (*control.needs, *control.optional):
        assert name in tallies() or name in gatherers() or name in NOT_GATHERED, f"nothing provides {name}"


def test_what_is_not_gathered_is_listed() -> None:
    wanted = {fact for c in CONTROLS for fact in fact_names(c)}
    assert wanted - set(gatherers()) == set(NOT_GATHERED)


@pytest.mark.parametrize("control", CONTROLS, ids=CODES)
def test_thresholds_are_declared(control: Control) -> None:
    for name in control.parameters:
        assert hasattr(Thresholds(), name), f"{name} is no parameter"
    sources = [inspect.getsource(control.function)]
    sources += [inspect.getsource(tallies()[n]) for n in (*control.needs, *control.optional) if n in tallies()]
    read = {name for text in sources for name in re.findall(r"thresholds\.(\w+)", text)}
    assert read <= set(control.parameters)


@pytest.mark.parametrize("control", CONTROLS, ids=CODES)
def test_observed_paths_name_facts(control: Control) -> None:
    for path in control.observes:
        assert path.partition(".")[0] in fact_names(control), path


@pytest.mark.parametrize("control", CONTROLS, ids=CODES)
def test_remediation(control: Control) -> None:
    assert control.remediation or control.kind == "exposure"
    for remedy in control.remediation:
        assert remedy.method in ("", "PATCH", "POST", "PUT", "DELETE")
        if remedy.method:
            assert re.match(r"https://graph\.microsoft\.com/(v1\.0|beta)/\S", remedy.url), remedy.url
            assert remedy.permission
            assert "Write" in remedy.permission or "EnableDisable" in remedy.permission
            assert remedy.role
        assert remedy.powershell or remedy.notes
        assert remedy.body is None or remedy.method


VERSIONS = re.compile(r"\(v\d|L[12] E\d \(v\d|\bv\d+(\.\d+)*\b")


@pytest.mark.parametrize("entry", [*CONTROLS, *hunts()], ids=[*CODES, *(h.code for h in hunts())])
def test_framework_items(entry: Any) -> None:
    for key, items in mappings(entry).items():
        assert key in FRAMEWORKS, key
        assert items or key == "attack"
        assert len(set(items)) == len(items)
        for item in items:
            framework = FRAMEWORKS[key]
            found = re.match(framework.number, item)
            guidance = key == "scuba" and "Appendix" in item
            assert guidance or (found and re.match(r"$|[ :,(]", item[found.end() :])), f"{key}: {item!r}"
            if key in ("cis_m365", "cis_azure"):
                assert VERSIONS.search(item), f"{item!r} names no version"


@pytest.mark.parametrize("key", list(FRAMEWORKS))
def test_listed_items_are_items(key: str) -> None:
    framework = FRAMEWORKS[key]
    for item in framework.items:
        assert re.fullmatch(framework.number, item), item


# The words made from it


def test_the_page_is_fresh() -> None:
    assert README.read_text() == page.page(hunts(), gatherers()), "stale: run python -m tests.controls.test_catalogue"


def test_the_page_counts_sixty() -> None:
    text = page.page(hunts(), gatherers())
    assert "60 entries: 52 controls and 8 hunts" in text
    for entry in (*CONTROLS, *hunts()):
        assert f"### {entry.code}\n" in text


@pytest.mark.parametrize("code", [*CODES, *(h.code for h in hunts())])
def test_explain(code: str) -> None:
    text = page.explain(code, hunts(), gatherers())
    assert text.startswith(f"{code}  ")
    long = [line for line in text.splitlines() if len(line) > page.WIDTH + 4 and " " in line.strip()]
    assert not [line for line in long if not line.strip().startswith(("PowerShell", "DELETE", "PATCH", "POST", '"'))]
    row = next(r for r in page.rows(hunts(), gatherers()) if r["code"] == code)
    assert row["title"] in " ".join(text.split())


def test_explain_knows_no_other_code() -> None:
    with pytest.raises(KeyError):
        page.explain("GUEST-INV-999")


def test_permissions_come_from_the_gatherers() -> None:
    for control in CONTROLS:
        named = page.permissions(control, gatherers())
        assert all("Write" not in p for p in named)
        facts = [f for f in fact_names(control) if f in gatherers()]
        assert bool(named) == bool(facts or control.permissions), control.code


@pytest.mark.parametrize("key", list(FRAMEWORKS))
def test_coverage(key: str) -> None:
    found = coverage(key.replace("_", "-").upper(), hunts())
    assert found["framework"] == key
    assert found["measured_against"]
    assert sum(found["counts"].values()) == len(found["items"])
    named = {i["item"] for i in found["items"]}
    assert set(FRAMEWORKS[key].items) <= named
    for item in found["items"]:
        assert bool(item["controls"]) is (item["state"] != "uncovered")
    lines = page.coverage_lines(found)
    assert len(lines) == len(found["items"]) + 4


@pytest.mark.parametrize("key", ["cis_m365", "scuba", "mcsb", "nist_800_53r5", "iso_27001_2022", "atrm"])
def test_what_nobody_looks_at_is_shown(key: str) -> None:
    found = coverage(key, hunts())
    assert found["counts"]["uncovered"]
    assert all(i["about"] for i in found["items"] if i["state"] == "uncovered")


def test_an_item_is_touched_where_a_part_of_it_is_tested() -> None:
    atrm = {i["item"]: i for i in coverage("atrm", hunts())["items"]}
    assert atrm["AZT502.3"]["state"] == "tested"
    assert atrm["AZT502"]["state"] == "touched"
    assert "GUEST-INV-001" in atrm["AZT502"]["controls"]
    assert atrm["AZT705"]["state"] == "uncovered"


def test_a_framework_by_the_start_of_its_name() -> None:
    assert coverage("NIST")["framework"] == "nist_800_53r5"
    assert coverage("iso")["framework"] == "iso_27001_2022"
    assert known("cis") is None, "there are two"
    assert known("") is None


def test_coverage_reads_versions_and_limits() -> None:
    cis = {i["item"]: i for i in coverage("cis_m365")["items"]}
    assert "GUEST-PRV-005" not in cis["5.1.3.1"]["controls"], "that number means another item in v7.0.0"
    assert cis["7.2.4"]["state"] == "touched"
    assert cis["9.1.1"]["state"] == "uncovered"
    scuba = {i["item"]: i["state"] for i in coverage("scuba", hunts())["items"]}
    assert scuba["MS.SHAREPOINT.1.1v1"] == "tested"
    assert scuba["MS.AAD.7.7v1"] == "hunted"
    assert scuba["MS.AAD.7.1v1"] == "uncovered"
    assert scuba["aad.md Appendix B (guidance)"] == "touched", "guidance is no item to test"
    order = [i["item"] for i in coverage("cis_m365")["items"]]
    assert order.index("7.2.9") < order.index("7.2.10")
    assert known("no such thing") is None
    assert mapped(FRAMEWORKS["nist_800_53r5"], "AC-6(10) (SCuBA)").number == "AC-6(10)"
    with pytest.raises(KeyError):
        coverage("no such thing")


# What every control does with good and bad facts


def test_the_kept_tenant_has_every_fact() -> None:
    wanted = {fact for c in CONTROLS for fact in fact_names(c)}
    assert wanted <= set(kept_tenant())


@pytest.mark.parametrize("control", CONTROLS, ids=CODES)
def test_the_kept_tenant_holds(control: Control) -> None:
    found = find(control, kept_tenant())
    wanted = DO_NOT_PASS.get(control.code, ("pass", ""))[0]
    assert found.outcome == wanted, found.summary
    if found.outcome is Outcome.PASS:
        assert any(o.request_id for o in found.observed), "a pass without proof"


@pytest.mark.parametrize("control", CONTROLS, ids=CODES)
def test_facts_stay_as_they_are(control: Control) -> None:
    facts = kept_tenant()
    before = copy.deepcopy(facts)
    find(control, facts)
    assert facts == before


def test_the_whole_catalogue_twice_says_the_same() -> None:
    first, second = (evaluate(snapshot(**kept_tenant()), Settings()) for _ in range(2))
    assert first.findings == second.findings


def unusable(value: Any) -> list[Any]:
    """Return what a fact must not be: null, text, numbers, the other kind, an object that says nothing."""
    wrong = [None, "unknownFutureValue", "", 7, True, {}]
    return [*wrong, {"value": []}] if isinstance(value, list) else [*wrong, [], [{}]]


@pytest.mark.parametrize(("control", "fact", "must"), PAIRS, ids=PAIR_IDS)
def test_a_fact_that_is_missing_or_unusable_never_passes(control: Control, fact: str, must: bool) -> None:
    facts = kept_tenant()
    good = facts.pop(fact)
    found = [find(control, facts)]
    found += [find(control, {**facts, fact: gap(fact, reason)}) for reason in GapReason if reason != GapReason.ERROR]
    found += [find(control, {**facts, fact: wrong}) for wrong in unusable(good)]
    for finding in found:
        assert finding.outcome is not Outcome.ERROR, finding.summary
        if must:
            assert finding.outcome is not Outcome.PASS, finding.summary


NEEDED_LISTS = [(c, fact) for c, fact, must in PAIRS if must and isinstance(kept_tenant().get(fact), list)]
NEEDED_IDS = [f"{c.code}-{fact}" for c, fact in NEEDED_LISTS]


@pytest.mark.parametrize(("control", "fact"), NEEDED_LISTS, ids=NEEDED_IDS)
def test_an_empty_list_passes_only_where_that_is_declared_good(control: Control, fact: str) -> None:
    finding = find(control, {**kept_tenant(), fact: []})
    assert finding.outcome is not Outcome.ERROR, finding.summary
    if finding.outcome is Outcome.PASS:
        assert fact in control.empty_is_good, "an empty list passes and no reason is given"


@pytest.mark.parametrize("control", CONTROLS, ids=CODES)
def test_empty_is_good_names_what_it_is_about(control: Control) -> None:
    for name in re.findall(r"\b([a-z0-9]+(?:_[a-z0-9]+)+):", control.empty_is_good):
        assert name in {*fact_names(control), *control.needs, *control.optional}, f"{name} is no fact of this control"


ROWS_DO_NOT_MATTER: dict[tuple[str, str], str] = {
    ("GUEST-PRV-001", "guests"): "only their number matters",
    ("GUEST-PRV-002", "guests"): "only their number matters, and which of them are eligible",
    ("GUEST-PRV-003", "guests"): "only their number matters",
    ("GUEST-PRV-003", "owned_app_permissions"): "nothing is owned",
    ("GUEST-PRV-004", "guests"): "only their number matters",
}
"""Needed lists whose rows may say nothing in the kept tenant, each with the reason."""


@pytest.mark.parametrize(("control", "fact"), NEEDED_LISTS, ids=NEEDED_IDS)
def test_rows_that_say_nothing_never_pass(control: Control, fact: str) -> None:
    finding = find(control, {**kept_tenant(), fact: [{}]})
    assert finding.outcome is not Outcome.ERROR, finding.summary
    if (control.code, fact) not in ROWS_DO_NOT_MATTER:
        assert finding.outcome is not Outcome.PASS, finding.summary


OBSERVED = [(c, path) for c in CONTROLS for path in c.observes if "." in path]
STILL_PASS: dict[tuple[str, str], str] = {
    ("GUEST-AUT-001", "security_defaults.isEnabled"): "policies alone cover every kind of guest",
    ("GUEST-AUT-002", "security_defaults.isEnabled"): "policies alone cover every kind of guest",
    ("GUEST-WRK-003", "sharepoint_settings.sharingBlockedDomainList"): "only the list of the mode in force is read",
}
"""Observed properties that may be missing while the control passes, each with its reason."""


@pytest.mark.parametrize(("control", "path"), OBSERVED, ids=[f"{c.code}-{p}" for c, p in OBSERVED])
def test_an_observed_property_that_is_missing_or_unknown_never_passes(control: Control, path: str) -> None:
    fact, *keys = path.split(".")
    for wrong in (ABSENT, None, "unknownFutureValue", 7, [], {}):
        facts = kept_tenant()
        facts[fact] = replaced(facts[fact], keys, wrong)
        finding = find(control, facts)
        assert finding.outcome is not Outcome.ERROR, finding.summary
        if (control.code, path) not in STILL_PASS:
            assert finding.outcome is not Outcome.PASS, f"{wrong!r}: {finding.summary}"


def replaced(value: Any, keys: list[str], wrong: Any) -> Any:
    """Return the value with one property changed, in every row of a list."""
    if not keys:
        return wrong
    if isinstance(value, list):
        return [replaced(v, keys, wrong) for v in value]
    if not isinstance(value, dict):
        return value
    if len(keys) == 1 and wrong is ABSENT:
        return {k: v for k, v in value.items() if k != keys[0]}
    return {**value, keys[0]: replaced(value.get(keys[0]), keys[1:], wrong)}


# What unreadable values do to a finding that fails

DO_NOT_FAIL: dict[str, tuple[str, str]] = {
    "GUEST-INV-003": ("partial", "its flows are allowed or call out; their own test has the open ones"),
    "GUEST-AUT-006": ("not-applicable", "GUEST-AUT-001 fails: nobody is asked for MFA"),
    "GUEST-LIF-008": ("not-applicable", "GUEST-INV-002 fails: there is no list to be outside of"),
    "GUEST-LIF-010": ("not-assessed", "the home of the external member is not known here"),
    "GUEST-VIS-003": ("partial", "the tenant has P1, which keeps 30 days"),
    "GUEST-PRV-007": ("manual", "not in Graph"),
    "GUEST-WRK-005": ("manual", "not in Graph"),
    "GUEST-VIS-004": ("manual", "not in Graph"),
}
"""Controls that do not fail in the neglected tenant: their outcome there, and why."""
ANY_TEXT = "an id or a name may be any text"
READS_AS_FINE: dict[tuple[str, str, str], str] = {
    ("GUEST-INV-006", "guests.[].externalUserState", "null"): "Graph's own word for never invited",
    ("GUEST-INV-007", "guests.[].externalUserState", "null"): "Graph's own word for never invited",
    ("GUEST-LIF-011", "directory_audits.[].activityDisplayName", "text"): "any other activity is another activity",
    ("GUEST-PRV-005", "guest_memberships.[].transitiveMemberOf.[].id", "text"): ANY_TEXT,
    ("GUEST-PRV-005", "groups.[].id", "text"): ANY_TEXT,
    ("GUEST-WRK-006", "guest_memberships.[].transitiveMemberOf.[].id", "text"): ANY_TEXT,
    ("GUEST-WRK-006", "groups.[].id", "text"): ANY_TEXT,
}
"""(control, property, value) that turns a fail into a pass or leaves it out all the same, each with the reason."""
WRONG = {"absent": ABSENT, "null": None, "text": "unknownFutureValue", "number": 7, "list": [], "object": {}}


class Watched(dict[str, Any]):
    """An object that notes which of its properties are read."""

    def __init__(self, value: dict[str, Any], path: tuple[str, ...], seen: set[tuple[str, ...]]) -> None:
        super().__init__({k: watched(v, (*path, k), seen) for k, v in value.items()})
        self._path, self._seen = path, seen

    def __getitem__(self, key: str) -> Any:
        self._seen.add((*self._path, key))
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self._seen.add((*self._path, key))
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        self._seen.add((*self._path, str(key)))
        return super().__contains__(key)


def watched(value: Any, path: tuple[str, ...], seen: set[tuple[str, ...]]) -> Any:
    if isinstance(value, dict):
        return Watched(value, path, seen)
    return [watched(v, (*path, "[]"), seen) for v in value] if isinstance(value, list) else value


def properties_read(control: Control, fact: str, facts: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return the paths of the properties of one fact that a control looks at."""
    seen: set[tuple[str, ...]] = set()
    facts = {**facts, fact: watched(facts[fact], (), seen)}
    names = (*control.needs, *control.optional)
    call: dict[str, Any] = {n: counted(n, thresholds=NEGLECTED.thresholds, **facts) for n in names if n in tallies()}
    call |= {n: facts[n] for n in names if n not in tallies()}
    context = {"taken_at": TAKEN_AT, "thresholds": NEGLECTED.thresholds, "profile": NEGLECTED.profile}
    control.function(**call, **{k: v for k, v in context.items() if k in control.function.__annotations__})
    return sorted(path for path in seen if values_at(facts[fact], path))


def values_at(value: Any, path: tuple[str, ...]) -> list[Any]:
    if not path:
        return [value]
    if path[0] == "[]":
        return [found for v in value for found in values_at(v, path[1:])] if isinstance(value, list) else []
    return values_at(dict.__getitem__(value, path[0]), path[1:]) if isinstance(value, dict) and path[0] in value else []


def changed_at(value: Any, path: tuple[str, ...], wrong: Any) -> Any:
    if not path:
        return wrong
    if path[0] == "[]":
        return [changed_at(v, path[1:], wrong) for v in value] if isinstance(value, list) else value
    if not isinstance(value, dict) or path[0] not in value:
        return value
    if len(path) == 1 and wrong is ABSENT:
        return {k: v for k, v in value.items() if k != path[0]}
    return {**value, path[0]: changed_at(value[path[0]], path[1:], wrong)}


@pytest.mark.parametrize("control", CONTROLS, ids=CODES)
def test_the_neglected_tenant_fails(control: Control) -> None:
    found = find(control, neglected_tenant(), NEGLECTED)
    assert found.outcome == DO_NOT_FAIL.get(control.code, ("fail", ""))[0], found.summary


FAILING = [(c, fact) for c, fact, _ in PAIRS if c.code not in DO_NOT_FAIL]


@pytest.mark.parametrize(("control", "fact"), FAILING, ids=[f"{c.code}-{fact}" for c, fact in FAILING])
def test_a_value_that_cannot_be_read_never_turns_a_fail_into_a_pass(control: Control, fact: str) -> None:
    facts = neglected_tenant()
    for path in properties_read(control, fact, facts):
        present = values_at(facts[fact], path)
        for name, wrong in WRONG.items():
            if not isinstance(wrong, str) and any(type(v) is type(wrong) for v in present):
                continue
            finding = find(control, {**facts, fact: changed_at(facts[fact], path, wrong)}, NEGLECTED)
            where = f"{fact}.{'.'.join(path)}"
            assert finding.outcome is not Outcome.ERROR, f"{where} {name}: {finding.summary}"
            if (control.code, where, name) not in READS_AS_FINE:
                fine = (Outcome.PASS, Outcome.NOT_APPLICABLE)
                assert finding.outcome not in fine, f"{where} {name}: {finding.summary}"


# What a source that was lost does to a finding

WORTH = {Outcome.PASS: 2, Outcome.PARTIAL: 1}
"""What an outcome counts where all that was not assessed is taken for a fail, as `score.low` does; others nothing."""


def tenants_between(names: list[str]) -> list[dict[str, Any]]:
    """Return the kept and the neglected tenant, and each with one source of the other."""
    kept, neglected = kept_tenant(), neglected_tenant()
    swapped = [{**kept, n: neglected[n]} for n in names] + [{**neglected, n: kept[n]} for n in names]
    return [kept, neglected, *swapped]


@pytest.mark.parametrize("control", CONTROLS, ids=CODES)
def test_losing_a_source_never_raises_an_outcome(control: Control) -> None:
    names = list(fact_names(control))
    for facts in tenants_between(names):
        before = find(control, facts, NEGLECTED)
        for name in names:
            for reason in (GapReason.PERMISSION, GapReason.INCOMPLETE):
                after = find(control, {**facts, name: gap(name, reason)}, NEGLECTED)
                told = f"without {name}: {before.summary} => {after.summary}"
                assert after.outcome is not Outcome.ERROR, told
                assert WORTH.get(after.outcome, 0) <= WORTH.get(before.outcome, 0) or (
                    before.outcome is Outcome.NOT_APPLICABLE
                ), told
                if before.outcome is not Outcome.NOT_APPLICABLE:
                    assert after.outcome is not Outcome.NOT_APPLICABLE, told


if __name__ == "__main__":
    README.write_text(page.page(hunts(), gatherers()))
