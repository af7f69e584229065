"""Who may invite, whom, and how an invitation is accepted."""

from collections.abc import Mapping
from typing import Any

from posture.controls.mfa_exclusions import MfaExclusions, exclusions
from posture.controls.registry import (
    Authority,
    Outcome,
    Remediation,
    Verdict,
    control,
    failed,
    partial,
    passed,
)
from posture.controls.shared import ids, names, number
from posture.errors import UnknownValueError
from posture.settings import Profile, Severity, Thresholds
from posture.snapshot.conditional_access import GuestMfa, guest_mfa
from posture.snapshot.derive import (
    DomainList,
    Inviters,
    domain_list_holds,
    invitation_domain_mode,
    inviters,
    otp_state,
)
from posture.snapshot.domains import ConsumerDomains, plain_domain
from posture.snapshot.types import Gap, Rows
from posture.snapshot.values import block, flag, objects, text

GUEST_INVITER = "95e79109-95c0-4d8e-aee3-d01accf2d47b"
_POLICY = "https://graph.microsoft.com/v1.0/policies/authorizationPolicy"

_FEW = (Inviters.NOBODY, Inviters.ROLES)


def _cis_5_1_6_3(authorization_policy: Mapping[str, Any], **_: Any) -> Outcome:
    return Outcome.PASS if inviters(authorization_policy) in _FEW else Outcome.FAIL


def _scuba_8_2(authorization_policy: Mapping[str, Any], **_: Any) -> Outcome:
    """ScubaGear accepts one value; its rule fails even `none`, which is stricter."""
    return Outcome.PASS if inviters(authorization_policy) is Inviters.ROLES else Outcome.FAIL


def _zta_21791(authorization_policy: Mapping[str, Any], **_: Any) -> Outcome:
    return Outcome.FAIL if inviters(authorization_policy) is Inviters.EVERYONE else Outcome.PASS


