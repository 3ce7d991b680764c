"""The bounds of one gateway, gathered from `domain.limits` so that a test can draw them tighter."""

from __future__ import annotations

import msgspec

from beheard_hub.domain import limits


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """Unit last in every name. Defaults are those of spec 5.2; the rest is our own choice."""

    auth_seconds_max: float = limits.AUTH_FRAME_SECONDS_MAX
    token_grace_seconds: float = limits.TOKEN_GRACE_SECONDS
    ping_seconds: float = limits.PING_SECONDS
    pong_seconds_max: float = limits.PONG_SECONDS_MAX
    malformed_per_minute_max: int = limits.MALFORMED_FRAMES_PER_MINUTE_MAX
    frame_bytes_max: int = limits.FRAME_BYTES_MAX
    unacked_commands_max: int = limits.UNACKED_COMMANDS_MAX
    outbox_frames_max: int = limits.OUTBOX_FRAMES_MAX
    outbox_bytes_max: int = limits.OUTBOX_BYTES_MAX
    connections_per_user_max: int = limits.CONNECTIONS_PER_USER_MAX
    connections_max: int = 50_000
    """Websockets."""
    sockets_max: int = 60_000
    """TCP connections of any kind; one more is cut off at once."""
    request_seconds_max: float = 15.0
    """For a whole request to come, from the connection or its first byte."""
    subscriptions_max: int = 100
    """Per connection."""
    frames_rate: tuple[int, float, int] = (1_000, 1.0, 4_000)
    """Frames of any type per connection: tokens, per seconds, burst; beyond it 4429."""
    crowded_seconds_max: float = 10.0
    """How long a connection is left unread because its outbox is more than half full, and how long
    a peer may read nothing of a response."""
    close_seconds_max: float = 5.0
    """From our close frame to the end of the TCP connection, whatever the peer does."""
    owner_seconds_max: float = 8.0
    """How long a command waits for its shard to have a reachable owner."""
    answer_seconds_max: float = 75.0
    """How long a command waits for its answer: longer than a host's own `WORK_SECONDS_MAX`."""
    facilitator_seconds_max: float = 75.0
    """How long a request for a message waits for the facilitator: longer than a turn may take."""
    calls_per_user_max: int = 64
    """Requests of one user under way by REST."""
    request_bytes_max: int = limits.FRAME_BYTES_MAX
    """Body of a request."""
    body_seconds_max: float = 10.0
    """For the whole body to come."""
    beat_seconds: float = 15.0
    """Between two comments in a stream of events where nothing else is said."""
    refresh_seconds: float = 1.0
    """Between two looks at the routing table when nothing happens."""
    refresh_seconds_min: float = 0.05
    """Between two looks at the routing table in any case."""
    drain_seconds_max: float = 5.0
    """How long commands in flight may go on once the gateway drains."""
    reconnect_ms: tuple[int, int] = (500, 3_000)
    """Range that `draining.reconnectAfterMs` is drawn from."""
