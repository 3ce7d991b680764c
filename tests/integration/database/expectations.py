"""Who may read and write what: the table of spec 4.1 as data, one row for every table there is.

A letter is a row's owner in `people.sql` (`s` and `t` belong to everybody in that session). A table
of the catalogue without a row here fails the matrix, so that nobody adds one unwalled.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from beheard_hub.ports import Actor

ACTORS: Mapping[str, Actor | None] = {
    "owner": Actor("a", "user", "s", 4),
    "partner": Actor("b", "user", "s", 4),
    "stranger": Actor("c", "user", "s", 4),
    "ai of the owner": Actor("a", "ai", "s", 4),
    "ai of the partner": Actor("b", "ai", "s", 4),
    "ai of the stranger": Actor("c", "ai", "s", 4),
    "ai without a session": Actor("a", "ai", "", 4),
    "staff": Actor("staff", "staff", "s", 4),
    "admin": Actor("admin", "admin", "s", 4),
    "said to be staff": Actor("a", "staff", "s", 4),
    "said to be admin": Actor("a", "admin", "s", 4),
    "partner's lane": Actor("a", "partner", "1"),
    "coach's lane": Actor("a", "coach", "1"),
    "lane in another's practice": Actor("a", "coach", "2"),
    "lane in a mediation": Actor("a", "coach", "s", 4),
    "ai in a practice": Actor("a", "ai", "1", 4),
    "an empty id": Actor("", "user", "s", 4),
    "nothing set": None,
}
"""`stranger` claims a session that is not hers: the claim must be worth nothing."""

Reads = Mapping[str, set[str]]

NOBODY: Reads = {}
OWN: Reads = {
    "owner": {"a"},
    "partner": {"b"},
    "stranger": {"c"},
    "ai of the owner": {"a"},
    "ai of the partner": {"b"},
}
OWN_AFFAIRS: Reads = {"owner": {"a"}, "partner": {"b"}, "stranger": {"c"}}
MEMBERS: Reads = {
    "owner": {"s"},
    "partner": {"s"},
    "stranger": {"t"},
    "ai of the owner": {"s"},
    "ai of the partner": {"s"},
}
LIBRARY: Reads = {
    **{who: {"library"} for who in (*MEMBERS, "ai of the stranger", "staff")},
    "ai in a practice": {"library"},
    "admin": {"library", "retired"},
}
PRACTICE: Reads = {
    **OWN_AFFAIRS,
    "staff": {"a"},
    "admin": {"a", "b", "c"},
}
"""Own rows; staff through the invitation of a; administrators all."""


class Wall(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected of one table."""

    reads: Reads
    """Actor → keys of the rows seen; an actor that is not named sees none."""
    row: str = "a"
    """Key of the row that the writing tests take."""
    inserts: str = ""
    """On whose behalf (a, b, c, nobody, S: staff, A: an administrator) a host may insert it; '' for
    none."""
    updates: str = ""
    """The same for updates."""
    inserts_apart: bool = False
    """A host may insert rows that are not like those of the seed; a test of its own says which."""
    key: str = "id"
    """Column that tells the rows apart."""
    among: frozenset[str] | None = None
    """Only these rows are looked at; None for all. For a table that the database fills too."""


