"""The tables are complete, agree with each other and with spec 8; nothing decides beside them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from beheard_hub.domain.practice import directory
from beheard_hub.domain.practice.events import EVENTS
from beheard_hub.domain.practice.kind import HANDLERS, PracticeKind
from beheard_hub.domain.practice.protocol import (
    COMMANDS,
    DIRECTORY,
    ENDS,
    FIRST_LANE,
    INTERNAL,
    LANES,
)
from beheard_hub.domain.practice.reads import ADDED_UP, DETAILS, READS, WHOLE
from beheard_hub.domain.practice.render import page
from beheard_hub.domain.practice.vocabulary import COACH, FINAL, PARTNER, ROLE_USER

ROOT = Path(__file__).resolve().parents[4]
HANDLER_FILES = sorted((ROOT / "src/beheard_hub/domain/practice").rglob("handlers/*.py"))


def test_the_commands_of_the_spec() -> None:
    assert {*COMMANDS, *DIRECTORY} == {
        *("practice.start", "practice.send", "practice.retry", "practice.complete"),
        *("practice.list", "practice.get", "practice.messages", "practice.observe"),
        *("practice.scenarios", "practice.scenario"),
        *("note.add", "note.list", "note.delete"),
        *("practice_invitation.create", "practice_invitation.list", "practice_invitation.get"),
        *("practice_invitation.revoke", "practice_invitation.validate"),
        "practice_invitation.claim",
        *("telemetry.record", "telemetry.summary", "telemetry.events", "telemetry.series"),
        "telemetry.top_scenarios",
        *("scenario.create", "scenario.change"),
        *("preset.list", "preset.create", "preset.change", "preset.delete"),
    }


def test_the_events_of_the_spec() -> None:
    assert {name: row.fields for name, row in EVENTS.items()} == {
        "practice.message": ("message",),
        "practice.exchange_complete": (),
        "practice.failed": ("lane", "retryable"),
        "practice.quota": ("remaining", "total", "state"),
        "practice.ended": ("reason",),
    }


def test_every_row_has_a_handler_and_every_handler_a_row() -> None:
    assert set(HANDLERS) == {*COMMANDS, *INTERNAL}
    assert set(directory.HANDLERS) == set(DIRECTORY)
    assert set(directory.WORKED) < set(DIRECTORY)
    assert set(PracticeKind.commands) == set(COMMANDS)


WITHOUT_A_READ = {"practice.get", "practice_invitation.validate"}
"""One shows the state, and one asks before anybody has come in."""


def test_every_read_is_a_command() -> None:
    assert {*READS, *DETAILS, *ADDED_UP, *WHOLE} == {
        name
        for name, row in {**COMMANDS, **DIRECTORY}.items()
        if row.reads and name not in WITHOUT_A_READ
    }


def test_an_exchange_goes_through_every_lane_once() -> None:
    order, lane = [], FIRST_LANE
    while lane is not None and lane not in order:
        order.append(lane)
        following = LANES[lane].then
        if following is None:
            break
        lane = following
    assert order == list(LANES)
    assert LANES[order[-1]].then is None


def test_the_partner_never_sees_the_coach() -> None:
    assert LANES[PARTNER].sees == {ROLE_USER, PARTNER}
    assert LANES[COACH].sees == {ROLE_USER, PARTNER, COACH}
    assert LANES[COACH].quotes, "else a model goes on in the partner's voice"
    assert len({(lane.prompt, lane.model) for lane in LANES.values()}) == len(LANES)


def test_every_end_is_final() -> None:
    assert {end.status for end in ENDS.values()} == FINAL


def test_the_page_for_people_is_what_the_tables_say() -> None:
    """``python -m beheard_hub.domain.practice.render > docs/practice-protocol.md`` makes it."""
    assert (ROOT / "docs/practice-protocol.md").read_text() == page()


@pytest.mark.parametrize("path", HANDLER_FILES, ids=lambda path: path.name)
def test_no_handler_names_a_lane(path: Path) -> None:
    assert not re.search(r"\b(PARTNER|COACH)\b|\"(partner|coach)\"", path.read_text())
