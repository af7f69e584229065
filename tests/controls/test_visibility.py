"""GUEST-VIS: what is exported, how long it is kept, who is told."""

from datetime import date
from typing import Any

import pytest

from posture.controls.registry import Outcome
from posture.controls.visibility import exported_categories
from posture.errors import UnknownValueError
from posture.settings import Attestation, Settings, Severity, Thresholds
from posture.snapshot.types import GapReason
from tests.facts import ALL_LOGS, P1, diagnostic_setting, gap, judge

SIX = ALL_LOGS[:6]
NOT_READ = gap("log_export", GapReason.NOT_COLLECTED, "not read")
MALFORMED = [
    [{"id": "x"}],
    [{"id": "x", "properties": None}],
    [diagnostic_setting(logs=None)],
    [diagnostic_setting(logs=[{"category": None, "enabled": True}])],
    [diagnostic_setting(logs=[{"categoryGroup": "allLogs", "enabled": True}])],
    [diagnostic_setting(*SIX, enabled="true")],
]


@pytest.mark.parametrize("code", ["GUEST-VIS-001", "GUEST-VIS-002", "GUEST-VIS-003"])
@pytest.mark.parametrize("reason", list(GapReason))
def test_without_the_export_settings_a_person_looks(code: str, reason: GapReason) -> None:
    found = judge(code, log_export=gap("log_export", reason), subscribed_skus=[P1])
    assert found.outcome is Outcome.MANUAL
    assert "Diagnostic settings" in found.summary


@pytest.mark.parametrize("code", ["GUEST-VIS-001", "GUEST-VIS-002", "GUEST-VIS-003"])
@pytest.mark.parametrize("rows", MALFORMED)
def test_settings_that_cannot_be_read(code: str, rows: list[dict[str, Any]]) -> None:
    assert judge(code, log_export=rows, subscribed_skus=[P1]).outcome is Outcome.NOT_ASSESSED


@pytest.mark.parametrize(
    ("destination", "counts"),
    [
        ({"workspaceId": "w"}, True),
        ({"workspaceId": "", "storageAccountId": "s"}, True),
        ({"workspaceId": None, "eventHubAuthorizationRuleId": "e"}, True),
        ({"workspaceId": None, "serviceBusRuleId": "b"}, True),
        ({"workspaceId": ""}, False),
        ({"workspaceId": None}, False),
    ],
)
def test_a_category_counts_with_a_destination(destination: dict[str, Any], counts: bool) -> None:
    found = exported_categories([diagnostic_setting("AuditLogs", **destination)])
    assert found == ({"AuditLogs"} if counts else set())


def test_categories_of_several_settings_add_up_and_switched_off_ones_do_not() -> None:
    rows = [diagnostic_setting("AuditLogs"), diagnostic_setting("SignInLogs", enabled=False)]
    assert exported_categories(rows) == {"AuditLogs"}
    with pytest.raises(UnknownValueError):
        exported_categories([*rows, {"id": "x"}])
    with pytest.raises(UnknownValueError):
        exported_categories([diagnostic_setting("AuditLogs", workspaceId={"id": "w"})])
    elsewhere = {"workspaceId": None, "marketplacePartnerId": "p"}
    with pytest.raises(UnknownValueError):  # it may be the one that exports: no proof that nothing does
        exported_categories([diagnostic_setting("AuditLogs", **elsewhere)])
    assert exported_categories([diagnostic_setting("AuditLogs", enabled=False, **elsewhere)]) == set()


