"""Starting without an invitation, listing, and the notes of staff."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from beheard_hub.domain.kernel import (
    Command,
    Decision,
    Delete,
    Insert,
    Loaded,
    Read,
    Reply,
    Work,
    Worked,
)
from beheard_hub.domain.practice.asking import Directory
from beheard_hub.domain.practice.directory import PracticeDirectoryKind
from beheard_hub.domain.practice.protocol import DIRECTORY, Policy
from beheard_hub.domain.practice.vocabulary import ADMIN, GUEST, ROLES, STAFF, USER, reaches
from beheard_hub.domain.refusals import Code, Refusal
from tests.unit.domain.play import CountingIds
from tests.unit.domain.practice.rehearsal import RITA, START, CountingNumbers

DATA: dict[str, dict[str, Any]] = {
    "practice.start": {"scenarioId": 3},
    "practice.list": {},
    "practice.scenarios": {},
    "practice.scenario": {"slug": "family-table"},
    "note.add": {"invitationId": "v1", "content": "she smiles"},
    "note.list": {"invitationId": "v1"},
    "note.delete": {"noteId": "n1"},
    "practice_invitation.create": {"scenarioId": 3, "presetName": "small"},
    "practice_invitation.list": {},
    "practice_invitation.get": {"invitationId": "v1"},
    "practice_invitation.revoke": {"invitationId": "v1"},
    "practice_invitation.validate": {"token": "t"},
    "practice_invitation.claim": {"token": "t"},
    "telemetry.record": {"name": "help_read"},
    "scenario.create": {
        "name": "n",
        "slug": "s",
        "description": "d",
        "partnerPersona": "p",
        "partnerSystemPrompt": "p",
        "coachSystemPrompt": "c",
    },
    "scenario.change": {"scenarioId": 3, "name": "other"},
    "preset.list": {},
    "preset.create": {"name": "n", "label": "l", "tokens": 500},
    "preset.change": {"presetId": "p1", "tokens": 600},
    "preset.delete": {"presetId": "p1"},
    **{f"telemetry.{name}": {} for name in ("summary", "events", "series", "top_scenarios")},
}
PRESET = {"tokens": 25_000, "label": "normal"}


class Desk:
    """One user's directory, and what the rows outside say."""

    def __init__(self, role: str = STAFF, policy: Policy | None = None) -> None:
        self.kind = PracticeDirectoryKind(CountingNumbers(), policy or Policy())
        self.ids = CountingIds()
        self.directory = self.loaded(role)
        self.last: Decision[Directory]

    def loaded(self, role: str, **more: Any) -> Directory:
        facts = {"user": {"role": role, **more}}
        return self.kind.load(Loaded(session_id=f"user:{RITA}", facts=facts))

    def ask(self, name: str, /, **data: Any) -> Any:
        clean = self.kind.validate(name, {**DATA[name], **data})
        if isinstance(clean, Refusal):
            return clean
        self.command = Command(id="c1", name=name, user_id=RITA, data=clean)
        return self.decide(self.command)

    def finish(self, work: Work, **result: Any) -> Any:
        done = Worked(self.command, work, result)
        return self.decide(Command(id="w", name="internal.worked", user_id=RITA, data=done))

    def decide(self, command: Command) -> Any:
        self.last = self.kind.decide(self.directory, command, START, self.ids)
        return self.last.answer


def code(answer: Any) -> Code:
    assert isinstance(answer, Refusal), answer
    return answer.code


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", DIRECTORY)
def test_the_least_role(name: str, role: str) -> None:
    answer = Desk(role).ask(name)
    if reaches(role, DIRECTORY[name].role):
        assert not isinstance(answer, Refusal)
    else:
        assert code(answer) is Code.FORBIDDEN


def test_starting_may_be_for_staff_alone() -> None:
    policy = Policy(start_role=STAFF)
    assert code(Desk(USER, policy).ask("practice.start")) is Code.FORBIDDEN
    assert isinstance(Desk(STAFF, policy).ask("practice.start"), Work)


def test_who_leaves_asks_for_nothing_more() -> None:
    desk = Desk()
    desk.directory = desk.loaded(ADMIN, erased=True)
    assert code(desk.ask("practice.list")) is Code.UNAUTHORIZED


def test_the_role_is_asked_again_when_the_work_is_done() -> None:
    desk = Desk(STAFF)
    work = desk.ask("note.add")
    desk.directory = desk.loaded(USER)
    assert code(desk.finish(work, found=True)) is Code.FORBIDDEN
    assert desk.last.rows == ()


# ---- practice.start