@control(
    "GUEST-INV-001",
    fail=Severity.HIGH,
    partial=Severity.MEDIUM,
    licence="none (Entra ID Free)",
    observes=("authorization_policy.allowInvitesFrom",),
    remediation=Remediation(
        method="PATCH",
        url=_POLICY,
        body={"allowInvitesFrom": "adminsAndGuestInviters"},
        permission="Policy.ReadWrite.Authorization",
        role="Privileged Role Administrator",
        powershell=("Update-MgPolicyAuthorizationPolicy -AllowInvitesFrom 'adminsAndGuestInviters'",),
        notes=(
            "Give Guest Inviter to those who invite first. Set-EntraAuthorizationPolicy documents this setting "
            "and does not send it."
        ),
    ),
    frameworks={
        "cis_m365": ("5.1.6.3 L2 (v4.0.0, v6.0.x, v7.0.0)",),
        "cis_azure": ("1.16 (v2.0)", "2.16 (v3.0)", "6.16 (v4.0)", "5.16 (v5.0)"),
        "scuba": ("MS.AAD.8.2v1 (SHOULD)",),
        "mcsb": ("PA-3 (own)", "PA-7 (own)"),
        "nist_800_53r5": ("AC-6(10) (SCuBA)", "AC-2 (own)"),
        "iso_27001_2022": ("A.5.2 (Prowler)", "A.5.3 (Prowler)", "A.8.2 (Prowler)", "A.5.36 (Prowler)"),
        "attack": ("T1136.003", "T1098.003 (SCuBA)", "T1078.004"),
        "atrm": ("AZT502.3",),
        "maester": ("CISA.MS.AAD.8.2", "EIDSCA.AP04"),
        "prowler": ("entra_policy_guest_invite_only_for_admin_roles",),
        "zta": ("21791",),
        "other": ("DORA Art. 28 (Prowler)", "NIS2 11.2.2.a, 11.2.2.d (Prowler)", "CSA CCM 4.0 IAM-09 (Prowler)"),
    },
    authorities=(
        Authority("CIS Microsoft 365 v7.0.0", "5.1.6.3 L2: invitations by chosen roles only", _cis_5_1_6_3),
        Authority("CISA SCuBA", "MS.AAD.8.2v1 (SHOULD): Guest Inviter role only", _scuba_8_2),
        Authority("Microsoft Zero Trust Assessment", "21791: guests cannot invite", _zta_21791),
    ),
    empty_is_good="role_assignments: nobody holds Guest Inviter; they are counted as evidence, not judged.",
    unverified=("the MCSB mapping is our own",),
)
def invitations_are_limited(
    authorization_policy: Mapping[str, Any], role_assignments: Rows | Gap, profile: Profile
) -> Verdict:
    """Only chosen roles can invite guests.

    Holds when `allowInvitesFrom` is `none` or `adminsAndGuestInviters`. Partial
    when members may invite and guests may not; that fails under CIS and SCuBA
    and passes under Microsoft's assessment. Fails when everyone may invite.

    Why: an invitation creates an account that outlives the session which sent
    it. While anybody can invite, nobody decides who comes in.

    Attack: with one stolen session, or as a guest who is already inside, an
    attacker invites an address of their own. The new account survives when the
    first one is found and reset, and looks like one more business partner.

    Fix: Entra admin center > External Identities > External collaboration
    settings > Guest invite settings > Only users assigned to specific admin
    roles can invite guest users. Give Guest Inviter to trained people, or
    publish access packages. Choose "no one" only where you do not use B2B.

    Breaks: members and team owners can no longer bring in somebody new from
    Teams, SharePoint or Groups. People who are in the directory already can
    still be added. SharePoint follows only while it is integrated with
    Entra B2B.

    Default: everyone; in US Government clouds nobody.

    Source: https://learn.microsoft.com/graph/api/resources/authorizationpolicy
    https://learn.microsoft.com/entra/external-id/external-collaboration-settings-configure
    https://github.com/cisagov/ScubaGear/blob/main/PowerShell/ScubaGear/baselines/aad.md
    https://github.com/tired-labs/techniques/blob/main/reports/trr0021/azr/README.md
    https://microsoft.github.io/Azure-Threat-Research-Matrix/Persistence/AZT502/AZT502-3/
    """
    setting = inviters(authorization_policy)
    observed = _holders(role_assignments)
    if setting in _FEW:
        who = "Nobody can invite" if setting is Inviters.NOBODY else "Only administrators and Guest Inviters can invite"
        return passed(f"{who}: allowInvitesFrom is {setting}.", observed=observed)
    if setting is Inviters.EVERYONE:
        return failed("Everyone can invite, guests included: allowInvitesFrom is everyone.", observed=observed)
    words = f"Every member can invite, guests cannot: allowInvitesFrom is {setting}."
    if profile is Profile.MS_ZTA:
        return passed(words, observed=observed)
    return (partial if profile is Profile.POSTURE else failed)(words, observed=observed)


def _holders(role_assignments: Rows | Gap) -> dict[str, Any]:
    """Return how many active assignments of Guest Inviter there are, where that was read."""
    if isinstance(role_assignments, Gap):
        return {}
    rows = objects(role_assignments, "role assignments")
    return {
        "role_assignments.Guest Inviter assignments": sum(
            str(r.get("roleDefinitionId")).casefold() == GUEST_INVITER for r in rows
        )
    }


def _wants_allow_list(b2b_management_policies: Rows, **_: Any) -> Outcome | None:
    """Judge by an allow list alone; undecided where one is present and empty."""
    kind = invitation_domain_mode(b2b_management_policies).kind
    if kind is DomainList.EMPTY_ALLOW:
        return None
    return Outcome.PASS if kind is DomainList.ALLOW else Outcome.FAIL


def _cis_5_1_6_1(b2b_management_policies: Rows, **_: Any) -> Outcome:
    return _pass_if(domain_list_holds(invitation_domain_mode(b2b_management_policies), Profile.CIS_M365_V7))


