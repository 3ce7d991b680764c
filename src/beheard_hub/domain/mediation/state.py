"""What one live session knows: ids, flags, counters and times. Never a text.

A `State` is two seats (A created the session, B accepted the invitation) and what they share. It is
small, so that a hundred thousand idle ones fit as bytes, and it is *derived*: every field can be
rebuilt from stored rows (`facts.load`), which a test proves by replaying random histories through
tables. Inner values are frozen and replaced; lists and dicts are copied by `copied` at the start of
a turn, so that `decide` never changes the state that it was given. A state is a tree, so that the
collector of cycles need not know of it (``gc=False``): over many sessions it would stop the loop.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

import msgspec

from beheard_hub.domain.mediation.vocabulary import (
    AGREED,
    COLLECTING,
    COMPLETED,
    CREATED,
    GATE_PENDING,
    GRANTED,
    IN_PROGRESS,
    NOT_STARTED,
    RANKING,
    REVEALING,
    REVOKED,
    STRATEGY_PROPOSAL,
)

UNDER_WAY = (IN_PROGRESS, GATE_PENDING)
LATEST_FIRST = (4, 3, 2, 1, 0)


class Progress(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One "StageProgress" row. `gates` holds the gates that are true, with the time of each."""

    id: str
    stage: int
    status: str
    started_at: datetime
    completed_at: datetime | None = None
    gates: dict[str, datetime] = {}
    latched: bool = False


