"""Plain frozen settings that everyone may import: thresholds, accepted risks, attestations.

Reading them from options, environment and `posture.toml` is `cli/config.py`'s work.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How much a finding matters. `info` carries no weight."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for info up to 4 for critical."""
        return ("info", "low", "medium", "high", "critical").index(self.value)


class Profile(StrEnum):
    """Whose reading applies where authorities differ (design: Judgement)."""

    POSTURE = "posture"
    CIS_M365_V7 = "cis-m365-v7"
    SCUBA_AAD = "scuba-aad"
    MS_ZTA = "ms-zta"


CONSUMER_DOMAINS = (
    "gmail.com",
    "googlemail.com",
    "outlook.com",
    "hotmail.com",
    "live.com",
    "msn.com",
    "yahoo.com",
    "icloud.com",
    "me.com",
    "aol.com",
    "gmx.com",
    "gmx.net",
    "gmx.de",
    "web.de",
    "proton.me",
    "protonmail.com",
    "mail.ru",
    "yandex.com",
    "qq.com",
    "163.com",
    "zoho.com",
)


HIGHLY_PRIVILEGED_ROLES = (
    "62e90394-69f5-4237-9190-012177145e10",  # Global Administrator
    "e8611ab8-c189-46e8-94e1-60213ab1f814",  # Privileged Role Administrator
    "7be44c8a-adaf-4e2a-84d6-ab2649e08a13",  # Privileged Authentication Administrator
    "fe930be7-5e62-47db-91af-98c3a49a38b1",  # User Administrator
    "f28a1f50-f6e7-4571-818b-6a12f2af6b6c",  # SharePoint Administrator
    "29232cdf-9323-42fd-ade2-1d097af3e4de",  # Exchange Administrator
    "8ac3fc64-6eca-42ea-9e69-59f4c7b60eb2",  # Hybrid Identity Administrator
    "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3",  # Application Administrator
    "158c047a-c907-4556-b7ef-446551a6b5f7",  # Cloud Application Administrator
)
"""Role templates that lead to the whole tenant: CISA's list, and the one that resets administrators' sign-in.

Source: https://learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference
"""

INFLUENCEABLE_ATTRIBUTES = (
    "city",
    "companyName",
    "country",
    "department",
    "displayName",
    "givenName",
    "jobTitle",
    "mobile",
    "otherMails",
    "preferredLanguage",
    "state",
    "surname",
    "telephoneNumber",
)
"""Attributes whose value a person or their home organization can choose."""


DANGEROUS_APP_PERMISSIONS = (
    "RoleManagement.ReadWrite.Directory",
    "AppRoleAssignment.ReadWrite.All",
    "Application.ReadWrite.All",
    "Directory.ReadWrite.All",
    "Group.ReadWrite.All",
    "Mail.ReadWrite",
    "Files.ReadWrite.All",
    "Sites.FullControl.All",
)
"""Application permissions of Microsoft Graph that lead to the whole tenant or to everybody's content."""


