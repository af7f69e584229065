"""Access reviews, access packages and teams as Graph writes them."""

from collections.abc import Iterable

from sample_world.bodies import Json
from sample_world.ids import guid
from sample_world.words import PARTNERS
from sample_world.world import World


def review(
    w: World, name: str, query: str, status: str, repeats: Json | None, *, reviewers: Iterable[str] = ()
) -> Json:
    """Return an access review whose answers nobody has to give."""
    return {
        "id": guid(w.sample, "review", name),
        "displayName": name,
        "createdDateTime": "2024-03-04T09:00:00Z",
        "lastModifiedDateTime": "2024-03-04T09:00:00Z",
        "status": status,
        "descriptionForAdmins": "",
        "descriptionForReviewers": "",
        "scope": {
            "@odata.type": "#microsoft.graph.accessReviewQueryScope",
            "query": query,
            "queryType": "MicrosoftGraph",
            "queryRoot": None,
        },
        "instanceEnumerationScope": None,
        "reviewers": [{"query": f"/users/{r}", "queryType": "MicrosoftGraph", "queryRoot": None} for r in reviewers],
        "fallbackReviewers": [],
        "settings": {
            "mailNotificationsEnabled": True,
            "reminderNotificationsEnabled": True,
            "justificationRequiredOnApproval": True,
            "defaultDecisionEnabled": False,
            "defaultDecision": "None",
            "instanceDurationInDays": 25,
            "autoApplyDecisionsEnabled": False,
            "recommendationsEnabled": True,
            "recurrence": repeats,
            "applyActions": [],
        },
    }


def recurrence(kind: str, interval: int, start: str) -> Json:
    """Return how often a review comes back, without end."""
    return {
        "pattern": {
            "type": kind,
            "interval": interval,
            "month": int(start[5:7]) if kind == "absoluteYearly" else 0,
            "dayOfMonth": int(start[8:]),
            "daysOfWeek": [],
            "firstDayOfWeek": "sunday",
            "index": "first",
        },
        "range": {
            "type": "noEnd",
            "numberOfOccurrences": 0,
            "recurrenceTimeZone": None,
            "startDate": start,
            "endDate": None,
        },
    }


def package_policy(
    w: World, name: str, scope: str, *, approval: bool, expiry: str | None, reviews: bool = False
) -> Json:
    """Return who may ask for an access package, and on what terms."""
    stage = {
        "durationBeforeAutomaticDenial": "P14D",
        "isApproverJustificationRequired": True,
        "isEscalationEnabled": False,
        "primaryApprovers": [{"@odata.type": "#microsoft.graph.internalSponsors"}],
    }
    return {
        "id": guid(w.sample, "package policy", name),
        "displayName": f"{name}: how to get it",
        "description": "",
        "allowedTargetScope": scope,
        "specificAllowedTargets": [],
        "createdDateTime": "2024-08-12T08:00:00Z",
        "modifiedDateTime": "2024-08-12T08:00:00Z",
        "expiration": {
            "endDateTime": None,
            "duration": expiry,
            "type": "afterDuration" if expiry else "noExpiration",
        },
        "requestApprovalSettings": {
            "isApprovalRequiredForAdd": approval,
            "isApprovalRequiredForUpdate": approval,
            "stages": [stage] if approval else [],
        },
        "reviewSettings": {"isEnabled": reviews},
        "accessPackage": {
            "id": guid(w.sample, "package", name),
            "displayName": name,
            "description": "",
            "isHidden": False,
            "createdDateTime": "2024-08-12T08:00:00Z",
            "modifiedDateTime": "2024-08-12T08:00:00Z",
        },
    }


def connected(w: World, name: str, domain: str, state: str) -> Json:
    """Return an organization whose people may ask for packages."""
    return {
        "id": guid(w.sample, "connected", domain),
        "displayName": name,
        "description": name,
        "createdDateTime": "2024-08-12T08:10:00Z",
        "modifiedDateTime": "2024-08-12T08:10:00Z",
        "state": state,
        "identitySources": [
            {
                "@odata.type": "#microsoft.graph.azureActiveDirectoryTenant",
                "displayName": name,
                "tenantId": PARTNERS[domain].tenant,
            }
        ],
    }


def team(group: Json, *, update: bool = False, delete: bool = False) -> Json:
    """Return a team with what guests may do in it."""
    return {
        "id": group["id"],
        "displayName": group["displayName"],
        "description": None,
        "visibility": "private",
        "isArchived": False,
        "guestSettings": {"allowCreateUpdateChannels": update, "allowDeleteChannels": delete},
    }
