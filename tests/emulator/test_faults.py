"""Every kind of fault does what its name says, where and when the plan says."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
import orjson
import pytest

from posture.emulator.faults import KINDS, Fault, Plan
from tests.emulator.world import app_of, ask, code, every, guest, uid

USERS = {"v1.0/users": [guest(n) for n in range(1, 6)], "v1.0/policies/authorizationPolicy": {"id": "p", "x": "y"}}
PAGE = "/v1.0/users?$select=id,displayName&$top=2"


def struck(tmp_path, kind, **options):
    return app_of(tmp_path, USERS, faults=[Fault(kind, **options)])


def test_every_kind_is_tried_on_a_list_a_single_a_count_and_a_batch(tmp_path):
    batch = {"requests": [{"id": "1", "method": "GET", "url": "/users"}]}
    for kind in KINDS:
        variant = {"forbidden": "claims", "foreign-link": "other-host", "bad-link": "list", "wrong-type": "list"}
        options = {"variant": variant.get(kind, ""), "seconds": 0.0, "size": 3}
        app = app_of(tmp_path / kind, USERS, faults=[Fault(kind, **options)])
        for url in (PAGE, "/v1.0/policies/authorizationPolicy", "/v1.0/users/$count"):
            try:
                response = ask(app, url, headers={"ConsistencyLevel": "eventual"})
            except httpx.DecodingError:
                assert kind == "gzip-damaged"
                continue
            assert 200 <= response.status_code < 600, (kind, url)
            assert response.headers["request-id"], (kind, url)
        try:
            assert ask(app, "/v1.0/$batch", "POST", json=batch).status_code < 600
        except httpx.DecodingError:
            assert kind == "gzip-damaged"


@pytest.mark.parametrize(
    ("fault", "status", "name"),
    [
        (Fault("status", status=503), 503, "serviceNotAvailable"),
        (Fault("status", status=500), 500, "InternalServerError"),
        (Fault("status", status=501, code="NotImplemented"), 501, "NotImplemented"),
        (Fault("throttled", retry_after="2.128"), 429, "TooManyRequests"),
        (Fault("unauthorized"), 401, "InvalidAuthenticationToken"),
        (Fault("not-found"), 404, "Request_ResourceNotFound"),
        (Fault("expired-token"), 400, "Directory_ExpiredPageToken"),
        (Fault("forbidden", variant="directory"), 403, "Authorization_RequestDenied"),
        (Fault("forbidden", variant="access"), 403, "AccessDenied"),
        (Fault("forbidden", variant="audit"), 403, "Authentication_MSGraphPermissionMissing"),
        (Fault("forbidden", variant="pim"), 403, "UnknownError"),
        (Fault("forbidden", variant="non-premium"), 403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant"),
        (Fault("forbidden", variant="no-license"), 403, "NoLicense"),
        (Fault("forbidden", variant="pim-license"), 400, "AadPremiumLicenseRequired"),
    ],
)
def test_answers(tmp_path, fault, status, name):
    assert code(ask(app_of(tmp_path, USERS, faults=[fault]), PAGE)) == (status, name)


def test_claims_challenges_travel_in_the_header(tmp_path):
    refused = ask(struck(tmp_path / "a", "unauthorized", variant="e30="), PAGE)
    assert 'claims="e30="' in refused.headers["www-authenticate"]
    refused = ask(struck(tmp_path / "b", "forbidden", variant="claims"), PAGE)
    assert "insufficient_claims" in refused.headers["www-authenticate"]


@pytest.mark.parametrize(
    ("words", "header"),
    [
        ("absent", None),
        ("2.128", "2.128"),
        ("-1", "-1"),
        ("rubbish", "rubbish"),
        ("huge", "99999999"),
        ("date+30", "Fri, 20 Nov 2026 08:15:30 GMT"),
        ("date-5", "Fri, 20 Nov 2026 08:14:55 GMT"),
        ("date", "Fri, 20 Nov 2026 08:15:05 GMT"),
    ],
)
def test_retry_after_in_all_its_spellings(tmp_path, words, header):
    assert ask(struck(tmp_path, "throttled", retry_after=words), PAGE).headers.get("retry-after") == header


def test_whole_bodies_that_are_not_graphs(tmp_path):
    html = ask(struck(tmp_path / "a", "html"), PAGE)
    assert (html.status_code, html.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert ask(struck(tmp_path / "b", "status", status=502, variant="html"), PAGE).text.startswith("<!DOCTYPE")
    assert ask(struck(tmp_path / "c", "empty"), PAGE).content == b""
    assert ask(struck(tmp_path / "d", "error-body"), PAGE).json()["error"]["code"] == "UnknownError"
    assert ask(struck(tmp_path / "e", "deep", size=50), PAGE).text == '{"value":' + "[" * 50 + "]" * 50 + "}"
    assert len(ask(struck(tmp_path / "f", "oversized", size=2), PAGE).content) > 2 * 1024 * 1024
    assert len(ask(struck(tmp_path / "g", "gzip-bomb", size=3), PAGE).content) > 3 * 1024 * 1024
    with pytest.raises(httpx.DecodingError):
        ask(struck(tmp_path / "h", "gzip-damaged"), PAGE)
    moved = ask(struck(tmp_path / "i", "redirect", status=307, variant="http://evil.example/"), PAGE)
    assert (moved.status_code, moved.headers["location"]) == (307, "http://evil.example/")


def test_damaged_bodies(tmp_path):
    def text(kind, **options):
        return ask(struck(tmp_path / f"{kind}{options}".replace("'", ""), kind, **options), PAGE).content

    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(text("truncated"))
    assert b'"nan":NaN' in text("nan")
    assert b"9" * 5000 in text("big-number")
    assert text("duplicate-key").count(b'"displayName"') == 3
    assert b"\\ud800" in text("surrogate")
    assert text("bom").startswith(b"\xef\xbb\xbf{")
    assert orjson.loads(text("wrong-type", variant="value-object"))["value"] == {"0": "x"}
    assert orjson.loads(text("wrong-type", variant="value-null"))["value"] is None
    assert "value" not in orjson.loads(text("wrong-type", variant="value-missing"))
    assert orjson.loads(text("wrong-type", variant="rows-text"))["value"] == ["row", 7, None]
    assert isinstance(orjson.loads(text("wrong-type", variant="list")), list)
    assert orjson.loads(text("wrong-type", variant="number")) == 42


def test_links(tmp_path):
    empty = struck(tmp_path / "a", "empty-page")
    assert ask(empty, PAGE).json()["value"] == []
    assert [r["id"] for r in every(empty, "/v1.0/users?$select=id")] == [uid(n) for n in range(1, 6)]
    loop = struck(tmp_path / "b", "looping-link", count=3)
    links = [PAGE]
    for _ in range(5):
        links.append(ask(loop, links[-1]).json()["@odata.nextLink"])
    assert links[1] == links[4]
    assert len(set(links[1:4])) == 3
    assert ask(struck(tmp_path / "c", "bad-link", variant="number"), PAGE).json()["@odata.nextLink"] == 7
    foreign = {}
    for variant in ("suffix", "userinfo", "other-port", "other-path", "relative", "long"):
        link = ask(struck(tmp_path / variant, "foreign-link", variant=variant), PAGE).json()["@odata.nextLink"]
        foreign[variant] = link
    assert foreign["suffix"] == "http://127.0.0.1.evil.example/v1.0/users?$skiptoken=1"
    assert foreign["userinfo"] == "http://127.0.0.1@evil.example/v1.0/users?$skiptoken=1"
    assert foreign["other-port"] == "http://127.0.0.1:1/v1.0/users?$skiptoken=1"
    assert foreign["relative"].startswith("/v1.0/users")
    assert len(foreign["long"]) > 1_000_000


def test_rows_twice_and_rows_missing(tmp_path):
    twice = struck(tmp_path / "a", "duplicate-rows", count=1, on=(1,))
    assert len(every(twice, PAGE)) == 6
    short = struck(tmp_path / "b", "missing-rows", count=1, on=(1,))
    assert [r["id"] for r in every(short, PAGE)] == [uid(n) for n in range(2, 6)]
    assert ask(short, "/v1.0/users/$count", headers={"ConsistencyLevel": "eventual"}).text == "5"


def test_pace_and_clock(tmp_path):
    app = app_of(tmp_path, USERS, faults=[Fault("latency", seconds=0.05), Fault("slow", seconds=0.05)])
    start = time.monotonic()
    assert len(ask(app, PAGE).json()["value"]) == 2
    assert time.monotonic() - start >= 0.1
    skewed = struck(tmp_path / "b", "clock-skew", seconds=3600.0)
    date = parsedate_to_datetime(ask(skewed, PAGE).headers["date"])
    assert date == datetime(2026, 11, 20, 8, 15, tzinfo=UTC) + timedelta(hours=1)


def test_which_requests_are_struck():
    plan = Plan([Fault("html", path="v1.0/users*", query="*skiptoken*", method="GET", on=(2,))])
    assert not plan.striking("GET", "v1.0/users", "$skiptoken=a")
    assert not plan.striking("GET", "v1.0/groups", "$skiptoken=a")
    assert not plan.striking("POST", "v1.0/users", "$skiptoken=a")
    assert not plan.striking("GET", "v1.0/users", "$top=1")
    assert plan.striking("GET", "v1.0/Users", "$skiptoken=b")
    assert not plan.striking("GET", "v1.0/users", "$skiptoken=b")


def test_each_address_may_count_on_its_own():
    plan = Plan([Fault("html", on=(1,), per="url")])
    assert [bool(plan.striking("GET", "v1.0/users", q)) for q in ("a", "a", "b", "b")] == [True, False, True, False]


def test_faults_strike_inside_batches(tmp_path):
    app = app_of(tmp_path, USERS, faults=[Fault("throttled", path=f"v1.0/users/{uid(2)}", retry_after="1", on=(1,))])
    body = {"requests": [{"id": str(n), "method": "GET", "url": f"/users/{uid(n)}"} for n in (1, 2)]}
    for expected in ({"1": 200, "2": 429}, {"1": 200, "2": 200}):
        got = ask(app, "/v1.0/$batch", "POST", json=body).json()["responses"]
        assert {r["id"]: r["status"] for r in got} == expected
        assert all(r["headers"]["Retry-After"] == "1" for r in got if r["status"] == 429)
