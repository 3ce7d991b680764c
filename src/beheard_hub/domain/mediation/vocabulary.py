"""The words of the mediation kind, as plain constants: enum values of spec 03, exactly.

Plain strings, not Python enums: they stand in states that are packed and in rows that are stored,
and the database's own enums check them there.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

# "SessionStatus"; WAITING is derived for one viewer and never stored (spec 2.1)
CREATED: Final = "CREATED"
INVITED: Final = "INVITED"
ACTIVE: Final = "ACTIVE"
PAUSED: Final = "PAUSED"
WAITING: Final = "WAITING"
RESOLVED: Final = "RESOLVED"
ABANDONED: Final = "ABANDONED"

SESSION_STATUSES: Final = (CREATED, INVITED, ACTIVE, PAUSED, WAITING, RESOLVED, ABANDONED)
FINAL: Final = frozenset({RESOLVED, ABANDONED})
OPEN: Final = frozenset({CREATED, INVITED, ACTIVE, PAUSED})

# "StageStatus"
NOT_STARTED: Final = "NOT_STARTED"
IN_PROGRESS: Final = "IN_PROGRESS"
GATE_PENDING: Final = "GATE_PENDING"
COMPLETED: Final = "COMPLETED"

# "InvitationStatus"
PENDING: Final = "PENDING"
ACCEPTED: Final = "ACCEPTED"
DECLINED: Final = "DECLINED"
EXPIRED: Final = "EXPIRED"

# Outcomes
AGREEMENT: Final = "AGREEMENT"
NO_SHARED_AGREEMENT: Final = "NO_SHARED_AGREEMENT"

# "ConsentDecision"; null while pending
GRANTED: Final = "GRANTED"
DENIED: Final = "DENIED"
REVOKED: Final = "REVOKED"

# "ConsentContentType"
IDENTIFIED_NEED: Final = "IDENTIFIED_NEED"
EVENT_SUMMARY: Final = "EVENT_SUMMARY"
EMOTIONAL_PATTERN: Final = "EMOTIONAL_PATTERN"
BOUNDARY: Final = "BOUNDARY"
EMPATHY_DRAFT: Final = "EMPATHY_DRAFT"
EMPATHY_ATTEMPT: Final = "EMPATHY_ATTEMPT"
STRATEGY_PROPOSAL: Final = "STRATEGY_PROPOSAL"

# Strategy phases (spec 2.3, strategies.list)
COLLECTING: Final = "COLLECTING"
RANKING: Final = "RANKING"
REVEALING: Final = "REVEALING"
NEGOTIATING: Final = "NEGOTIATING"
AGREED: Final = "AGREED"  # also an "AgreementStatus"
PROPOSED: Final = "PROPOSED"

# "StrategySource"
USER_SUBMITTED: Final = "USER_SUBMITTED"
AI_SUGGESTED: Final = "AI_SUGGESTED"
CURATED: Final = "CURATED"

# Sources of needs
SYNTHESISED: Final = "SYNTHESISED"
USER_WRITTEN: Final = "USER"

# "MessageRole"
ROLE_USER: Final = "USER"
ROLE_AI: Final = "AI"

# "ExerciseType"
BREATHING_EXERCISE: Final = "BREATHING_EXERCISE"
BODY_SCAN: Final = "BODY_SCAN"
GROUNDING: Final = "GROUNDING"
PAUSE_SESSION: Final = "PAUSE_SESSION"

# Kinds of reminders that belong to one seat
AI_TURN: Final = "ai_turn"
AI_EXTRACT: Final = "ai_extract"
PUSH: Final = "push"
DEVICE_GONE: Final = "device_gone"
DRAFT_CHECK: Final = "draft_check"

AT_ONCE: Final = frozenset(
    {AI_TURN, AI_EXTRACT, "common_ground", "renamed", "erase_seat", DEVICE_GONE}
)
"""Kinds of reminders that wait for no time: their `Due.at` is the time of the decision."""

COMPANY: Final = "company"
"""Effect of a turn after which others may be told that somebody is there, or nobody."""

EXTRACTING_STAGES: Final = frozenset({1, 2})
"""Stages whose messages leave events in the vessel; later ones forbid raw events (spec 4.3)."""

NeedCategory: TypeAlias = Literal[
    "SAFETY", "CONNECTION", "AUTONOMY", "RECOGNITION", "MEANING", "FAIRNESS"
]
Attribution: TypeAlias = Literal["SELF", "OTHER", "MUTUAL", "EXTERNAL"]
AgreementType: TypeAlias = Literal["MICRO_EXPERIMENT", "COMMITMENT", "CHECK_IN"]
ExerciseType: TypeAlias = Literal["BREATHING_EXERCISE", "BODY_SCAN", "GROUNDING", "PAUSE_SESSION"]
ContentType: TypeAlias = Literal[
    "IDENTIFIED_NEED",
    "EVENT_SUMMARY",
    "EMOTIONAL_PATTERN",
    "BOUNDARY",
    "EMPATHY_DRAFT",
    "EMPATHY_ATTEMPT",
    "STRATEGY_PROPOSAL",
]
Decided: TypeAlias = Literal["GRANTED", "DENIED"]
ShownStatus: TypeAlias = Literal[
    "CREATED", "INVITED", "ACTIVE", "PAUSED", "WAITING", "RESOLVED", "ABANDONED"
]

FEEDBACK: Final = "feedback"
"""`metadata.kind` of the consent that shares feedback on an empathy attempt."""

DISTRESS_WORDS: Final = frozenset(
    {
        "afraid", "alone", "angry", "anxious", "ashamed", "broken", "crying", "desperate", "dizzy",
        "exhausted", "furious", "helpless", "hopeless", "hurt", "numb", "overwhelmed", "pain",
        "panic", "rage", "scared", "shaking", "sick", "sobbing", "terrified", "tight", "trapped",
        "trembling", "unbearable", "worthless",
    }
)  # fmt: skip
"""Words that, at intensity 7, make a body scan worth offering (spec 2.3, emotions.record)."""