def _zta_21822(b2b_management_policies: Rows, **_: Any) -> Outcome:
    return _pass_if(domain_list_holds(invitation_domain_mode(b2b_management_policies), Profile.MS_ZTA))


def _pass_if(holds: bool) -> Outcome:
    return Outcome.PASS if holds else Outcome.FAIL


@control(
    "GUEST-INV-002",
    fail=Severity.MEDIUM,
    partial=Severity.LOW,
    licence="none",
    remediation=Remediation(
        method="PATCH",
        url="https://graph.microsoft.com/beta/policies/b2bManagementPolicies/{id}",
        body={
            "displayName": "B2BManagementPolicy",
            "isOrganizationDefault": True,
            "definition": [
                '{"B2BManagementPolicy":{"Version":1,"InvitationsAllowedAndBlockedDomainsPolicy":'
                '{"AllowedDomains":["{partner domain}"]}}}'
            ],
        },
        permission="Policy.ReadWrite.B2BManagementPolicy",
        role="Global Administrator",
        powershell=("Update-MgBetaPolicyB2BManagementPolicy -B2BManagementPolicyId {id} -BodyParameter $body",),
        notes=(
            "The whole JSON text is replaced: read the present definition, keep its other keys and change the domain "
            "lists alone. Switching between allow and block list discards the old list, so export it first."
        ),
    ),
    frameworks={
        "cis_m365": ("5.1.6.1 L2 (v4.0.0 manual; v6.0.0, v7.0.0 automated)",),
        "scuba": ("MS.AAD.8.3v1 (SHOULD, manual)",),
        "mcsb": ("IM-1 (own)", "PA-3 (own)"),
        "nist_800_53r5": ("AC-3 (SCuBA)", "AC-20 (own)"),
        "iso_27001_2022": ("A.5.19 (own)", "A.5.15 (own)"),
        "attack": ("T1136.003", "T1199", "T1078.001 (SCuBA)"),
        "atrm": ("AZT502.3",),
        "maester": ("CISA.MS.AAD.8.3",),
        "prowler": ("entra_policy_guest_invitations_restricted_to_allowed_domains",),
        "zta": ("21822", "21874"),
    },
    authorities=(
        Authority("CIS Microsoft 365 v7.0.0", "5.1.6.1 L2: invitations to allowed domains only", _cis_5_1_6_1),
        Authority("CISA SCuBA", "MS.AAD.8.3v1 (SHOULD, manual): authorized domains only", _wants_allow_list),
        Authority("Microsoft Zero Trust Assessment", "21822: approved tenants only", _zta_21822),
        Authority("Microsoft Zero Trust Assessment", "21874: a list of allowed domains is there", _wants_allow_list),
    ),
    parameters=("consumer_domains", "consumer_domain_stems"),
    empty_is_good="",
    unverified=(
        "the JSON of the definition in the change is known from peers, not from Microsoft's page",
        "what the beta endpoint answers in a tenant that never saved a list: an empty list is taken as no list",
        "whether a domain covers its subdomains",
    ),
)
def invitations_go_to_approved_domains(
    b2b_management_policies: Rows, profile: Profile, thresholds: Thresholds
) -> Verdict:
    """Invitations go to approved domains only.

    Holds when the B2B policy has an allow list with domains in it. Partial when
    it has a block list with domains in it; CIS, SCuBA and Microsoft's
    assessment fail that. Fails when there is no list, or an empty block list,
    which is how "any domain" is stored. An allow list that is present and empty
    may mean nobody or anybody: not assessed, but a pass under CIS and a fail
    under Microsoft's assessment. Domains on the allow list where anybody can
    have a mailbox are named.

    Why: without a list a tricked inviter can bring in any mailbox on the
    internet, one registered an hour ago among them. With an allow list an
    attacker first needs an address at a partner you have named.

    Attack: register a domain that resembles a supplier's, ask an employee to
    invite "the new colleague", and accept.

    Fix: Entra admin center > External Identities > External collaboration
    settings > Collaboration restrictions > Allow invitations only to the
    specified domains. Keep the list in step with SharePoint's own list and with
    connected organizations. As a first step, block consumer mail domains.

    Breaks: pending invitations from a domain that is now outside cannot be
    accepted any more; guests who have accepted stay. There is one policy per
    tenant, allow or block, of 25 KB at most. Access packages offered to all
    users need the list dropped or widened. It does not govern SharePoint's own
    list and is not applied to self-service sign-up.

    Default: no list: any domain may be invited.

    Source: https://learn.microsoft.com/entra/external-id/allow-deny-list
    https://learn.microsoft.com/graph/api/resources/b2bmanagementpolicy?view=graph-rest-beta
    https://learn.microsoft.com/entra/architecture/5-secure-access-b2b
    https://github.com/microsoft/zerotrustassessment/blob/main/src/powershell/tests/Test-Assessment.21822.md
    """
    mode = invitation_domain_mode(b2b_management_policies)
    observed = {"domain list": mode.kind.value, "domains in the list": list(mode.domains)}
    if domain_list_holds(mode, profile):
        words = number(len(mode.domains), "domain") if mode.domains else "an allow list without domains"
        consumer = ConsumerDomains(thresholds)
        anybody = [d for d in map(plain_domain, mode.domains) if d in consumer]
        notes = (f"Anybody can have a mailbox at {names(anybody)}, which the list allows.",) if anybody else ()
        return passed(f"Invitations are limited to {words}.", observed=observed, notes=notes)
    if mode.kind is DomainList.BLOCK:
        words = f"Any domain may be invited, except {len(mode.domains):,} on the block list."
        return (partial if profile is Profile.POSTURE else failed)(words, observed=observed)
    if mode.kind is DomainList.EMPTY_ALLOW:
        return failed("The allow list is empty, which Microsoft's assessment counts as no list.", observed=observed)
    return failed("Any domain may be invited.", observed=observed)


