"""`beheard ops`: rates and percentiles from two looks, findings from rules, frames from both."""

from __future__ import annotations

import io
import json
import math
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest
from rich.console import Console

from beheard_hub.address import ADDRESS_FILE, Address, write_address
from beheard_hub.observability import metrics
from beheard_hub.observability import overview as observed
from beheard_hub.observability.findings import RULES, SCOPES, Rule, findings
from beheard_hub.observability.overview import Overview, overview
from beheard_hub.observability.publishing import Publisher, folder
from beheard_hub.observability.reading import Reading, Window
from beheard_hub.ops import command
from beheard_hub.ops.screen import frame, picture
from beheard_hub.settings import SetupError

EMPTY = Reading(0.0, {})
HOST = 'process="session-host-0"'


def reading(text: str, at: float = 10.0) -> Reading:
    return Reading.of(text, at)


def seen(text: str, before: str = "") -> Overview:
    """The overview ten seconds after `before`."""
    return overview(Window(reading(before, 0.0), reading(text, 10.0)))


QUIET = f"""\
beheard_shards{{{HOST}}} 256
beheard_sessions{{form="live",{HOST}}} 12
beheard_connections{{process="gateway-0"}} 24
"""


def test_rates_are_of_what_grew_in_between() -> None:
    before = f'beheard_commands_total{{command="message.send",outcome="ok",{HOST}}} 100\n'
    after = f'beheard_commands_total{{command="message.send",outcome="ok",{HOST}}} 150\n'
    assert seen(QUIET + after, before).hosts[0].commands_per_second == 5.0


def test_a_process_that_started_again_counts_from_nothing() -> None:
    before = f'beheard_commands_total{{command="message.send",outcome="ok",{HOST}}} 100\n'
    after = f'beheard_commands_total{{command="message.send",outcome="ok",{HOST}}} 20\n'
    assert seen(QUIET + after, before).hosts[0].commands_per_second == 2.0


def test_refusals_are_counted_by_code() -> None:
    line = 'beheard_commands_total{{command="message.send",outcome="{}",process="x"}} {}\n'
    view = seen(line.format("ok", 7) + line.format("RATE_LIMITED", 3))
    assert view.refusals == {"RATE_LIMITED": 3}
    assert view.hub.refused_per_second == 0.3


@given(
    st.lists(st.floats(0.0, 4.9), min_size=1, max_size=60),
    st.lists(st.floats(0.0, 4.9), max_size=60),
    st.floats(0.05, 0.99),
)
def test_a_percentile_lies_in_the_bucket_of_the_true_one(
    observed: list[float], earlier: list[float], share: float
) -> None:
    registry = CollectorRegistry()
    histogram = Histogram("took", "Time", buckets=metrics.FAST, registry=registry)
    looks = []
    for at, values in enumerate((earlier, observed)):
        for value in values:
            histogram.observe(value)
        looks.append(reading(generate_latest(registry).decode(), at))
    found = Window(*looks).quantile(share, "took")
    true = sorted(observed)[max(0, math.ceil(share * len(observed) - 1e-9) - 1)]
    upper = next(bound for bound in metrics.FAST if true <= bound)
    lower = max([0.0, *(bound for bound in metrics.FAST if bound < upper)])
    assert found is not None
    assert lower - 1e-9 <= found <= upper + 1e-9


def test_a_percentile_of_nothing_is_none_and_beyond_the_last_bound_is_that_bound() -> None:
    registry = CollectorRegistry()
    histogram = Histogram("took", "Time", buckets=(0.1, 1.0), registry=registry)
    before = reading(generate_latest(registry).decode(), 0.0)
    assert Window(before, before).quantile(0.5, "took") is None
    histogram.observe(9.0)
    now = reading(generate_latest(registry).decode(), 1.0)
    assert Window(before, now).quantile(0.5, "took") == 1.0


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.figure)
def test_one_is_said_as_well_as_many(rule: Rule) -> None:
    counted = re.match(r"(\{who\}: )?\{value\} [a-z]+s\b", rule.says)
    assert rule.limit > 1 or not counted, "of one it would be wrong"


def test_a_quiet_hub_has_no_findings() -> None:
    assert findings(seen(QUIET)) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.scope}.{rule.figure}")
def test_every_rule_speaks_above_its_limit_and_only_there(rule: Rule) -> None:
    quiet = seen(QUIET)
    at_limit, above = (_with(quiet, rule, rule.limit + more) for more in (0, 1))
    assert not [one for one in findings(at_limit) if one.why == rule.why]
    [finding] = [one for one in findings(above) if one.why == rule.why]
    assert finding.level == rule.level
    assert f"{rule.limit + 1:,.0f}" in finding.sentence


def _with(view: Overview, rule: Rule, value: float) -> Overview:
    """The same overview with one figure of one scope changed."""
    figures = msgspec.structs.replace(SCOPES[rule.scope](view)[0], **{rule.figure: value})
    field = {"host": "hosts", "gateway": "gateways"}.get(rule.scope, rule.scope)
    changed = [figures] if field.endswith("s") else figures
    return msgspec.structs.replace(view, **{field: changed})


