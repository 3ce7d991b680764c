"""What Ray's dashboard shows beside an actor: counts of now, what is slow, and nothing twice."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from beheard_hub.actors.ray_log import RayLog
from beheard_hub.observability.metrics import FAST


def test_a_line_says_what_lives_there_and_what_is_slow_and_is_not_repeated() -> None:
    role = CollectorRegistry()
    shards = Gauge("beheard_shards", "Shards", registry=role)
    sessions = Gauge("beheard_sessions", "Sessions", ["form"], registry=role)
    flush = Histogram("beheard_flush_seconds", "Flush", buckets=FAST, registry=role)
    clock: Iterator[float] = iter((0.0, 30.0, 60.0, 90.0))
    said: list[str] = []
    log = RayLog("session-host-3", lambda: generate_latest(role), said.append, clock.__next__)
    shards.set(128)
    sessions.labels("live").set(1_200)
    log.tell()
    log.tell()
    flush.observe(0.7)
    log.tell()
    first, second = said
    assert first.startswith("session-host-3: 1,200 sessions live, 0 packed, 128 of 256 shards")
    assert len(first.splitlines()) == 2
    *_, slow = second.splitlines()
    assert slow.startswith("  slow: session-host-3: a commit takes")


def test_of_an_embedding_actor_it_says_how_far_behind_it_is() -> None:
    role = CollectorRegistry()
    Gauge("beheard_embedding_lag_seconds", "Lag", registry=role).set(12)
    said: list[str] = []
    log = RayLog("embedding-actor-0", lambda: generate_latest(role), said.append, lambda: 1.0)
    log.tell()
    assert said == ["embedding-actor-0: 0.0 texts/s get a vector, 12 s behind"]
