"""What a host's gauges show, looked up when they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prometheus_client import Gauge

from beheard_hub.actors.host import Host
from beheard_hub.observability import metrics

GAUGES: Mapping[str, Gauge] = {
    "shards": metrics.SHARDS,
    "live": metrics.SESSIONS.labels("live"),
    "packed": metrics.SESSIONS.labels("packed"),
    "parked": metrics.SESSIONS.labels("parked"),
    "subscriptions": metrics.SUBSCRIPTIONS,
    "buffered": metrics.BUFFERED_ENTRIES,
    "buffered_bytes": metrics.BUFFERED_BYTES,
}
"""Row of `Host.stats` → gauge."""


def probe(host: Host) -> Callable[[], None]:
    """Sets the gauges of this host."""

    def look() -> None:
        stats = host.stats()
        for name, gauge in GAUGES.items():
            gauge.set(stats[name])

    return look
