"""What only administrators may, by the role in the user's own row and never by a token's word.

The database asks the same again, for reads and for rows. Every attempt of somebody else is in the
audit log.
"""

from __future__ import annotations

from datetime import datetime

from beheard_hub.domain.kernel import Command, Decision, Ids, Insert, Json, Worked
from beheard_hub.domain.mediation.directory_state import Directory, Handler, WorkedHandler
from beheard_hub.domain.refusals import Code, Refusal

ADMIN = "ADMIN"


def for_admins(handler: Handler) -> Handler:
    """Refuses everybody else, and notes it."""

    def guarded(
        directory: Directory, command: Command, now: datetime, ids: Ids
    ) -> Decision[Directory]:
        if directory.role == ADMIN:
            return handler(directory, command, now, ids)
        refusal = Refusal(Code.FORBIDDEN)
        noted = audit(directory, command.name, "FORBIDDEN", now, ids)
        return Decision(directory, refusal, [noted])

    return guarded


def still_admin(then: WorkedHandler) -> WorkedHandler:
    """Whoever lost the role while the work ran is refused like anybody else."""

    def guarded(
        directory: Directory, worked: Worked, now: datetime, ids: Ids
    ) -> Decision[Directory]:
        if directory.role == ADMIN:
            return then(directory, worked, now, ids)
        return Decision(directory, Refusal(Code.FORBIDDEN))

    return guarded


def audit(
    directory: Directory, action: str, outcome: str, now: datetime, ids: Ids, **target: Json
) -> Insert:
    """An entry of the audit log: ids and words of ours."""
    return Insert(
        "hub.AuditLog",
        {
            "id": ids.ordered(),
            "actorId": directory.user_id,
            "actorRole": directory.role.lower(),
            "action": action,
            "target": target,
            "outcome": outcome,
            "at": now,
        },
    )
