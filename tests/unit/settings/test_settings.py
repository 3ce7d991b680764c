"""The table of spec 09: names, defaults, what is refused and how, and that no secret shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from beheard_hub import setting_values, settings
from beheard_hub.setting_values import NODE
from beheard_hub.settings import SettingsError, SetupError, load, mask_url, masked

DEFAULTS = {
    "BEHEARD_HOST": "127.0.0.1",
    "BEHEARD_PORT": "8787",
    "BEHEARD_DATA_DIR": ".beheard",
    "DATABASE_URL": "(not set)",
    "RAY_ADDRESS": "(not set)",
    "BEHEARD_GATEWAYS": "1",
    "BEHEARD_JWKS_URL": "(not set)",
    "BEHEARD_ALLOWED_ORIGINS": "(not set)",
    "BEHEARD_FACILITATOR": "offline",
    "BEHEARD_EMBEDDINGS": "local",
    "ABLY_API_KEY": "(not set)",
    "BEHEARD_LIMITS": "on",
    "BEHEARD_LOG": "info",
}


def test_nothing_set_gives_the_documented_defaults() -> None:
    shown = {name: value for name, value, _ in masked(load({}))}
    assert {name: shown[name] for name in DEFAULTS} == DEFAULTS
    assert load({}).cluster.hosts >= 2
    assert load({}).cluster.link == "socket"


@pytest.mark.parametrize(
    ("name", "value", "may_be"),
    [
        ("BEHEARD_PORT", "65536", "from 0 to 65535"),
        ("BEHEARD_PORT", "-1", "whole number"),
        ("BEHEARD_PORT", "eighty", "whole number"),
        ("BEHEARD_HOSTS", "0", "from 1 to 256"),
        ("BEHEARD_GATEWAYS", "1.5", "from 1 to 64"),
        ("BEHEARD_LINK", "carrier-pigeon", "socket, inprocess"),
        ("BEHEARD_LIMITS", "maybe", "on or off"),
        ("BEHEARD_LOG", "loud", "debug, info, warning, error"),
        ("BEHEARD_JWKS_URL", "ftp://keys", "https://"),
        ("BEHEARD_ALLOWED_ORIGINS", "https://a.example/path", "https://app.example"),
        ("BEHEARD_FACILITATOR", "oracle", "anthropic, offline"),
        ("BEHEARD_EMBEDDINGS", "remote", "local, openai-compatible"),
        ("ABLY_PORT", "0", "from 1 to 65535"),
        ("BEHEARD_LINK_BIND", "0.0.0.0", "node, or an IP address"),
        ("BEHEARD_LINK_BIND", "::", "node, or an IP address"),
        ("BEHEARD_LINK_BIND", "eth0", "node, or an IP address"),
        ("ADMIN_EMAILS", "boss@home.test,boss", "e-mail addresses"),
        ("RAY_ADDRESS", "ray://head:10001", "HOST:PORT of the cluster's head, or auto"),
        ("RAY_ADDRESS", "head", "HOST:PORT"),
        ("RAY_ADDRESS", "head:70000", "HOST:PORT"),
    ],
)
def test_a_wrong_value_is_refused_by_name_and_limit(name: str, value: str, may_be: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load({name: value})
    assert caught.value.sentence.startswith(name)
    assert may_be in caught.value.sentence
    assert isinstance(caught.value, SetupError)


@pytest.mark.parametrize(
    ("environ", "missing"),
    [
        ({"BEHEARD_JWKS_URL": "https://id.example/keys"}, "BEHEARD_JWT_ISSUER"),
        (
            {"BEHEARD_JWKS_URL": "https://id.example/keys", "BEHEARD_JWT_ISSUER": "i"},
            "BEHEARD_JWT_AUDIENCE",
        ),
        ({"BEHEARD_FACILITATOR": "anthropic"}, "ANTHROPIC_API_KEY"),
        ({"BEHEARD_EMBEDDINGS": "openai-compatible"}, "BEHEARD_EMBEDDINGS_URL"),
        ({"BEHEARD_LINK_BIND": "node"}, "BEHEARD_LINK_CERT"),
        ({"BEHEARD_LINK_BIND": "node", "BEHEARD_LINK_CERT": "c.pem"}, "BEHEARD_LINK_KEY"),
        (
            {"BEHEARD_LINK_BIND": "node", "BEHEARD_LINK_CERT": "c", "BEHEARD_LINK_KEY": "k"},
            "BEHEARD_LINK_CA",
        ),
        ({"BEHEARD_LINK_CERT": "c.pem"}, "BEHEARD_LINK_BIND"),
        ({"BEHEARD_LINK_KEY": "k.pem"}, "BEHEARD_LINK_BIND"),
        ({"BEHEARD_LINK_KEY": "key.pem"}, "BEHEARD_LINK_BIND"),
    ],
)
def test_a_setting_that_needs_another_one_says_which(environ: dict[str, str], missing: str) -> None:
    with pytest.raises(SettingsError, match=missing):
        load(environ)


LINKS = {
    "BEHEARD_LINK_BIND": "FD00:0::1",
    "BEHEARD_LINK_CERT": "/tls/host.pem",
    "BEHEARD_LINK_KEY": "/tls/host-key.pem",
    "BEHEARD_LINK_CA": "ca.pem",
}


def test_links_between_machines() -> None:
    cluster = load(LINKS).cluster
    assert (cluster.link_bind, cluster.link_cert) == ("fd00::1", Path("/tls/host.pem"))
    assert cluster.link_ca == Path.cwd() / "ca.pem"
    assert load(LINKS | {"BEHEARD_LINK_BIND": "Node"}).cluster.link_bind == NODE
    assert load(settings.effective(load(LINKS))) == load(LINKS)


def test_a_hub_in_one_process_has_no_links_to_set() -> None:
    with pytest.raises(SettingsError, match="contradict"):
        load(LINKS | {"BEHEARD_LINK": "InProcess"})


def test_the_facilitator_follows_the_key_unless_told_otherwise() -> None:
    assert load({"ANTHROPIC_API_KEY": "k"}).ai.facilitator == "anthropic"
    both = {"ANTHROPIC_API_KEY": "k", "BEHEARD_FACILITATOR": "offline"}
    assert load(both).ai.facilitator == "offline"


def test_options_win_over_the_environment_and_empty_means_not_set() -> None:
    environ = {"BEHEARD_PORT": "1000", "DATABASE_URL": "  ", "BEHEARD_DATA_DIR": "/srv/hub"}
    loaded = load(environ, {"BEHEARD_PORT": "0", "BEHEARD_DATA_DIR": None})
    assert loaded.server.port == 0
    assert loaded.server.data_dir == Path("/srv/hub")
    assert loaded.database.url is None


def test_origins_are_a_list() -> None:
    loaded = load({"BEHEARD_ALLOWED_ORIGINS": "https://a.example, http://localhost:3000/"})
    assert loaded.server.allowed_origins == ("https://a.example", "http://localhost:3000")


def test_no_secret_is_ever_shown() -> None:
    secret = "s3cret-s3cret-s3cret"
    environ = {row.name: secret for row in settings.VARIABLES if row.secret}
    environ["ABLY_API_KEY"] = f"app.key:{secret}"
    environ["ADMIN_EMAILS"] = f"{secret}@home.test"
    environ["DATABASE_URL"] = f"postgresql://owner:{secret}@db.example:5432/hub?password={secret}"
    shown = masked(load(environ))
    assert secret not in repr(shown)
    assert ("DATABASE_URL", "postgresql://owner:********@db.example:5432/hub") in [
        (name, value) for name, value, _ in shown
    ]


def test_a_secret_that_is_wrong_is_not_quoted() -> None:
    with pytest.raises(SettingsError) as caught:
        load({"BEHEARD_CLUSTER_SECRET": "short"})
    assert "short" not in str(caught.value)


def test_a_password_with_signs_of_a_url_in_it_is_hidden_whole() -> None:
    assert mask_url("postgresql://o:p@ss@h/db") == "postgresql://o:********@h/db"


def test_every_variable_has_its_place() -> None:
    fields = {row.field for row in settings.VARIABLES}
    loaded = load({})
    declared = {
        f"{section}.{attribute}"
        for section in settings.SECTIONS
        for attribute in getattr(loaded, section).__struct_fields__
    }
    assert fields == declared


@pytest.mark.parametrize("locale", ["en", "de", "en-GB", "pt_BR"])
def test_a_locale(locale: str) -> None:
    assert settings.load({"BEHEARD_LOCALE": locale}).ai.locale == locale


@pytest.mark.parametrize("wrong", ["english", "e", "en-", "../en"])
def test_what_is_no_locale(wrong: str) -> None:
    with pytest.raises(settings.SettingsError, match="BEHEARD_LOCALE must be a locale"):
        settings.load({"BEHEARD_LOCALE": wrong})


def test_rates_are_set_one_by_one() -> None:
    chosen = load({"BEHEARD_RATES": "commands=5/1s:9, messages=2/60s"}).server.rates
    assert dict(map(setting_values.rate, chosen)) == {
        "commands": (5, 1.0, 9),
        "messages": (2, 60.0, 2),
    }


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("commands", "rates such as"),
        ("commands=0/1s", "rates such as"),
        ("commands=1/0s", "rates such as"),
        ("commands=1/1s:0", "rates such as"),
        ("talks=1/1s", "rates of commands, messages"),
        ("messages=1/1s,messages=2/1s", "no name twice"),
    ],
)
def test_a_rate_that_is_none(given: str, wanted: str) -> None:
    with pytest.raises(SettingsError, match=wanted):
        load({"BEHEARD_RATES": given})


def test_addresses_of_administrators_are_lower_case_and_nobody_reads_them() -> None:
    found = load({"ADMIN_EMAILS": " Boss@Home.test, second@home.test,"})
    assert found.identity.admin_emails == ("boss@home.test", "second@home.test")
    assert load(settings.effective(found)) == found
    assert {value for name, value, _ in masked(found) if name == "ADMIN_EMAILS"} == {"********"}