WALLS: Mapping[str, Wall] = {
    'public."User"': Wall(
        reads={**OWN_AFFAIRS, "admin": {"a", "b", "c", "staff", "admin"}, "staff": set()},
        updates="a",
        inserts_apart=True,
    ),
    'public."ContactMethod"': Wall(reads=OWN_AFFAIRS, inserts="a", updates="a"),
    'public."ExternalIdentity"': Wall(reads=OWN_AFFAIRS),
    'public."Relationship"': Wall(reads=MEMBERS, row="s", inserts="abcSA nobody"),
    'public."RelationshipMember"': Wall(reads=OWN, inserts="a", updates="ab"),
    'public."Invitation"': Wall(
        reads={"owner": {"a"}, "stranger": {"c"}}, inserts="a", updates="ab"
    ),
    'public."Session"': Wall(reads=MEMBERS, row="s", inserts="a", updates="ab"),
    'public."SessionPrivate"': Wall(reads=OWN, inserts="a", updates="a"),
    'public."StageProgress"': Wall(reads=OWN, inserts="ab", updates="ab"),
    'public."Message"': Wall(reads=OWN, inserts="a", updates="a"),
    'public."UserVessel"': Wall(reads=OWN, inserts="a", updates="a"),
    'public."UserEvent"': Wall(reads=OWN, inserts="a", updates="a"),
    'public."EmotionalReading"': Wall(reads=OWN, inserts="a", updates="a"),
    'public."IdentifiedNeed"': Wall(reads=OWN, inserts="a", updates="a"),
    'public."NeedClarification"': Wall(reads=OWN, inserts="a", updates="a"),
    'public."Boundary"': Wall(reads=OWN, inserts="a", updates="a"),
    'public."UserDocument"': Wall(reads=OWN, inserts="a", updates="a"),
    'public."EmpathyDraft"': Wall(reads=OWN, inserts="a", updates="a"),
    'public."EmotionalExerciseCompletion"': Wall(reads=OWN, inserts="a"),
    'public."SharedVessel"': Wall(reads=MEMBERS, row="s", inserts="ab"),
    'public."ConsentRecord"': Wall(
        reads={**OWN, "owner": {"a", "a-attempt"}, "ai of the owner": {"a", "a-attempt"}},
        inserts="a",
        updates="a",
    ),
    'public."ConsentedContent"': Wall(
        reads={
            "owner": {"a", "a-taken-back", "a-attempt", "b"},
            "partner": {"a", "b"},
            "stranger": {"c"},
            "ai of the owner": {"a", "a-attempt", "b"},
            "ai of the partner": {"a", "b"},
        },
        inserts="a",
        updates="a",
    ),
    'public."EmpathyAttempt"': Wall(
        reads={"owner": {"a"}, "ai of the owner": {"a"}}, inserts="a", updates="a"
    ),
    'public."EmpathyValidation"': Wall(
        reads={"partner": {"b"}, "ai of the partner": {"b"}}, row="b", inserts="b", updates="b"
    ),
    'public."CommonGround"': Wall(reads=MEMBERS, row="s", inserts="ab", updates="ab"),
    'public."StrategyProposal"': Wall(
        reads={**OWN, "owner": {"a", "a-asked"}, "ai of the owner": {"a", "a-asked"}}, inserts="a"
    ),
    'public."StrategyRanking"': Wall(
        reads={"owner": {"a"}, "stranger": {"c"}, "ai of the owner": {"a"}},
        inserts="a",
        updates="a",
    ),
    'public."Agreement"': Wall(reads=MEMBERS, row="s", inserts="ab", updates="ab"),
    'public."GlobalLibraryItem"': Wall(
        reads=LIBRARY,
        row="library",
        among=frozenset({"library", "retired"}),
        inserts="A",
        updates="A",
    ),
    'hub."SessionEvent"': Wall(reads=OWN_AFFAIRS, key="userId", inserts="ab"),
    'hub."CommandReceipt"': Wall(reads=OWN_AFFAIRS, key="userId", inserts="ab"),
    'hub."Reminder"': Wall(reads=OWN_AFFAIRS, inserts="ab", updates="ab"),
    'hub."Nudge"': Wall(reads=OWN_AFFAIRS, inserts="ab"),
    'hub."AiUsage"': Wall(reads=OWN_AFFAIRS, inserts="a"),
    'hub."Notification"': Wall(reads=OWN_AFFAIRS, inserts="ab", updates="ab"),
    'hub."AuditLog"': Wall(reads={"admin": {"a", "b", "c"}}, inserts="abcSA nobody"),
    'hub."Erasure"': Wall(
        reads={"stranger": {"c"}}, row="c", key="userId", inserts="c", updates="c"
    ),
    'hub."MergedGuest"': Wall(reads=NOBODY, key="guestId"),
    'practice."Scenario"': Wall(
        reads={
            "owner": {"9001", "9002"},
            "partner": {"9001"},
            "stranger": {"9001"},
            "partner's lane": {"9002"},
            "coach's lane": {"9002"},
            "staff": {"9001", "9002"},
            "admin": {"9001", "9002"},
        },
        row="9001",
        among=frozenset({"9001", "9002"}),
        inserts="A",
        updates="A",
    ),
    'practice."QuotaPreset"': Wall(
        reads={who: {"preset"} for who in PRACTICE},
        row="preset",
        among=frozenset({"preset"}),
        inserts="A",
        updates="A",
    ),
    'practice."Invitation"': Wall(
        reads={"staff": {"a"}, "admin": {"a", "c"}}, inserts="S", updates="aSA"
    ),
    'practice."ConversationSession"': Wall(
        reads={
            "owner": {"1"},
            "partner": {"2"},
            "stranger": {"3"},
            "partner's lane": {"1"},
            "coach's lane": {"1"},
            "staff": {"1"},
            "admin": {"1", "2", "3"},
        },
        row="1",
        inserts="a",
        updates="a",
    ),
    'practice."Message"': Wall(
        reads={
            "owner": {"11", "12", "13"},
            "partner": {"21", "22", "23"},
            "stranger": {"31", "32", "33"},
            "partner's lane": {"11", "12"},
            "coach's lane": {"11", "12", "13"},
            "staff": {"11", "12", "13"},
            "admin": {f"{session}{lane}" for session in "123" for lane in "123"},
        },
        row="11",
        inserts="a",
    ),
    'practice."UsageLog"': Wall(reads=PRACTICE, inserts="a"),
    'practice."ObservationNote"': Wall(reads={"staff": {"a"}, "admin": {"a", "c"}}, inserts="S"),
    'practice."TelemetryEvent"': Wall(
        reads={**OWN_AFFAIRS, "admin": {"a", "b", "c"}},
        inserts="a",
        among=frozenset({"a", "b", "c"}),
    ),
    'hub."HostLease"': Wall(reads=NOBODY, key="hostId", row="host"),
    'hub."Migration"': Wall(reads=NOBODY, key="number", row="1"),
    'hub."ShardOwner"': Wall(reads=NOBODY, key="shard", row="0"),
}

KEY_COLUMNS = frozenset(
    {
        "id", "sessionId", "userId", "forUserId", "sourceUserId", "vesselId", "sharedVesselId",
        "relationshipId", "partnerId", "attemptId", "stage", "round", "seq", "commandId",
        "createdById", "invitedById", "shard", "invitationId", "linkedUserId", "researcherId",
        "revokedAt", "expiresAt",
    }
)  # fmt: skip
"""All that the writer may read of anybody's rows, to find the row it changes, or that it must not
change any more."""
