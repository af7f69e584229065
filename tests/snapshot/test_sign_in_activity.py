"""When a guest last came, as far as Graph tells; and who vouches for them."""

from typing import Any

import pytest

from posture.errors import UnknownValueError
from posture.snapshot.guests import Guest, home_domain, last_attempt, vouched_by
from posture.snapshot.values import moment
from tests.facts import guest

EARLY, LATE = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
NEVER = "0001-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("activity", "success", "attempt"),
    [
        ({"lastSuccessfulSignInDateTime": EARLY, "lastSignInDateTime": LATE}, EARLY, LATE),
        ({"lastSuccessfulSignInDateTime": None, "lastNonInteractiveSignInDateTime": LATE}, None, LATE),
        ({"lastSignInDateTime": EARLY, "lastNonInteractiveSignInDateTime": NEVER}, None, EARLY),
        ({"lastSignInDateTime": NEVER}, None, None),
        ({}, None, None),
        (None, None, None),
    ],
)
def test_success_and_attempt(activity: Any, success: str | None, attempt: str | None) -> None:
    row = {"id": "1", "signInActivity": activity}
    assert Guest(guest(1), {"guest_sign_in_activity": row}).last_success == moment(success)
    assert last_attempt(row) == moment(attempt)


def test_no_record() -> None:
    assert last_attempt({"id": "1"}) is None
    assert Guest(guest(1), {}).last_success is None


@pytest.mark.parametrize(
    "row",
    [
        None,
        {"signInActivity": "often"},
        {"signInActivity": [EARLY]},
        {"signInActivity": {"lastSignInDateTime": "often"}},
        {"signInActivity": {"lastSignInDateTime": EARLY, "lastNonInteractiveSignInDateTime": 7}},
        {"signInActivity": {"lastSuccessfulSignInDateTime": {}}},
    ],
)
def test_a_record_that_cannot_be_read(row: Any) -> None:
    with pytest.raises(UnknownValueError):
        last_attempt(row)


@pytest.mark.parametrize(
    ("issuers", "voucher"),
    [
        (["ExternalAzureAD"], "entra"),
        (["externalazuread", "contoso.onmicrosoft.com"], "entra"),
        (["mail"], "other"),
        (["ExternalAzureAD", "mail"], "other"),
        (["Google.com"], "other"),
        (["MicrosoftAccount"], "other"),
        (["https://idp.example/saml"], "other"),
        (["partner.example"], ""),
        ([None], ""),
        ([], ""),
    ],
)
def test_who_vouches(issuers: list[Any], voucher: str) -> None:
    identities = [{"signInType": "federated", "issuer": i} for i in issuers]
    assert vouched_by(guest(1, identities=identities)) == voucher


@pytest.mark.parametrize("identities", [None, "x", {}, ["x"]])
def test_identities_that_do_not_tell(identities: Any) -> None:
    assert vouched_by(guest(1, identities=identities)) == ""


def test_the_address_of_a_federated_identity_is_the_last_resort() -> None:
    bare = {"mail": None, "otherMails": [], "userPrincipalName": "nobody#EXT#@contoso.example"}
    known = [{"signInType": "federated", "issuer": "mail", "issuerAssignedId": "x@partner.example"}]
    own = [{"signInType": "userPrincipalName", "issuer": "c", "issuerAssignedId": "x@contoso.example"}]
    assert home_domain({**bare, "identities": known}) == "partner.example"
    assert home_domain({**bare, "identities": own}) is None
