"""The endpoints this Graph knows: permission, licence, paging, filters, clouds.

Every row is read from the page of the endpoint on learn.microsoft.com/graph/api
(named after the resource, e.g. `user-list`), the throttling costs from
https://learn.microsoft.com/graph/throttling-limits, the filter support from
https://learn.microsoft.com/graph/aad-advanced-queries. Where no page tells, the
value is a cautious choice and nothing should rest on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from posture.emulator.permissions import APPLICATIONS, AUDIT, GROUPS, ROLES, USERS, USERS_FULL

Operators = Mapping[str, tuple[frozenset[str], frozenset[str]]]
"""Property to the operators it takes by default, and those it takes in advanced queries besides."""


@dataclass(frozen=True)
class Nav:
    """A relationship of an object: `many` or one, its own permission on the direct path."""

    name: str
    need: str = ""
    many: bool = True
    cost: int = 1
    page: tuple[int, int] | None = (100, 999)
    family: str = "directory"
    directory: bool = True


@dataclass(frozen=True)
class Listing:
    """A collection. `page` is default and largest size, None where it comes in one piece.

    `top` says what a $top outside the range does: refuse, cap or ignore.
    `hidden` are properties sent only when $select names them.
    """

    path: str
    need: str
    kind: str = ""
    key: str = "id"
    family: str = "directory"
    licence: str = ""
    page: tuple[int, int] | None = (100, 999)
    top: str = "cap"
    directory: bool = False
    navs: Mapping[str, Nav] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    default_select: tuple[str, ...] | None = None
    filters: Operators | None = None
    filter_required: tuple[str, ...] = ()
    cost: int = 1
    absent_in: frozenset[str] = frozenset()
    beta_only: bool = False

    @property
    def resource(self) -> str:
        """The resource's name as error messages print it."""
        return self.kind[:1].upper() + self.kind[1:] or self.path.rpartition("/")[2]


@dataclass(frozen=True)
class Single:
    """An object at a fixed path. `parts` are collections inline in it, with their own paths."""

    path: str
    need: str
    family: str = "access"
    licence: str = ""
    parts: tuple[str, ...] = ()
    wrapped: bool = False
    absent_in: frozenset[str] = frozenset()
    beta_only: bool = False


def _ops(default: str, advanced: str = "ne not in") -> tuple[frozenset[str], frozenset[str]]:
    return frozenset(default.split()), frozenset(advanced.split())


_NAME = _ops("eq ge le in startswith", "ne not gt lt null")
_ADDRESS = _ops("eq ge le in startswith", "ne not endswith null")
_USER_FILTERS: Operators = {
    "id": _ops("eq in", "ne not"),
    "userType": _ops("eq", "ne not in null"),
    "accountEnabled": _ops("eq in", "ne not"),
    "createdDateTime": _ops("eq ge le", "ne not in"),
    "deletedDateTime": _ops("eq ge le", "ne not in"),
    "creationType": _ops("eq in", "ne not null"),
    "companyName": _ops("", "eq ne not ge le in startswith null"),
    "externalUserState": _ops("eq", "ne not in null"),
    "externalUserStateChangeDateTime": _ops("eq", "ne not in null"),
    "onPremisesSyncEnabled": _ops("eq in", "ne not null"),
    "displayName": _NAME,
    "givenName": _NAME,
    "surname": _NAME,
    "jobTitle": _NAME,
    "department": _NAME,
    "mailNickname": _NAME,
    "mail": _ADDRESS,
    "userPrincipalName": _ADDRESS,
    "otherMails": _ops("eq startswith", "ne not endswith"),
    "proxyAddresses": _ops("eq startswith", "ne not endswith"),
    "identities": _ops("eq", ""),
    "assignedLicenses": _ops("eq", "ne not"),
    "assignedLicenses/$count": _ops("", "eq ne gt ge lt le"),
    "signInActivity/lastSignInDateTime": _ops("eq ge le", ""),
    "signInActivity/lastNonInteractiveSignInDateTime": _ops("eq ge le", ""),
    "signInActivity/lastSuccessfulSignInDateTime": _ops("eq ge le", ""),
}
_GROUP_FILTERS: Operators = {
    "id": _ops("eq in", "ne not"),
    "displayName": _NAME,
    "mail": _ADDRESS,
    "mailNickname": _NAME,
    "groupTypes": _ops("eq", "ne not"),
    "groupTypes/$count": _ops("", "eq ne"),
    "securityEnabled": _ops("eq in", "ne not"),
    "mailEnabled": _ops("eq", "ne not in"),
    "isAssignableToRole": _ops("eq", "ne not"),
    "resourceProvisioningOptions": _ops("eq", "ne not"),
    "membershipRuleProcessingState": _ops("eq in", "ne not"),
    "membershipRule": _ops("eq startswith", "ne not"),
    "onPremisesSyncEnabled": _ops("eq in", "ne not null"),
    "visibility": _ops("", "eq ne not in"),
    "createdDateTime": _ops("", "eq ne not ge le in"),
    "assignedLicenses": _ops("eq", "ne not"),
}

