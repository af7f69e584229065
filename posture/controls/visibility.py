"""Whether anybody could see, later, what a guest did: logs, their reach, and who is told."""

from collections.abc import Iterable, Mapping
from typing import Any

from posture.controls.registry import (
    Authority,
    Outcome,
    Remediation,
    Verdict,
    control,
    failed,
    manual,
    partial,
    passed,
)
from posture.controls.shared import names
from posture.errors import UnknownValueError
from posture.settings import Severity, Thresholds
from posture.snapshot.derive import licences
from posture.snapshot.types import Gap, Rows
from posture.snapshot.values import block, flag, items, objects, text

_DESTINATIONS = ("workspaceId", "storageAccountId", "eventHubAuthorizationRuleId", "serviceBusRuleId")
_NO_DESTINATIONS = {"logs", "metrics", "eventHubName", "logAnalyticsDestinationType"}
_CORE = ("SignInLogs", "NonInteractiveUserSignInLogs", "AuditLogs")
"""Without these nobody can say who invited whom and what they did then."""
_SCUBA_EXTRA = (
    "RiskyUsers",
    "UserRiskEvents",
    "ADFSSignInLogs",
    "RiskyServicePrincipals",
    "ServicePrincipalRiskEvents",
    "EnrichedOffice365AuditLogs",
    "MicrosoftGraphActivityLogs",
)
_GRAPH_LOG, _LEGACY_GRAPH_LOG = "MicrosoftGraphActivityLogs", "AzureADGraphActivityLogs"
_WHERE = "Entra admin center > Monitoring & health > Diagnostic settings"
_FREE_DAYS, _PREMIUM_DAYS = 7, 30
"""How long Entra keeps audit and sign-in logs by itself.

Source: https://learn.microsoft.com/entra/identity/monitoring-health/reference-reports-data-retention
"""
_EXPORT = Remediation(
    powershell=(
        "Invoke-AzRestMethod -Method PUT -Path "
        "'/providers/microsoft.aadiam/diagnosticSettings/{name}?api-version=2017-04-01' -Payload $body",
    ),
    role="Security Administrator, and a role on the destination",
    notes="Outside Microsoft Graph: Azure Resource Manager. The payload was not tried; the portal is the surer way.",
)


