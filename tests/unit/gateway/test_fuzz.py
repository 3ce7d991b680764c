"""A hundred thousand frames that no client of ours would send, through codec and rules."""

from __future__ import annotations

import gc
import json
import random
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beheard_hub.gateway import frames
from beheard_hub.gateway.bounds import Bounds
from beheard_hub.gateway.connection_protocol import (
    Action,
    Close,
    ConnectionProtocol,
    Identify,
    Phase,
    Send,
    Submit,
)
from beheard_hub.gateway.frames import CODECS, Codec, Malformed
from beheard_hub.gateway.rates import Rates
from beheard_hub.ports import Identity

FRAMES_MAX = 50_000
"""Per codec."""
APART_SECONDS = 31.0
"""So far apart, malformed frames never close."""
GROWTH_BLOCKS_MAX = 2_000
"""Objects that Python may hold more of after the last four fifths of the frames."""

VALID: list[dict[str, Any]] = [
    {"type": "ping"},
    {"type": "auth", "token": "t"},
    {"type": "subscribe", "sessionId": "s1", "after": 3, "device": "d"},
    {"type": "unsubscribe", "sessionId": "s1"},
    {"type": "command", "id": "c1", "sessionId": "s1", "name": "n", "data": {"a": [1, "b"]}},
    {"type": "presence", "sessionId": "s1", "status": "away"},
    {"type": "received", "sessionId": "s1", "seq": 3},
]
ODD_VALUES: list[Any] = [
    None, True, 0, -1, 2**53 + 1, 2**63, -(2**63), 1.5, 1e308, "", "\0", "x" * 300, "🙂" * 80,
    [], {}, [[]], {"": {}}, {"type": "ping"}, ["type"],
]  # fmt: skip


def odd_types(rng: random.Random) -> dict[str, Any]:
    frame = dict(rng.choice(VALID))
    for _ in range(rng.randint(1, 3)):
        frame[rng.choice([*frame, "type", "id", "extra"])] = rng.choice(ODD_VALUES)
    if rng.random() < 0.3:
        frame.pop(rng.choice(list(frame)))
    return frame


def flipped(rng: random.Random, payload: bytes) -> bytes:
    body = bytearray(payload)
    for _ in range(rng.randint(1, 4)):
        body[rng.randrange(len(body))] = rng.randrange(256)
    return bytes(body)


def cut(rng: random.Random, payload: bytes) -> bytes:
    return payload[: rng.randrange(len(payload))]


def noise(rng: random.Random, payload: bytes) -> bytes:
    return rng.randbytes(rng.randrange(64))


def nested(rng: random.Random, payload: bytes) -> bytes:
    depth = rng.choice([10, 17, 100, 2_000])
    data: Any = 1
    if depth == 2_000:
        return rng.choice([b"[", b'{"a":', b"\x91", b"\x81\xa1a"]) * depth
    for _ in range(depth):
        data = {"a": data} if rng.random() < 0.5 else [data]
    return json.dumps({"type": "command", "id": "c", "name": "n", "data": {"d": data}}).encode()


def whole(rng: random.Random, payload: bytes) -> bytes:
    return payload


MUTATIONS: list[Callable[[random.Random, bytes], bytes]] = [flipped, cut, noise, nested, whole]


def encode(codec: Codec, value: Any) -> bytes:
    if codec.name.endswith("msgpack"):
        try:
            return msgspec.msgpack.encode(value)
        except OverflowError:
            return b"\xc1"
    return json.dumps(value).encode()


def strange(rng: random.Random, codec: Codec) -> str | bytes:
    """One frame, as the websocket layer would hand it on: text is valid UTF-8."""
    payload = rng.choice(MUTATIONS)(rng, encode(codec, odd_types(rng)))
    text = codec.name == "beheard.v1"
    if rng.random() < 0.02:
        text = not text
    return payload.decode(errors="replace") if text else payload


def live(rates: Rates, bounds: Bounds) -> ConnectionProtocol:
    protocol = ConnectionProtocol("c-1", "beheard.v1", bounds, rates, 0.0)
    protocol.opened("Bearer t")
    protocol.identified(Identity("alice", "USER", None, 2e18), 0.0, 0.0)
    return protocol


