"""posture.toml: every mistake ends in one line that names the place, before any call."""

import pytest

from posture.cli import config as c
from posture.errors import SettingsError
from posture.settings import Profile

GOOD = """
profile = "cis-m365-v7"

[parameters]
stale_days = 60
own_tenant_ids = ["00000000-0000-4000-8000-000000000001"]

[[accepted]]
control = "GUEST-INV-001"
reason = "Partner programme, ticket SEC-881"
owner = "ana@contoso.example"
approved = 2026-06-01
until = 2026-12-31
[accepted.only]
value = "everyone"

[[attested]]
control = "GUEST-VIS-004"
value = "pass"
who = "ana@contoso.example"
when = 2026-06-01
until = 2026-12-31
"""


def _load(tmp_path, text):
    (tmp_path / "posture.toml").write_text(text)
    return c.load()


def test_a_good_file_is_read(tmp_path):
    found = _load(tmp_path, GOOD)
    settings = found.settings(Profile.POSTURE)
    assert found.value("profile").value == "cis-m365-v7"
    assert settings.thresholds.stale_days == 60
    assert settings.accepted[0].value == "everyone"
    assert settings.attestations[0].who == "ana@contoso.example"


def test_option_before_environment_before_file_before_default(tmp_path, monkeypatch):
    found = _load(tmp_path, 'profile = "ms-zta"')
    assert found.value("profile", None, "posture") == c.Value("ms-zta", "posture.toml")
    monkeypatch.setenv("POSTURE_PROFILE", "scuba-aad")
    assert found.value("profile", None, "posture").value == "scuba-aad"
    assert found.value("profile", "posture", "x").origin == "option"
    assert found.value("cloud", None, "global") == c.Value("global", "default")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('profil = "posture"', ["line 1", "did you mean 'profile'"]),
        ("graph-url = 'http://127.0.0.1:1'", ["line 1", "never from a file"]),
        ("secret = 'x'", ["never from a file"]),
        ("profile = 3", ["line 1", "must be text"]),
        ("profile = 'a'\nprofile = 'b'\n", ["posture.toml", "overwrite"]),
        ("out = '../elsewhere'", ["outside this folder"]),
        ("out = '/tmp/elsewhere'", ["outside this folder"]),
        ("[parameters]\nstale_day = 3", ["unknown parameter 'stale_day'"]),
        ("[parameters]\nstale_days = 'x'", ["stale_days"]),
        ("[parameters]\nstale_days = -1", ["stale_days"]),
        ("[parameters]\nstale_days = true", ["stale_days"]),
        ("[accepted]\ncontrol = 'x'", ["[[accepted]]"]),
        ("[[accepted]]\nreason = 'x'", ["lacks 'control'"]),
        ("[[accepted]]\ncontrol = 'GUEST-INV-01'", ["line 2", "did you mean GUEST-INV-001"]),
        (GOOD.replace("owner =", "ower ="), ["line 11", "did you mean 'owner'"]),
        (GOOD.replace("until = 2026-12-31\n[acc", "[acc"), ["lacks 'until'"]),
        (GOOD.replace("approved = 2026-06-01", "approved = '2026-06-01'"), ["without quotes"]),
        (GOOD.replace("until = 2026-12-31\n[acc", "until = 2028-12-31\n[acc"), ["at most 400 days"]),
        (GOOD.replace("Partner programme, ticket SEC-881", "because"), ["15 characters"]),
        (GOOD.replace('value = "everyone"', 'guests = ["eve@example.com"]'), ["no object id"]),
        (GOOD.replace('value = "everyone"', 'domains = ["*.example"]'), ["exact domains"]),
        (GOOD.replace('value = "everyone"', 'domains = ["."]'), ["exact domains"]),
        (GOOD.replace('value = "everyone"', 'domains = ["a b.example"]'), ["exact domains"]),
        # An empty list must not turn an exception for one guest into one for everybody.
        (GOOD.replace('value = "everyone"', "guests = []"), ["only of GUEST-INV-001 names no guests"]),
        (GOOD.replace('value = "everyone"', "domains = []"), ["names no domains"]),
        (GOOD.replace('value = "everyone"', ""), ["names nothing; leave it out"]),
        (GOOD.replace('"everyone"', "2026-06-01"), ["value of GUEST-INV-001", "which no setting can be"]),
        (GOOD.replace('"everyone"', "[nan]"), ["which no setting can be"]),
        (GOOD.replace("[accepted.only]", "kind = []\n[accepted.only]"), ["kind of GUEST-INV-001 is []"]),
        (GOOD.replace('value = "everyone"', 'name = "Eve"'), ["is not known in [only]"]),
        (GOOD.replace('value = "pass"', 'value = "fine"'), ["one of pass"]),
        ("[brand]\ncolour = 'x'", ["is not known"]),
        ("[brand]\nname = 3", ["must be text"]),
        ("[tenants]\nx = 3", ["must be a table"]),
        # A mistake in what was accepted for one tenant stops the runs of the others too: nobody should find it late.
        ("[[tenants.x.accepted]]\ncontrol = 'GUEST-INV-001'", ["lacks 'reason'"]),
        ("[[tenants.x.attested]]\ncontrol = 'GUEST-PRV-007'", ["lacks 'value'"]),
        ("[tenants.x]\naccepted = 3", ["[[accepted]]"]),
        ("[tenants.x]\nprofile = 3", ["line 2", "must be text"]),
        ("= = =", ["posture.toml"]),
        ("x = " + "[" * 5000, ["posture.toml", "too deep"]),
        ("x = " + "9" * 5000, ["posture.toml", "digits"]),
        (GOOD.replace("approved = 2026-06-01", "approved = 2026-06-01T00:00:00Z"), ["is 2026-06-01T00:00", "a date"]),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path, text, words):
    with pytest.raises(SettingsError) as error:
        _load(tmp_path, text).settings(Profile.POSTURE)
    for word in words:
        assert word in str(error.value)
    assert "\n" not in str(error.value)