class Draft(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The one empathy draft of a seat."""

    id: str
    version: int
    ready: bool


class Attempt(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A shown empathy attempt. Its consent tells whether it may still be seen."""

    id: str
    consent_id: str
    content_id: str
    shared_at: datetime


class Validation(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """This seat's answer to one attempt of the partner."""

    id: str
    attempt_id: str
    validated: bool
    feedback_shared: bool
    at: datetime


class Need(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An identified need; `answered` False is the documented null of `confirmed`."""

    confirmed: bool
    answered: bool
    source: str


class Consent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A "ConsentRecord" without its text; `decision` None while pending."""

    content_type: str
    target_id: str | None
    decision: str | None
    kind: str | None = None
    """`metadata.kind`, for example ``feedback``."""


class Content(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A "ConsentedContent" without its text."""

    user_id: str
    content_type: str
    consent_id: str
    active: bool
    need_id: str | None = None


class Ranking(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A seat's newest ranking."""

    round: int
    ids: tuple[str, ...]
    at: datetime
    id: str


class Reading(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One of the newest emotional readings."""

    id: str
    intensity: int
    at: datetime


class CommonGround(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An item of common ground; `sources` are the contents it stands on."""

    by_a: bool
    by_b: bool
    sources: tuple[str, ...] = ()
    proposed_by: str | None = None
    stale: bool = False

    @property
    def final(self) -> bool:
        """Both confirmed it, and nothing it stands on was taken back."""
        return self.by_a and self.by_b and not self.stale


class Agreement(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An agreement between the two."""

    status: str
    by_a: bool
    by_b: bool
    stale: bool = False
    strategy_id: str | None = None
    follow_up: datetime | None = None
    type: str = "MICRO_EXPERIMENT"


class Invitation(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The way B came or may come."""

    id: str
    invited_by: str
    target: str | None
    status: str
    created_at: datetime
    expires_at: datetime
    resends: int
    sent_at: datetime


class Changes(msgspec.Struct, frozen=True, array_like=True, eq=False, gc=False):
    """How often a user's content has changed since the session was loaded: a synthesis under way
    tells by it whether it saw everything. Not a fact and not stored, so it never makes two states
    differ; work does not outlive its host, nor need this."""

    count: int = 0

    def next(self) -> Changes:
        """After one more change."""
        return Changes(self.count + 1)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Changes)

    def __hash__(self) -> int:
        return hash(Changes)


class Seat(msgspec.Struct, array_like=True, gc=False):
    """One user's half of a session."""

    user_id: str
    vessel_id: str
    progress: dict[int, Progress] = {}
    draft: Draft | None = None
    newest_attempt: Attempt | None = None
    """The attempt that counts; earlier ones are superseded and need not be known."""
    validations: dict[str, Validation] = {}
    """By id of the partner's attempt."""
    feedback_accepted_at: datetime | None = None
    needs: dict[str, Need] = {}
    clarifications: list[str] = []
    dirty: bool = True
    synthesised_at: datetime | None = None
    changes: Changes = Changes()
    events: list[str] = []
    boundaries: list[str] = []
    documents: list[str] = []
    readings: list[Reading] = []
    consents: dict[str, Consent] = {}
    ideas: dict[str, int] = {}
    """Own strategies and those suggested to this user alone, with their round."""
    own_ideas: int = 0
    """How many of `ideas` this user wrote."""
    ready_round: int | None = None
    ranking: Ranking | None = None
    unanswered: list[str] = []
    ai_turn: str | None = None
    """The outstanding ``ai_turn`` reminder: one answer at a time per thread."""
    opened: int = -1
    """Highest stage in which the facilitator has spoken."""
    nudged_at: datetime | None = None
    has_private: bool = False
    """Whether a "SessionPrivate" row of this user exists."""
    event_at: datetime | None = None
    """When this user was told of something last."""
    erased: bool = False
    """A tombstone: who sat here has left the hub (spec 4.5)."""
    extracting: list[str] = []
    """The outstanding ``ai_extract`` reminders."""
    shows_presence: bool = True
    """Whether the partner may be told that this user is connected."""
    draft_check: str | None = None
    """The outstanding ``draft_check`` reminder: of the newest version of the draft."""

    @property
    def stage(self) -> int:
        """The current stage: the highest row IN_PROGRESS or GATE_PENDING (spec 2.1)."""
        return self.row.stage if self.progress else 0

    @property
    def row(self) -> Progress:
        """The current stage's row; the first one where none is under way."""
        rows = self.progress
        for stage in LATEST_FIRST:
            if stage in rows:
                row = rows[stage]
                if row.status in UNDER_WAY:
                    return row
        return rows[0]

    def has_gate(self, stage: int, key: str) -> bool:
        """Whether the stored gate is true."""
        row = self.progress.get(stage)
        return row is not None and key in row.gates

    def completed(self, stage: int) -> bool:
        """Whether the user has left the stage."""
        row = self.progress.get(stage)
        return row is not None and row.status == COMPLETED

    def entered(self, stage: int) -> bool:
        """Whether the user is or was in the stage."""
        row = self.progress.get(stage)
        return row is not None and row.status != NOT_STARTED

    def granted(self, consent_id: str) -> bool:
        """Whether that consent of this user stands."""
        consent = self.consents.get(consent_id)
        return consent is not None and consent.decision == GRANTED

    @property
    def active_attempt(self) -> Attempt | None:
        """The newest attempt while its consent stands."""
        newest = self.newest_attempt
        return newest if newest is not None and self.granted(newest.consent_id) else None


class State(msgspec.Struct, array_like=True, gc=False):
    """One session. `a` is None only before it was created, `b` until somebody accepted."""

    id: str
    relationship_id: str = ""
    status: str = CREATED
    created_at: datetime | None = None
    shared_vessel_id: str = ""
    resolved_at: datetime | None = None
    outcome: str | None = None
    close_proposed_by: str | None = None
    paused_at: datetime | None = None
    paused_by: str | None = None
    active_at: datetime | None = None
    """lastActivityAt: written at most once a minute, never leaves the hub."""
    phase: str = COLLECTING
    round: int = 1
    analysis: str | None = None
    """The outstanding ``common_ground`` reminder."""
    invitation: Invitation | None = None
    a: Seat | None = None
    b: Seat | None = None
    contents: dict[str, Content] = {}
    common_ground: dict[str, CommonGround] = {}
    library_ideas: dict[str, int] = {}
    """Strategies that belong to nobody, with their round."""
    agreements: dict[str, Agreement] = {}

    @property
    def seats(self) -> tuple[Seat, ...]:
        """The seats that are taken, A's first."""
        if self.b is None:
            return (self.a,) if self.a is not None else ()
        assert self.a is not None, "nobody accepts before somebody created"
        return self.a, self.b

    def seat(self, user_id: str) -> Seat | None:
        """The seat of a member."""
        for seat in self.seats:
            if seat.user_id == user_id:
                return seat
        return None

    def letter(self, user_id: str) -> str:
        """``A`` or ``B``; A is whoever created the session."""
        return "A" if self.a is not None and self.a.user_id == user_id else "B"

    def partner_of(self, user_id: str) -> Seat | None:
        """The other seat, None while nobody sits there."""
        for seat in self.seats:
            if seat.user_id != user_id:
                return seat
        return None

    def shared_needs(self, user_id: str) -> dict[str, str]:
        """That user's active shared needs: contentId → needId."""
        return {
            key: content.need_id
            for key, content in self.contents.items()
            if content.active and content.user_id == user_id and content.need_id is not None
        }

    @property
    def pool(self) -> dict[str, int]:
        """Every strategy of the session with its round, except those whose author took them back.
        Who may see which is the phase's affair."""
        ideas = dict(self.library_ideas)
        for seat in self.seats:
            ideas.update(seat.ideas)
            for consent in seat.consents.values():
                if consent.content_type == STRATEGY_PROPOSAL and consent.decision == REVOKED:
                    ideas.pop(consent.target_id or "", None)
        return ideas

    @property
    def opened_pool(self) -> dict[str, int]:
        """What both may see: rounds that came to their ranking."""
        open_now = self.phase in (RANKING, REVEALING, AGREED)
        return {k: r for k, r in self.pool.items() if r < self.round + open_now}


def _copied_seat(seat: Seat) -> Seat:
    new = msgspec.structs.replace(seat)
    new.progress = dict(seat.progress)
    new.validations = dict(seat.validations)
    new.needs = dict(seat.needs)
    new.clarifications = list(seat.clarifications)
    new.events = list(seat.events)
    new.boundaries = list(seat.boundaries)
    new.documents = list(seat.documents)
    new.readings = list(seat.readings)
    new.consents = dict(seat.consents)
    new.ideas = dict(seat.ideas)
    new.unanswered = list(seat.unanswered)
    return new


def copied(state: State) -> State:
    """A state that a turn may change while the given one stays as it was."""
    new = msgspec.structs.replace(state)
    new.a = _copied_seat(state.a) if state.a is not None else None
    new.b = _copied_seat(state.b) if state.b is not None else None
    new.contents = dict(state.contents)
    new.common_ground = dict(state.common_ground)
    new.library_ideas = dict(state.library_ideas)
    new.agreements = dict(state.agreements)
    return new


@lru_cache(maxsize=1)
def _codec() -> tuple[msgspec.msgpack.Encoder, msgspec.msgpack.Decoder[State]]:
    return msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(State)


def pack(state: State) -> bytes:
    """The state as bytes, for an idle session."""
    return _codec()[0].encode(state)


def unpack(packed: bytes) -> State:
    """The inverse of `pack`."""
    return _codec()[1].decode(packed)
