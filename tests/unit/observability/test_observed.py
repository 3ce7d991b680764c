"""No row of the list is dead, and what stands in labels is a small list of words of ours."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import beheard_hub
from beheard_hub.actors.cell import OK
from beheard_hub.domain.refusals import Code
from beheard_hub.facilitation import Delta, FacilitatorFailed, Usage
from beheard_hub.metering import used
from beheard_hub.observability import metrics
from beheard_hub.reactions import turns
from tests.unit.actors.toy import Toy, ToyDirectory
from tests.unit.actors.world import Peer
from tests.unit.actors.world import World as Hosts
from tests.unit.reactions.fakes import World as Reacting
from tests.unit.reactions.fakes import ai_turn, message, said

SOURCE = Path(beheard_hub.__file__).parent
LIST = SOURCE / "observability" / "metrics.py"
ROWS = sorted(name for name, value in vars(metrics).items() if hasattr(value, "_labelnames"))


def names_used() -> set[str]:
    """Every name that is read anywhere but in the list itself."""
    return {
        name
        for path in SOURCE.rglob("*.py")
        if path != LIST
        for name in _names(ast.parse(path.read_text()))
    }


def _names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr


@pytest.fixture(scope="module")
def used_names() -> set[str]:
    return names_used()


@pytest.mark.parametrize("row", ROWS)
def test_every_row_is_set_somewhere(row: str, used_names: set[str]) -> None:
    assert row in used_names


def values(row: Any, label: str) -> set[str]:
    """What stood in one label of a metric so far, in this process."""
    [family] = row.collect()
    return {sample.labels[label] for sample in family.samples}


COMMAND = st.one_of(st.text(max_size=40), st.sampled_from(["step", "internal.worked", "open"]))
ANYBODY = st.sampled_from(["ann", "bob", "eve", ""])


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(COMMAND, ANYBODY, st.text(max_size=8)), max_size=12))
async def test_whatever_clients_send_labels_are_words_of_ours(
    sent: list[tuple[str, str, str]],
) -> None:
    before = {label: values(metrics.COMMANDS, label) for label in ("command", "outcome")}
    world = Hosts()
    world.session("s1")
    peer = Peer(await world.host())
    try:
        for name, user, command_id in sent:
            await peer.answer(peer.command(name, user, command_id))
    finally:
        await world.stop()
    fresh = {label: values(metrics.COMMANDS, label) - seen for label, seen in before.items()}
    assert fresh["command"] <= {*Toy().commands, *ToyDirectory().commands}
    assert fresh["outcome"] <= {OK, "duplicate", *Code}


def total(row: Any, **labels: str) -> float:
    """A counter as it stands."""
    [family] = row.collect()
    return float(
        sum(
            sample.value
            for sample in family.samples
            if sample.name.endswith("_total") and labels.items() <= sample.labels.items()
        )
    )


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        (said("I hear you."), "replied"),
        ([Delta("I he"), FacilitatorFailed("dropped")], "failed"),
    ],
)
async def test_answers_are_counted_by_what_they_came_to(script: Any, outcome: str) -> None:
    world = Reacting(script)
    world.hear(message(1, "hello"))
    before = total(metrics.AI_TURNS, outcome=outcome)
    running = metrics.AI_TURNS_RUNNING._value.get()
    await turns.answer(world.tools, world.box, "s1", ai_turn())
    assert total(metrics.AI_TURNS, outcome=outcome) == before + 1
    assert metrics.AI_TURNS_RUNNING._value.get() == running


def test_tokens_are_counted_by_call_and_sort_also_where_nobody_is_charged() -> None:
    before = [
        total(metrics.AI_TOKENS, call="stage1", kind=kind) for kind in Usage.__struct_fields__
    ]
    used(call="stage1", model="some", usage=Usage(input=5, output=3, cached=2))
    after = [total(metrics.AI_TOKENS, call="stage1", kind=kind) for kind in Usage.__struct_fields__]
    assert [later - sooner for later, sooner in zip(after, before, strict=True)] == [5, 3, 2]
