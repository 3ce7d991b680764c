"""The sections of the settings: what can be set, as frozen values. Where each comes from is a row
of `settings.VARIABLES`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec


class Section(msgspec.Struct, frozen=True):
    """Settings that belong together. Shows no value: some are secret. `masked` is for people."""

    def __repr__(self) -> str:
        return type(self).__name__


class Server(Section, frozen=True):
    """The one port, and where files live."""

    host: str
    port: int
    """0 = any free port."""
    data_dir: Path
    allowed_origins: tuple[str, ...]
    """Origins that browsers may come from; empty = same origin only."""
    rates: tuple[str, ...]
    """``name=tokens/seconds:burst`` of the rates that are not those of spec 5.3."""
    limits: bool
    """False lifts the rate limits; size limits stay."""
    log: str
    metrics_token: str | None
    """Opens `/metrics` to peers that are not on this machine."""


class Database(Section, frozen=True):
    """Where the truth is."""

    url: str | None
    """The owner's URL; None = embedded."""
    login_secret: str | None
    """Secret of the run-time login role; None = made from the owner's URL."""


class Cluster(Section, frozen=True):
    """How the work is spread over processes."""

    ray_address: str | None
    dashboard_port: int | None
    """Of Ray's dashboard, where Ray is our own; 0 = any free; None = none."""
    hosts: int
    gateways: int
    link: Literal["socket", "inprocess"]
    secret: str | None
    """Proves hosts and gateways to each other; None = made in the data directory."""
    link_bind: str | None
    """Where hosts listen for gateways: an address, or `NODE`; None = unix sockets."""
    link_cert: Path | None
    """With `link_bind` all three are set: TLS of the links."""
    link_key: Path | None
    link_ca: Path | None


class Identity(Section, frozen=True):
    """Who signs tokens (without `jwks_url` the hub's own key), and whose log-in makes an ADMIN."""

    jwks_url: str | None
    issuer: str | None
    audience: str | None
    admin_emails: tuple[str, ...]
    id_tokens: Path | None
    """Apps whose ID tokens prove an identity; None = nobody links one."""


class Ai(Section, frozen=True):
    """The facilitator."""

    facilitator: Literal["anthropic", "offline"]
    anthropic_api_key: str | None
    anthropic_base_url: str | None
    model_large: str | None
    """None = the provider's own default."""
    model_small: str | None
    locale: str
    """Whose places to turn to are shown in danger."""
    safety_resources: Path | None
    """An operator's own list of such places; None = the hub's."""
    first_word_seconds_max: int
    """From the call of the model to its first word."""
    answer_seconds_max: int
    """From the first read to the last word."""
    budget_user: int | None
    """Tokens of a UTC day that one user's calls may cost; None = no bound."""
    budget_hub: int | None


class Embeddings(Section, frozen=True):
    """Where vectors come from."""

    kind: Literal["local", "openai-compatible"]
    actors: int
    """How many give stored texts their vectors; 0 = none in this hub."""
    url: str | None
    key: str | None
    model: str | None


class Push(Section, frozen=True):
    """Ably; without a key there is the inbox only."""

    ably_api_key: str | None
    rest_host: str | None
    port: int | None
    tls: bool


class Traces(Section, frozen=True):
    """Where spans go."""

    endpoint: str | None
    """Of a collector of OpenTelemetry; None = no traces."""
    percent: int
    """How many of a hundred commands are traced."""


class Practice(Section, frozen=True):
    """Practices."""

    link: str
    """Where the app takes up an invitation; the token follows behind a #."""


class Settings(Section, frozen=True):
    """All that can be set, checked."""

    server: Server
    database: Database
    cluster: Cluster
    identity: Identity
    ai: Ai
    embeddings: Embeddings
    push: Push
    traces: Traces
    practice: Practice
