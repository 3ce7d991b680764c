"""The library's administration: who may, what a contribution needs, what is noted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from beheard_hub.domain.kernel import (
    Command,
    Decision,
    Insert,
    Json,
    Loaded,
    Read,
    Ref,
    Reply,
    Row,
    Update,
    Work,
    Worked,
)
from beheard_hub.domain.mediation.directory import DIRECTORY
from beheard_hub.domain.mediation.directory_state import Directory
from beheard_hub.domain.mediation.library import tells_who
from beheard_hub.domain.refusals import Code, Refusal
from tests.unit.reactions.fakes import CountingIds

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
ITEM: Mapping[str, Json] = {
    "title": "A walk", "description": "Walk ten minutes after dinner.", "category": "household",
}  # fmt: skip
GIVEN: Mapping[str, Json] = {
    **ITEM, "source": "CONTRIBUTED", "contributedBy": "u9", "contributionConsent": "by letter",
}  # fmt: skip
COMMANDS: Mapping[str, Mapping[str, Json]] = {
    "library.list": {},
    "library.add": ITEM,
    "library.edit": {"itemId": "i1", "title": "Another"},
    "library.remove": {"itemId": "i1"},
}


def do(
    name: str,
    data: Mapping[str, Json],
    role: str = "ADMIN",
    result: Mapping[str, Json] | None = None,
) -> Decision[Directory]:
    """One command, or with `result` its second half."""
    valid = DIRECTORY.validate(name, data)
    assert not isinstance(valid, Refusal), valid
    command = Command(id="c1", name=name, user_id="u1", data=valid)
    if result is not None:
        worked = Worked(command, Work("library.look"), result)
        command = Command(id="c1", name="internal.worked", user_id="u1", data=worked)
    return DIRECTORY.decide(Directory("u1", role=role), command, NOW, CountingIds())


def code(decision: Decision[Directory]) -> Code:
    assert isinstance(decision.answer, Refusal)
    return decision.answer.code


def audited(rows: Sequence[Row]) -> list[tuple[Any, Any, Any]]:
    return [
        (row.values["actorId"], row.values["action"], row.values["outcome"])
        for row in rows
        if isinstance(row, Insert) and row.table == "hub.AuditLog"
    ]


@pytest.mark.parametrize("role", ["GUEST", "USER", "STAFF", "admin", ""])
@pytest.mark.parametrize("name", COMMANDS)
def test_nobody_else_may_and_the_attempt_is_noted(name: str, role: str) -> None:
    decision = do(name, COMMANDS[name], role)
    assert code(decision) is Code.FORBIDDEN
    assert len(decision.rows) == 1
    assert audited(decision.rows) == [("u1", name, "FORBIDDEN")]
    assert "walk" not in repr(decision.rows).lower()


def test_the_role_is_that_of_the_users_row() -> None:
    def role(user: Mapping[str, Json] | None) -> str:
        return DIRECTORY.load(Loaded(session_id="user:u1", facts={"user": user})).role

    assert [role({"role": "ADMIN"}), role({}), role(None)] == ["ADMIN", "GUEST", "GUEST"]


def test_a_list_is_read_in_pages() -> None:
    answer = do("library.list", {"limit": 5}).answer
    assert isinstance(answer, Read)
    assert (answer.query, answer.args["limit"]) == ("library.list", 6)
    assert code(do("library.list", {"cursor": "x"})) is Code.VALIDATION_ERROR


def test_a_curated_item_goes_straight_in() -> None:
    decision = do("library.add", ITEM)
    item, _ = decision.rows
    assert isinstance(item, Insert)
    assert (item.table, item.values["source"]) == ("GlobalLibraryItem", "CURATED")
    assert item.values["contributedBy"] is None
    assert decision.answer == Reply({"item": Ref("library_item", item.values["id"])})
    assert audited(decision.rows) == [("u1", "library.add", "DONE")]


@pytest.mark.parametrize(
    "data",
    [
        {**ITEM, "contributedBy": "u9"},
        {**ITEM, "contributionConsent": "by letter"},
        {key: value for key, value in GIVEN.items() if key != "contributedBy"},
        {key: value for key, value in GIVEN.items() if key != "contributionConsent"},
    ],
)
def test_a_contributor_comes_with_consent_and_a_curated_item_with_neither(data: Any) -> None:
    decision = do("library.add", data)
    assert code(decision) is Code.VALIDATION_ERROR
    assert decision.rows == ()


def test_a_contribution_goes_in_once_it_is_known_to_name_nobody() -> None:
    first = do("library.add", GIVEN)
    assert first.answer == Work("library.look", {"itemId": None, "contributorId": "u9"})
    assert first.rows == ()
    decision = do("library.add", GIVEN, result={"item": None, "contributor": {"name": "Ida Berg"}})
    item, _ = decision.rows
    assert isinstance(item, Insert)
    assert (item.values["source"], item.values["contributedBy"]) == ("CONTRIBUTED", "u9")


@pytest.mark.parametrize("contributor", [None, {"name": "Ida Walk"}, {"name": "DINNER"}])
def test_a_contribution_of_nobody_or_that_tells_who_is_refused(contributor: Any) -> None:
    result = {"item": None, "contributor": contributor}
    decision = do("library.add", GIVEN, result=result)
    assert code(decision) is Code.VALIDATION_ERROR
    assert decision.rows == ()


@pytest.mark.parametrize(
    ("text", "tells"),
    [
        ("Ask Ida how she did it", True),
        ("ask IDA!", True),
        ("Idaho is far", False),
        ("write to x.y@example.org", True),
        ("call +49 30 1234567", True),
        ("see https://example.org", True),
        ("follow @somebody", True),
        ("ten minutes, 3 times, 2 weeks", False),
    ],
)
def test_what_tells_who_it_was(text: str, tells: bool) -> None:
    assert tells_who(text, "Ida O Berg") is tells


def test_a_contribution_stays_anonymous_when_it_is_edited() -> None:
    edit = {"itemId": "i1", "description": "Ida's way"}
    looked = {"item": {"source": "CONTRIBUTED"}, "contributor": {"name": "Ida"}}
    assert do("library.edit", edit).answer == Work(
        "library.look", {"itemId": "i1", "contributorId": None}
    )
    assert code(do("library.edit", edit, result=looked)) is Code.VALIDATION_ERROR
    curated = {"item": {"source": "CURATED"}, "contributor": None}
    decision = do("library.edit", edit, result=curated)
    assert decision.rows[0] == Update(
        "GlobalLibraryItem", {"id": "i1"}, {"description": "Ida's way"}
    )


def test_an_edit_changes_something() -> None:
    looked = {"item": {"source": "CURATED"}, "contributor": None}
    assert code(do("library.edit", {"itemId": "i1"}, result=looked)) is Code.VALIDATION_ERROR


def test_what_is_removed_is_kept_out_of_sight() -> None:
    looked = {"item": {"source": "CURATED"}, "contributor": None}
    decision = do("library.remove", {"itemId": "i1"}, result=looked)
    assert decision.answer == Reply({"removed": True})
    assert decision.rows[0] == Update("GlobalLibraryItem", {"id": "i1"}, {"isActive": False})
    assert audited(decision.rows) == [("u1", "library.remove", "DONE")]


@pytest.mark.parametrize("name", ["library.add", "library.edit", "library.remove"])
def test_whoever_lost_the_role_meanwhile_is_refused(name: str) -> None:
    looked = {"item": {"source": "CURATED"}, "contributor": {"name": None}}
    data = GIVEN if name == "library.add" else COMMANDS[name]
    decision = do(name, data, role="USER", result=looked)
    assert code(decision) is Code.FORBIDDEN
    assert decision.rows == ()
