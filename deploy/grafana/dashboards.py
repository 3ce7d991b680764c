"""The dashboards as tables, and the JSON that Grafana reads: `python deploy/grafana/dashboards.py`.

A panel is a row: its title, its unit, and what it draws (a query and the legend of its lines). Four
panels stand in a line. Tests hold the JSON against this file and the queries against the metrics.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent / "dashboards"
SOURCE = {"type": "prometheus", "uid": "beheard-prometheus"}
COLUMNS, WIDTH, HEIGHT = 4, 6, 8
SECONDS, SHORT, RATE, BYTES, SHARE = "s", "short", "ops", "bytes", "percentunit"


class Panel(NamedTuple):
    """One drawing. `lines`: (query, legend). `says` is shown where the mouse rests."""

    title: str
    unit: str
    lines: Sequence[tuple[str, str]]
    says: str = ""
    kind: str = "timeseries"


class Dashboard(NamedTuple):
    """One page."""

    uid: str
    title: str
    panels: Sequence[Panel]


def quantiles(metric: str, by: str = "") -> list[tuple[str, str]]:
    """Half of all, nearly all, and all but one in a hundred, of a histogram."""
    group, legend = (f"le, {by}", f" {{{{{by}}}}}") if by else ("le", "")
    rate = f"sum by ({group}) (rate({metric}_bucket[$__rate_interval]))"
    return [
        (f"histogram_quantile({part}, {rate})", f"p{name}{legend}")
        for part, name in ((0.5, "50"), (0.95, "95"), (0.99, "99"))
    ]


def rates(metric: str, *by: str) -> list[tuple[str, str]]:
    """How often in a second, by labels."""
    rate = f"(rate({metric}[$__rate_interval]))"
    legend = " ".join(f"{{{{{label}}}}}" for label in by)
    return [(f"sum by ({', '.join(by)}) {rate}" if by else f"sum{rate}", legend or "all")]


def by_process(metric: str) -> list[tuple[str, str]]:
    """One line for each process."""
    return [(f"sum by (process) ({metric})", "{{process}}")]


OVERVIEW = Dashboard("beheard-overview", "BeHeard: overview", [
    Panel("Connections", SHORT, [("sum(beheard_connections)", "websockets")], kind="stat"),
    Panel("Sessions in memory", SHORT, [("sum(beheard_sessions)", "sessions")], kind="stat"),
    Panel("Shards owned, of 256", SHORT, [("sum(beheard_shards)", "shards")],
          "256 unless a host is just being replaced", "stat"),
    Panel("Session hosts", SHORT, [("max(beheard_hosts)", "hosts"),
                                   ("max(beheard_hosts_missing)", "missing")], kind="stat"),
    Panel("Commands answered", RATE, rates("beheard_commands_total", "outcome")),
    Panel("Time to the answer of a command", SECONDS, quantiles("beheard_command_seconds")),
    Panel("The commonest commands", RATE,
          [("topk(10, sum by (command) (rate(beheard_commands_total[$__rate_interval])))",
            "{{command}}")]),
    Panel("Failed by our fault", SHARE,
          [('sum(rate(beheard_commands_total{outcome=~"INTERNAL_ERROR|SERVICE_UNAVAILABLE"}'
            "[$__rate_interval])) / sum(rate(beheard_commands_total[$__rate_interval]))",
            "of all commands")]),
    Panel("Connections by gateway", SHORT, by_process("beheard_connections")),
    Panel("Closed by the hub", RATE, rates("beheard_closes_total", "code"),
          "4408 does not read, 4429 asks too much, 1012 restarting; docs/websocket.md has all"),
    Panel("REST requests", RATE, rates("beheard_requests_total", "status")),
    Panel("REST requests under way", SHORT, by_process("beheard_requests_under_way")),
    Panel("Commands without an answer yet", SHORT, by_process("beheard_commands_unanswered")),
    Panel("Sessions stored", SHORT, [("sum by (status) (beheard_stored_sessions)", "{{status}}")]),
    Panel("People by stage", SHORT,
          [("sum by (stage) (beheard_stored_stages)", "stage {{stage}}")]),
    Panel("Must stay 0", SHORT, [
        ("sum(beheard_dirty_connections_total)", "dirty connections"),
        ("sum(beheard_rows_refused_total)", "rows refused"),
        ("sum(beheard_turns_failed_total)", "turns failed"),
    ]),
    Panel("Statements refused by Postgres", RATE,
          rates("beheard_statements_refused_total", "sqlstate")),
])  # fmt: skip

HOSTS = Dashboard("beheard-hosts", "BeHeard: hosts and storing", [
    Panel("Shards by host", SHORT, by_process("beheard_shards")),
    Panel("Sessions by host", SHORT,
          [("sum by (process, form) (beheard_sessions)", "{{process}} {{form}}")]),
    Panel("Shards that come and go", RATE, rates("beheard_shard_changes_total", "change")),
    Panel("Deaths and restarts", SHORT, [
        ("increase(beheard_host_deaths_total[$__rate_interval])", "hosts died"),
        ("increase(beheard_gateway_restarts_total[$__rate_interval])", "gateways restarted"),
    ]),
    Panel("Time of a flush", SECONDS, quantiles("beheard_flush_seconds")),
    Panel("Turns in a flush", SHORT, quantiles("beheard_flush_entries")),
    Panel("Turns not yet durable", SHORT, by_process("beheard_buffered_entries"),
          "A host refuses commands at 5,000"),
    Panel("Bytes not yet durable", BYTES, by_process("beheard_buffered_bytes"),
          "A host refuses commands at 8 MB"),
    Panel("Flushes sent again", RATE, rates("beheard_flushes_unknown_total")),
    Panel("Flushes with a row refused", RATE, rates("beheard_rows_refused_total")),
    Panel("Longest stand of the loop", SECONDS, by_process("beheard_loop_lag_seconds")),
    Panel("Links by gateway", SHORT, by_process("beheard_links")),
    Panel("Subscriptions by host", SHORT, by_process("beheard_subscriptions")),
    Panel("Commands by host", RATE, rates("beheard_commands_total", "process")),
    Panel("Time to the answer, by host", SECONDS,
          quantiles("beheard_command_seconds", "process")[2:]),
    Panel("Turns that failed", RATE, rates("beheard_turns_failed_total", "process")),
    Panel("Memory", BYTES, by_process("beheard_process_resident_memory_bytes")),
    Panel("Cores used", SHORT, rates("beheard_process_cpu_seconds_total", "process")),
    Panel("Open files, of those allowed", SHARE,
          [("sum by (process) (beheard_process_open_fds)"
            " / sum by (process) (beheard_process_max_fds)", "{{process}}")]),
])  # fmt: skip

FACILITATOR = Dashboard("beheard-facilitator", "BeHeard: facilitator and vectors", [
    Panel("Answers", RATE, rates("beheard_ai_turns_total", "outcome")),
    Panel("Answers under way", SHORT, by_process("beheard_ai_turns_running")),
    Panel("Wait for the first word", SECONDS, quantiles("beheard_ai_first_word_seconds")),
    Panel("Answers that failed", SHARE,
          [('sum(rate(beheard_ai_turns_total{outcome="failed"}[$__rate_interval]))'
            " / sum(rate(beheard_ai_turns_total[$__rate_interval]))", "of all answers")]),
    Panel("Requests to the provider, by call", RATE, rates("beheard_ai_requests_total", "call")),
    Panel("Requests to the provider, by outcome", RATE,
          rates("beheard_ai_requests_total", "outcome")),
    Panel("Tokens, by kind", RATE, rates("beheard_ai_tokens_total", "kind")),
    Panel("Tokens of a day, by call", SHORT,
          [("sum by (call) (increase(beheard_ai_tokens_total[1d]))", "{{call}}")]),
    Panel("Texts without a vector", SHORT, [("max(beheard_texts_waiting)", "texts")]),
    Panel("Vectors made", RATE, rates("beheard_texts_embedded_total")),
    Panel("Batches put off", RATE, rates("beheard_embedding_failures_total")),
    Panel("From hint to vector", SECONDS, by_process("beheard_embedding_lag_seconds")),
])  # fmt: skip

DELIVERY = Dashboard("beheard-delivery", "BeHeard: delivery and timers", [
    Panel("Offline notifications", RATE, rates("beheard_pushes_total", "outcome")),
    Panel("Due for five seconds and not done", SHORT,
          [("max(beheard_reminders_overdue)", "timers"),
           ("max(beheard_reactions_waiting)", "answers and pushes")]),
    Panel("How late reminders start", SECONDS, quantiles("beheard_reminder_late_seconds")),
    Panel("Reminders to be tried again", RATE,
          rates("beheard_reminders_failed_total", "kind")),
    Panel("Subscriptions", SHORT, [("sum(beheard_subscriptions)", "connections that listen")]),
    Panel("Closed because they do not read", RATE,
          [('sum(rate(beheard_closes_total{code="4408"}[$__rate_interval]))', "4408")]),
    Panel("Restarts told to clients", RATE,
          [('sum(rate(beheard_closes_total{code="1012"}[$__rate_interval]))', "1012")]),
    Panel("Sessions by status", SHORT,
          [("sum by (status) (beheard_stored_sessions)", "{{status}}")]),
])  # fmt: skip

ALL = (OVERVIEW, HOSTS, FACILITATOR, DELIVERY)


def rendered(dashboard: Dashboard) -> str:
    """The JSON of a dashboard, as Grafana keeps it."""
    return json.dumps(_page(dashboard), indent=2, sort_keys=True) + "\n"


def _page(dashboard: Dashboard) -> Mapping[str, Any]:
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["beheard"],
        "schemaVersion": 41,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "panels": [_panel(number, panel) for number, panel in enumerate(dashboard.panels)],
    }


def _panel(number: int, panel: Panel) -> Mapping[str, Any]:
    row, column = divmod(number, COLUMNS)
    return {
        "id": number + 1,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.says,
        "datasource": SOURCE,
        "gridPos": {"x": column * WIDTH, "y": row * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + index), "datasource": SOURCE, "expr": expr,
             "legendFormat": legend}
            for index, (expr, legend) in enumerate(panel.lines)
        ],
    }  # fmt: skip


if __name__ == "__main__":
    for one in ALL:
        (FOLDER / f"{one.uid}.json").write_text(rendered(one))