_GROUP_NAVS = (
    Nav("members", GROUPS, cost=3),
    Nav("transitiveMembers", GROUPS, cost=5),
    Nav("owners", "GroupMember.Read.All | Group.Read.All | Directory.Read.All", cost=1),
    Nav("memberOf", GROUPS, cost=2),
    Nav("transitiveMemberOf", GROUPS, cost=2),
    Nav("settings", "GroupSettings.Read.All | Group.Read.All | Directory.Read.All", directory=False),
    Nav("appRoleAssignments", "Directory.Read.All | Application.Read.All", directory=False),
)
_MEMBER_OF = f"{USERS_FULL} | Group.Read.All | Group.ReadBasic.All | GroupMember.Read.All"
_USER_NAVS = (
    Nav("sponsors", USERS_FULL),
    Nav("manager", USERS_FULL, many=False),
    Nav("invitedBy", USERS_FULL, many=False),
    Nav("memberOf", _MEMBER_OF, cost=2),
    Nav("transitiveMemberOf", _MEMBER_OF, cost=2),
    Nav("ownedObjects", USERS_FULL, cost=2),
    Nav("appRoleAssignments", "Directory.Read.All | User.Read.All", directory=False),
    Nav("oauth2PermissionGrants", "Directory.Read.All", directory=False),
    Nav("licenseDetails", USERS_FULL, cost=2, directory=False),
)
_OWNERS = Nav("owners", APPLICATIONS)
_PRINCIPAL = (
    Nav("principal", many=False, directory=False),
    Nav("roleDefinition", many=False, directory=False),
    Nav("directoryScope", many=False, directory=False),
)


def _navs(*navs: Nav) -> dict[str, Nav]:
    return {n.name.lower(): n for n in navs}


_NOT_FAIRFAX = frozenset({"usgov", "dod"})
_NOT_CHINA = frozenset({"china"})
_GLOBAL_ONLY = _NOT_FAIRFAX | _NOT_CHINA
_EM = "identityGovernance/entitlementManagement"
_EM_NEED = "EntitlementManagement.Read.All"
_XTA = "policies/crossTenantAccessPolicy"
_POLICY = "Policy.Read.All"
_USER = Listing(
    "users",
    USERS,
    "user",
    directory=True,
    top="refuse",
    cost=2,
    navs=_navs(*_USER_NAVS),
    hidden=frozenset({"signInActivity"}),
    filters=_USER_FILTERS,
    default_select=(
        *("businessPhones", "displayName", "givenName", "id", "jobTitle", "mail", "mobilePhone"),
        *("officeLocation", "preferredLanguage", "surname", "userPrincipalName"),
    ),
)

