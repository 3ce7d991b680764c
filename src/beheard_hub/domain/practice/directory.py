"""Commands of practice without a session, decided by one user's directory: starting, listing, and
the notes of staff. Its state is loaded afresh for every command and holds no text.

What a command has to know of stored rows it asks for with a `Work`; its result says so again under
row-level security: an invitation that the researcher may not see is not found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from beheard_hub.domain.kernel import (
    Command,
    CommandSpec,
    Decision,
    Delete,
    Ids,
    Insert,
    Json,
    Loaded,
    Read,
    Ref,
    Reply,
    Work,
    Worked,
)
from beheard_hub.domain.practice import commands as c
from beheard_hub.domain.practice.asking import Asked, Directory, Handler, Result, WorkHandler
from beheard_hub.domain.practice.handlers.administration import (
    ADMINISTERING,
    ADMINISTERING_WORKED,
)
from beheard_hub.domain.practice.handlers.invitations import INVITING, INVITING_WORKED
from beheard_hub.domain.practice.handlers.telemetry import COUNTING
from beheard_hub.domain.practice.opening import opened
from beheard_hub.domain.practice.protocol import DIRECTORY as TABLE
from beheard_hub.domain.practice.protocol import Policy
from beheard_hub.domain.practice.state import Numbers, Quota
from beheard_hub.domain.practice.telemetry import counted
from beheard_hub.domain.practice.views import AS_ROLE, NOTE_REF, SESSION_REF, session, shape
from beheard_hub.domain.practice.vocabulary import ADMIN, GUEST, reaches
from beheard_hub.domain.refusals import Code, Refusal
from beheard_hub.domain.validation import compile_checks, refused, validate

START = "practice.opening"
"""Work: {scenarioId, presetName} → {scenario: whether there is such an active one, quota: {tokens,
label} of the preset that is named, or of the default one, or null}."""
PLACE = "practice.note_place"
"""Work: {invitationId, sessionId} → {found: whether the caller sees that invitation, and the
session is one of it, where one is named}."""
NOTE = "practice.note"
"""Work: {noteId} → {researcherId} of a note that the caller sees, or null."""


# ---- sessions


def _start(asked: Asked) -> Decision[Directory]:
    """practice.start: is there such a scenario, and what may it cost?"""
    data: c.PracticeStart = asked.command.data
    args = {"scenarioId": data.scenario_id, "presetName": data.preset_name}
    return asked.answered(Work(START, args))


def _started(asked: Asked, found: Result) -> Decision[Directory]:
    """practice.start: the session, with a quota of its own."""
    data: c.PracticeStart = asked.command.data
    if not found["scenario"]:
        return asked.answered(Refusal(Code.NOT_FOUND))
    quota = found["quota"]
    if quota is None:
        return asked.answered(refused({"presetName": "the name of a preset of this hub"}))
    made = opened(
        asked.directory.user_id, data.scenario_id, Quota(quota["tokens"]), quota.get("label"), None,
        asked.policy, asked.now, asked.ids, asked.numbers,
    )  # fmt: skip
    ref = Ref(SESSION_REF, made.state.id)
    return Decision(
        state=asked.directory,
        answer=Reply({"session": ref}),
        rows=made.rows,
        dues=made.dues,
        fresh={(ref.kind, ref.id): session(made.state)},
    )


def _list(asked: Asked) -> Decision[Directory]:
    """practice.list: one's own; those of an invitation are listed with the invitation."""
    data: c.PracticeList = asked.command.data
    return asked.page(data.cursor, data.limit, {AS_ROLE: None})


def _scenarios(asked: Asked) -> Decision[Directory]:
    """practice.scenarios: those that a session may begin with; also for callers without a token."""
    data: c.PracticeScenarios = asked.command.data
    return asked.page(data.cursor, data.limit, {})


def _scenario(asked: Asked) -> Decision[Directory]:
    """practice.scenario: one of them."""
    data: c.PracticeScenario = asked.command.data
    return asked.answered(Read(asked.command.name, {"slug": data.slug}))


# ---- notes


def _note(asked: Asked) -> Decision[Directory]:
    """note.add: is that an invitation of the caller's, and the session one of it?"""
    data: c.NoteAdd = asked.command.data
    if data.session_id is not None and not _is_number(data.session_id):
        return asked.answered(Refusal(Code.NOT_FOUND))
    return asked.answered(
        Work(PLACE, {"invitationId": data.invitation_id, "sessionId": data.session_id})
    )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _noted(asked: Asked, found: Result) -> Decision[Directory]:
    """note.add: the researcher's own words."""
    data: c.NoteAdd = asked.command.data
    if not found["found"]:
        return asked.answered(Refusal(Code.NOT_FOUND))
    row: dict[str, Json] = {
        "id": asked.ids.ordered(),
        "invitationId": data.invitation_id,
        "sessionId": int(data.session_id) if data.session_id is not None else None,
        "researcherId": asked.directory.user_id,
        "content": data.content,
        "timestamp": asked.now,
    }
    ref = Ref(NOTE_REF, row["id"])
    return Decision(
        state=asked.directory,
        answer=Reply({"note": ref}),
        rows=[
            Insert("practice.ObservationNote", row),
            counted(
                "observation_note_added",
                {"invitationId": data.invitation_id},
                asked.directory.user_id,
                data.session_id,
                asked.now,
                asked.ids,
            ),
        ],
        fresh={(ref.kind, ref.id): shape(NOTE_REF, row)},
    )


