"""A session of two people with one row of everything, put into the tables by the owner."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

START = datetime(2024, 3, 1, 9, 0, tzinfo=UTC)
A, B = "user-a", "user-b"
SESSION = "session-1"
VECTOR = "[" + ",".join(["1"] + ["0"] * 1535) + "]"
FAR = "[" + ",".join(["0"] * 1535 + ["1"]) + "]"


def at(minutes: int) -> datetime:
    """A time in the story."""
    return START + timedelta(minutes=minutes)


async def insert(connection: asyncpg.Connection, table: str, **values: Any) -> None:
    """One row; a value for a column of type vector is given as text."""
    columns = ", ".join(f'"{name}"' for name in values)
    marks = ", ".join(
        f"${n}::text::vector" if name == "embedding" else f"${n}"
        for n, name in enumerate(values, 1)
    )
    schema, _, name = table.rpartition(".")
    place = f'{schema or "public"}."{name}"'
    await connection.execute(f"INSERT INTO {place} ({columns}) VALUES ({marks})", *values.values())


async def play(connection: asyncpg.Connection) -> None:
    """Fills the tables. Every private text names its owner, so that a leak shows."""
    await insert(connection, "User", id=A, name="Ada")
    await insert(connection, "User", id=B, name="Ben")
    await insert(connection, "User", id="user-c", name="Cid")
    await insert(connection, "Relationship", id="rel")
    for user, partner in ((A, B), (B, A)):
        await insert(
            connection, "RelationshipMember", id=f"member-{user}", relationshipId="rel",
            userId=user, partnerId=partner,
        )  # fmt: skip
    await insert(
        connection, "Session", id=SESSION, relationshipId="rel", createdById=A, status="ACTIVE",
        strategyPhase="REVEALING", strategyRound=1, createdAt=START,
    )  # fmt: skip
    await insert(
        connection, "Invitation", id="invitation", sessionId=SESSION, invitedById=A,
        name="my Benny", status="ACCEPTED", expiresAt=at(10_000), acceptedAt=at(1),
    )  # fmt: skip
    await insert(connection, "SharedVessel", id="shared", sessionId=SESSION)
    for user in (A, B):
        await insert(connection, "UserVessel", id=f"vessel-{user}", userId=user, sessionId=SESSION)
    for user in (A, B):
        await private_rows(connection, user)
        await shared_rows(connection, user)
    await common_rows(connection)


async def private_rows(connection: asyncpg.Connection, user: str) -> None:
    """Thread, vessel and logs of one user."""
    vessel: Mapping[str, Any] = {"vesselId": f"vessel-{user}"}
    both: Mapping[str, Any] = {"sessionId": SESSION, "userId": user}
    for stage in range(5):
        await insert(
            connection, "StageProgress", id=f"progress-{user}-{stage}", **both, stage=stage,
            status="IN_PROGRESS" if stage == 4 else "COMPLETED", startedAt=at(stage),
        )  # fmt: skip
    for n in range(5):
        role = "AI" if n % 2 else "USER"
        await insert(
            connection, "Message", id=f"message-{user}-{n}", sessionId=SESSION, forUserId=user,
            senderId=None if n % 2 else user, role=role, content=f"private of {user} {n}",
            stage=1 if n < 3 else 2, timestamp=at(n // 2),
        )  # fmt: skip
    for n in range(2):
        await insert(
            connection, "EmotionalReading", id=f"reading-{user}-{n}", **vessel,
            intensity=8 - 3 * n, context=f"private of {user}", stage=1, timestamp=at(n),
            embedding=VECTOR, embeddingModel="m",
        )  # fmt: skip
        await insert(
            connection, "UserEvent", id=f"event-{user}-{n}", **vessel,
            description=f"private of {user}", attributedTo="OTHER", emotions=["hurt"],
            timestamp=at(n), embedding=VECTOR if n else FAR, embeddingModel="m",
        )  # fmt: skip
    await insert(
        connection, "Boundary", id=f"boundary-{user}", **vessel, description=f"private of {user}",
        nonNegotiable=True,
    )  # fmt: skip
    await insert(
        connection, "UserDocument", id=f"document-{user}", **vessel, title="t",
        content=f"private of {user}", type="letter",
    )  # fmt: skip
    await insert(
        connection, "IdentifiedNeed", id=f"need-{user}", **vessel, need=f"private of {user}",
        category="SAFETY", description="d", evidence=[f"private of {user}"], confirmed=True,
        source="SYNTHESISED", aiConfidence=0.5,
    )  # fmt: skip
    await insert(
        connection, "NeedClarification", id=f"clarification-{user}", **vessel, potentialNeed="p",
        question=f"private of {user}", evidenceSoFar="e",
    )  # fmt: skip
    await insert(
        connection, "EmpathyDraft", id=f"draft-{user}", **both, content=f"private of {user}",
        readyToShare=True,
    )  # fmt: skip
    await insert(
        connection, "hub.Notification", id=f"notification-{user}", **both, type="partner.nudged"
    )
    for seq in range(1, 6):
        await insert(
            connection, "hub.SessionEvent", **both, seq=seq, name="message.created", at=at(seq)
        )
    await insert(
        connection, "hub.CommandReceipt", **both, commandId="c-1", name="message.send",
        digest="d", reply='{"ok": true}',
    )  # fmt: skip
    await insert(
        connection, "hub.Reminder", id=f"reminder-{user}", **both, shard=7, kind="ai_turn",
        dueAt=START if user == A else at(10_000_000),
    )  # fmt: skip


async def shared_rows(connection: asyncpg.Connection, user: str) -> None:
    """What one user let out, and what waits."""
    both: Mapping[str, Any] = {"sessionId": SESSION, "userId": user}
    for kind, target in (("EMPATHY_ATTEMPT", "attempt"), ("IDENTIFIED_NEED", "need")):
        record = f"consent-{target}-{user}"
        await insert(
            connection, "ConsentRecord", id=record, **both, contentType=kind,
            targetId=f"{target}-{user}", decision="GRANTED", decidedAt=at(5),
            contentDescription=f"consent of {user}",
        )  # fmt: skip
        await insert(
            connection, "ConsentedContent", id=f"content-{target}-{user}", sharedVesselId="shared",
            sourceUserId=user, transformedContent=f"shared {target} of {user}", consentedAt=at(5),
            consentRecordId=record, contentType=kind,
            category="SAFETY" if target == "need" else None,
        )  # fmt: skip
    await insert(
        connection, "ConsentRecord", id=f"pending-{user}", **both, contentType="BOUNDARY",
        targetId=f"boundary-{user}", transformedPreview=f"preview of {user}",
        contentDescription=f"consent of {user}",
    )  # fmt: skip
    await insert(
        connection, "EmpathyAttempt", id=f"attempt-{user}", draftId=f"draft-{user}",
        sessionId=SESSION, sourceUserId=user, content=f"attempt of {user}", sharedAt=at(5),
        consentRecordId=f"consent-attempt-{user}",
    )  # fmt: skip
    ranked = ["idea-1", "idea-2", "idea-3", "idea-4"]
    await insert(
        connection, "StrategyRanking", id=f"ranking-{user}", **both, round=1,
        rankedIds=ranked if user == A else ranked[1:], submittedAt=at(6),
    )  # fmt: skip


async def common_rows(connection: asyncpg.Connection) -> None:
    """What belongs to both."""
    for n in range(1, 5):
        await insert(
            connection, "StrategyProposal", id=f"idea-{n}", sessionId=SESSION,
            description=f"idea {n}", source="CURATED", round=1,
        )  # fmt: skip
    await insert(
        connection, "EmpathyValidation", id="validation-b", attemptId=f"attempt-{A}",
        sessionId=SESSION, userId=B, validated=False, feedback="shared feedback",
        feedbackShared=True, validatedAt=at(6),
    )  # fmt: skip
    await insert(
        connection, "EmpathyValidation", id="validation-a", attemptId=f"attempt-{B}",
        sessionId=SESSION, userId=A, validated=False, feedback="private feedback of user-a",
        feedbackShared=False, validatedAt=at(6),
    )  # fmt: skip
    await insert(
        connection, "CommonGround", id="ground", sharedVesselId="shared", need="rest",
        category="SAFETY", description="both need rest", confirmedByA=True,
    )  # fmt: skip
    await insert(
        connection, "CommonGround", id="stale-ground", sharedVesselId="shared", need="old",
        category="SAFETY", description="gone", stale=True,
    )  # fmt: skip
    await insert(
        connection, "Agreement", id="agreement", sharedVesselId="shared", description="a walk",
        type="MICRO_EXPERIMENT", status="PROPOSED", agreedByB=True,
    )  # fmt: skip