def _zta_21823(authentication_flows_policy: Mapping[str, Any], **_: Any) -> Outcome:
    return _pass_if(not flag(block(authentication_flows_policy, "selfServiceSignUp"), "isEnabled"))


@control(
    "GUEST-INV-003",
    fail=Severity.MEDIUM,
    partial=Severity.LOW,
    licence="none for the switch",
    observes=("authentication_flows_policy.selfServiceSignUp.isEnabled",),
    remediation=Remediation(
        method="PATCH",
        url="https://graph.microsoft.com/v1.0/policies/authenticationFlowsPolicy",
        body={"selfServiceSignUp": {"isEnabled": False}},
        permission="Policy.ReadWrite.AuthenticationFlows",
        role="External ID User Flow Administrator",
        powershell=(
            "Update-MgPolicyAuthenticationFlowPolicy -BodyParameter @{ selfServiceSignUp = @{ isEnabled = $false } }",
        ),
    ),
    frameworks={
        "mcsb": ("PA-3 (own)",),
        "nist_800_53r5": ("AC-2 (own)", "IA-8 (own)"),
        "iso_27001_2022": ("A.5.16 (own)",),
        "attack": ("T1136.003", "T1078.004"),
        "atrm": ("AZT502.3",),
        "zta": ("21823",),
    },
    authorities=(Authority("Microsoft Zero Trust Assessment", "21823: self-service sign-up is off", _zta_21823),),
    parameters=("allowed_user_flow_ids",),
    empty_is_good="",
    unverified=("whether a list of flows ever holds their API connectors; where it does not, they are not assessed",),
)
def self_service_sign_up_is_off(
    authentication_flows_policy: Mapping[str, Any], b2x_user_flows: Rows | Gap, thresholds: Thresholds, profile: Profile
) -> Verdict:
    """Guests cannot sign themselves up, unless a flow is designed for it.

    Holds when `selfServiceSignUp.isEnabled` is false. Partial when it is true
    and no user flow exists, or every flow is listed in `allowed_user_flow_ids`
    or calls an API connector, which can ask for approval. Fails when a flow has
    neither. Reading a flow's connectors takes a permission to write, which
    posture does not ask for: where the list of flows does not show them, a flow
    that is not listed is not assessed. Under Microsoft's assessment it fails
    whenever it is on.

    Why: a user flow lets outsiders create their own guest account. Nobody
    invites, sponsors or approves them, and the list of allowed domains is not
    applied.

    Attack: find an application of yours with a sign-up page, register with a
    throw-away address, and hold an ordinary guest account from which the
    directory can be explored.

    Fix: Entra admin center > External Identities > External collaboration
    settings > Enable guest self-service sign up via user flows > No. Where an
    application needs it, put an API connector that checks the domain or asks
    for approval into its flow.

    Breaks: applications with an attached flow take no new sign-ups. Guests who
    have signed up keep signing in.

    Default: off.

    Source: https://learn.microsoft.com/entra/external-id/self-service-sign-up-overview
    https://learn.microsoft.com/graph/api/b2xidentityuserflow-get-apiconnectorconfiguration
    https://learn.microsoft.com/graph/api/resources/authenticationflowspolicy
    https://learn.microsoft.com/entra/external-id/external-collaboration-settings-configure
    https://github.com/microsoft/zerotrustassessment/blob/main/src/powershell/tests/Test-Assessment.21823.md
    """
    if not flag(block(authentication_flows_policy, "selfServiceSignUp"), "isEnabled"):
        return passed("Guest self-service sign-up is off.")
    if profile is Profile.MS_ZTA:
        return failed("Guest self-service sign-up is on.")
    if isinstance(b2x_user_flows, Gap):
        raise UnknownValueError(
            f"self-service sign-up is on and its user flows were not read ({b2x_user_flows.detail}), so whether one "
            "lets in anybody is not known",
            because=b2x_user_flows,
        )
    allowed = ids(thresholds.allowed_user_flow_ids)
    flows = [f for f in objects(b2x_user_flows, "user flows") if text(f, "id").casefold() not in allowed]
    bare = [f for f in flows if _has_connector(f) is False]
    if bare:
        return failed(
            f"Guest self-service sign-up is on and {number(len(bare), 'user flow')} asks nobody for approval.",
            affected=[{"id": f["id"], "why": "user flow without an API connector"} for f in bare],
        )
    unread = [f for f in flows if _has_connector(f) is None]
    if unread:
        raise UnknownValueError(
            f"self-service sign-up is on and the API connectors of {number(len(unread), 'user flow')} were not in the "
            "answer (reading them takes a permission to write); look at the flows, and list those that check who "
            "signs up in allowed_user_flow_ids"
        )
    return partial("Guest self-service sign-up is on; every user flow is allowed or calls an API connector.")


