"""The only reader of the environment: every setting of spec 09 as one row of `VARIABLES`.

`load` turns the rows into frozen sections, or says in one sentence which variable is wrong and what
it may be. Options of `beheard serve` are the same rows under another spelling and win over the
environment. `masked` shows the effective values with every secret hidden.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from beheard_hub.setting_sections import (
    Ai,
    Cluster,
    Database,
    Embeddings,
    Identity,
    Practice,
    Push,
    Section,
    Server,
    Settings,
    Traces,
)
from beheard_hub.setting_values import (
    Parse,
    ably_key,
    bind,
    cluster,
    emails,
    file,
    locale,
    one_of,
    origins,
    path,
    rates,
    secret,
    switch,
    text,
    web_url,
    whole,
)

__all__ = [
    "Ai", "Cluster", "Database", "Embeddings", "Identity", "Practice", "Push", "Section", "Server",
    "Settings", "Traces",
]  # fmt: skip


class SetupError(Exception):
    """Something around the hub is not as it must be; exit code 2.

    `sentence` says what is wrong, `hint` what to do about it. Neither holds a secret.
    """

    def __init__(self, sentence: str, hint: str = "") -> None:
        super().__init__(f"{sentence} {hint}".rstrip())
        self.sentence = sentence
        self.hint = hint


class SettingsError(SetupError):
    """A setting has a value that it may not have."""


class Variable(msgspec.Struct, frozen=True):
    """One setting: where it is read, where it goes, how it is checked."""

    name: str
    field: str
    """``section.attribute`` of `Settings`."""
    parse: Parse
    default: Any
    """A value, or a function of the raw values where it depends on another setting."""
    meaning: str
    secret: bool = False


def _cores(_raw: Mapping[str, str]) -> int:
    return max(2, os.cpu_count() or 2)


LOG_LEVELS = ("debug", "info", "warning", "error")


def _by_key(raw: Mapping[str, str]) -> str:
    return "anthropic" if "ANTHROPIC_API_KEY" in raw else "offline"


def _own_link(raw: Mapping[str, str]) -> str:
    return (
        f"http://{raw.get('BEHEARD_HOST', '127.0.0.1')}:{raw.get('BEHEARD_PORT', '8787')}/practice"
    )


VARIABLES: Sequence[Variable] = (
    Variable("BEHEARD_HOST", "server.host", text, "127.0.0.1", "address to listen on"),
    Variable("BEHEARD_PORT", "server.port", whole(0, 65535), 8787, "the one port; 0 = any free"),
    Variable("BEHEARD_DATA_DIR", "server.data_dir", path, Path(".beheard"),
             "embedded Postgres, keys, logs, pid file"),
    Variable("BEHEARD_ALLOWED_ORIGINS", "server.allowed_origins", origins, (),
             "origins of browsers, by comma; empty = same origin"),
    Variable("BEHEARD_RATES", "server.rates", rates, (),
             "other rates, by comma, like messages=30/60s or commands=20/1s:40"),
    Variable("BEHEARD_LIMITS", "server.limits", switch, True, "off lifts the rate limits"),
    Variable("BEHEARD_LOG", "server.log", one_of(*LOG_LEVELS), "info",
             "level of the JSON lines on stderr"),
    Variable("BEHEARD_METRICS_TOKEN", "server.metrics_token", secret, None,
             "bearer token for /metrics; empty = only on this machine", secret=True),
    Variable("DATABASE_URL", "database.url", text, None, "owner's URL; empty = embedded",
             secret=True),
    Variable("BEHEARD_DATABASE_LOGIN_SECRET", "database.login_secret", secret, None,
             "secret of the run-time login role; empty = made from the owner's URL", secret=True),
    Variable("RAY_ADDRESS", "cluster.ray_address", cluster, None,
             "a cluster to join: HOST:PORT of its head, or auto"),
    Variable("BEHEARD_RAY_DASHBOARD", "cluster.dashboard_port", whole(0, 65535), None,
             "port of Ray's dashboard, on this machine only and behind Ray's token; "
             "0 = any free; empty = none"),
    Variable("BEHEARD_HOSTS", "cluster.hosts", whole(1, 256), _cores, "session hosts"),
    Variable("BEHEARD_GATEWAYS", "cluster.gateways", whole(1, 64), 1, "gateway processes"),
    Variable("BEHEARD_LINK", "cluster.link", one_of("socket", "inprocess"), "socket",
             "inprocess = all in one process, without Ray"),
    Variable("BEHEARD_CLUSTER_SECRET", "cluster.secret", secret, None,
             "proves hosts and gateways to each other", secret=True),
    Variable("BEHEARD_LINK_BIND", "cluster.link_bind", bind, None,
             "address of the hosts' links, or node = that of each machine in Ray; "
             "empty = unix sockets, one machine"),
    Variable("BEHEARD_LINK_CERT", "cluster.link_cert", file, None,
             "PEM file: certificate of the hosts, for the name beheard-host"),
    Variable("BEHEARD_LINK_KEY", "cluster.link_key", file, None, "PEM file: its key"),
    Variable("BEHEARD_LINK_CA", "cluster.link_ca", file, None,
             "PEM file: authority that signed it"),
    Variable("BEHEARD_JWKS_URL", "identity.jwks_url", web_url, None, "keys of the token issuer"),
    Variable("BEHEARD_JWT_ISSUER", "identity.issuer", text, None, "iss of every token"),
    Variable("BEHEARD_JWT_AUDIENCE", "identity.audience", text, None, "aud of every token"),
    Variable("ADMIN_EMAILS", "identity.admin_emails", emails, (),
             "by comma: who logs in with one, verified by the issuer, becomes ADMIN", secret=True),
    Variable("BEHEARD_ID_TOKENS", "identity.id_tokens", file, None,
             "TOML file: apps at Google, Apple and GitHub by which users link an identity"),
    Variable("BEHEARD_FACILITATOR", "ai.facilitator", one_of("anthropic", "offline"),
             _by_key, "who facilitates; anthropic where its key is set"),
    Variable("ANTHROPIC_API_KEY", "ai.anthropic_api_key", text, None, "key of the provider",
             secret=True),
    Variable("ANTHROPIC_BASE_URL", "ai.anthropic_base_url", web_url, None,
             "another address of the provider"),
    Variable("BEHEARD_MODEL_LARGE", "ai.model_large", text, None, "model for conversation"),
    Variable("BEHEARD_MODEL_SMALL", "ai.model_small", text, None, "model for checks"),
    Variable("BEHEARD_LOCALE", "ai.locale", locale, "en",
             "whose places to turn to are shown in danger, like en-GB or de"),
    Variable("BEHEARD_SAFETY_RESOURCES", "ai.safety_resources", file, None,
             "TOML file with places to turn to, over the hub's own"),
    Variable("BEHEARD_AI_FIRST_WORD_SECONDS", "ai.first_word_seconds_max", whole(1, 600), 20,
             "how long an answer may take to begin"),
    Variable("BEHEARD_AI_ANSWER_SECONDS", "ai.answer_seconds_max", whole(1, 600), 60,
             "how long an answer may take in all"),
    Variable("BEHEARD_AI_BUDGET_USER", "ai.budget_user", whole(1, 999_999_999), None,
             "tokens of a UTC day for one user; empty = no bound"),
    Variable("BEHEARD_AI_BUDGET_HUB", "ai.budget_hub", whole(1, 999_999_999), None,
             "tokens of a UTC day for all users together; empty = no bound"),
    Variable("BEHEARD_EMBEDDINGS", "embeddings.kind", one_of("local", "openai-compatible"),
             "local", "where vectors come from"),
    Variable("BEHEARD_EMBEDDERS", "embeddings.actors", whole(0, 64), 1,
             "embedding actors; 0 = texts wait for `beheard embed`"),
    Variable("BEHEARD_EMBEDDINGS_URL", "embeddings.url", web_url, None,
             "their address, to which /embeddings is added"),
    Variable("BEHEARD_EMBEDDINGS_KEY", "embeddings.key", text, None, "their key", secret=True),
    Variable("BEHEARD_EMBEDDINGS_MODEL", "embeddings.model", text, None, "their model"),
    Variable("ABLY_API_KEY", "push.ably_api_key", ably_key, None, "Ably; empty = inbox only",
             secret=True),
    Variable("ABLY_REST_HOST", "push.rest_host", text, None, "a stand-in for Ably"),
    Variable("ABLY_PORT", "push.port", whole(1, 65535), None, "its port"),
    Variable("ABLY_TLS", "push.tls", switch, True, "off for a stand-in without TLS"),
    Variable("OTEL_EXPORTER_OTLP_ENDPOINT", "traces.endpoint", web_url, None,
             "collector of OpenTelemetry (OTLP over HTTP) for traces; empty = none"),
    Variable("BEHEARD_TRACES_PERCENT", "traces.percent", whole(0, 100), 100,
             "how many of a hundred commands are traced"),
    Variable("BEHEARD_PRACTICE_LINK", "practice.link", web_url, _own_link,
             "where the app takes up an invitation to a practice; its token follows behind a #"),
)  # fmt: skip

REQUIRES: Sequence[tuple[str, str | None, str]] = (
    ("BEHEARD_JWKS_URL", None, "BEHEARD_JWT_ISSUER"),
    ("BEHEARD_JWKS_URL", None, "BEHEARD_JWT_AUDIENCE"),
    ("BEHEARD_FACILITATOR", "anthropic", "ANTHROPIC_API_KEY"),
    ("BEHEARD_EMBEDDINGS", "openai-compatible", "BEHEARD_EMBEDDINGS_URL"),
    ("BEHEARD_EMBEDDINGS", "openai-compatible", "BEHEARD_EMBEDDINGS_MODEL"),
    ("BEHEARD_LINK_BIND", None, "BEHEARD_LINK_CERT"),
    ("BEHEARD_LINK_BIND", None, "BEHEARD_LINK_KEY"),
    ("BEHEARD_LINK_BIND", None, "BEHEARD_LINK_CA"),
    ("BEHEARD_LINK_CERT", None, "BEHEARD_LINK_BIND"),
    ("BEHEARD_LINK_KEY", None, "BEHEARD_LINK_BIND"),
)
"""(variable, its value or None for any, the variable that must then be set too)."""

EXCLUDES: Sequence[tuple[str, str, str]] = (("BEHEARD_LINK", "inprocess", "BEHEARD_LINK_BIND"),)
"""(variable, its value, the variable that must then not be set)."""

SECTIONS = Settings.__struct_fields__


def load(
    environ: Mapping[str, str] | None = None, options: Mapping[str, str | None] | None = None
) -> Settings:
    """The effective settings.

    `options` (from the command line, by variable name; None = not given) win over `environ` (the
    process's own when None). A variable that is set but empty counts as not set.
    Raises SettingsError naming the variable and what it may be.
    """
    source = {**(os.environ if environ is None else environ), **_given(options or {})}
    raw = {row.name: source[row.name].strip() for row in VARIABLES if row.name in source}
    raw = {name: value for name, value in raw.items() if value}
    values: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for row in VARIABLES:
        section, attribute = row.field.split(".")
        values[section][attribute] = _value(row, raw)
    _check_requirements(raw)
    return msgspec.convert(values, Settings, dec_hook=_as_is)


def _given(options: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in options.items() if value is not None}


def _as_is(_type: type, value: object) -> object:
    return value


def _value(row: Variable, raw: Mapping[str, str]) -> Any:
    if row.name not in raw:
        return row.default(raw) if callable(row.default) else row.default
    try:
        return row.parse(raw[row.name])
    except ValueError as wrong:
        shown = "" if row.secret else f", not {raw[row.name][:60]!r}"
        raise SettingsError(f"{row.name} must be {wrong}{shown}.") from None


def _check_requirements(raw: Mapping[str, str]) -> None:
    for name, value, needed in REQUIRES:
        held = raw.get(name)
        if held is not None and value in (None, held.lower()) and needed not in raw:
            setting = name if value is None else f"{name}={value}"
            raise SettingsError(f"{setting} needs {needed} too.", f"Set {needed}.")
    for name, value, barred in EXCLUDES:
        if raw.get(name, "").lower() == value and barred in raw:
            sentence = f"{name}={value} and {barred} contradict each other."
            raise SettingsError(sentence, "Set one of them.")


def masked(settings: Settings) -> Sequence[tuple[str, str, str]]:
    """(variable, effective value, meaning) of every setting, secrets hidden: for `doctor`."""
    rows = []
    for row in VARIABLES:
        section, attribute = row.field.split(".")
        value = getattr(getattr(settings, section), attribute)
        rows.append((row.name, _shown(row, value), row.meaning))
    return rows


def _shown(row: Variable, value: object) -> str:
    if value is None or value == ():
        return "(not set)"
    if row.name == "DATABASE_URL":
        return mask_url(str(value))
    if row.secret:
        return "********"
    if isinstance(value, bool):
        return "on" if value else "off"
    return ",".join(value) if isinstance(value, tuple) else str(value)


def mask_url(url: str) -> str:
    """`url` without its password and without its query, which may hold one too."""
    without_query = url.partition("?")[0]
    return re.sub(r"(://[^:/@]*):.*@", r"\1:********@", without_query)


def effective(settings: Settings) -> Mapping[str, str]:
    """The settings as variables again, for processes that load them anew."""
    found = {}
    for row in VARIABLES:
        section, attribute = row.field.split(".")
        value = getattr(getattr(settings, section), attribute)
        if value is not None and value != ():
            found[row.name] = _plain(value)
    return found


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return ",".join(value) if isinstance(value, tuple) else str(value)


def process_environment() -> MutableMapping[str, str]:
    """The environment that child processes inherit."""
    return os.environ
