"""What a decision leaves in the buffer: on whose behalf, and in which session, its rows stand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from beheard_hub.actors.cell import Cell, Turn
from beheard_hub.actors.recording import Entry
from beheard_hub.domain.kernel import Decision, Due, Insert, Update
from tests.unit.actors.toy import Toy

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def entry(user: str, session: str, *rows: Insert | Update) -> Entry:
    """The entry of a turn of this user in this session."""
    toy = Toy()
    decision: Decision[Any] = Decision(toy.blank(session or "new"), None, rows)
    turn = Turn(toy, None, user, "c1", "internal.timer", None, session)
    return Entry(Cell(session or "user:ann", toy, decision.state), turn, decision, NOW)


@pytest.mark.parametrize(
    ("user", "writers"), [("ann", ["ann"]), ("", [])], ids=["somebody", "nobody"]
)
def test_the_session_is_named_whoever_asks(user: str, writers: list[str]) -> None:
    row = Update("Session", {"id": "s1"}, {"status": "PAUSED"})
    assert entry(user, "s1", row).part.writing == {"s1": writers}


def test_a_created_session_is_named() -> None:
    assert entry("ann", "", Insert("Session", {"id": "s2"})).part.writing == {"s2": ["ann"]}


def test_rows_of_no_session_name_their_user() -> None:
    assert entry("ann", "").part.writing == {"": ["ann"]}


def test_sessions_of_dues_are_named_too() -> None:
    """A change of one's name stores a reminder in every open session."""
    toy = Toy()
    due = Due(id="d1", kind="renamed", at=NOW, user_id="ann", session_id="s9")
    decision: Decision[Any] = Decision(toy.blank("new"), None, dues=[due])
    turn = Turn(toy, None, "ann", "c1", "profile.update", None, "")
    made = Entry(Cell("user:ann", toy, decision.state), turn, decision, NOW)
    assert made.part.writing == {"": ["ann"], "s9": ["ann"]}