_LISTINGS = (
    _USER,
    Listing(
        "groups",
        GROUPS,
        "group",
        directory=True,
        top="refuse",
        navs=_navs(*_GROUP_NAVS),
        filters=_GROUP_FILTERS,
    ),
    Listing("applications", APPLICATIONS, "application", directory=True, top="refuse", navs=_navs(_OWNERS)),
    Listing(
        "servicePrincipals",
        APPLICATIONS,
        "servicePrincipal",
        directory=True,
        top="refuse",
        navs=_navs(
            _OWNERS,
            Nav("appRoleAssignedTo", APPLICATIONS, directory=False),
            Nav("appRoleAssignments", APPLICATIONS, directory=False),
            Nav("oauth2PermissionGrants", "Directory.Read.All", directory=False),
            Nav("memberOf", APPLICATIONS),
            Nav("transitiveMemberOf", APPLICATIONS),
        ),
    ),
    replace(_USER, path="directory/deletedItems/microsoft.graph.user", need=USERS_FULL, navs={}, default_select=None),
    Listing("directory/deletedItems/microsoft.graph.group", GROUPS, "group", directory=True, cost=1),
    Listing(
        "directoryRoles",
        ROLES,
        "directoryRole",
        page=None,
        top="ignore",
        navs=_navs(Nav("members", ROLES, page=None)),
    ),
    Listing("organization", f"Organization.Read.All | User.Read | {USERS_FULL}", "organization", page=None),
    Listing("domains", "Domain.Read.All | Directory.Read.All", "domain", page=None),
    Listing(
        "subscribedSkus",
        "LicenseAssignment.Read.All | Organization.Read.All | Directory.Read.All",
        page=None,
        top="ignore",
        cost=3,
    ),
    Listing("policies/permissionGrantPolicies", "Policy.Read.PermissionGrant", family="access", page=None),
    Listing(
        "policies/b2bManagementPolicies",
        "Policy.Read.B2BManagementPolicy",
        family="access",
        absent_in=_GLOBAL_ONLY,
        beta_only=True,
    ),
    Listing("legacy/policies", _POLICY, family="access", beta_only=True),
    Listing(
        f"{_XTA}/partners",
        _POLICY,
        key="tenantId",
        family="access",
        navs=_navs(Nav("identitySynchronization", _POLICY, many=False, directory=False, family="access")),
    ),
    Listing("policies/authenticationStrengthPolicies", _POLICY, family="access", page=None),
    Listing("identity/b2xUserFlows", "IdentityUserFlow.Read.All", family="access", absent_in=_NOT_FAIRFAX),
    Listing("identity/identityProviders", "IdentityProvider.Read.All", family="access", absent_in=_NOT_FAIRFAX),
    Listing("identity/conditionalAccess/policies", _POLICY, family="access", licence="conditional-access"),
    Listing("identity/conditionalAccess/namedLocations", _POLICY, family="access", licence="conditional-access"),
    Listing("identity/conditionalAccess/authenticationStrength/policies", _POLICY, family="access", page=None),
    Listing("roleManagement/directory/roleDefinitions", ROLES, "unifiedRoleDefinition", page=None),
    Listing(
        "roleManagement/directory/roleAssignments",
        ROLES,
        "unifiedRoleAssignment",
        top="ignore",
        navs=_navs(*_PRINCIPAL),
    ),
    Listing(
        "roleManagement/directory/roleEligibilityScheduleInstances",
        "RoleEligibilitySchedule.Read.Directory | RoleManagement.Read.Directory | RoleManagement.Read.All",
        family="pim",
        licence="pim",
        navs=_navs(*_PRINCIPAL),
    ),
    Listing(
        "roleManagement/directory/roleAssignmentScheduleInstances",
        "RoleAssignmentSchedule.Read.Directory | RoleManagement.Read.Directory | RoleManagement.Read.All",
        family="pim",
        licence="pim",
        navs=_navs(*_PRINCIPAL),
    ),
    Listing(
        "identityGovernance/privilegedAccess/group/eligibilityScheduleInstances",
        "PrivilegedEligibilitySchedule.Read.AzureADGroup",
        family="pim",
        licence="pim",
        filter_required=("groupId", "principalId"),
        navs=_navs(Nav("principal", many=False, directory=False), Nav("group", many=False, directory=False)),
    ),
    Listing("groupSettings", "GroupSettings.Read.All | Group.Read.All | Directory.Read.All", page=None, filters={}),
    Listing(
        "groupSettingTemplates", "GroupSettings.Read.All | Group.Read.All | Directory.Read.All", page=None, filters={}
    ),
    Listing("oauth2PermissionGrants", "Directory.Read.All", cost=2),
    Listing(
        "teams",
        "TeamSettings.Read.All | Group.Read.All | Directory.Read.All",
        "team",
        family="access",
    ),
    Listing(
        "reports/authenticationMethods/userRegistrationDetails",
        AUDIT,
        family="audit",
        licence="premium",
        page=(1000, 1000),
    ),
    Listing("auditLogs/directoryAudits", f"{AUDIT} | Directory.Read.All", family="audit", page=(1000, 1000)),
    Listing("auditLogs/signIns", AUDIT, family="audit", licence="premium", page=(1000, 1000), absent_in=_NOT_CHINA),
    Listing(
        "identityGovernance/accessReviews/definitions",
        "AccessReview.Read.All",
        family="access",
        licence="governance",
        navs=_navs(Nav("instances", "AccessReview.Read.All", family="access", directory=False)),
    ),
    Listing(
        f"{_EM}/assignmentPolicies",
        _EM_NEED,
        family="access",
        licence="governance",
        navs=_navs(
            Nav("accessPackage", _EM_NEED, many=False, directory=False),
            Nav("catalog", _EM_NEED, many=False, directory=False),
        ),
    ),
    Listing(f"{_EM}/accessPackages", _EM_NEED, family="access", licence="governance"),
    Listing(f"{_EM}/catalogs", _EM_NEED, family="access", licence="governance"),
    Listing(f"{_EM}/assignments", _EM_NEED, family="access", licence="governance"),
    Listing(f"{_EM}/connectedOrganizations", _EM_NEED, family="access", licence="governance"),
    Listing(
        "identityGovernance/lifecycleWorkflows/workflows",
        "LifecycleWorkflows-Workflow.ReadBasic.All | LifecycleWorkflows-Workflow.Read.All",
        family="access",
        licence="lifecycle",
    ),
    Listing(
        "tenantRelationships/multiTenantOrganization/tenants",
        "MultiTenantOrganization.Read.All | MultiTenantOrganization.ReadBasic.All",
        key="tenantId",
        family="access",
        absent_in=_GLOBAL_ONLY,
    ),
)
LISTINGS: Mapping[str, Listing] = {listing.path.lower(): listing for listing in _LISTINGS}

