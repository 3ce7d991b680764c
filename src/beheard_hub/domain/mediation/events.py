"""What may be told to whom (spec 2.4): one row per event.

`to` decides the place in the order of one command's events: content for one's own devices (`own`)
or for `both` first, then ``progress.changed``, then what the partner is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import msgspec


class To(Enum):
    """Who is told."""

    OWN = "the caller's own devices"
    BOTH = "both"
    PROGRESS = "whose gates or status moved"
    PARTNER = "the partner"
    INVITER = "the inviter"


class EventRow(msgspec.Struct, frozen=True):
    """One event: its audience and the names of its fields, exactly."""

    to: To
    fields: tuple[str, ...] = ()


EVENTS: Mapping[str, EventRow] = {
    # the caller's own devices
    "message.created": EventRow(To.OWN, ("message",)),
    "message.failed": EventRow(To.OWN, ("retryable",)),
    "emotion.recorded": EventRow(To.OWN, ("reading",)),
    "support.offered": EventRow(To.OWN, ("supportType",)),
    "feel_heard.offered": EventRow(To.OWN),
    "safety.resources": EventRow(To.OWN, ("severity", "resources")),
    "consent.requested": EventRow(To.OWN, ("consentRequest",)),
    "needs.synthesized": EventRow(To.OWN, ("count",)),
    "ai.budget_reached": EventRow(To.OWN, ("resetsAt",)),
    "draft.saved": EventRow(To.OWN, ("version",)),
    # both
    "common_ground.ready": EventRow(To.BOTH),
    "common_ground.confirmed": EventRow(To.BOTH, ("id",)),
    "strategies.ranking_open": EventRow(To.BOTH),
    "strategies.overlap_ready": EventRow(To.BOTH),
    "agreement.confirmed": EventRow(To.BOTH, ("agreementId",)),
    "session.paused": EventRow(To.BOTH, ("by",)),
    "session.resumed": EventRow(To.BOTH),
    "session.close_proposed": EventRow(To.BOTH),
    "session.resolved": EventRow(To.BOTH),
    "session.abandoned": EventRow(To.BOTH),
    "agreement.follow_up": EventRow(To.BOTH, ("agreementId",)),
    "invitation.expired": EventRow(To.INVITER),
    # whose own or mirrored gates moved
    "progress.changed": EventRow(To.PROGRESS, ("stage", "status", "gates", "canAdvance")),
    # the partner
    "partner.joined": EventRow(To.PARTNER),
    "partner.declined": EventRow(To.PARTNER),
    "partner.signed_compact": EventRow(To.PARTNER, ("signedAt",)),
    "partner.stage_completed": EventRow(To.PARTNER, ("stage", "completedAt")),
    "partner.advanced": EventRow(To.PARTNER, ("toStage",)),
    "partner.empathy_shared": EventRow(To.PARTNER),
    "partner.empathy_validated": EventRow(To.PARTNER),
    "partner.empathy_feedback": EventRow(To.PARTNER),
    "partner.content_shared": EventRow(To.PARTNER, ("contentId",)),
    "partner.needs_shared": EventRow(To.PARTNER),
    "partner.strategies_ready": EventRow(To.PARTNER),
    "partner.ranking_submitted": EventRow(To.PARTNER),
    "partner.nudged": EventRow(To.PARTNER),
    "agreement.proposed": EventRow(To.PARTNER, ("agreementId",)),
    "consent.revoked": EventRow(To.PARTNER, ("contentId",)),
}
