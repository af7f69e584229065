"""What follows the permissions: an application needs a certificate, a person a redirect address, both the client id."""

from collections.abc import Callable

import pytest

from posture.collect.setup import Registration, azure_cli, powershell, registration, terraform

TOOLS = pytest.mark.parametrize("words", [azure_cli, powershell, terraform])


@TOOLS
def test_an_application_is_told_of_its_certificate_and_both_of_the_client_id(
    words: Callable[[Registration, str], list[str]],
) -> None:
    application = "\n".join(words(registration(["domains"]), "global"))
    person = "\n".join(words(registration(["domains"], delegated=True), "global"))
    assert "--certificate" in application
    assert "certificate" not in person
    assert "http://localhost" in person
    for said in (application, person):
        assert "client id" in said or 'output "client_id"' in said
