"""A Ray of our own, or the cluster that the operator has: how the hub gets in, and who is there."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

import msgspec
import ray

from beheard_hub import telemetry
from beheard_hub.settings import SetupError

NAMESPACE = "beheard"
OBJECT_STORE_BYTES = 80 * 1024 * 1024
"""Nothing large goes through it; Ray's minimum is 75 MB."""

_log = telemetry.logger("supervisor")


class RayOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How Ray is reached or started."""

    address: str | None = None
    """None: a Ray of our own on this machine, which ends with us."""
    cpus: int = 2
    dashboard_port: int | None = None
    """Of Ray's dashboard, on loopback only, for who has Ray's token; 0: any free one; None: there
    is none."""
    token_file: Path | None = None
    """Holds what a Ray of our own asks everybody for; None: Ray keeps one for all Rays of this
    system user, in the user's home."""


AUTH_MODE, TOKEN = "RAY_AUTH_MODE", "token"

OWN_RAY: Mapping[str, str] = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",
}
"""What a Ray of our own is told by its environment, unless the operator says otherwise: no usage
reports to its makers, and hosts as urgent as the hub (Ray's workers run at nice 15 otherwise)."""
TOKEN_PATH = "RAY_AUTH_TOKEN_PATH"  # noqa: S105 (a variable of Ray)
TOKEN_VARIABLES = (AUTH_MODE, "RAY_AUTH_TOKEN", TOKEN_PATH)
"""Where the operator has set one of these, Ray asks for that."""


async def start_ray(options: RayOptions, environ: MutableMapping[str, str] | None = None) -> Path:
    """Connects to a cluster, or starts a Ray of our own (3-7 s), and answers the folder of Ray's
    session on this machine; its logs are there.

    `environ` is the environment that Ray's processes inherit, from the one place that reads it;
    with it a Ray of our own gets `OWN_RAY`. A cluster is left as it is. To be called in the main
    thread, which alone may say who hears a signal. Raises ConnectionError.
    """
    if environ is not None and options.address is None:
        for name, value in OWN_RAY.items():
            environ.setdefault(name, value)
        if options.token_file is not None and not any(map(environ.get, TOKEN_VARIABLES)):
            environ[TOKEN_PATH] = str(options.token_file)
    common: dict[str, Any] = {
        "namespace": NAMESPACE,
        "log_to_driver": False,
        "configure_logging": False,
    }
    if options.address is None:
        common |= {
            "address": "local",
            "num_cpus": options.cpus,
            "object_store_memory": OBJECT_STORE_BYTES,
            "include_dashboard": options.dashboard_port is not None,
            "dashboard_host": "127.0.0.1",
            "dashboard_port": options.dashboard_port,
        }
    else:
        common["address"] = options.address
    if options.dashboard_port is not None:
        _demand_token(environ or {})
    _quieten(logging.getLogger("ray"))
    context: Any = await asyncio.to_thread(ray.init, **common)
    _hear_again()
    if options.dashboard_port is not None:
        _log.info("ray_dashboard_open", endpoint=context.dashboard_url)
    return Path(context.address_info["session_dir"])


def _quieten(library: logging.Logger) -> None:
    """What Ray says leaves like the lines of any library, as JSON; among it is the advice to switch
    its token off."""
    library.handlers.clear()
    library.propagate = True
    library.setLevel(logging.WARNING)


def _hear_again() -> None:
    """Gives SIGTERM back to whoever in this process hears it. `ray.init` puts a handler of its own
    there, which aborts the process three seconds after the signal, in the middle of the drain."""
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))
    signal.alarm(0)  # one that came meanwhile has set the clock


def _demand_token(environ: Mapping[str, str]) -> None:
    """Whoever reaches the dashboard runs code as us: Ray asks for its token unless it is told not
    to. Raises SetupError."""
    mode = environ.get(AUTH_MODE, TOKEN)
    if mode.lower() != TOKEN:
        raise SetupError(
            f"{AUTH_MODE}={mode} would open Ray's dashboard to everybody on this machine.",
            f"Leave {AUTH_MODE} out, or end BEHEARD_RAY_DASHBOARD.",
        )


async def stop_ray() -> None:
    """Ends a Ray that `start_ray` started; leaves a cluster alone."""
    await asyncio.to_thread(ray.shutdown)


async def machines() -> set[str]:
    """Machines of the cluster that are there now."""
    return {node["NodeID"] for node in await _nodes()}


async def takers() -> set[str]:
    """Those that take hosts: `ray start --num-cpus=0` keeps them away."""
    return {node["NodeID"] for node in await _nodes() if node["Resources"].get("CPU")}


async def _nodes() -> list[Mapping[str, Any]]:
    return [node for node in await asyncio.to_thread(ray.nodes) if node["Alive"]]
