"""From stored facts to a state: the layout of `hub.load_sessions`, read with care.

Keys that are missing get the value that a fresh session has, so that a database one migration ahead
or behind still loads. Lists come in order of time, then id; readings newest first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from beheard_hub.domain.kernel import Loaded
from beheard_hub.domain.limits import READINGS_KEPT, UNANSWERED_MESSAGES_MAX
from beheard_hub.domain.mediation.state import (
    Agreement,
    Attempt,
    CommonGround,
    Consent,
    Content,
    Draft,
    Invitation,
    Need,
    Progress,
    Ranking,
    Reading,
    Seat,
    State,
    Validation,
)
from beheard_hub.domain.mediation.vocabulary import (
    ACCEPTED,
    AI_EXTRACT,
    COLLECTING,
    DRAFT_CHECK,
    NOT_STARTED,
    USER_SUBMITTED,
)

Facts = Mapping[str, Any]


def load(loaded: Loaded) -> State:
    """The state that these facts describe."""
    facts = loaded.facts
    session, shared = facts["session"], facts.get("shared") or {}
    contents = _contents(shared.get("contents") or ())
    seats = {
        member["userId"]: _seat(
            member,
            facts["seats"].get(member["userId"]) or {},
            contents,
            facts.get("reminders") or (),
        )
        for member in facts["members"]
    }
    owner = session["createdById"]
    others = [seat for user, seat in seats.items() if user != owner]
    claimed = {idea for seat in seats.values() for idea in seat.ideas}
    return State(
        id=session["id"],
        relationship_id=session["relationshipId"],
        status=session["status"],
        created_at=_time(session["createdAt"]),
        shared_vessel_id=session.get("sharedVesselId") or "",
        resolved_at=_time(session.get("resolvedAt")),
        outcome=session.get("outcome"),
        close_proposed_by=session.get("closeProposedById"),
        paused_at=_time(session.get("pausedAt")),
        paused_by=session.get("pausedById"),
        active_at=_time(session.get("lastActivityAt")),
        phase=session.get("strategyPhase") or COLLECTING,
        round=session.get("strategyRound") or 1,
        analysis=_analysis(facts.get("reminders") or ()),
        invitation=_invitation(facts.get("invitation")),
        a=seats.get(owner),
        b=others[0] if others else None,
        contents=contents,
        common_ground=_common_ground(shared.get("commonGround") or ()),
        library_ideas={
            row["id"]: row["round"]
            for row in shared.get("strategies") or ()
            if row["id"] not in claimed
        },
        agreements=_agreements(shared.get("agreements") or ()),
    )


def _time(value: Any) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _must(value: Any) -> datetime:
    found = _time(value)
    assert found is not None, "a stored row has its time"
    return found


def _analysis(reminders: Iterable[Facts]) -> str | None:
    return next((row["id"] for row in reminders if row["kind"] == "common_ground"), None)


def _outstanding(reminders: Iterable[Facts], kind: str, user_id: str) -> list[str]:
    return [row["id"] for row in reminders if (row["kind"], row["userId"]) == (kind, user_id)]


def _invitation(row: Facts | None) -> Invitation | None:
    if not row:
        return None
    created = _must(row["createdAt"])
    return Invitation(
        id=row["id"],
        invited_by=row["invitedById"],
        target=None if row["status"] == ACCEPTED else row.get("targetUserId"),
        status=row["status"],
        created_at=created,
        expires_at=_must(row["expiresAt"]),
        resends=row.get("resendCount") or 0,
        sent_at=_time(row.get("lastSentAt")) or created,
    )


def _contents(rows: Iterable[Facts]) -> dict[str, Content]:
    return {
        row["id"]: Content(
            user_id=row["sourceUserId"],
            content_type=row["contentType"],
            consent_id=row["consentRecordId"],
            active=row["consentActive"],
            need_id=row.get("originalNeedId"),
        )
        for row in rows
    }


def _common_ground(rows: Iterable[Facts]) -> dict[str, CommonGround]:
    return {
        row["id"]: CommonGround(
            by_a=row["confirmedByA"],
            by_b=row["confirmedByB"],
            sources=tuple(row.get("sourceContentIds") or ()),
            proposed_by=row.get("proposedById"),
            stale=bool(row.get("stale")),
        )
        for row in rows
    }


def _agreements(rows: Iterable[Facts]) -> dict[str, Agreement]:
    return {
        row["id"]: Agreement(
            status=row["status"],
            by_a=row["agreedByA"],
            by_b=row["agreedByB"],
            stale=bool(row.get("staleInput")),
            strategy_id=row.get("proposalId"),
            follow_up=_time(row.get("followUpDate")),
            type=row.get("type") or "MICRO_EXPERIMENT",
        )
        for row in rows
    }


# ---- one seat


def _seat(
    member: Facts, facts: Facts, contents: Mapping[str, Content], reminders: Iterable[Facts]
) -> Seat:
    rows = {row["stage"]: row for row in facts.get("progress") or ()}
    ideas = facts.get("strategies") or ()
    unanswered = list(facts.get("unanswered") or ())
    progress = {stage: _progress(row) for stage, row in rows.items()}
    seat = Seat(
        user_id=member["userId"],
        vessel_id=member["vesselId"],
        progress=progress,
        draft=_draft(facts.get("draft")),
        newest_attempt=_newest_attempt(facts.get("attempts") or (), contents),
        validations=_validations(facts.get("validations") or ()),
        feedback_accepted_at=_time(_column(rows, 2, "feedbackAcceptedAt")),
        needs=_needs(facts.get("needs") or ()),
        clarifications=[row["id"] for row in facts.get("clarifications") or ()],
        dirty=bool(_column(rows, 3, "isSynthesisDirty", True)),
        synthesised_at=_time(_column(rows, 3, "synthesisLastUpdated")),
        events=list(facts.get("events") or ()),
        boundaries=list(facts.get("boundaries") or ()),
        documents=list(facts.get("documents") or ()),
        readings=_readings(facts.get("readings") or ()),
        consents=_consents(facts.get("consents") or ()),
        ideas={row["id"]: row["round"] for row in ideas},
        own_ideas=sum(row.get("source") == USER_SUBMITTED for row in ideas),
        ready_round=_column(rows, 4, "strategiesReadyRound"),
        ranking=_ranking(facts.get("rankings") or ()),
        unanswered=unanswered[-UNANSWERED_MESSAGES_MAX:],
        ai_turn=facts.get("aiTurn"),
        nudged_at=_time(facts.get("nudgedAt")),
        has_private=bool(facts.get("hasPrivate")),
        event_at=_time(facts.get("lastEventAt")),
        erased=bool(member.get("erased")),
        shows_presence=member.get("presenceShown", True),
        extracting=_outstanding(reminders, AI_EXTRACT, member["userId"]),
        draft_check=next(iter(_outstanding(reminders, DRAFT_CHECK, member["userId"])), None),
    )
    opened = facts.get("openedStage", seat.stage)
    seat.opened = -1 if opened is None else opened
    return seat


def _column(rows: Mapping[int, Facts], stage: int, name: str, default: Any = None) -> Any:
    value = rows.get(stage, {}).get(name)
    return default if value is None else value


def _progress(row: Facts) -> Progress:
    at = row.get("gatesAt") or {}
    started = _time(row.get("startedAt"))
    return Progress(
        id=row["id"],
        stage=row["stage"],
        status=row.get("status") or NOT_STARTED,
        started_at=_must(row["startedAt"]),
        completed_at=_time(row.get("completedAt")),
        gates={
            key: _must(at.get(key) or started)
            for key, true in (row.get("gatesSatisfied") or {}).items()
            if true
        },
        latched=bool(row.get("gatesLatched")),
    )


def _draft(row: Facts | None) -> Draft | None:
    return Draft(row["id"], row["version"], row["readyToShare"]) if row else None


def _newest_attempt(rows: Sequence[Facts], contents: Mapping[str, Content]) -> Attempt | None:
    if not rows:
        return None
    row = rows[-1]
    consent_id = row["consentRecordId"]
    content = next((key for key, c in contents.items() if c.consent_id == consent_id), "")
    return Attempt(row["id"], consent_id, content, _must(row["sharedAt"]))


def _validations(rows: Iterable[Facts]) -> dict[str, Validation]:
    return {
        row["attemptId"]: Validation(
            id=row["id"],
            attempt_id=row["attemptId"],
            validated=row["validated"],
            feedback_shared=row["feedbackShared"],
            at=_must(row["validatedAt"]),
        )
        for row in rows
    }


def _needs(rows: Iterable[Facts]) -> dict[str, Need]:
    return {
        row["id"]: Need(
            confirmed=row["confirmed"],
            answered=row.get("answeredAt") is not None,
            source=row["source"],
        )
        for row in rows
    }


def _readings(rows: Iterable[Facts]) -> list[Reading]:
    found = [Reading(row["id"], row["intensity"], _must(row["timestamp"])) for row in rows]
    return sorted(found, key=lambda r: (r.at, r.id), reverse=True)[:READINGS_KEPT]


def _consents(rows: Iterable[Facts]) -> dict[str, Consent]:
    return {
        row["id"]: Consent(
            content_type=row["contentType"],
            target_id=row.get("targetId"),
            decision=row.get("decision"),
            kind=(row.get("metadata") or {}).get("kind"),
        )
        for row in rows
    }


def _ranking(rows: Sequence[Facts]) -> Ranking | None:
    if not rows:
        return None
    row = max(rows, key=lambda r: int(r["round"]))
    return Ranking(row["round"], tuple(row["rankedIds"]), _must(row["submittedAt"]), row["id"])
