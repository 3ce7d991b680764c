"""The protocol of practice, as tables. Read this file and you know the kind.

`LANES` says who speaks in an exchange, in which order, and what each may see; `ENDS` how a session
can end; `COMMANDS` and `DIRECTORY` who may ask for what; `events.EVENTS` what is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import msgspec

from beheard_hub.domain.practice import commands as c
from beheard_hub.domain.practice import internal as i
from beheard_hub.domain.practice.vocabulary import (
    ABANDONED,
    ACTIVE,
    ADMIN,
    BY_EXPIRY,
    BY_IDLENESS,
    BY_QUOTA,
    BY_REVOCATION,
    BY_TIME_LIMIT,
    BY_USER,
    COACH,
    COMPLETED,
    FINAL,
    GUEST,
    OPEN,
    PARTNER,
    ROLE_USER,
    STAFF,
    USER,
)
from beheard_hub.domain.validation import Data

# ---- who speaks


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """One voice of the AI: it has a context, a prompt and a model of its own."""

    name: str
    """Also the role of its messages, and the "streamType" of what they cost."""
    sees: frozenset[str]
    """Roles of the messages that its requests may hold."""
    prompt: str
    """Column of "Scenario" with its system prompt, which never leaves the server."""
    model: str
    """Column of "Scenario" with the name of its model."""
    quotes: bool
    """Its request ends with a turn of the user that quotes the exchange; else a model goes on in
    the partner's voice."""
    then: str | None
    """Who speaks next in the same exchange; None: the exchange is complete."""
    history_tokens_max: int
    """Of what was said before it speaks, by estimate; the oldest is left out."""
    answer_tokens_max: int
    temperature: float
    """0 to 1; where a model takes one."""


LANES: Mapping[str, Lane] = {
    lane.name: lane
    for lane in (
        Lane(
            name=PARTNER, sees=frozenset({ROLE_USER, PARTNER}), prompt="partnerSystemPrompt",
            model="partnerModel", quotes=False, then=COACH,
            history_tokens_max=12_000, answer_tokens_max=400, temperature=0.9,
        ),
        Lane(
            name=COACH, sees=frozenset({ROLE_USER, PARTNER, COACH}), prompt="coachSystemPrompt",
            model="coachModel", quotes=True, then=None,
            history_tokens_max=16_000, answer_tokens_max=500, temperature=0.5,
        ),
    )
}  # fmt: skip
FIRST_LANE = PARTNER

# ---- how it ends


class End(msgspec.Struct, frozen=True):
    """One way to end: somebody or some limit completes a session, or nobody comes any more."""

    status: str
    means: str


ENDS: Mapping[str, End] = {
    BY_USER: End(COMPLETED, "the participant says so"),
    BY_QUOTA: End(COMPLETED, "an exchange has used it up, and is complete"),
    BY_TIME_LIMIT: End(COMPLETED, "it took as long as the operator lets a session take"),
    BY_EXPIRY: End(COMPLETED, "the invitation has expired"),
    BY_REVOCATION: End(COMPLETED, "the invitation was taken back"),
    BY_IDLENESS: End(ABANDONED, "nobody has said anything for 30 days"),
}


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator decides."""

    start_role: str = USER
    """The least role that starts a session without an invitation."""
    time_limit: timedelta | None = None
    """How long a session may take from its start."""


# ---- who may ask for what


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """When a command may be given. What it does is a handler of the same name."""

    data: type[Data] = c.Nothing
    role: str = GUEST
    """The least role; else FORBIDDEN."""
    others: str | None = None
    """The least role that may ask it of somebody else's session, if that is one of an invitation;
    everybody else's are NOT_FOUND."""
    statuses: frozenset[str] = frozenset({ACTIVE})
    """Stored statuses that allow it; else SESSION_NOT_ACTIVE."""
    reads: bool = False
    """Answers also after the end, and after the invitation has run out."""
    observes: bool = False
    """No command: what somebody asks who subscribes ``as`` an observer. The invitation must say so,
    because only then the participant was told."""
    races: bool = False
    """Commits alone; whoever was quicker elsewhere makes it a CONFLICT."""


ANY = OPEN | FINAL

COMMANDS: Mapping[str, Row] = {
    "practice.send": Row(data=c.PracticeSend),
    "practice.retry": Row(),
    "practice.complete": Row(statuses=OPEN),
    "practice.get": Row(statuses=ANY, others=STAFF, reads=True),
    "practice.messages": Row(data=c.PracticeMessages, statuses=ANY, others=STAFF, reads=True),
    "practice.observe": Row(role=STAFF, statuses=ANY, others=STAFF, reads=True, observes=True),
}

INTERNAL: Mapping[str, type[i.Internal] | None] = {
    "internal.practice_replied": i.Replied,
    "internal.practice_failed": i.Failed,
    "internal.practice_timer": i.Timer,
    "internal.practice_revoked": i.Revoked,
    "internal.practice_resumed": None,
}
"""Command → its data, if it has any."""

DIRECTORY: Mapping[str, Row] = {
    "practice.start": Row(data=c.PracticeStart, role=USER, statuses=ANY),
    "practice.list": Row(data=c.PracticeList, statuses=ANY, reads=True),
    "practice.scenarios": Row(data=c.PracticeScenarios, statuses=ANY, reads=True),
    "practice.scenario": Row(data=c.PracticeScenario, statuses=ANY, reads=True),
    "note.add": Row(data=c.NoteAdd, role=STAFF, statuses=ANY),
    "note.list": Row(data=c.NoteList, role=STAFF, statuses=ANY, reads=True),
    "note.delete": Row(data=c.NoteDelete, role=STAFF, statuses=ANY),
    "practice_invitation.create": Row(data=c.InvitationCreate, role=STAFF, statuses=ANY),
    "practice_invitation.list": Row(data=c.InvitationList, role=STAFF, statuses=ANY, reads=True),
    "practice_invitation.get": Row(data=c.InvitationId, role=STAFF, statuses=ANY, reads=True),
    "practice_invitation.revoke": Row(data=c.InvitationId, role=STAFF, statuses=ANY),
    "practice_invitation.validate": Row(data=c.InvitationValidate, statuses=ANY, reads=True),
    "practice_invitation.claim": Row(data=c.InvitationClaim, statuses=ANY, races=True),
    "scenario.create": Row(data=c.ScenarioCreate, role=ADMIN, statuses=ANY, races=True),
    "scenario.change": Row(data=c.ScenarioChange, role=ADMIN, statuses=ANY, races=True),
    "preset.list": Row(role=ADMIN, statuses=ANY, reads=True),
    "preset.create": Row(data=c.PresetCreate, role=ADMIN, statuses=ANY, races=True),
    "preset.change": Row(data=c.PresetChange, role=ADMIN, statuses=ANY, races=True),
    "preset.delete": Row(data=c.PresetId, role=ADMIN, statuses=ANY, races=True),
    "telemetry.record": Row(data=c.TelemetryRecord, statuses=ANY),
    "telemetry.summary": Row(data=c.TelemetrySpan, role=ADMIN, statuses=ANY, reads=True),
    "telemetry.events": Row(data=c.TelemetryEvents, role=ADMIN, statuses=ANY, reads=True),
    "telemetry.series": Row(data=c.TelemetrySpan, role=ADMIN, statuses=ANY, reads=True),
    "telemetry.top_scenarios": Row(data=c.TelemetrySpan, role=ADMIN, statuses=ANY, reads=True),
}
"""Commands without a session; of ``practice.start`` an operator decides the role."""