_SINGLES = (
    Single("policies/authorizationPolicy", _POLICY),
    Single("policies/adminConsentRequestPolicy", f"{_POLICY} | Directory.Read.All"),
    Single(_XTA, _POLICY),
    Single(f"{_XTA}/default", _POLICY),
    Single("policies/externalIdentitiesPolicy", _POLICY, wrapped=True, beta_only=True),
    Single("policies/authenticationFlowsPolicy", _POLICY, absent_in=_NOT_FAIRFAX),
    Single(
        "policies/authenticationMethodsPolicy",
        f"Policy.Read.AuthenticationMethod | {_POLICY}",
        parts=("authenticationMethodConfigurations",),
        absent_in=_NOT_CHINA,
    ),
    Single("policies/identitySecurityDefaultsEnforcementPolicy", _POLICY),
    Single(
        "tenantRelationships/multiTenantOrganization",
        "MultiTenantOrganization.Read.All | MultiTenantOrganization.ReadBasic.All",
        absent_in=_GLOBAL_ONLY,
    ),
    Single(f"{_EM}/settings", _EM_NEED, licence="governance"),
    Single("admin/sharepoint/settings", "SharePointTenantSettings.Read.All", wrapped=True),
    Single("teamwork/teamsAppSettings", "TeamworkAppSettings.Read.All"),
)
SINGLES: Mapping[str, Single] = {single.path.lower(): single for single in _SINGLES}

TENANT_INFORMATION = Listing(
    "tenantRelationships/findTenantInformationByTenantId",
    "CrossTenantInformation.ReadBasic.All",
    key="tenantId",
    family="access",
)
ARM_EXPORT = Listing(
    "providers/microsoft.aadiam/diagnosticSettings",
    "microsoft.aadiam/diagnosticSettings/read",
    family="arm",
    page=None,
    top="ignore",
)
"""Azure Resource Manager, not Graph: https://learn.microsoft.com/azure/templates/microsoft.aadiam/diagnosticsettings."""

ABSENT_PROPERTIES: Mapping[str, Mapping[str, frozenset[str]]] = {
    f"{_XTA}/default".lower(): {"tenantRestrictions": _GLOBAL_ONLY},
    f"{_XTA}/partners".lower(): {"isInMultiTenantOrganization": _GLOBAL_ONLY, "tenantRestrictions": _GLOBAL_ONLY},
}
"""Properties that only some clouds' metadata hold."""