class TestExport:
    """GUEST-VIS-001."""

    @pytest.mark.parametrize(
        ("categories", "outcome", "severity", "scuba"),
        [
            (SIX[:5], Outcome.PARTIAL, Severity.MEDIUM, "fail"),
            (("SignInLogs", "AuditLogs"), Outcome.FAIL, Severity.HIGH, "fail"),
            (("NonInteractiveUserSignInLogs", "SignInLogs", "AuditLogs"), Outcome.PARTIAL, Severity.MEDIUM, "fail"),
            ((), Outcome.FAIL, Severity.HIGH, "fail"),
            (SIX, Outcome.MANUAL, Severity.INFO, ""),
        ],
    )
    def test_outcomes(self, categories: tuple[str, ...], outcome: Outcome, severity: Severity, scuba: str) -> None:
        found = judge("GUEST-VIS-001", log_export=[diagnostic_setting(*categories)])
        assert (found.outcome, found.severity) == (outcome, severity)
        assert found.authorities[0].verdict == scuba

    def test_no_setting_at_all(self) -> None:
        assert judge("GUEST-VIS-001", log_export=[]).outcome is Outcome.FAIL

    def test_azure_activity_stays_with_a_person_who_may_attest_it(self) -> None:
        found = judge("GUEST-VIS-001", log_export=[diagnostic_setting(*SIX)])
        assert "Azure Activity" in found.summary
        told = Attestation("GUEST-VIS-001", "pass", "Ada", date(2026, 11, 1), date(2027, 11, 1))
        attested = judge(
            "GUEST-VIS-001", log_export=[diagnostic_setting(*SIX)], settings=Settings(attestations=(told,))
        )
        assert attested.outcome is Outcome.PASS
        assert attested.attested

    def test_a_shorter_list_may_be_required(self) -> None:
        core = Settings(thresholds=Thresholds(required_log_categories=SIX[:2]))
        found = judge("GUEST-VIS-001", log_export=[diagnostic_setting("SignInLogs")], settings=core)
        assert found.outcome is Outcome.FAIL


class TestReads:
    """GUEST-VIS-002."""

    @pytest.mark.parametrize(
        ("categories", "outcome", "severity"),
        [
            (ALL_LOGS, Outcome.PASS, Severity.INFO),
            (("MicrosoftGraphActivityLogs",), Outcome.PARTIAL, Severity.LOW),
            (("AzureADGraphActivityLogs",), Outcome.PARTIAL, Severity.LOW),
            (SIX, Outcome.FAIL, Severity.MEDIUM),
        ],
    )
    def test_outcomes(self, categories: tuple[str, ...], outcome: Outcome, severity: Severity) -> None:
        found = judge("GUEST-VIS-002", log_export=[diagnostic_setting(*categories)])
        assert (found.outcome, found.severity) == (outcome, severity)


class TestRetention:
    """GUEST-VIS-003."""

    @pytest.mark.parametrize(
        ("skus", "export", "outcome"),
        [
            ([P1], [], Outcome.PARTIAL),
            ([P1], [diagnostic_setting("AuditLogs")], Outcome.PARTIAL),
            ([], [], Outcome.FAIL),
            ([{**P1, "capabilityStatus": "Suspended"}], [], Outcome.FAIL),
            ([{**P1, "capabilityStatus": "Odd"}], [], Outcome.NOT_ASSESSED),
            ([P1], [diagnostic_setting(*SIX)], Outcome.MANUAL),
            ([], [diagnostic_setting(*SIX)], Outcome.MANUAL),
            (gap("subscribed_skus"), [], Outcome.NOT_ASSESSED),
        ],
    )
    def test_outcomes(self, skus: Any, export: Any, outcome: Outcome) -> None:
        assert judge("GUEST-VIS-003", subscribed_skus=skus, log_export=export).outcome is outcome

    def test_the_built_in_days_are_shown_as_evidence(self) -> None:
        found = judge("GUEST-VIS-003", subscribed_skus=[P1], log_export=NOT_READ)
        assert {o.property: o.value for o in found.observed} == {"days kept by Entra": 30}
        assert "180 days" in found.summary


def test_alerts_are_for_a_person_to_look_at() -> None:
    found = judge("GUEST-VIS-004")
    assert found.outcome is Outcome.MANUAL
    assert "guest invited by a guest" in found.summary