NAME = re.compile(r"beheard_[a-z_]+")
GIVEN_BY_THE_CLIENT_LIBRARY = {
    "beheard_process_resident_memory_bytes",
    "beheard_process_cpu_seconds_total",
}


def test_it_reads_no_number_that_is_not_written() -> None:
    written = set()
    for row in vars(metrics).values():
        if hasattr(row, "_labelnames"):
            written |= {row._name, f"{row._name}_total"}
    source = Path(observed.__file__).read_text()
    assert set(NAME.findall(source)) - {"beheard_hub"} <= written | GIVEN_BY_THE_CLIENT_LIBRARY


def shown(view: Overview) -> str:
    console = Console(file=io.StringIO(), width=160)
    console.print(frame(view, findings(view), "here", 160))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_frame_says_what_is_slow_before_anything_else() -> None:
    slow = f"beheard_loop_lag_seconds{{{HOST}}} 0.4\n"
    lines = shown(seen(QUIET + slow)).splitlines()
    [at] = [n for n, line in enumerate(lines) if "session-host-0: its loop was 400 ms late" in line]
    assert "the host" in lines[at + 1]
    assert at < min(n for n, line in enumerate(lines) if "shards" in line)


def test_a_hub_that_shows_nothing_is_said_to_be_without_hosts() -> None:
    text = shown(overview(Window(EMPTY, EMPTY)))
    assert "256 of 256 shards have no host" in text
    assert "no host shows its numbers" in text


def test_a_gateway_on_its_own_is_not_said_to_be_without_hosts(tmp_path: Path) -> None:
    text = 'beheard_connections{process="gateway-8787"} 3\n'
    view = seen(text)
    assert findings(view) == []
    assert "a gateway on its own" in shown(view)
    Publisher(folder(tmp_path), "gateway-8787", [metrics.GATEWAY]).write()
    assert "beheard_connections" in command.files_of(tmp_path)()


def test_a_hub_whose_hosts_are_all_dead_is_said_to_be_without_them() -> None:
    view = seen('beheard_hosts{process="supervisor"} 0\nbeheard_connections{process="g"} 3\n')
    assert "256 of 256 shards have no host" in findings(view)[0].sentence


def test_eighty_columns_are_enough() -> None:
    console = Console(file=io.StringIO(), width=80)
    console.print(frame(seen(QUIET), [], "here", 80))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "session-host-0" in text
    assert "\N{HORIZONTAL ELLIPSIS}" not in text


def test_a_picture_fetches_nothing() -> None:
    svg = picture(frame(seen(QUIET), [], "here", 120), 120)
    assert svg.startswith("<svg")
    assert "session-host-0" in svg
    assert "url(http" not in svg
    assert "@font-face" not in svg


# ---- where it looks


def hub_in(data_dir: Path) -> None:
    """What a serving hub leaves in its data directory."""
    write_address(
        data_dir / ADDRESS_FILE,
        Address(
            url="http://127.0.0.1:1",
            gateways=[],
            host_pids=[],
            gateway_pids=[],
            postgres_pid=None,
            ray_session=None,
        ),
    )
    role = CollectorRegistry()
    Counter("beheard_commands", "x", ["command", "outcome"], registry=role).labels("a", "ok").inc(4)
    Publisher(folder(data_dir), "session-host-0", [role]).write()


def test_the_data_directory_is_read_without_asking_anybody(tmp_path: Path) -> None:
    hub_in(tmp_path)
    page = Reading.of(command.files_of(tmp_path)(), 0.0)
    assert page.sum("beheard_commands_total", process="session-host-0") == 4


def test_a_directory_without_a_hub_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="No hub serves from"):
        command.files_of(tmp_path)()


def test_an_address_where_nobody_listens_is_one_sentence() -> None:
    with pytest.raises(SetupError, match="does not answer: ConnectError"):
        command.page_of("http://127.0.0.1:1", None)()


def test_a_page_of_something_else_is_one_sentence() -> None:
    with pytest.raises(SetupError, match="no page of numbers"):
        command.Watch(lambda: "<html>\n").take()


def test_looks_older_than_the_window_count_no_more() -> None:
    line = 'beheard_commands_total{command="a",outcome="ok",process="x"} '
    texts, times = iter([line + "0", line + "600", line + "660"]), iter([0.0, 40.0, 60.0])
    taking = command.Watch(lambda: next(texts) + "\n", lambda: next(times))
    rates = [taking.take().hub.commands_per_second for _ in range(3)]
    assert rates == [0.0, 0.0, 3.0]


def test_json_is_the_overview_with_its_findings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub_in(tmp_path)
    monkeypatch.setattr(command, "ONCE_SECONDS", 0.0)
    command.once(command.files_of(tmp_path), "here", as_json=True, svg=None)
    whole = json.loads(capsys.readouterr().out)
    assert whole["source"] == "here"
    assert whole["hub"]["shards_without_host"] == 256
    assert whole["findings"][0]["level"] == "wrong"
