"""What an operator wants to know of a hub, computed from two looks at its numbers. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from beheard_hub.domain.limits import SHARDS
from beheard_hub.observability.reading import Reading, Window


class HostFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One session host."""

    name: str
    shards: int
    live: int
    packed: int
    subscriptions: int
    commands_per_second: float
    command_p50_ms: float | None
    command_p95_ms: float | None
    command_p99_ms: float | None
    buffered: int
    flush_p95_ms: float | None
    flushes_unknown: int
    rows_refused: int
    turns_failed: int
    loop_lag_ms: float
    cpu_percent: float
    memory_mb: float


class GatewayFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway."""

    name: str
    connections: int
    requests_per_second: float
    requests_under_way: int
    commands_unanswered: int
    """By either door: with a host, or waiting for one."""
    server_errors: int
    """Requests answered 500 and above."""
    closes: int
    links: int
    loop_lag_ms: float
    cpu_percent: float
    memory_mb: float


class HubFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The hub as a whole."""

    shards_without_host: int
    connections: int
    commands_per_second: float
    refused_per_second: float
    """Commands with an outcome other than ok and duplicate."""
    host_deaths: int
    hosts_missing: int
    gateway_restarts: int
    dirty_connections: int
    """Since the start: it must stay 0."""
    statements_refused: int
    reminders_overdue: int
    """Timers that have not fired."""
    reactions_waiting: int
    """Answers, other model calls and pushes that are not done: under way, queued or put off."""
    reminders_failed: int
    reminder_late_p95_s: float | None
    embedding_lag_s: float
    embedding_failures: int
    texts_waiting: int
    texts_per_second: float


class FacilitatorFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Answers of the facilitator."""

    running: int
    answered: int
    failed: int
    failed_percent: float
    first_word_p95_s: float | None
    requests_failed: int
    tokens: Mapping[str, int]
    """In the window, by kind."""


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """One frame."""

    seconds: float
    """What rates, counts and percentiles are of, unless they say otherwise."""
    hub: HubFigures
    hosts: Sequence[HostFigures]
    gateways: Sequence[GatewayFigures]
    facilitator: FacilitatorFigures
    sessions: Mapping[str, int]
    """Stored, by status."""
    stages: Mapping[str, int]
    """People in active sessions, by stage."""
    refusals: Mapping[str, int]
    """Commands refused in the window, by code."""
    pushes: Mapping[str, int]
    """In the window, by outcome."""


DONE = ("ok", "duplicate")


def overview(window: Window) -> Overview:
    """The frame of a window."""
    now = window.now
    refusals = _grown_by(window, "beheard_commands_total", "outcome")
    for outcome in DONE:
        refusals.pop(outcome, None)
    return Overview(
        seconds=window.seconds,
        hub=_hub(window, sum(refusals.values())),
        hosts=[_host(window, name) for name in now.processes("beheard_shards")],
        gateways=[_gateway(window, name) for name in now.processes("beheard_connections")],
        facilitator=_facilitator(window),
        sessions=_whole(now.by("beheard_stored_sessions", "status")),
        stages=_whole(now.by("beheard_stored_stages", "stage")),
        refusals=refusals,
        pushes=_grown_by(window, "beheard_pushes_total", "outcome"),
    )


def _host(window: Window, name: str) -> HostFigures:
    now = window.now
    quantile = "beheard_command_seconds"
    return HostFigures(
        name=name,
        shards=int(now.sum("beheard_shards", process=name)),
        live=int(now.sum("beheard_sessions", process=name, form="live")),
        packed=int(now.sum("beheard_sessions", process=name, form="packed")),
        subscriptions=int(now.sum("beheard_subscriptions", process=name)),
        commands_per_second=window.rate("beheard_commands_total", process=name),
        command_p50_ms=_ms(window.quantile(0.50, quantile, process=name)),
        command_p95_ms=_ms(window.quantile(0.95, quantile, process=name)),
        command_p99_ms=_ms(window.quantile(0.99, quantile, process=name)),
        buffered=int(now.sum("beheard_buffered_entries", process=name)),
        flush_p95_ms=_ms(window.quantile(0.95, "beheard_flush_seconds", process=name)),
        flushes_unknown=round(window.grown("beheard_flushes_unknown_total", process=name)),
        rows_refused=round(window.grown("beheard_rows_refused_total", process=name)),
        turns_failed=round(window.grown("beheard_turns_failed_total", process=name)),
        **_process(window, name),
    )


def _gateway(window: Window, name: str) -> GatewayFigures:
    now = window.now
    answers = _grown_by(window, "beheard_requests_total", "status", process=name)
    return GatewayFigures(
        name=name,
        connections=int(now.sum("beheard_connections", process=name)),
        requests_per_second=window.rate("beheard_requests_total", process=name),
        requests_under_way=int(now.sum("beheard_requests_under_way", process=name)),
        commands_unanswered=int(now.sum("beheard_commands_unanswered", process=name)),
        server_errors=sum(count for status, count in answers.items() if status >= "500"),
        closes=round(window.grown("beheard_closes_total", process=name)),
        links=int(now.sum("beheard_links", process=name)),
        **_process(window, name),
    )


def _process(window: Window, name: str) -> dict[str, float]:
    """What any process has."""
    now = window.now
    resident = now.sum("beheard_process_resident_memory_bytes", process=name)
    return {
        "loop_lag_ms": 1000 * now.sum("beheard_loop_lag_seconds", process=name),
        "cpu_percent": 100 * window.rate("beheard_process_cpu_seconds_total", process=name),
        "memory_mb": resident / 1024 / 1024,
    }


def _hub(window: Window, refused: int) -> HubFigures:
    now = window.now
    return HubFigures(
        shards_without_host=_without_host(now),
        connections=int(now.sum("beheard_connections")),
        commands_per_second=window.rate("beheard_commands_total"),
        refused_per_second=refused / window.seconds if window.seconds else 0.0,
        host_deaths=round(window.grown("beheard_host_deaths_total")),
        hosts_missing=int(now.sum("beheard_hosts_missing")),
        gateway_restarts=round(window.grown("beheard_gateway_restarts_total")),
        dirty_connections=int(now.sum("beheard_dirty_connections_total")),
        statements_refused=round(window.grown("beheard_statements_refused_total")),
        reminders_overdue=int(now.sum("beheard_reminders_overdue")),
        reactions_waiting=int(now.sum("beheard_reactions_waiting")),
        reminders_failed=round(window.grown("beheard_reminders_failed_total")),
        reminder_late_p95_s=window.quantile(0.95, "beheard_reminder_late_seconds"),
        embedding_lag_s=now.most("beheard_embedding_lag_seconds"),
        embedding_failures=round(window.grown("beheard_embedding_failures_total")),
        texts_waiting=int(now.sum("beheard_texts_waiting")),
        texts_per_second=window.rate("beheard_texts_embedded_total"),
    )


def _without_host(now: Reading) -> int:
    """Shards that no host of this page owns. The page of a gateway on its own shows no host and no
    supervisor; there it is not known, and 0."""
    hub = {"beheard_shards", "beheard_hosts"} & now.samples.keys()
    if not hub and "beheard_connections" in now.samples:
        return 0
    return SHARDS - int(now.sum("beheard_shards"))


def _facilitator(window: Window) -> FacilitatorFigures:
    outcomes = _grown_by(window, "beheard_ai_turns_total", "outcome")
    answered, failed = outcomes.get("replied", 0), outcomes.get("failed", 0)
    return FacilitatorFigures(
        running=int(window.now.sum("beheard_ai_turns_running")),
        answered=answered,
        failed=failed,
        failed_percent=100 * failed / (answered + failed) if failed else 0.0,
        first_word_p95_s=window.quantile(0.95, "beheard_ai_first_word_seconds"),
        requests_failed=round(window.grown("beheard_ai_requests_total", outcome="failed")),
        tokens=_grown_by(window, "beheard_ai_tokens_total", "kind"),
    )


def _grown_by(window: Window, name: str, label: str, **labels: str) -> dict[str, int]:
    """By how much a counter grew, by the values of one label; without those that did not."""
    grown = {
        value: round(window.grown(name, **{label: value}, **labels))
        for value in window.now.by(name, label)
    }
    return {value: count for value, count in grown.items() if count}


def _whole(counts: Mapping[str, float]) -> dict[str, int]:
    return {name: int(count) for name, count in counts.items()}


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else 1000 * seconds