def _has_connector(flow: Mapping[str, Any]) -> bool | None:
    """Whether a flow calls an API connector; None where the answer does not hold its configuration."""
    if "apiConnectorConfiguration" not in flow:
        return None
    configuration = flow["apiConnectorConfiguration"]
    steps = ("postFederationSignup", "postAttributeCollection")
    if configuration is None:
        return False
    if not isinstance(configuration, Mapping) or not any(s in configuration for s in steps):
        return None
    called = [configuration.get(s) for s in steps]
    if any(isinstance(c, Mapping) and c for c in called):
        return True
    return None if {} in called else False  # an object that says nothing names no connector, and does not deny one


@control(
    "GUEST-INV-004",
    fail=Severity.MEDIUM,
    partial=Severity.LOW,
    licence="none",
    observes=(
        "authorization_policy.allowEmailVerifiedUsersToJoinOrganization",
        "authorization_policy.allowedToSignUpEmailBasedSubscriptions",
    ),
    remediation=Remediation(
        method="PATCH",
        url=_POLICY,
        body={"allowEmailVerifiedUsersToJoinOrganization": False, "allowedToSignUpEmailBasedSubscriptions": False},
        permission="Policy.ReadWrite.Authorization",
        role="Privileged Role Administrator",
        powershell=(
            "Update-MgPolicyAuthorizationPolicy -AllowEmailVerifiedUsersToJoinOrganization:$false "
            "-AllowedToSignUpEmailBasedSubscriptions:$false",
            "Set-EntraAuthorizationPolicy -AllowEmailVerifiedUsersToJoinOrganization $false "
            "-AllowedToSignUpEmailBasedSubscriptions $false",
        ),
        notes="No switch in the portal was found.",
    ),
    frameworks={
        "mcsb": ("IM-1 (own)",),
        "nist_800_53r5": ("AC-2 (own)",),
        "iso_27001_2022": ("A.5.16 (own)",),
        "attack": ("T1136.003", "T1078.004"),
        "atrm": ("AZT502.1 (own)",),
        "maester": ("EIDSCA.AP05", "EIDSCA.AP06"),
    },
)
def email_does_not_make_members(authorization_policy: Mapping[str, Any]) -> Verdict:
    """A mailbox alone makes nobody a member.

    Holds when `allowEmailVerifiedUsersToJoinOrganization` and
    `allowedToSignUpEmailBasedSubscriptions` are both false. Partial when only
    the second is true. Fails when the first is true.

    Why: with both on, whoever controls a mailbox at one of your domains can get
    a member account. It passes by your joiner process, and every control over
    guests looks past it, because it is no guest.

    Attack: take over a forgotten alias or a shared mailbox at a verified
    domain, sign up for a free service with it, and own a member account.

    Fix: no portal page shows these switches; send the change through Graph or
    PowerShell.

    Breaks: self-service trials of Power BI and the like stop for people without
    an account. Education tenants whose students join by mail feel it most, and
    Microsoft says that only there people are added to a managed tenant this way
    today.

    Default: both true, according to Microsoft's PowerShell reference and a
    sample answer.

    Source: https://learn.microsoft.com/entra/identity/users/directory-self-service-signup
    https://learn.microsoft.com/graph/api/resources/authorizationpolicy
    """
    joins = flag(authorization_policy, "allowEmailVerifiedUsersToJoinOrganization")
    subscribes = flag(authorization_policy, "allowedToSignUpEmailBasedSubscriptions")
    if joins:
        return failed("Anybody who proves a mailbox at one of your domains can join as a member.")
    if subscribes:
        return partial("Nobody joins by mail; sign-up to services by mail is on.")
    return passed("Nobody joins or signs up to services by mail alone.")


