"""All metrics of the hub, one object a row (spec 09: `beheard_*`).

Labels are names of ours: a command, a code, a stage. Never an id of a session or a user: a counter
per person would tell a partner of private work. `tests/unit/observability` holds the dashboards and
alert rules of `deploy/` against this list.
"""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

disable_created_metrics()  # type: ignore[no-untyped-call]

GATEWAY, HOST, EMBEDDER, SUPERVISOR, ANY = (CollectorRegistry() for _ in range(5))
"""One registry a role, so that a process shows only what it does; `ANY` is everybody's. Hosts in
one process share theirs."""
EVERY = (GATEWAY, HOST, EMBEDDER, SUPERVISOR, ANY)

FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Buckets of what should take milliseconds, in seconds."""
SLOW = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 60.0)
"""Buckets of what a model or the world outside takes, in seconds."""
SIZES = (1, 2, 5, 10, 25, 50, 100, 200, 400)


def _gauge(role: CollectorRegistry, name: str, says: str, *labels: str) -> Gauge:
    return Gauge(f"beheard_{name}", says, labels, registry=role)


def _counter(role: CollectorRegistry, name: str, says: str, *labels: str) -> Counter:
    return Counter(f"beheard_{name}", says, labels, registry=role)


def _histogram(
    role: CollectorRegistry, name: str, says: str, buckets: tuple[float, ...], *labels: str
) -> Histogram:
    return Histogram(f"beheard_{name}", says, labels, buckets=buckets, registry=role)


# ---- gateways

CONNECTIONS = _gauge(GATEWAY, "connections", "Open websockets")
REQUESTS_UNDER_WAY = _gauge(
    GATEWAY, "requests_under_way", "REST requests that wait for their answer"
)
COMMANDS_UNANSWERED = _gauge(
    GATEWAY, "commands_unanswered", "Commands, by either door, that no host has answered yet"
)
REQUESTS = _counter(GATEWAY, "requests", "REST requests answered", "status")
CLOSES = _counter(GATEWAY, "closes", "Websockets that the hub closed", "code")
LINKS = _gauge(GATEWAY, "links", "Links to session hosts that stand")

# ---- hosts

SHARDS = _gauge(HOST, "shards", "Shards owned, of 256 in all")
SESSIONS = _gauge(HOST, "sessions", "Sessions in memory", "form")
"""form: live (at work), packed (idle, as bytes), parked (being loaded)."""
SUBSCRIPTIONS = _gauge(HOST, "subscriptions", "Connections that listen to a session")
COMMANDS = _counter(HOST, "commands", "Commands answered", "command", "outcome")
"""outcome: ok, duplicate, or the code of the refusal."""
COMMAND_SECONDS = _histogram(
    HOST, "command_seconds", "From a command's arrival to its answer", FAST
)
BUFFERED_ENTRIES = _gauge(HOST, "buffered_entries", "Decided turns that are not yet durable")
BUFFERED_BYTES = _gauge(HOST, "buffered_bytes", "Their size")
FLUSH_SECONDS = _histogram(
    HOST, "flush_seconds", "One flush with rows, until its commit is known", FAST
)
FLUSH_ENTRIES = _histogram(HOST, "flush_entries", "Turns in one flush", SIZES)
FLUSHES_UNKNOWN = _counter(
    HOST, "flushes_unknown", "Flushes sent again because their outcome was open"
)
ROWS_REFUSED = _counter(HOST, "rows_refused", "Flushes of which the database refused a row")
SHARD_CHANGES = _counter(HOST, "shard_changes", "Shards that came or went", "change")
"""change: acquired, given, lost."""
TURNS_FAILED = _counter(HOST, "turns_failed", "Turns that ended in INTERNAL_ERROR")
REMINDER_LATE_SECONDS = _histogram(
    HOST, "reminder_late_seconds", "From a reminder's time to its start", SLOW
)
REMINDERS_FAILED = _counter(HOST, "reminders_failed", "Reminders that will be tried again", "kind")

# ---- the facilitator, vectors, pushes

AI_TURNS = _counter(HOST, "ai_turns", "Answers of the facilitator", "outcome")
"""outcome: replied, failed, over_budget, put_off (the database was away), cancelled."""
AI_TURNS_RUNNING = _gauge(HOST, "ai_turns_running", "Answers under way")
AI_FIRST_WORD_SECONDS = _histogram(
    HOST, "ai_first_word_seconds", "From the call to the first piece of the answer", SLOW
)
AI_REQUESTS = _counter(HOST, "ai_requests", "Requests to the provider", "call", "outcome")
"""outcome: answered, failed (may be tried again), refused (may not), left (nobody waits for it)."""
AI_TOKENS = _counter(HOST, "ai_tokens", "Tokens of the provider", "call", "kind")
"""kind: input, output, cached."""
TEXTS_EMBEDDED = _counter(EMBEDDER, "texts_embedded", "Texts that got their vector")
EMBEDDING_FAILURES = _counter(EMBEDDER, "embedding_failures", "Batches put off")
EMBEDDING_LAG_SECONDS = _gauge(
    EMBEDDER,
    "embedding_lag_seconds",
    "From a hint of new text to its vectors; while they cannot be made, until now",
)
PUSHES = _counter(HOST, "pushes", "Offline notifications by what became of them", "outcome")

# ---- every process

DIRTY_CONNECTIONS = _counter(
    ANY, "dirty_connections", "Database connections that came back dirty and were closed: stays 0"
)
STATEMENTS_REFUSED = _counter(
    ANY, "statements_refused", "Reads and other statements that the database refused", "sqlstate"
)
LOOP_LAG_SECONDS = _gauge(
    ANY, "loop_lag_seconds", "Longest delay of the event loop since the last look"
)
ProcessCollector(namespace="beheard", registry=ANY)
"""CPU seconds, memory, open files."""

# ---- the whole hub, counted in the database by the supervisor

STORED_SESSIONS = _gauge(SUPERVISOR, "stored_sessions", "Sessions in the database", "status")
STORED_STAGES = _gauge(
    SUPERVISOR, "stored_stages", "People in active sessions by stage", "stage", "status"
)
REMINDERS_OVERDUE = _gauge(
    SUPERVISOR, "reminders_overdue", "Timers due for five seconds and not fired"
)
REACTIONS_WAITING = _gauge(
    SUPERVISOR, "reactions_waiting",
    "Answers, other model calls and pushes due for five seconds: under way, queued or put off",
)  # fmt: skip
TEXTS_WAITING = _gauge(SUPERVISOR, "texts_waiting", "Texts without a vector")
HOSTS = _gauge(SUPERVISOR, "hosts", "Session hosts that serve")
HOSTS_MISSING = _gauge(SUPERVISOR, "hosts_missing", "Session hosts that should serve and do not")
HOST_DEATHS = _counter(SUPERVISOR, "host_deaths", "Session hosts that died")
GATEWAY_RESTARTS = _counter(SUPERVISOR, "gateway_restarts", "Gateways that had to be started again")