def exported_categories(log_export: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the log categories that are switched on towards at least one destination.

    Raises UnknownValueError for a setting this version cannot read, since it
    might be the one that exports.

    Source: https://learn.microsoft.com/azure/templates/microsoft.aadiam/2017-04-01/diagnosticsettings
    """
    found: set[str] = set()
    for setting in objects(log_export, "diagnostic settings"):
        properties = block(setting, "properties")
        logs = [
            (text(log, "category"), flag(log, "enabled"))
            for log in objects(items(properties, "logs"), "log categories")
        ]
        places = [properties.get(key) for key in _DESTINATIONS]
        if not all(isinstance(place, str | None) for place in places):
            raise UnknownValueError("a diagnostic setting does not say where it sends its logs")
        on = {category for category, enabled in logs if enabled}
        if any(place and place.strip() for place in places):
            found |= on
        elif on and any(properties[key] for key in properties.keys() - _NO_DESTINATIONS - {*_DESTINATIONS}):
            raise UnknownValueError("a diagnostic setting sends its logs to a kind of place this version does not know")
    return found


def _scuba_41(log_export: Rows | Gap, thresholds: Thresholds, **_: Any) -> Outcome | None:
    """Risk logs need a licence, so their absence alone does not decide."""
    if isinstance(log_export, Gap):
        return None
    found = exported_categories(log_export)
    if not set(thresholds.required_log_categories) <= found:
        return Outcome.FAIL
    return Outcome.PASS if set(_SCUBA_EXTRA) <= found else None


def _zta_21860(log_export: Rows | Gap, **_: Any) -> Outcome | None:
    if isinstance(log_export, Gap):
        return None
    return Outcome.FAIL if set(_CORE) - exported_categories(log_export) else None


@control(
    "GUEST-VIS-001",
    fail=Severity.HIGH,
    partial=Severity.MEDIUM,
    kind="manual",
    licence="exporting sign-in logs needs Entra ID P1; risk logs P2",
    remediation=_EXPORT,
    frameworks={
        "scuba": ("MS.AAD.4.1v1 (SHALL)",),
        "mcsb": ("LT-3", "LT-5"),
        "nist_800_53r5": ("AU-4 (SCuBA)", "AU-6 (own)", "AU-12 (own)"),
        "iso_27001_2022": ("A.8.15",),
        "attack": ("T1562.008", "T1136.003", "T1651"),
        "atrm": ("AZT301.1", "AZT502.3"),
        "maester": ("CISA.MS.AAD.4.1",),
        "zta": ("21860",),
        "other": ("NIS2 3.2.3.b (Prowler)",),
    },
    authorities=(
        Authority("CISA SCuBA", "MS.AAD.4.1v1 (SHALL): security logs are sent to a central place", _scuba_41),
        Authority("Microsoft Zero Trust Assessment", "21860: diagnostic settings are configured", _zta_21860),
    ),
    parameters=("required_log_categories",),
    unverified=(
        "which licence each category needs",
        "the payload of the request that makes a setting",
        "which Azure role reading the settings takes",
    ),
)
def identity_logs_leave_the_tenant(log_export: Rows | Gap, thresholds: Thresholds) -> Verdict:
    """Identity logs leave the tenant: sign-ins, audit, provisioning and Azure Activity.

    Holds when every category in `required_log_categories` is exported to at
    least one destination and Azure Activity is exported too. Partial when
    interactive and non-interactive sign-ins and the audit log are exported and
    another category is not. Fails when one of those three is not exported
    anywhere. Azure keeps these settings outside Graph; without them, and for
    Azure Activity, a person has to look and attest.

    Why: the built-in logs end after 7 or 30 days, and a planted guest is found
    later than that. Without an export there is no second chance to see who
    invited whom.

    Attack: somebody plants a guest, waits until the invitation has left the
    log, and then begins.

    Fix: Entra admin center > Monitoring & health > Diagnostic settings > Add.
    Send all categories to a workspace, and Azure Activity of every subscription
    too, where Run Command on a machine shows up.

    Breaks: nothing, but it costs: non-interactive sign-ins are many. The
    workspace becomes a place to protect.

    Default: nothing is exported.

    Source: https://learn.microsoft.com/entra/identity/monitoring-health/concept-diagnostic-settings-logs-options
    https://learn.microsoft.com/azure/templates/microsoft.aadiam/2017-04-01/diagnosticsettings
    https://thoor.tech/blog/hunt-for-guests-with-microsoft-sentinel/
    """
    if isinstance(log_export, Gap):
        wanted = ", ".join(thresholds.required_log_categories)
        return manual(
            f"Microsoft Graph does not show this. Look under {_WHERE} for {wanted}, "
            "and whether Azure Activity of each subscription is exported; then attest it in posture.toml."
        )
    found = exported_categories(log_export)
    observed = {"exported categories": sorted(found)}
    missing = [c for c in thresholds.required_log_categories if c not in found]
    core = [c for c in _CORE if c not in found]
    if core:
        return failed(f"Not exported anywhere: {names(core)}.", observed=observed)
    if missing:
        return partial(f"Sign-ins and audit are exported; not exported: {names(missing)}.", observed=observed)
    return manual(
        "All required identity logs are exported. Whether Azure Activity of each subscription is exported too was not "
        "read: look under Azure portal > Monitor > Activity log > Export, then attest it in posture.toml.",
        observed=observed,
    )


@control(
    "GUEST-VIS-002",
    fail=Severity.MEDIUM,
    partial=Severity.LOW,
    kind="manual",
    licence="Entra ID P1",
    remediation=_EXPORT,
    frameworks={
        "scuba": ("MS.AAD.4.1v1 (SHALL)",),
        "mcsb": ("LT-3",),
        "nist_800_53r5": ("AU-12 (own)", "SI-4 (own)"),
        "iso_27001_2022": ("A.8.15 (own)",),
        "attack": ("T1087.004", "T1069.003", "T1526"),
        "atrm": ("AZT104", "AZT105", "AZT106"),
    },
    unverified=("for how long Microsoft goes on offering the category of the retired Azure AD Graph",),
)
def reading_the_directory_leaves_a_trace(log_export: Rows | Gap) -> Verdict:
    """Reading the directory leaves a trace (Graph and legacy Graph activity logs).

    Holds when both MicrosoftGraphActivityLogs and AzureADGraphActivityLogs are
    exported. Partial with one of them, fails with neither. Azure keeps these
    settings outside Graph; without them a person has to look and attest.

    Why: the audit log records changes and not reads. These two categories
    record requests to Microsoft Graph and to the old Azure AD Graph, which
    scripts for listing a directory still call.

    Attack: a guest lists people, groups and applications for an afternoon; in
    the audit log there is nothing.

    Fix: Entra admin center > Monitoring & health > Diagnostic settings. Send
    both at least to cheap storage, and look there for requests by guests.

    Breaks: nothing, but they are the largest of all identity logs: size them
    for a week first. Rules that watch for reconnaissance will also see this
    audit.

    Default: off, and to be had through diagnostic settings only.

    Source: https://learn.microsoft.com/azure/azure-monitor/reference/tables/microsoftgraphactivitylogs
    https://learn.microsoft.com/azure/azure-monitor/reference/tables/aadgraphactivitylogs
    https://learn.microsoft.com/entra/identity/monitoring-health/concept-diagnostic-settings-logs-options
    """
    if isinstance(log_export, Gap):
        return manual(
            f"Microsoft Graph does not show this. Look under {_WHERE} for {_GRAPH_LOG} and {_LEGACY_GRAPH_LOG}; then "
            "attest it in posture.toml."
        )
    found = exported_categories(log_export) & {_GRAPH_LOG, _LEGACY_GRAPH_LOG}
    observed = {"exported categories": sorted(found)}
    if not found:
        return failed("Requests that read the directory are not exported anywhere.", observed=observed)
    if len(found) == 1:
        return partial(f"Of the two logs of reads only {names(found)} is exported.", observed=observed)
    return passed("Requests to Microsoft Graph and to the old Azure AD Graph are exported.", observed=observed)


@control(
    "GUEST-VIS-003",
    fail=Severity.MEDIUM,
    partial=Severity.LOW,
    licence="Entra ID P1 for 30 days; an archive is an Azure cost",
    remediation=Remediation(
        powershell=("Set-AdminAuditLogConfig -UnifiedAuditLogIngestionEnabled $true",),
        role="Security Administrator, and a role on the destination",
        notes="Outside Microsoft Graph: Log Analytics workspace > Tables > retention; Purview > Audit retention "
        "policies.",
    ),
    frameworks={
        "cis_m365": ("3.1.1 L1 (v7.0.0, context: the unified audit log is not read)",),
        "mcsb": ("LT-6",),
        "nist_800_53r5": ("AU-11",),
        "iso_27001_2022": ("A.8.15 (own)", "A.5.28 (own)"),
        "attack": ("T1562.008 (own)",),
        "prowler": ("purview_audit_log_search_enabled",),
    },
    parameters=("retention_days",),
    unverified=("how long the destination of an export keeps what it gets is not read",),
)
def logs_outlast_invitations(subscribed_skus: Rows, log_export: Rows | Gap, thresholds: Thresholds) -> Verdict:
    """Logs last longer than an invitation stays dangerous.

    Holds when sign-in and audit logs are exported to a place that keeps them
    for `retention_days`, which a person has to attest. Partial when nothing is
    exported and Entra itself keeps 30 days, fails when it keeps 7. Without the
    export settings a person has to look and attest.

    Why: an invitation can be accepted months after it was sent. Once that
    event has left the log, nobody can say who opened the door.

    Attack: the invitation is sent today and accepted next spring.

    Fix: keep exported logs searchable for 180 days and archived for a year: Log
    Analytics workspace > Tables > retention; Purview audit retention policies.

    Breaks: nothing, but it costs, and in some countries works councils and
    privacy rules limit how long logs may be kept.

    Default: 7 days without a licence, 30 days with Entra ID P1 or P2.

    Source: https://learn.microsoft.com/entra/identity/monitoring-health/reference-reports-data-retention
    https://learn.microsoft.com/entra/identity/monitoring-health/concept-diagnostic-settings-logs-options
    """
    premium = licences(subscribed_skus).p1
    kept = {True: _PREMIUM_DAYS, False: _FREE_DAYS, None: None}[premium]
    built_in = f"Entra keeps {kept or 'an unknown number of'} days by itself"
    observed = {"days kept by Entra": kept}
    if isinstance(log_export, Gap):
        return manual(
            f"{built_in}. Whether logs are exported is not in Microsoft Graph: look under {_WHERE} and at "
            f"the retention there (at least {thresholds.retention_days} days), then attest it in posture.toml.",
            observed=observed,
        )
    found = exported_categories(log_export)
    if {"AuditLogs", "SignInLogs"} <= found:
        return manual(
            f"Sign-in and audit logs are exported. How long the destination keeps them (at least "
            f"{thresholds.retention_days} days are wanted) was not read: look there, then attest it in posture.toml.",
            observed=observed,
        )
    if kept is None:
        raise UnknownValueError("the subscriptions do not tell whether Entra keeps logs for 7 or 30 days")
    if premium:
        return partial(f"Sign-in and audit logs are not both exported; {built_in}.", observed=observed)
    return failed(f"Sign-in and audit logs are not both exported; {built_in}.", observed=observed)


@control(
    "GUEST-VIS-004",
    fail=Severity.MEDIUM,
    partial=Severity.LOW,
    kind="manual",
    licence="Microsoft Sentinel or another monitoring system",
    remediation=Remediation(
        role="Microsoft Sentinel Contributor",
        notes="Outside Microsoft Graph: Sentinel > Analytics > Rule templates. posture kql writes rules for the hunts "
        "of this catalogue.",
    ),
    frameworks={
        "mcsb": ("LT-1", "LT-2"),
        "nist_800_53r5": ("AU-6", "SI-4 (own)", "CA-7 (own)"),
        "iso_27001_2022": ("A.8.15 (own)", "A.8.16 (own)"),
        "attack": ("T1136.003", "T1098"),
        "atrm": ("AZT502.3",),
        "other": (
            "Sigma azure_guest_to_member",
            "Sigma azure_guest_invite_failure",
            "Splunk O365 External Identity Policy Changed",
            "Splunk O365 Cross-Tenant Access Change",
            "Elastic Entra ID External Guest User Invited",
        ),
    },
    parameters=("required_alerts",),
    unverified=("the address at which Sentinel lists its rules", "two mappings are from memory: CA-7 and A.8.16"),
)
def somebody_is_told(thresholds: Thresholds) -> Verdict:
    """Somebody is told when guest posture changes.

    Holds when alerts exist for everything in `required_alerts`, partial for
    some, fails for none. No interface of Graph lists them, so a person has to
    look and attest.

    Why: nothing in the cloud directory rings by itself when a guest looks
    around or a setting is opened. The events are recorded; the alert has to be
    built.

    Attack: the invite setting is opened for ten minutes and closed again.
    Nobody compares settings twice a day.

    Fix: Sentinel > Analytics > Rule templates, e.g. guests invited by new
    inviters, and user state changed from guest to member; or turn the hunts of
    this catalogue into scheduled rules.

    Breaks: nothing; campaigns that bring in many guests make noise, so except
    approved inviters.

    Default: no alert.

    Source: https://learn.microsoft.com/entra/architecture/security-operations-user-accounts
    https://github.com/SigmaHQ/sigma/tree/master/rules/cloud/azure/audit_logs
    """
    return manual(
        "Microsoft Graph does not show this. Look in your monitoring system for alerts on: "
        f"{'; '.join(thresholds.required_alerts)}. Then attest it in posture.toml."
    )
