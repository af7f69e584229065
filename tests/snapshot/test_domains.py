"""Mail domains: for private persons, and how two compare."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posture.settings import Thresholds
from posture.snapshot.domains import ConsumerDomains, plain_domain


@pytest.mark.parametrize(
    ("domain", "consumer"),
    [
        ("gmail.com", True),
        ("outlook.fr", True),
        ("hotmail.co.uk", True),
        ("yahoo.com.au", True),
        ("live.nl", True),
        ("yahoo.co.jp", True),
        ("live.partner.example", False),
        ("outlook.contoso.com", False),
        ("mail.gmail.com", False),
        ("notgmail.com", False),
        ("gmail.com.evil.example", False),
        ("partner.example", False),
    ],
)
def test_domains_for_private_persons(domain: str, consumer: bool) -> None:
    assert (domain in ConsumerDomains(Thresholds())) is consumer


def test_both_lists_are_parameters() -> None:
    chosen = ConsumerDomains(Thresholds(consumer_domains=("Mail.example",), consumer_domain_stems=("post",)))
    assert "mail.example" in chosen
    assert "post.example" in chosen
    assert "gmail.com" not in chosen


@pytest.mark.parametrize(
    ("domain", "plain"),
    [
        (" Partner.Example. ", "partner.example"),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("ü..example", "ü..example"),
    ],
)
def test_domains_ready_to_compare(domain: str, plain: str) -> None:
    assert plain_domain(domain) == plain


@given(st.text(max_size=40))
def test_any_text_can_be_made_plain(text: str) -> None:
    assert plain_domain(plain_domain(text)) == plain_domain(text)


def test_other_spellings_in_the_settings_mean_the_same() -> None:
    chosen = ConsumerDomains(Thresholds(consumer_domains=(" @Mail.example. ",), consumer_domain_stems=("Post.*",)))
    assert "mail.example" in chosen
    assert "post.at" in chosen
