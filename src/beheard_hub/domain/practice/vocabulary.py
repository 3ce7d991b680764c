"""The words of practice, as plain constants: the values of spec 8, exactly."""

from __future__ import annotations

from typing import Final

# "Role", the least first
GUEST: Final = "GUEST"
USER: Final = "USER"
STAFF: Final = "STAFF"
ADMIN: Final = "ADMIN"

ROLES: Final = (GUEST, USER, STAFF, ADMIN)

# Statuses of a "ConversationSession"
ACTIVE: Final = "ACTIVE"
PAUSED: Final = "PAUSED"
COMPLETED: Final = "COMPLETED"
ABANDONED: Final = "ABANDONED"

OPEN: Final = frozenset({ACTIVE, PAUSED})
FINAL: Final = frozenset({COMPLETED, ABANDONED})

# Roles of a "Message"; those of the AI are its lanes too ("streamType" of a "UsageLog")
ROLE_USER: Final = "user"
PARTNER: Final = "partner"
COACH: Final = "coach"

# States of a quota
OK: Final = "ok"
WARNING: Final = "warning"
EXHAUSTED: Final = "exhausted"

# Why a session ended
BY_USER: Final = "user"
BY_QUOTA: Final = "quota"
BY_TIME_LIMIT: Final = "time_limit"
BY_EXPIRY: Final = "expired"
BY_REVOCATION: Final = "revoked"
BY_IDLENESS: Final = "idle"

# What becomes of an invitation
PENDING: Final = "PENDING"
CLAIMED: Final = "CLAIMED"
EXPIRED: Final = "EXPIRED"
REVOKED: Final = "REVOKED"

VIA_QR: Final = "qr"
"""How a link came that was read from a QR code."""

# Kinds of reminders
EXCHANGE: Final = "practice_exchange"
EXPIRY: Final = "practice_expiry"
IDLE: Final = "practice_idle"
TIME_LIMIT: Final = "practice_time_limit"
TAKEN_BACK: Final = "practice_revoked"
FOLLOW: Final = "practice_follow"

# What numbers are taken of
SESSION: Final = "session"
MESSAGE: Final = "message"
SCENARIO: Final = "scenario"


def reaches(role: str, least: str) -> bool:
    """Whether a role is at least another; one that nobody knows reaches none."""
    return role in ROLES and ROLES.index(role) >= ROLES.index(least)
