"""The report: one file of HTML without anything from outside, for one run or several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from importlib import resources
from string import Template

from beheard_hub.evaluation.charts import Bar, Group, bars
from beheard_hub.evaluation.figures import Figures, Spread
from beheard_hub.evaluation.run import Run
from beheard_hub.evaluation.scores import WIRE, Example, Result
from beheard_hub.evaluation.table import dollars, held, mark, milliseconds

RUNS_MAX = 6
"""As many colours as can be told apart."""
STAGES = {
    "0": "0 compact", "1": "1 being heard", "2": "2 the other", "3": "3 needs", "4": "4 to try",
}  # fmt: skip
CALLS = {
    "open": "opening of a stage", "reply": "reply", "synthesise": "need synthesis",
    "transform": "preview for sharing", "check_draft": "draft check",
    "common_ground": "common ground", "suggest": "ideas", "extract": "extraction",
    "plan": "retrieval plan",
}  # fmt: skip


def render(runs: Sequence[Run]) -> str:
    """The page. Runs are named by their labels; the first is the first column."""
    title = runs[0].label if len(runs) == 1 else f"{len(runs)} runs compared"
    page = Template(_file("page.html"))
    return page.substitute(
        title=escape(f"Evaluation: {title}"),
        css=_file("page.css"),
        runs="".join(_card(number, run) for number, run in enumerate(runs)),
        scores=_scores(runs),
        charts="".join(_charts(runs)),
        calls=_calls(runs),
        examples=_examples(runs),
    )


def _file(name: str) -> str:
    return resources.files(__package__ or "").joinpath(name).read_text(encoding="utf-8")


def _card(number: int, run: Run) -> str:
    whole = run.whole
    facts = {
        "provider": run.provider,
        "models": ", ".join(run.models) or "none",
        "journeys": ", ".join(
            j.name if j.ended else f"{j.name} (not to its end)" for j in run.journeys
        ),
        "messages to users": f"{whole.answers:,}",
        "first word, p50 / p95": _pair(whole.first),
        "tokens in / cached / out": f"{whole.input:,} / {whole.cached:,} / {whole.output:,}",
        "cost": f"{dollars(whole.cost)} (prices of {run.prices_as_of})",
        "made": f"{run.made_at:%Y-%m-%d %H:%M} UTC, version {run.version}",
    }
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts.items())
    verdict = "passed" if run.passed else "failed"
    return (
        f'<article class="card run{number}"><div class="name"><span class="dot"></span>'
        f'{escape(run.label)}</div><span class="verdict {verdict}">{escape(held(run))}</span>'
        f"<dl>{rows}</dl></article>"
    )


def _pair(spread: Spread | None) -> str:
    return "none" if spread is None else f"{milliseconds(spread.p50)} / {milliseconds(spread.p95)}"


# ---- scores


def _scores(runs: Sequence[Run]) -> str:
    heads = "".join(f"<th>{escape(run.label)}</th>" for run in runs)
    known: dict[str, Result] = {r.name: r for run in reversed(runs) for r in run.scores}
    order = [r.name for r in runs[0].scores]
    order += [name for name in known if name not in order]
    rows = "".join(_score(known[name], [_named(run, name) for run in runs]) for name in order)
    return f"<thead><tr><th>what is checked</th>{heads}</tr></thead><tbody>{rows}</tbody>"


def _named(run: Run, name: str) -> Result | None:
    return next((result for result in run.scores if result.name == name), None)


def _score(row: Result, results: Sequence[Result | None]) -> str:
    habit = "" if row.hard else '<span class="habit">habit</span>'
    cells = "".join(_state(result) for result in results)
    return (
        f"<tr><td><b>{escape(row.title)}</b>{habit}"
        f'<span class="what">{escape(row.checks)}</span></td>{cells}</tr>'
    )


def _state(result: Result | None) -> str:
    if result is None:
        return '<td class="state nothing">not part of this run</td>'
    word = mark(result)
    share = 100 * result.failed / result.checked if result.checked else 0.0
    broken = f'<i style="width:{share:.1f}%"></i>' if result.failed else ""
    return (
        f'<td class="state {word.split()[0]}" title="{escape(_stages(result))}">{word}'
        f'<span class="count">{result.failed:,} broken of {result.checked:,}</span>'
        f'<span class="meter">{broken}</span></td>'
    )


def _stages(result: Result) -> str:
    """Checked and failed by stage, for who points at the cell."""
    parts = []
    for stage, (checked, failed) in result.by_stage.items():
        where = "in requests" if stage == str(WIRE) else f"stage {stage}"
        parts.append(f"{where}: {failed} of {checked}")
    return "; ".join(parts)


# ---- figures


def _charts(runs: Sequence[Run]) -> list[str]:
    return [
        _chart("Time to the first word", runs, lambda f: _timed(f.first), milliseconds),
        _chart("Time to the whole answer", runs, lambda f: _timed(f.total), milliseconds),
        _chart("Tokens (dark: written by the model)", runs, _tokens, _thousands),
        _chart("Cost in US dollars", runs, _cost, lambda value: f"{value:.3g}"),
        _chart("Messages to users", runs, _answers, lambda value: f"{value:g}"),
        _score_chart(runs),
    ]


def _chart(
    title: str,
    runs: Sequence[Run],
    bar: Callable[[Figures], Bar],
    unit: Callable[[float], str],
) -> str:
    stages = sorted({stage for run in runs for stage in run.stages})
    groups = [
        Group(STAGES.get(stage, stage), [_of(run.stages, stage, bar) for run in runs])
        for stage in stages
    ]
    return _framed(title, bars(title, groups, unit))


def _of(stages: Mapping[str, Figures], stage: str, bar: Callable[[Figures], Bar]) -> Bar:
    return bar(stages[stage]) if stage in stages else Bar(value=None)


def _framed(title: str, chart: str) -> str:
    return f'<figure class="card" style="margin:0"><h3>{escape(title)}</h3>{chart}</figure>'


def _timed(spread: Spread | None) -> Bar:
    if spread is None:
        return Bar(value=None)
    return Bar(value=spread.p50, beyond=spread.p95, says=f"{_pair(spread)}, {spread.count} times")


def _tokens(row: Figures) -> Bar:
    says = f"{row.input:,} in, {row.cached:,} cached, {row.output:,} out"
    return Bar(value=float(row.input + row.cached + row.output), part=row.output, says=says)


def _cost(row: Figures) -> Bar:
    return Bar(value=row.cost, says=dollars(row.cost))


def _answers(row: Figures) -> Bar:
    return Bar(value=float(row.answers), says=f"{row.answers} messages of {row.calls} calls")


def _score_chart(runs: Sequence[Run]) -> str:
    """What did not hold, by stage: hard checks and habits together, hard ones dark."""
    title = "Broken checks and habits (dark: checks)"
    stages = sorted({stage for run in runs for stage in run.stages})
    groups = [
        Group(STAGES.get(stage, stage), [_broken(run, stage) for run in runs]) for stage in stages
    ]
    return _framed(title, bars(title, groups, lambda value: f"{value:g}"))


def _broken(run: Run, stage: str) -> Bar:
    counts = [(r.hard, r.by_stage.get(stage, (0, 0))[1]) for r in run.scores]
    hard, every = sum(n for is_hard, n in counts if is_hard), sum(n for _, n in counts)
    says = f"{hard} checks, {every - hard} habits"
    return Bar(value=float(every), part=float(hard), says=says)


def _thousands(value: float) -> str:
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def _calls(runs: Sequence[Run]) -> str:
    heads = ("call", "run", "calls", "failed", "first word", "whole", "tokens in", "out", "cost")
    head = "".join(f'<th class="{"number" if n > 1 else ""}">{h}</th>' for n, h in enumerate(heads))
    names = [name for name in CALLS if any(name in run.calls for run in runs)]
    rows = [
        _call(name, run, run.calls[name]) for name in names for run in runs if name in run.calls
    ]
    return f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"


def _call(name: str, run: Run, row: Figures) -> str:
    cells = (
        f"{row.calls:,}", f"{row.failed:,}", _pair(row.first) if row.first else "",
        _pair(row.total) if row.total else "", f"{row.input + row.cached:,}", f"{row.output:,}",
        dollars(row.cost),
    )  # fmt: skip
    numbers = "".join(f'<td class="number">{escape(cell)}</td>' for cell in cells)
    return f"<tr><td>{escape(CALLS[name])}</td><td>{escape(run.label)}</td>{numbers}</tr>"


# ---- examples


def _examples(runs: Sequence[Run]) -> str:
    rows = [
        _example(run, result, example)
        for run in runs
        for result in run.scores
        for example in result.examples
    ]
    if not rows:
        return '<p class="soft">Nowhere.</p>'
    head = "<thead><tr><th>run</th><th>check</th><th>call</th><th>what</th></tr></thead>"
    return f'<div class="wide"><table>{head}<tbody>{"".join(rows)}</tbody></table></div>'


def _example(run: Run, result: Result, example: Example) -> str:
    text = f"<blockquote>{escape(example.text)}</blockquote>" if example.text else ""
    return (
        f"<tr><td>{escape(run.label)}</td><td>{escape(result.title)}</td>"
        f"<td><code>{escape(example.call)}</code></td>"
        f"<td>{escape(example.problem)}{text}</td></tr>"
    )
