"""What the hub reaches outside, asked once: for `beheard doctor`.

Nothing that people wrote is sent, and nothing is changed anywhere.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import socket
from typing import TYPE_CHECKING

import httpx

from beheard_hub.courier import CourierDown
from beheard_hub.gateway.id_tokens import proofs_of
from beheard_hub.gateway.jwks import fetch_by_http, usable_keys
from beheard_hub.runtime import SystemClock
from beheard_hub.setting_values import AUTO

if TYPE_CHECKING:
    from beheard_hub.settings import Cluster, Identity, Push, Traces

SECONDS_MAX = 4.0
RAY_ADVICE = "Check RAY_ADDRESS: HOST:PORT of the cluster's head, usually port 6379."

Answer = tuple[str, str]
"""A sentence, and what to do where something is wrong (else empty)."""


def identity(settings: Identity) -> Answer:
    """Whether tokens can be checked. Raises SetupError for a file of apps that cannot be used."""
    apps = proofs_of(settings.id_tokens, SystemClock())
    linked = f"; identities of {', '.join(apps)} can be linked" if apps else ""
    if settings.jwks_url is None:
        return f"tokens of the hub's own key{linked}", ""
    try:
        count = asyncio.run(usable_keys(fetch_by_http(settings.jwks_url)))
    except Exception as wrong:  # somebody else's server: anything may come
        return (
            f"the token issuer's keys cannot be read ({type(wrong).__name__})",
            "Check BEHEARD_JWKS_URL and the network; until then nobody can come in.",
        )
    if not count:
        advice = "It must list RS256 or ES256 keys for signatures: check BEHEARD_JWKS_URL."
        return "the token issuer's document holds no key that may sign", advice
    return f"the token issuer shows {count} keys that may sign{linked}", ""


def ray(settings: Cluster) -> Answer:
    """Whether there is a Ray to live on."""
    version = f"Ray {importlib.metadata.version('ray')}"
    if settings.link == "inprocess":
        return "not needed (BEHEARD_LINK=inprocess)", ""
    if settings.ray_address is None:
        return f"{version}, started with the hub", ""
    if settings.ray_address == AUTO:
        return f"{version}, whatever cluster this machine belongs to", ""
    if ray_answers(settings.ray_address):
        return f"something listens at {settings.ray_address}; {version} here", ""
    return f"nothing answers at {settings.ray_address}", RAY_ADVICE


def ray_answers(address: str) -> bool:
    """Whether something listens at HOST:PORT. Ray itself takes minutes to find that nothing does.
    Blocks for some seconds at most."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), SECONDS_MAX):
            return True
    except OSError:
        return False


def pushes(settings: Push) -> Answer:
    """Whether Ably takes the key."""
    if settings.ably_api_key is None:
        return "none: notifications stay in the inbox", ""
    try:
        taken = asyncio.run(_key_taken(settings, settings.ably_api_key))
    except CourierDown:
        return "Ably cannot be reached", "Check the network, and ABLY_REST_HOST if it is set."
    return ("Ably takes the key", "") if taken else ("Ably refuses the key", "Check ABLY_API_KEY.")


async def _key_taken(settings: Push, key: str) -> bool:
    from beheard_hub.push.ably import AblyCourier  # loads slowly: only where used

    courier = AblyCourier(key, settings, SECONDS_MAX)
    try:
        return await courier.key_taken()
    finally:
        await courier.close()


def traces(settings: Traces) -> Answer:
    """Whether the collector takes spans; it is sent none."""
    if settings.endpoint is None:
        return "none are sent", ""
    url = f"{settings.endpoint.rstrip('/')}/v1/traces"
    try:
        answer = httpx.post(url, json={"resourceSpans": []}, timeout=SECONDS_MAX)
    except (httpx.HTTPError, httpx.InvalidURL) as wrong:
        return (
            f"the collector cannot be reached ({type(wrong).__name__})",
            "Check OTEL_EXPORTER_OTLP_ENDPOINT; the hub serves without it.",
        )
    if answer.is_success:
        return f"{settings.percent} of a hundred commands go to the collector", ""
    advice = "Its address must be that of OTLP over HTTP, usually port 4318, without a path."
    return f"the collector answers {answer.status_code}", advice