def _notes(asked: Asked) -> Decision[Directory]:
    """note.list: of one invitation, by all who may see it."""
    data: c.NoteList = asked.command.data
    more = {"invitation_id": data.invitation_id, AS_ROLE: asked.directory.role}
    return asked.page(data.cursor, data.limit, more)


def _unnote(asked: Asked) -> Decision[Directory]:
    """note.delete: whose is it?"""
    data: c.NoteDelete = asked.command.data
    return asked.answered(Work(NOTE, {"noteId": data.note_id}))


def _unnoted(asked: Asked, found: Result) -> Decision[Directory]:
    """note.delete: one's own; an administrator's hand reaches any."""
    data: c.NoteDelete = asked.command.data
    directory = asked.directory
    if found["researcherId"] is None:
        return asked.answered(Refusal(Code.NOT_FOUND))
    if found["researcherId"] != directory.user_id and not reaches(directory.role, ADMIN):
        return asked.answered(Refusal(Code.FORBIDDEN))
    row = Delete("practice.ObservationNote", {"id": data.note_id})
    return Decision(directory, Reply({"deleted": True}), [row])


HANDLERS: Mapping[str, Handler] = {
    "practice.start": _start,
    "practice.list": _list,
    "practice.scenarios": _scenarios,
    "practice.scenario": _scenario,
    "note.add": _note,
    "note.list": _notes,
    "note.delete": _unnote,
    **INVITING,
    **COUNTING,
    **ADMINISTERING,
}
"""One handler for each row of `protocol.DIRECTORY`."""

WORKED: Mapping[str, WorkHandler] = {
    "practice.start": _started,
    "note.add": _noted,
    "note.delete": _unnoted,
    **INVITING_WORKED,
    **ADMINISTERING_WORKED,
}
"""Command → what becomes of it when its work is done."""


# ---- the kind


def _spec(name: str) -> CommandSpec:
    row = TABLE[name]
    compile_checks(row.data)
    return CommandSpec(
        name=name,
        data=row.data,
        sessionless=True,
        reads=row.reads,
        alone=row.races,
        races=row.races,
    )


class PracticeDirectoryKind:
    """`SessionKind` for what concerns one user's practice and no session."""

    name = "practice_directory"
    commands: Mapping[str, CommandSpec] = {name: _spec(name) for name in TABLE}
    at_once: frozenset[str] = frozenset()
    resumed: str | None = None
    notifies: frozenset[str] = frozenset()

    def __init__(self, numbers: Numbers, policy: Policy) -> None:
        self._numbers = numbers
        self._policy = policy
        roles = {name: row.role for name, row in TABLE.items()}
        self._least = {**roles, "practice.start": policy.start_role}

    def blank(self, session_id: str) -> Directory:
        """Of whom nothing is known; `session_id` is the cell's key."""
        return Directory(session_id.removeprefix("user:"))

    def load(self, loaded: Loaded) -> Directory:
        """From the facts of a directory: the user's own row."""
        user = loaded.facts.get("user")
        user_id = loaded.session_id.removeprefix("user:")
        if user is None:
            return Directory(user_id, known=False)
        return Directory(user_id, user.get("role", GUEST), bool(user.get("erased")))

    def pack(self, state: Directory) -> bytes:
        """As bytes."""
        return msgspec.msgpack.encode(state)

    def unpack(self, packed: bytes) -> Directory:
        """The inverse of `pack`."""
        return msgspec.msgpack.decode(packed, type=Directory)

    def validate(self, name: str, data: Mapping[str, Json]) -> msgspec.Struct | Refusal:
        """Typed data or VALIDATION_ERROR; an unknown name is one too."""
        row = TABLE.get(name)
        return refused({"name": "no such command"}) if row is None else validate(row.data, data)

    def decide(
        self, state: Directory, command: Command, now: datetime, ids: Ids
    ) -> Decision[Directory]:
        """One command without a session. The role is asked again when a work is done."""
        worked = command.data if isinstance(command.data, Worked) else None
        if worked is not None:
            command = worked.command
        asked = Asked(state, command, self._policy, now, ids, self._numbers)
        if state.erased:
            return asked.answered(Refusal(Code.UNAUTHORIZED))
        if not reaches(state.role, self._least[command.name]):
            return asked.answered(Refusal(Code.FORBIDDEN))
        if worked is not None:
            return WORKED[command.name](asked, worked.result)
        return HANDLERS[command.name](asked)

    def members(self, state: Directory) -> Sequence[str]:
        """Only the user."""
        return (state.user_id,)

    def told_at(self, state: Directory, user_id: str) -> datetime | None:
        """Nobody is told anything here."""
        return None

    def company(self, state: Directory, user_id: str) -> Mapping[str, bool]:
        """Nobody."""
        return {}

    def snapshot(
        self, state: Directory, user_id: str, names: Mapping[str, str | None]
    ) -> Mapping[str, Json]:
        """Nobody subscribes to a directory."""
        return {}

    def from_state(
        self, state: Directory, ref: Ref, user_id: str, names: Mapping[str, str | None]
    ) -> Json:
        """Nothing is rendered from a directory."""
        return None