def test_a_session_with_a_quota_of_its_own() -> None:
    desk = Desk(USER, Policy(time_limit=timedelta(hours=1)))
    work = desk.ask("practice.start", presetName="short")
    assert work.args == {"scenarioId": 3, "presetName": "short"}
    answer = desk.finish(work, scenario=True, quota=PRESET)
    [row, counted] = desk.last.rows
    assert isinstance(row, Insert)
    assert isinstance(counted, Insert)
    assert counted.values["name"] == "conversation_started"
    assert counted.values["properties"] == {"scenarioId": 3, "invited": False}
    assert row.values["quota"] == PRESET
    assert (row.values["userId"], row.values["invitationId"]) == (RITA, None)
    assert isinstance(answer, Reply)
    ref = answer.data["session"]
    assert ref.id == str(row.values["id"])
    shown = desk.last.fresh[ref.kind, ref.id]
    assert (shown["status"], shown["observed"], shown["scenarioId"]) == ("ACTIVE", False, 3)
    kinds = {due.kind: (due.session_id, due.user_id) for due in desk.last.dues}
    assert kinds == dict.fromkeys(("practice_idle", "practice_time_limit"), (ref.id, RITA))


def test_no_such_scenario_and_no_such_preset() -> None:
    desk = Desk(USER)
    work = desk.ask("practice.start")
    assert code(desk.finish(work, scenario=False, quota=PRESET)) is Code.NOT_FOUND
    assert code(desk.finish(work, scenario=True, quota=None)) is Code.VALIDATION_ERROR
    assert desk.last.rows == ()


@pytest.mark.parametrize("number", [0, 2**31, "3", True, None])
def test_a_scenario_is_a_number(number: Any) -> None:
    assert code(Desk().ask("practice.start", scenarioId=number)) is Code.VALIDATION_ERROR


# ---- lists


def test_lists_are_read_in_pages() -> None:
    read = Desk(GUEST).ask("practice.list", limit=7)
    assert isinstance(read, Read)
    assert (read.query, read.args["page"], read.args["limit"]) == ("practice.list", 7, 8)
    notes = Desk().ask("note.list")
    assert (notes.query, notes.args["invitation_id"]) == ("note.list", "v1")
    assert (read.args["as_role"], notes.args["as_role"]) == (None, STAFF)


@pytest.mark.parametrize("name", ["practice.list", "note.list"])
def test_a_cursor_that_is_none(name: str) -> None:
    assert code(Desk().ask(name, cursor="not one of ours")) is Code.VALIDATION_ERROR


# ---- notes


def test_a_note_on_a_session() -> None:
    desk = Desk()
    work = desk.ask("note.add", sessionId="17")
    assert work.args == {"invitationId": "v1", "sessionId": "17"}
    answer = desk.finish(work, found=True)
    [row, counted] = desk.last.rows
    assert isinstance(row, Insert)
    assert isinstance(counted, Insert)
    assert row.table == "practice.ObservationNote"
    assert "she smiles" not in repr(counted)
    assert (counted.values["name"], counted.values["userId"]) == ("observation_note_added", RITA)
    assert (row.values["sessionId"], row.values["researcherId"]) == (17, RITA)
    ref = answer.data["note"]
    shown = desk.last.fresh[ref.kind, ref.id]
    assert (shown["sessionId"], shown["content"]) == ("17", "she smiles")


def test_a_note_on_the_invitation_alone() -> None:
    desk = Desk()
    answer = desk.finish(desk.ask("note.add"), found=True)
    ref = answer.data["note"]
    assert desk.last.fresh[ref.kind, ref.id]["sessionId"] is None


@pytest.mark.parametrize("session", ["abc", "1.5", "-1", "²"])
def test_a_note_on_what_is_no_session(session: str) -> None:
    assert code(Desk().ask("note.add", sessionId=session)) is Code.NOT_FOUND


def test_a_note_on_somebody_elses_invitation() -> None:
    desk = Desk()
    assert code(desk.finish(desk.ask("note.add"), found=False)) is Code.NOT_FOUND
    assert desk.last.rows == ()


@pytest.mark.parametrize(
    ("role", "author", "expected"),
    [
        (STAFF, RITA, None),
        (STAFF, "sam", Code.FORBIDDEN),
        (ADMIN, "sam", None),
        (ADMIN, None, Code.NOT_FOUND),
    ],
)
def test_whose_notes_are_deleted(role: str, author: str | None, expected: Code | None) -> None:
    desk = Desk(role)
    answer = desk.finish(desk.ask("note.delete"), researcherId=author)
    if expected is None:
        assert answer == Reply({"deleted": True})
        assert desk.last.rows == [Delete("practice.ObservationNote", {"id": "n1"})]
    else:
        assert code(answer) is expected
        assert desk.last.rows == ()


def test_the_longest_note() -> None:
    assert isinstance(Desk().ask("note.add", content="x" * 5_000), Work)
    assert code(Desk().ask("note.add", content="x" * 5_001)) is Code.VALIDATION_ERROR


def test_a_directory_is_its_users_and_nothing_is_shown_of_it() -> None:
    desk = Desk()
    kind, state = desk.kind, desk.directory
    assert kind.unpack(kind.pack(state)) == state
    assert kind.blank(f"user:{RITA}") == Directory(RITA)
    assert kind.members(state) == (RITA,)
    assert (kind.company(state, RITA), kind.snapshot(state, RITA, {})) == ({}, {})
    assert code(kind.validate("practice.fly", {})) is Code.VALIDATION_ERROR