_BUILT_IN = "builtinidentityprovider"
_SOCIAL = "socialidentityprovider"
_FEDERATED = ("samlorwsfedexternaldomainfederation", "samlorwsfedprovider", "internaldomainfederation")


def _extra_providers(identity_providers: Rows) -> list[str]:
    """Return the social providers beyond Google, whose accounts nobody at the partner manages."""
    found = []
    for provider in objects(identity_providers, "identity providers"):
        kind = text(provider, "@odata.type").rpartition(".")[2].casefold()
        if kind in (_SOCIAL, "appleidentityprovider", "applemanagedidentityprovider"):
            name = str(provider.get("identityProviderType") or "Apple")
            found += [name] if name.casefold() != "google" else []
        elif kind not in (_BUILT_IN, *_FEDERATED):
            raise UnknownValueError(f"an identity provider is of the kind {kind!r}")
    return sorted(found)


def _cis_5_2_3_7(authentication_methods_policy: Mapping[str, Any], **_: Any) -> Outcome:
    return _pass_if(otp_state(authentication_methods_policy) == "disabled")


def _prowler_email_otp(authentication_methods_policy: Mapping[str, Any], **_: Any) -> Outcome | None:
    """The published test reads `state`, which is about the tenant's own users."""
    for method in objects(authentication_methods_policy.get("authenticationMethodConfigurations"), "methods"):
        if str(method.get("id")).casefold() == "email":
            return _pass_if(text(method, "state") == "disabled")
    return None


