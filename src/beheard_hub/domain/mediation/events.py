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
    notifies: bool = False
    """Whether somebody else's step or the time raises it, so that whoever is not connected is
    notified (spec 07). One step, one notification: of `partner.stage_completed`, which comes with
    `partner.advanced`, nobody is."""


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
    "common_ground.ready": EventRow(To.BOTH, notifies=True),
    "common_ground.confirmed": EventRow(To.BOTH, ("id",), notifies=True),
    "strategies.ranking_open": EventRow(To.BOTH, notifies=True),
    "strategies.overlap_ready": EventRow(To.BOTH, notifies=True),
    "agreement.confirmed": EventRow(To.BOTH, ("agreementId",), notifies=True),
    "session.paused": EventRow(To.BOTH, ("by",), notifies=True),
    "session.resumed": EventRow(To.BOTH, notifies=True),
    "session.close_proposed": EventRow(To.BOTH, notifies=True),
    "session.resolved": EventRow(To.BOTH, notifies=True),
    "session.abandoned": EventRow(To.BOTH, notifies=True),
    "agreement.follow_up": EventRow(To.BOTH, ("agreementId",), notifies=True),
    "invitation.expired": EventRow(To.INVITER, notifies=True),
    # whose own or mirrored gates moved
    "progress.changed": EventRow(To.PROGRESS, ("stage", "status", "gates", "canAdvance")),
    # the partner
    "partner.joined": EventRow(To.PARTNER, notifies=True),
    "partner.declined": EventRow(To.PARTNER, notifies=True),
    "partner.signed_compact": EventRow(To.PARTNER, ("signedAt",), notifies=True),
    "partner.stage_completed": EventRow(To.PARTNER, ("stage", "completedAt")),
    "partner.advanced": EventRow(To.PARTNER, ("toStage",), notifies=True),
    "partner.empathy_shared": EventRow(To.PARTNER, notifies=True),
    "partner.empathy_validated": EventRow(To.PARTNER, notifies=True),
    "partner.empathy_feedback": EventRow(To.PARTNER, notifies=True),
    "partner.content_shared": EventRow(To.PARTNER, ("contentId",), notifies=True),
    "partner.needs_shared": EventRow(To.PARTNER, notifies=True),
    "partner.strategies_ready": EventRow(To.PARTNER, notifies=True),
    "partner.ranking_submitted": EventRow(To.PARTNER, notifies=True),
    "partner.nudged": EventRow(To.PARTNER, notifies=True),
    "agreement.proposed": EventRow(To.PARTNER, ("agreementId",), notifies=True),
    "consent.revoked": EventRow(To.PARTNER, ("contentId",), notifies=True),
}

NOTIFIES = frozenset(name for name, row in EVENTS.items() if row.notifies)