def test_a_tenant_of_its_own_adds_to_the_file(tmp_path):
    (tmp_path / "posture.toml").write_text(
        'cloud = "global"\n[tenants."fabrikam.example"]\ncloud = "usgov"\n'
        + GOOD.partition("[[attested]]")[0]
        .partition("[[accepted]]")[2]
        .join(['[[tenants."fabrikam.example".accepted]]', ""])
        .replace('[accepted.only]\nvalue = "everyone"', "")
    )
    assert c.load(tenant="fabrikam.example").value("cloud").value == "usgov"
    assert len(c.load(tenant="fabrikam.example").accepted) == 1
    assert not c.load(tenant="other.example").accepted


def test_a_file_that_is_no_text_and_one_too_large(tmp_path):
    (tmp_path / "posture.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="cannot be read"):
        c.load()
    with pytest.raises(SettingsError, match="cannot be read"):
        c.load(tmp_path / "none.toml")
    (tmp_path / "posture.toml").write_bytes(b"#" * (5 * 1024 * 1024))
    with pytest.raises(SettingsError, match="larger"):
        c.load()


PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 40


def branded(folder, logo):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "posture.toml").write_text(f"[brand]\nlogo = '{logo}'")
    return c.load(folder / "posture.toml")


def test_a_logo_lies_beside_the_file_and_nowhere_else(tmp_path):
    ours = tmp_path / "sent"
    (tmp_path / "private.png").write_bytes(PNG)
    (ours / "art").mkdir(parents=True)
    (ours / "art" / "logo.png").write_bytes(PNG)
    (ours / "link.png").symlink_to(tmp_path / "private.png")
    assert c.brand_of(branded(ours, "art/logo.png")).logo.startswith("data:image/png")
    assert c.brand_of(branded(ours, "")).logo == ""
    for logo in (
        "../private.png",
        str(tmp_path / "private.png"),
        "link.png",
        "art/../../private.png",
        "~/x.png\\u0000",
    ):
        with pytest.raises(SettingsError, match="logo"):
            c.brand_of(branded(ours, logo))


def test_a_file_that_is_no_plain_file(tmp_path):
    (tmp_path / "posture.toml").symlink_to("/dev/zero")
    with pytest.raises(SettingsError, match=r"posture\.toml is no plain file"):
        c.load()