@control(
    "GUEST-INV-005",
    fail=Severity.MEDIUM,
    partial=Severity.LOW,
    licence="none",
    observes=("cross_tenant_default.invitationRedemptionIdentityProviderConfiguration",),
    remediation=(
        Remediation(
            method="PATCH",
            url="https://graph.microsoft.com/v1.0/policies/crossTenantAccessPolicy/default",
            body={
                "invitationRedemptionIdentityProviderConfiguration": {
                    "primaryIdentityProviderPrecedenceOrder": [
                        "azureActiveDirectory",
                        "externalFederation",
                        "socialIdentityProviders",
                    ],
                    "fallbackIdentityProvider": "emailOneTimePasscode",
                }
            },
            permission="Policy.ReadWrite.CrossTenantAccess",
            role="Security Administrator",
            powershell=("Update-MgPolicyCrossTenantAccessPolicyDefault -BodyParameter $body",),
            notes="Closes the personal Microsoft account; ask all guests for MFA as well (GUEST-AUT-001).",
        ),
        Remediation(
            method="PATCH",
            url=(
                "https://graph.microsoft.com/v1.0/policies/authenticationMethodsPolicy"
                "/authenticationMethodConfigurations/email"
            ),
            body={
                "@odata.type": "#microsoft.graph.emailAuthenticationMethodConfiguration",
                "allowExternalIdToUseEmailOtp": "disabled",
            },
            permission="Policy.ReadWrite.AuthenticationMethod",
            role="Authentication Policy Administrator",
            powershell=(
                "Update-MgPolicyAuthenticationMethodPolicyAuthenticationMethodConfiguration "
                "-AuthenticationMethodConfigurationId Email -BodyParameter $body",
            ),
            notes=(
                "Only for the reading of CIS, which turns the passcode off. It locks out guests who accepted with it, "
                "and CIS 7.2.2 (SharePoint with Entra B2B) needs it."
            ),
        ),
    ),
    frameworks={
        "cis_m365": (
            "5.2.3.7 L2 (v6.0.0, v7.0.0: email one-time passcode off)",
            "7.2.2 L1 (v4.0.0-v7.0.0, context: needs the passcode)",
        ),
        "mcsb": ("IM-6 (own)",),
        "nist_800_53r5": ("IA-8 (own)", "IA-2(2) (own)"),
        "iso_27001_2022": ("A.8.5 (own)", "A.5.17 (own)"),
        "attack": ("T1078.004", "T1621 (own)"),
        "atrm": ("AZT201.1 (own)",),
        "prowler": ("entra_authentication_method_email_otp_disabled",),
    },
    authorities=(
        Authority("CIS Microsoft 365 v7.0.0", "5.2.3.7 L2: email one-time passcode is off for guests", _cis_5_2_3_7),
        Authority(
            "Prowler",
            "entra_authentication_method_email_otp_disabled: tests state, which is not about guests",
            _prowler_email_otp,
        ),
    ),
    parameters=("break_glass_ids", "allowed_excluded_app_ids"),
    empty_is_good=(
        "identity_providers: no further provider is set up. "
        "mfa_exclusions, external_members: nobody from outside is left out by name."
    ),
    unverified=("whether identityProviders lists Facebook in every tenant",),
)
def redemption_falls_back_to_a_code(
    authentication_methods_policy: Mapping[str, Any],
    cross_tenant_default: Mapping[str, Any],
    identity_providers: Rows | Gap,
    conditional_access_policies: Rows | Gap,
    security_defaults: Mapping[str, Any] | Gap,
    mfa_exclusions: MfaExclusions | Gap,
    external_members: Rows | Gap,
    privileged_group_members: Rows | Gap,
    groups: Rows | Gap,
    authentication_strengths: Rows | Gap,
    thresholds: Thresholds,
    profile: Profile,
) -> Verdict:
    """Invitations are accepted in a way you can defend.

    Holds when redemption falls back to an emailed one-time passcode, every kind
    of guest must pass MFA, and no social provider but Google is set up. Partial
    when the service default decides the fallback, a personal Microsoft account
    stays possible, a further social provider is set up, or MFA has holes. Fails
    when a passcode or a personal account can be used and nothing asks for MFA.
    Under CIS it holds when the passcode is off, and fails otherwise.

    Why: an invited person without an Entra, SAML or Google account gets a code
    by mail or uses a personal Microsoft account. The code makes the mailbox the
    only factor unless you ask for another; the personal account stays with the
    person after they leave the partner.

    Attack: break into the mailbox of a partner's employee, or keep the personal
    account after leaving; both sign in to your tenant with nothing more.

    Fix: Entra admin center > External Identities > Cross-tenant access settings
    > Default settings > Edit inbound defaults > B2B collaboration > Redemption
    order > Fallback identity providers: Email one-time passcode only. Then ask
    all guests for MFA.

    Breaks: people who would have used a personal Microsoft account get a code
    instead. One fallback must stay on, so passcode and Microsoft account cannot
    both be off. Turning the passcode off locks out those who accepted with it,
    and SharePoint's B2B integration and access packages for all users need it.

    Default: passcode on (`default` counts as on), fallback decided by the
    service.

    Source: https://learn.microsoft.com/entra/external-id/one-time-passcode
    https://learn.microsoft.com/graph/api/resources/emailauthenticationmethodconfiguration
    https://learn.microsoft.com/entra/external-id/cross-tenant-access-settings-b2b-collaboration
    https://learn.microsoft.com/entra/external-id/redemption-experience
    https://learn.microsoft.com/sharepoint/sharepoint-azureb2b-integration
    """
    otp, fallback = otp_state(authentication_methods_policy), _fallback(cross_tenant_default)
    observed = {
        "authentication_methods_policy.allowExternalIdToUseEmailOtp": otp,
        "cross_tenant_default.fallbackIdentityProvider": fallback,
    }
    if profile is Profile.CIS_M365_V7:
        if otp == "disabled":
            notes = ("CIS 7.2.2 asks for SharePoint's integration with Entra B2B, which needs the passcode.",)
            return passed("Email one-time passcode is off for guests.", observed=observed, notes=notes)
        return failed(f"Email one-time passcode is on for guests ({otp}).", observed=observed)
    left_out = exclusions(mfa_exclusions, external_members, privileged_group_members, groups, thresholds)
    mfa = guest_mfa(conditional_access_policies, security_defaults, left_out, authentication_strengths)
    observed |= {"conditional_access_policies.MFA asked of guests": mfa.level}
    if mfa.level == "none":
        way = "a personal Microsoft account" if otp == "disabled" else "a code by mail"
        return failed(f"Guests can come in with {way} alone: nothing asks them for MFA.", observed=observed)
    doubts = _doubts(otp, fallback, mfa)
    if isinstance(identity_providers, Gap) and not doubts:
        detail = f"identity providers were not read: {identity_providers.detail}"
        raise UnknownValueError(detail, because=identity_providers)
    if not isinstance(identity_providers, Gap):
        doubts += [f"{provider} accounts are accepted" for provider in _extra_providers(identity_providers)]
    if doubts:
        return partial(f"Redemption has weak ways: {'; '.join(doubts)}.", observed=observed, notes=mfa.notes)
    return passed("Redemption falls back to a code by mail, and every guest must pass MFA.", observed=observed)


def _fallback(cross_tenant_default: Mapping[str, Any]) -> str:
    configuration = block(cross_tenant_default, "invitationRedemptionIdentityProviderConfiguration")
    found = text(configuration, "fallbackIdentityProvider")
    if found not in ("defaultConfiguredIdp", "emailOneTimePasscode", "microsoftAccount"):
        raise UnknownValueError(f"fallbackIdentityProvider is {found!r}")
    return found


def _doubts(otp: str, fallback: str, mfa: GuestMfa) -> list[str]:
    found = []
    if otp == "disabled":
        found.append("email one-time passcode is off, so a personal Microsoft account is left")
    elif fallback != "emailOneTimePasscode":
        found.append(f"the fallback is {fallback}, which allows a personal Microsoft account")
    if mfa.level != "all":
        found.append("MFA for guests has holes")
    return found
