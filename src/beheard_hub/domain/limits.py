"""Every bound of the hub that is a rule, with its unit last in the name (spec 01, 02, 05).

Texts are counted in code points after trimming and NFC normalisation.
"""

from __future__ import annotations

from datetime import timedelta

# Identity of requests (spec 5.2)
COMMAND_ID_CHARS_MAX = 64

# Guests (spec 08): how long a token of theirs is good after its last use
GUEST_UNUSED_MAX = timedelta(days=90)

# Sockets (spec 5.2)
FRAME_BYTES_MAX = 256 * 1024
PAGE_BYTES_MAX = 256 * 1024
AUTH_FRAME_SECONDS_MAX = 10
PING_SECONDS = 20
PONG_SECONDS_MAX = 20
TOKEN_GRACE_SECONDS = 60
MALFORMED_FRAMES_PER_MINUTE_MAX = 3
UNACKED_COMMANDS_MAX = 64
OUTBOX_FRAMES_MAX = 1_000
OUTBOX_BYTES_MAX = 1024 * 1024
CONNECTIONS_PER_USER_MAX = 10
DELTA_MILLISECONDS_MIN = 40

# Rates per user (spec 5.3): (tokens, per seconds, burst)
COMMAND_RATE = (20, 1.0, 40)
MESSAGE_RATE = (30, 60.0, 30)
EMOTION_RATE = (1, 30.0, 3)
EXERCISE_RATE = (5, 3600.0, 5)
INVITATION_PREVIEW_RATE = (10, 60.0, 10)
ACCOUNT_RATE = (30, 60.0, 30)
PUSH_TOKEN_RATE = (5, 60.0, 5)
ABLY_TOKEN_RATE = (10, 60.0, 10)

# The flush (spec 01)
BUFFER_ENTRIES_MAX = 5_000
BUFFER_BYTES_MAX = 8 * 1024 * 1024
BUFFER_ENTRIES_PER_SESSION_MAX = 64
BATCH_ENTRIES_MAX = 400
BATCH_BYTES_MAX = 1024 * 1024
HEARTBEAT_MILLISECONDS = 500
LEASE_SECONDS = 3
SHARDS = 256
LINK_FRAME_BYTES_MAX = 256 * 1024
WORK_SECONDS_MAX = 60

# What the logs keep (spec 03.6)
RECEIPT_AGE_MAX = timedelta(days=7)
EVENT_AGE_MAX = timedelta(days=30)
LEASE_AGE_MAX = timedelta(days=7)
REMINDER_AGE_MAX = timedelta(days=7)

# How far the clocks of two hosts may be apart before what is due at once has to wait
CLOCKS_APART_MAX = timedelta(days=1)
EVENTS_PER_USER_MAX = 10_000
USAGE_AGE_MAX = timedelta(days=90)

# Sessions (spec 02)
INVITATION_AGE_MAX = timedelta(days=7)
INVITATION_RESENDS_MAX = 3
INVITATION_RESEND_INTERVAL = timedelta(hours=24)
NUDGE_INTERVAL = timedelta(hours=6)
PAUSE_AGE_MAX = timedelta(days=30)
INACTIVITY_AGE_MAX = timedelta(days=30)

# What one user may keep in one session (bounds that spec 02 names, and ours where it names none)
NEEDS_MAX = 30
NEEDS_SYNTHESISED_MAX = 5
STRATEGIES_PER_USER_MAX = 20
SUGGESTIONS_PER_USER_MAX = 20
LIBRARY_IDEAS_ADDED = 3
AGREEMENTS_OPEN_MAX = 5
COMMON_GROUND_FOUND_MAX = 5
COMMON_GROUND_PROPOSED_MAX = 10
VESSEL_ITEMS_MAX = 200
EXTRACTED_EVENTS_MAX = 100
CONSENTS_MAX = 300
UNANSWERED_MESSAGES_MAX = 50
READINGS_KEPT = 5
OVERLAP_RANKS = 3
FOLLOW_UP_MAX = timedelta(days=366)
DRAFT_REST = timedelta(seconds=10)
"""How long a draft must have been left alone before the facilitator looks at it."""

# The own account (spec 03.1; 5.3 for the rate of the export, which is ours)
NAME_CHARS_MAX = 200
AVATAR_URL_CHARS_MAX = 2_000
PUSH_TOKEN_CHARS_MAX = 4_096
ID_TOKEN_CHARS_MAX = 8_192
NONCE_CHARS_MAX = 200
CONTACT_CHARS_MAX = 320
CONTACTS_MAX = 20
SEARCH_CHARS_MAX = 100
NOTIFICATIONS_NAMED_MAX = 100
NOTIFICATIONS_READ_AT_ONCE_MAX = 1_000
ABLY_TOKEN_AGE_MAX = timedelta(minutes=60)
EXPORT_RATE = (1, 60.0, 1)

# Practice (spec 08)
PRACTICE_MESSAGE_CHARS_MAX = 10_000
NOTE_CHARS_MAX = 5_000
PRESET_NAME_CHARS_MAX = 64
INVITATION_LABEL_CHARS_MAX = 120
INVITATION_DAYS = 30
INVITATION_DAYS_MAX = 365
INVITATION_TOKEN_CHARS_MAX = 100
"""Those of the hub have 43; anything else is unknown."""
SLUG_CHARS_MAX = 80
SCENARIO_NAME_CHARS_MAX = 120
SCENARIO_DESCRIPTION_CHARS_MAX = 2_000
PERSONA_CHARS_MAX = 4_000
PROMPT_CHARS_MAX = 20_000
MODEL_CHARS_MAX = 100
PRESET_LABEL_CHARS_MAX = 120
PRESET_DESCRIPTION_CHARS_MAX = 2_000
TOKENS_MAX = 1_000_000_000
"""Of one quota."""
TELEMETRY_NAME_CHARS_MAX = 100
TELEMETRY_BYTES_MAX = 8 * 1024
TELEMETRY_RATE = (60, 60.0, 60)
TELEMETRY_DAYS = 30
"""How far back one looks who does not say since when."""
TELEMETRY_DAYS_MAX = 366
TOP_SCENARIOS = 10
QUOTA_WARNING_PERCENT = 20
ROW_NUMBER_MAX = 2**31 - 1
"""Of a row that the database numbers."""

# How often "lastActivityAt" is written: by commands that change, and by reads
ACTIVITY_INTERVAL = timedelta(minutes=1)
ACTIVITY_INTERVAL_READS = timedelta(days=1)

# When support is offered (spec 2.3, emotions.record)
INTENSITY_EXTREME = 9
INTENSITY_HIGH = 8
INTENSITY_RAISED = 7
INTENSITY_RISE = 3
INTENSITY_RISE_WINDOW = timedelta(minutes=10)

# Rates that an operator may set (BEHEARD_RATES), under the names they have there
RATES = {
    "commands": COMMAND_RATE,
    "messages": MESSAGE_RATE,
    "emotions": EMOTION_RATE,
    "exercises": EXERCISE_RATE,
    "invitations": INVITATION_PREVIEW_RATE,
    "account": ACCOUNT_RATE,
    "export": EXPORT_RATE,
    "push-token": PUSH_TOKEN_RATE,
    "ably-token": ABLY_TOKEN_RATE,
    "telemetry": TELEMETRY_RATE,
}