def feed(protocol: ConnectionProtocol, codec: Codec, payload: Any, now: float) -> list[Action]:
    try:
        message = codec.decode(payload)
    except Malformed as problem:
        return protocol.malformed(now, details={"frame": problem.reason})
    return protocol.frame(message, now)


def settle(protocol: ConnectionProtocol, actions: list[Action], now: float, codec: Codec) -> None:
    """Does what a shell would; what follows from a refused token is added to `actions`."""
    for action in actions:
        if isinstance(action, Send):
            codec.encode(action.frame)
        elif isinstance(action, Submit):
            msgspec.msgpack.encode(action.data)
            action.session_id.encode()
            protocol.answered()
        elif isinstance(action, Identify):
            actions.extend(protocol.refused_token(now))


@pytest.mark.parametrize("codec", CODECS.values(), ids=list(CODECS))
def test_a_hundred_thousand_strange_frames(codec: Codec) -> None:
    rng = random.Random(20260101)
    protocol, now = live(Rates(), Bounds()), 0.0
    kinds: Counter[str] = Counter()
    before = 0
    for number in range(FRAMES_MAX):
        now += APART_SECONDS
        actions = feed(protocol, codec, strange(rng, codec), now)
        settle(protocol, actions, now, codec)
        kinds.update(type(action).__name__ for action in actions)
        assert not any(isinstance(action, Close) for action in actions)
        if number == FRAMES_MAX // 5:
            gc.collect()
            before = sys.getallocatedblocks()
    gc.collect()
    growth = sys.getallocatedblocks() - before
    assert protocol.phase is Phase.LIVE
    assert protocol.unacked == 0
    assert growth < GROWTH_BLOCKS_MAX
    assert kinds["Send"] > FRAMES_MAX / 2
    assert kinds["Submit"] > 100
    assert feed(protocol, codec, codec_ping(codec), now) == [Send(frames.Pong())]


def codec_ping(codec: Codec) -> str | bytes:
    payload = encode(codec, {"type": "ping"})
    return payload if codec.name.endswith("msgpack") else payload.decode()


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=70) | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["type", "token", "id", "name", "data", "sessionId", "after", "seq", "status", "device", "x"]
)
TYPES = st.sampled_from([frame["type"] for frame in VALID])
MESSAGES = st.tuples(st.dictionaries(FIELDS, PLAIN, max_size=6), st.none() | TYPES).map(
    lambda pair: pair[0] if pair[1] is None else {**pair[0], "type": pair[1]}
)


@settings(max_examples=200)
@given(st.lists(MESSAGES, max_size=8), st.booleans())
def test_whatever_objects_come_in_whatever_order(
    messages: list[dict[str, Any]], signed_in: bool
) -> None:
    bounds = Bounds()
    protocol = live(Rates(), bounds)
    if not signed_in:
        protocol = ConnectionProtocol("c-1", "beheard.v1", bounds, Rates(), 0.0)
    ended = False
    for message in messages:
        actions = protocol.frame(message, 0.0)
        settle(protocol, actions, 0.0, CODECS["beheard.v1"])
        assert not (ended and actions), "nothing is said after the end"
        closes = [action for action in actions if isinstance(action, Close)]
        assert len(closes) <= 1
        if closes:
            assert actions[-1] is closes[0]
            ended = True
        assert ended is (protocol.phase is Phase.CLOSED)
        for action in actions:
            if isinstance(action, Send) and isinstance(action.frame, frames.Error):
                assert action.frame.id in (None, message.get("id"))


@settings(max_examples=300)
@given(st.binary(max_size=200), st.text(max_size=200))
def test_any_bytes_and_any_text(binary: bytes, text: str) -> None:
    for codec in CODECS.values():
        for payload in (binary, text):
            protocol = live(Rates(), Bounds())
            settle(protocol, feed(protocol, codec, payload, 0.0), 0.0, codec)
            assert protocol.phase is Phase.LIVE
