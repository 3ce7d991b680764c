"""What is slow, or wrong, and why: rules as data over an overview.

A rule looks at one figure of the hub, of each host, of each gateway or of the facilitator. Causes
stand before what they cause, so the first finding is where to begin.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal

import msgspec

from beheard_hub.observability.overview import Overview


class Rule(msgspec.Struct, frozen=True):
    """A figure that should not be above a limit."""

    scope: Literal["hub", "host", "gateway", "facilitator"]
    figure: str
    """Attribute of that scope's figures."""
    limit: float
    level: Literal["slow", "wrong"]
    says: str
    """With ``{who}`` and ``{value}``."""
    why: str
    """Where it most likely comes from, and where to look next."""


RULES: Sequence[Rule] = (
    Rule("hub", "shards_without_host", 0, "wrong",
         "{value} of 256 shards have no host: their sessions wait",
         "a host died or starts; if it stays so: log lines host_not_back, and Postgres"),
    Rule("hub", "hosts_missing", 0, "wrong",
         "hosts that should serve and do not: {value}; the others do their work",
         "log lines host_died and host_not_back; memory of the machine, Ray's logs"),
    Rule("hub", "host_deaths", 0, "wrong", "hosts that died: {value}",
         "log line host_died; an end by memory, or fenced by a newer lease"),
    Rule("hub", "gateway_restarts", 0, "wrong", "gateways that were started again: {value}",
         "log line gateway_ended with its exit code"),
    Rule("hub", "dirty_connections", 0, "wrong",
         "database connections that came back dirty since the start: {value}",
         "a fault in the walls between people: report it, with the logs"),
    Rule("host", "flushes_unknown", 0, "wrong",
         "{who}: commits that lost their connection and were sent again: {value}",
         "Postgres restarts or is not reachable; nothing acked is lost"),
    Rule("host", "flush_p95_ms", 25, "slow", "{who}: a commit takes {value} ms (p95)",
         "the database: its disk, its load, a lock; every ack waits for it"),
    Rule("host", "loop_lag_ms", 50, "slow", "{who}: its loop was {value} ms late",
         "the host: its core is full, or shared; more hosts or more cores"),
    Rule("gateway", "loop_lag_ms", 50, "slow", "{who}: its loop was {value} ms late",
         "the gateway: its core is full, or shared; more gateways or more cores"),
    Rule("gateway", "commands_unanswered", 1_000, "slow", "{who}: {value} commands wait for hosts",
         "the hosts: the lines above; or shards without one, for 8 s at most"),
    Rule("host", "buffered", 1_000, "slow", "{who}: {value} decided turns wait for their commit",
         "more comes in than the database commits; at 5,000 commands are refused"),
    Rule("host", "command_p99_ms", 250, "slow", "{who}: a command takes {value} ms (p99)",
         "the lines above, or calls of the facilitator inside commands"),
    Rule("host", "rows_refused", 0, "wrong", "{who}: the database refused rows of {value} flushes",
         "a fault of ours: log line row_refused"),
    Rule("host", "turns_failed", 0, "wrong", "{who}: commands ended by INTERNAL_ERROR: {value}",
         "a fault of ours: log line turn_failed says where"),
    Rule("gateway", "server_errors", 0, "wrong", "{who}: requests answered with 5xx: {value}",
         "draining, or the lines above; else log line request_failed"),
    Rule("facilitator", "first_word_p95_s", 5, "slow",
         "answers begin after {value} s (p95)",
         "the provider of the model: its status page, your rate limits"),
    Rule("facilitator", "failed_percent", 5, "wrong", "{value} % of answers failed",
         "the provider of the model: log lines ai_request_failed"),
    Rule("hub", "reminders_overdue", 0, "slow", "timers that are overdue: {value}",
         "hosts that are busy or missing, or a reaction that fails: log line reminder_failed"),
    Rule("hub", "reactions_waiting", 1_000, "slow",
         "{value} answers, other calls of a model or pushes take more than 5 s",
         "more is asked than the model's provider, or Ably, takes; nothing is lost"),
    Rule("hub", "reminders_failed", 0, "wrong",
         "reminders that failed and will be tried again: {value}",
         "log line reminder_failed says which kind"),
    Rule("hub", "embedding_failures", 0, "wrong", "batches of vectors that were put off: {value}",
         "where vectors come from: log line embedding_put_off"),
    Rule("hub", "embedding_lag_s", 30, "slow", "vectors are {value} s behind the messages",
         "the embedding actors: more of them, or their provider; nobody waits for them"),
    Rule("hub", "texts_waiting", 1_000, "slow", "{value} texts wait for their vector",
         "the embedding actors: are there any, and do they move?"),
)  # fmt: skip


class Finding(msgspec.Struct, frozen=True):
    """A rule that met its limit."""

    level: str
    sentence: str
    why: str


SCOPES: Mapping[str, Callable[[Overview], Sequence[Any]]] = {
    "hub": lambda view: [view.hub],
    "host": lambda view: view.hosts,
    "gateway": lambda view: view.gateways,
    "facilitator": lambda view: [view.facilitator],
}
"""Scope → its figures."""


def findings(view: Overview, scopes: Collection[str] = SCOPES.keys()) -> list[Finding]:
    """What the rules of these scopes find, causes first."""
    found = []
    for rule in RULES:
        for figures in SCOPES[rule.scope](view) if rule.scope in scopes else ():
            value = getattr(figures, rule.figure)
            if value is not None and value > rule.limit:
                who = getattr(figures, "name", "")
                sentence = rule.says.format(who=who, value=f"{value:,.0f}")
                found.append(Finding(rule.level, sentence, rule.why))
    return found