@dataclass(frozen=True)
class Thresholds:
    """Every parameter a control or hunt reads; `[parameters]` in posture.toml changes them.

    Days are whole days before the run's own clock, percentages 0–100. Lists of
    ids are compared without regard to letter case.
    """

    stale_days: int = 90
    stale_fail_days: int = 180
    stale_tolerance_pct: float = 5.0
    exempt_reenabled_days: int = 7
    count_failed_attempts_as_use: bool = False
    never_signed_in_days: int = 30
    pending_days: int = 30
    pending_fail_days: int = 90
    pending_tolerance_count: int = 5
    disabled_days: int = 30
    min_sponsored_pct: float = 90.0
    review_max_interval_days: int = 92
    review_cis_interval_days: int = 31
    review_max_instance_days: int = 14
    max_assignment_days: int = 365
    max_delete_after_days: int = 30
    allowed_internal_guest_ids: tuple[str, ...] = ()
    approved_reset_actors: tuple[str, ...] = ()
    sign_in_frequency_max_hours: int = 24
    sign_in_frequency_partial_max_hours: int = 168
    min_registered_pct: float = 90.0
    exclude_trusted_partner_guests: bool = True
    allowed_user_flow_ids: tuple[str, ...] = ()
    allowed_excluded_app_ids: tuple[str, ...] = ("810dcf14-1858-4bf2-8134-4c369fa3235b",)  # entitlement management
    guest_admin_exception_groups: tuple[str, ...] = ()
    guest_level_floor: str = "restricted"  # or "limited"
    inbound_stance: str = "deny-by-default"  # or "allow-with-domain-list"
    allow_default_mfa_trust: bool = False
    score_outbound: bool = False
    consumer_domains: tuple[str, ...] = CONSUMER_DOMAINS
    consumer_domain_stems: tuple[str, ...] = ("outlook", "hotmail", "live", "yahoo")
    consumer_max_pct: float = 0.0
    excepted_guest_ids: tuple[str, ...] = ()
    approved_partner_tenant_ids: tuple[str, ...] = ()
    own_tenant_ids: tuple[str, ...] = ()
    break_glass_ids: tuple[str, ...] = ()
    approved_inviter_ids: tuple[str, ...] = ()
    approved_guest_admins: tuple[str, ...] = ()
    approved_app_ids: tuple[str, ...] = ()
    highly_privileged_role_templates: tuple[str, ...] = HIGHLY_PRIVILEGED_ROLES
    tolerated_role_templates: tuple[str, ...] = ("95e79109-95c0-4d8e-aee3-d01accf2d47b",)  # Guest Inviter
    dangerous_app_permissions: tuple[str, ...] = DANGEROUS_APP_PERMISSIONS  # or app role ids
    min_internal_owners: int = 1
    influenceable_attributes: tuple[str, ...] = INFLUENCEABLE_ATTRIBUTES
    intentional_guest_groups: tuple[str, ...] = ()
    tolerated_skus: tuple[str, ...] = ()
    expect_allow_to_add_guests: str = ""  # "true" or "false"; "" while the tenant has not decided
    require_usage_guidelines: bool = False
    accept_new_guests: bool = True
    max_expire_days: int = 30
    max_reauth_days: int = 15
    required_log_categories: tuple[str, ...] = (
        "SignInLogs",
        "NonInteractiveUserSignInLogs",
        "ServicePrincipalSignInLogs",
        "ManagedIdentitySignInLogs",
        "AuditLogs",
        "ProvisioningLogs",
    )
    required_alerts: tuple[str, ...] = (
        "invitation by a new or unapproved inviter",
        "guest turned into a member",
        "change of the authorization, B2B or cross-tenant access policy",
        "role or ownership given to a guest",
        "guest invited by a guest",
    )
    lookback_days: int = 30
    baseline_days: int = 14
    retention_days: int = 180
    burst_count: int = 10
    burst_minutes: int = 60
    chain_hours: int = 72
    # Hunts
    failed_invites_threshold: int = 5
    approved_guest_ids: tuple[str, ...] = ()
    approved_change_actors: tuple[str, ...] = ()
    expected_countries: tuple[str, ...] = ()
    short_life_hours: int = 24
    dormant_days: int = 60
    failures_before_success: int = 5
    failures_minutes: int = 60
    refused_apps: int = 3
    refused_apps_minutes: int = 60

    def as_json(self) -> dict[str, Any]:
        """Return the values as JSON would hold them."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}


CHOICES: Mapping[str, tuple[str, ...]] = {
    "guest_level_floor": ("restricted", "limited"),
    "inbound_stance": ("deny-by-default", "allow-with-domain-list"),
    "expect_allow_to_add_guests": ("", "true", "false"),
}
"""What the parameters that are words may say."""


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


@dataclass(frozen=True)
class AcceptedRisk:
    """One `[[accepted]]` table: a risk somebody took, until when and why."""

    control: str
    reason: str
    owner: str
    approved: date
    until: date
    kind: str = "accepted"
    ticket: str = ""
    domains: tuple[str, ...] = ()
    guests: tuple[str, ...] = ()
    value: Any = None


@dataclass(frozen=True)
class Attestation:
    """An answer a person gave for a control that Graph cannot answer."""

    control: str
    value: str
    who: str
    when: date
    until: date
    evidence: str = ""


@dataclass(frozen=True)
class Settings:
    """What an assessment depends on besides the evidence; stored as `evidence/settings.json`.

    `include_accepted` is False where the run was asked to ignore accepted risks, which are then not among these.
    """

    profile: Profile = Profile.POSTURE
    thresholds: Thresholds = field(default_factory=Thresholds)
    accepted: tuple[AcceptedRisk, ...] = ()
    attestations: tuple[Attestation, ...] = ()
    include_accepted: bool = True


def same_id(left: str, right: str) -> bool:
    """Compare two object ids as Entra does, without regard to letter case."""
    return left.casefold() == right.casefold()


def changed(thresholds: Thresholds) -> Mapping[str, Any]:
    """Return the parameters that differ from their defaults."""
    defaults = Thresholds()
    return {
        f.name: getattr(thresholds, f.name)
        for f in fields(thresholds)
        if getattr(thresholds, f.name) != getattr(defaults, f.name)
    }
