"""Power that people from outside hold: roles, groups, applications, licences."""

from collections.abc import Iterator, Mapping
from typing import Any

from posture.plan.evidence import label
from posture.plan.remedies import (
    After,
    Evidence,
    Finding,
    Request,
    Risk,
    Step,
    about,
    by_hand,
    patch,
    people,
    remedy,
    remove_member,
    unlink,
)
from posture.snapshot.power import expanded, outsiders_of

_JUSTIFICATION = "External person; posture plan"


@remedy("GUEST-PRV-001", risk=Risk.HIGH)
def take_roles(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Take active roles, roles through a group and eligible ones away from people from outside.

    Sources: https://learn.microsoft.com/graph/api/unifiedroleassignment-delete
    https://learn.microsoft.com/graph/api/rbacapplication-post-roleeligibilityschedulerequests
    """
    control, code = finding.control, finding.control.code
    asked = "Agree on who does the work instead; whoever administers as a guest stops at that minute."
    yield people(
        control, 1, "Take directory roles away from people from outside", lambda: _active(ev, code), choice=asked
    )
    yield people(
        control,
        2,
        "Take people from outside out of groups that hold a directory role",
        lambda: _through(ev, code),
        part=None,
        permission="GroupMember.ReadWrite.All + RoleManagement.ReadWrite.Directory",
        role="Privileged Role Administrator",
        choice=asked,
        notes=("Where somebody is in the group through another group, Graph answers 404: take them out of that one.",),
    )
    yield people(
        control,
        3,
        "Take eligible roles away from people from outside",
        lambda: _eligible(ev, code),
        part=1,
        choice=asked,
        leaves="pass",
    )


def _tolerated(ev: Evidence) -> set[str]:
    return {t.casefold() for t in ev.thresholds.tolerated_role_templates}


def _holders(ev: Evidence, code: str) -> dict[str, dict[str, Any]]:
    """Return the people a finding names by id; they are few: each holds power."""
    return {str(row.get("id", "")).casefold(): row for row in ev.affected(code)}


def _names(ev: Evidence) -> dict[str, str]:
    return {
        str(d.get("id", "")).casefold(): str(d.get("displayName") or d.get("id")) for d in ev.rows("role_definitions")
    }


def _held(ev: Evidence, code: str, fact: str) -> Iterator[tuple[dict[str, Any], Mapping[str, Any], str]]:
    """Yield person, assignment and the role's name for what the people of a finding hold directly."""
    people_, names, spared = _holders(ev, code), _names(ev), _tolerated(ev)
    for row in ev.rows(fact):
        who = people_.get(str(row.get("principalId", "")).casefold())
        role = str(row.get("roleDefinitionId", "")).casefold()
        if who is not None and role not in spared:
            yield who, row, names.get(role, role)


def _active(ev: Evidence, code: str) -> Iterator[Request]:
    for who, row, name in _held(ev, code, "role_assignments"):
        if not isinstance(row.get("id"), str):
            continue
        back = {k: row.get(k) for k in ("principalId", "roleDefinitionId", "directoryScopeId")}
        yield Request(
            "DELETE",
            ev.url("/roleManagement/directory/roleAssignments/{}", row["id"]),
            about=f"{label(who)}: {name}",
            undo=(Request("POST", ev.url("/roleManagement/directory/roleAssignments"), back),),
        )


def _through(ev: Evidence, code: str) -> Iterator[Request]:
    holders = _holders(ev, code)
    holding = {
        str(row.get("principalId", "")).casefold()
        for fact in ("role_assignments", "role_eligibilities")
        for row in ev.rows(fact)
    }
    for group in ev.rows("privileged_group_members"):
        group_id = group.get("id")
        if not isinstance(group_id, str) or group_id.casefold() not in holding:
            continue
        for member in expanded(group, "members"):
            who = holders.get(str(member.get("id", "")).casefold())
            if who is not None:
                words = f"{label(who)}: {ev.groups.get(group_id.casefold(), group_id)}"
                yield remove_member(ev, group_id, str(member["id"]), words)


def _eligible(ev: Evidence, code: str) -> Iterator[Request]:
    url = ev.url("/roleManagement/directory/roleEligibilityScheduleRequests")
    for who, row, name in _held(ev, code, "role_eligibilities"):
        same = {k: row.get(k) for k in ("principalId", "roleDefinitionId", "directoryScopeId")}
        yield Request(
            "POST",
            url,
            {"action": "adminRemove", **same, "justification": _JUSTIFICATION},
            f"{label(who)}: {name}",
            undo=(Request("POST", url, {"action": "adminAssign", **same, **_schedule(row)}),),
        )


def _schedule(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the present end of an eligibility in the form of a request.

    Source: https://learn.microsoft.com/graph/api/resources/requestschedule
    """
    end = row.get("endDateTime")
    expiration = {"type": "afterDateTime", "endDateTime": end} if end else {"type": "noExpiration"}
    schedule = {"startDateTime": row.get("startDateTime"), "expiration": expiration}
    return {"justification": "As before; posture plan, taken back", "scheduleInfo": schedule}


@remedy("GUEST-PRV-002", risk=Risk.HIGH)
def clear_privileged_groups(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Take people from outside out of privileged groups: members, owners and those who are eligible.

    Source: https://learn.microsoft.com/graph/api/privilegedaccessgroup-post-eligibilityschedulerequests
    """
    control, code = finding.control, finding.control.code
    asked = "Agree on who does the work instead; what they administer through the group stops at once."
    nested = "Where somebody is in the group through another group, Graph answers 404: take them out of that one."
    yield people(
        control,
        1,
        "Take people from outside out of privileged groups",
        lambda: _standing(ev, code, "privileged_group_members", "members"),
        choice=asked,
        notes=(nested,),
    )
    yield people(
        control,
        2,
        "Take ownership of privileged groups away from people from outside",
        lambda: _standing(ev, code, "group_owners", "owners"),
        permission="Group.ReadWrite.All + RoleManagement.ReadWrite.Directory",
        choice="Name an internal owner first where there is none.",
        notes=(),
    )
    yield people(
        control,
        3,
        "Take eligibility for privileged groups away from people from outside",
        lambda: _group_eligibilities(ev, code),
        part=None,
        permission="PrivilegedEligibilitySchedule.ReadWrite.AzureADGroup",
        role="Privileged Role Administrator",
        choice=asked,
        leaves="pass",
    )


def _privileged(ev: Evidence) -> set[str]:
    found = {str(g.get("id", "")).casefold() for g in ev.rows("groups") if g.get("isAssignableToRole") is True}
    return found | {str(row.get("groupId", "")).casefold() for row in ev.rows("group_eligibilities")}


def _standing(ev: Evidence, code: str, fact: str, key: str) -> Iterator[Request]:
    holders, groups = _holders(ev, code), _privileged(ev)
    found = outsiders_of(ev.fact(fact), groups, key)
    for group, inside in sorted(found.items()):
        for member in inside.people:
            who = holders.get(str(member.get("id", "")).casefold())
            if who is not None:
                words = f"{label(who)}: {key[:-1]} of {ev.groups.get(group, group)}"
                yield remove_member(ev, group, str(member["id"]), words, relation=key)


def _group_eligibilities(ev: Evidence, code: str) -> Iterator[Request]:
    holders = _holders(ev, code)
    url = ev.url("/identityGovernance/privilegedAccess/group/eligibilityScheduleRequests")
    rows = list(ev.rows("group_eligibilities"))
    nested = outsiders_of(ev.fact("privileged_group_members"), {str(row.get("principalId", "")) for row in rows})
    for row in rows:
        principal = str(row.get("principalId", "")).casefold()
        who, inside = holders.get(principal), nested.get(principal)
        if who is not None:
            whose = label(who)
        elif inside and any(str(p.get("id", "")).casefold() in holders for p in inside.people):
            whose = f"the group {ev.groups.get(principal, principal)}, everybody in it"
        else:
            continue
        same = {k: row.get(k) for k in ("accessId", "principalId", "groupId")}
        name = ev.groups.get(str(row.get("groupId", "")).casefold(), str(row.get("groupId")))
        yield Request(
            "POST",
            url,
            {"action": "adminRemove", **same, "justification": _JUSTIFICATION},
            f"{whose}: eligible for {name}",
            undo=(Request("POST", url, {"action": "adminAssign", **same, **_schedule(row)}),),
        )


@remedy("GUEST-PRV-003", risk=Risk.MEDIUM)
def take_applications(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Take ownership away, then make the secrets the owner may know worthless."""
    control, code = finding.control, finding.control.code
    asked = "Name two internal owners first; whoever maintains the application from outside cannot any more."
    yield people(
        control,
        1,
        "Take ownership of app registrations away from people from outside",
        lambda: _owned(ev, code, "application", "applications"),
        choice=asked,
        notes=(),
    )
    yield people(
        control,
        2,
        "Take ownership of enterprise applications away from people from outside",
        lambda: _owned(ev, code, "service principal", "servicePrincipals"),
        part=1,
        choice=asked,
        notes=(),
        leaves="pass",
    )
    yield by_hand(
        control,
        3,
        "Replace the secrets and certificates of these applications",
        "Entra admin center > App registrations > the app > Certificates & secrets",
        after=(
            After(f"{code}.1", "an owner could read the new ones"),
            After(f"{code}.2", "an owner could add new ones"),
        ),
        notes=("Removing an owner leaves the secrets they added in force.",),
    )


def _owned(ev: Evidence, code: str, word: str, path: str) -> Iterator[Request]:
    for row in ev.affected(code):
        owned = row.get("owned")
        if row.get("ownedType") == word and isinstance(owned, str):
            yield unlink(ev, ev.url(f"/{path}/{{}}/owners", owned), str(row["id"]), about(row))


@remedy("GUEST-PRV-004", risk=Risk.MEDIUM)
def take_groups(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Name internal owners where a guest owns alone, then take ownership away."""
    control, code = finding.control, finding.control.code
    alone = {str(row.get("group", "")).casefold() for row in ev.affected(code) if owns_alone(row)}

    def requests(wanted: bool) -> Iterator[Request]:
        for row in ev.affected(code):
            group = row.get("group")
            if isinstance(group, str) and (group.casefold() in alone) is wanted:
                yield remove_member(ev, group, str(row["id"]), about(row), relation="owners")

    yield people(
        control,
        1,
        "Take ownership of groups with an internal owner away from people from outside",
        lambda: requests(False),
        choice="The guests who own them run something there: tell them.",
        notes=(),
        leaves="" if alone else "pass",
    )
    if alone:
        yield by_hand(
            control,
            2,
            f"Name an internal owner for {len(alone)} groups that only people from outside own",
            "Entra admin center > Groups > the group > Owners > Add",
            risk=Risk.LOW,
        )
        yield people(
            control,
            3,
            "Take ownership of the other groups away from people from outside",
            lambda: requests(True),
            after=(After(f"{code}.2", "a group without an owner has nobody who answers for it"),),
            choice="Only once each group has an internal owner.",
            leaves="pass",
        )


def owns_alone(row: Mapping[str, Any]) -> bool:
    """Whether a person from outside is a group's only owner.

    The finding's own words say so; a group's name before them may say anything, hence the end of the sentence.
    """
    why = str(row.get("why", "")).partition(", used in ")[0]
    return why.endswith(" alone")


@remedy("GUEST-PRV-005", risk=Risk.MEDIUM)
def narrow_rules(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Add the test of the user type to the rule a group has."""

    def rules() -> Iterator[Request]:
        for row in ev.affected("GUEST-PRV-005"):
            rule = row.get("membershipRule")
            if isinstance(rule, str) and rule.strip():
                body = {"membershipRule": f'({rule}) and (user.userType -eq "Member")'}
                yield patch(ev.url("/groups/{}", str(row["id"])), body, row, about=about(row))

    joined = any(_joins(row) for row in ev.affected("GUEST-PRV-005"))
    yield people(
        finding.control,
        1,
        "Let dynamic groups take members only",
        rules,
        choice="Where guests belong into a group, keep its rule and name it in intentional_guest_groups.",
        notes=(
            "External people stored as members stay in (GUEST-LIF-010).",
            *(("A rule with -or or -not is not judged by posture even then: read it yourself.",) if joined else ()),
        ),
        leaves="" if joined else "pass",
    )


def _joins(row: Mapping[str, Any]) -> bool:
    rule = str(row.get("membershipRule", "")).casefold()
    return " -or" in rule or " -not" in rule or "not " in rule


@remedy("GUEST-PRV-006", risk=Risk.LOW)
def take_licences(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Take licences given directly; for those a group hands on, take the guest out of the group.

    Source: https://learn.microsoft.com/graph/api/user-assignlicense
    """
    control = finding.control
    asked = "A mailbox or files under the licence are no longer reachable."
    yield people(control, 1, "Take licences away from guests", lambda: _licences(ev), choice=asked, notes=())
    yield people(
        control,
        2,
        "Take guests out of groups that hand licences on",
        lambda: _licensing_groups(ev),
        part=None,
        permission="GroupMember.ReadWrite.All",
        role="Groups Administrator",
        choice=asked,
        notes=("Out of a dynamic group a guest goes by its rule alone (GUEST-PRV-005).",),
        leaves="pass",
    )


def _licences(ev: Evidence) -> Iterator[Request]:
    for row, guest in ev.affected_guests("GUEST-PRV-006"):
        by_group = _by_group(guest.row)
        wanted = {str(s).casefold() for s in row.get("skuIds") or ()}
        held = [x for x in guest.row.get("assignedLicenses") or () if isinstance(x, Mapping)]
        taken = [x for x in held if str(x.get("skuId", "")).casefold() in wanted - by_group.keys()]
        if taken:
            url = ev.url("/users/{}/assignLicense", guest.id)
            back = [{"skuId": x.get("skuId"), "disabledPlans": x.get("disabledPlans") or []} for x in taken]
            yield Request(
                "POST",
                url,
                {"addLicenses": [], "removeLicenses": [x.get("skuId") for x in taken]},
                about(row),
                undo=(Request("POST", url, {"addLicenses": back, "removeLicenses": []}),),
            )


def _licensing_groups(ev: Evidence) -> Iterator[Request]:
    for row, guest in ev.affected_guests("GUEST-PRV-006"):
        wanted = {str(s).casefold() for s in row.get("skuIds") or ()}
        groups = {group for sku, group in _by_group(guest.row).items() if sku in wanted}
        for group in sorted(groups - ev.dynamic_groups):
            words = f"{about(row)}; group {ev.groups.get(group, group)}"
            yield remove_member(ev, group, guest.id, words)


def _by_group(user: Mapping[str, Any]) -> dict[str, str]:
    """Return the group that hands each licence on, by licence, in lower case; a direct one too is not in it."""
    found: dict[str, str] = {}
    direct: set[str] = set()
    for state in user.get("licenseAssignmentStates") or ():
        if isinstance(state, Mapping) and isinstance(state.get("skuId"), str):
            group = state.get("assignedByGroup")
            if isinstance(group, str) and group:
                found[state["skuId"].casefold()] = group.casefold()
            else:
                direct.add(state["skuId"].casefold())
    return {sku: group for sku, group in found.items() if sku not in direct}
