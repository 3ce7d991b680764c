"""The codecs: whatever arrives is an object or `Malformed`, whatever leaves can be read back."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beheard_hub.gateway import frames
from beheard_hub.gateway.frames import CODECS, DEFAULT_CODEC, Malformed, choose_codec, is_plain

MSGPACK = CODECS["beheard.v1.msgpack"]

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(frames.INTEGER_MIN, frames.INTEGER_MAX)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "5",
        '"x"',
        "{",
        "{}x",
        '{"a":NaN}',
        '{"a":Infinity}',
        '{"a":1e999}',
        '{"a":"\\ud800"}',
        '{"a":"\ud800"}',
        "{'a':1}",
        "\ufeff{}",
        '{"a":' * 5_000 + "1" + "}" * 5_000,
        "[" * 200_000,
        "1" * 200_000,
    ],
)
def test_json_that_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        DEFAULT_CODEC.decode(text)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xc0",
        b"\x90",
        b"\x05",
        b"\xc1",
        b"\x81",
        b"\x80\x80",
        b"\x81\xa1a\xd9\x01\xff",
        b"\x81\x80\x01",
        b"\xdf\xff\xff\xff\xff",
        b"\xdd\xff\xff\xff\xff",
        b"\x91" * 200_000,
        b"\x81\xa1a" * 60_000,
        b"\x81\xa1a\xd7\xff" + b"\xff" * 8,
    ],
)
def test_msgpack_that_is_refused(payload: bytes) -> None:
    with pytest.raises(Malformed):
        MSGPACK.decode(payload)


def test_of_a_repeated_key_the_last_one_counts() -> None:
    assert DEFAULT_CODEC.decode('{"a":1,"a":2}') == {"a": 2}
    assert MSGPACK.decode(b"\x82\xa1a\x01\xa1a\x02") == {"a": 2}


@pytest.mark.parametrize(
    "data",
    [
        {"a": 2**63},
        {"a": -(2**63) - 1},
        {"a": float("nan")},
        {"a": float("inf")},
        {"a": b"bytes"},
        {1: 2},
        {"a": {(1,): 2}},
        {"a": msgspec.msgpack.Ext(1, b"")},
        {"a": msgspec.msgpack.decode(b"\xd6\xff\x00\x00\x00\x01")},
    ],
)
def test_what_is_not_plain(data: Any) -> None:
    assert not is_plain(data)


def test_plain_depth() -> None:
    def nested(depth: int) -> dict[str, Any]:
        return {"a": nested(depth - 1)} if depth else {}

    assert is_plain(nested(frames.DATA_DEPTH_MAX))
    assert not is_plain(nested(frames.DATA_DEPTH_MAX + 1))


@given(st.dictionaries(st.text(), JSON_VALUES, max_size=5))
def test_json_and_msgpack_read_the_same(value: dict[str, Any]) -> None:
    text = json.dumps(value, ensure_ascii=True)
    assert DEFAULT_CODEC.decode(text) == MSGPACK.decode(msgspec.msgpack.encode(value)) == value


@given(st.dictionaries(st.text(), JSON_VALUES, max_size=5), st.integers(0, 2**53))
def test_what_leaves_can_be_read_in_both_codecs(data: dict[str, Any], seq: int) -> None:
    event = frames.Event(session_id="s", seq=seq, name="n", data=data, at="t")
    expected = {
        "type": "event",
        "sessionId": "s",
        "seq": seq,
        "name": "n",
        "data": data,
        "at": "t",
    }
    for codec in CODECS.values():
        assert codec.decode(codec.encode(event)) == expected


def test_the_first_known_subprotocol_is_chosen() -> None:
    assert choose_codec(["x", "beheard.v1.msgpack", "beheard.v1"])[1] == "beheard.v1.msgpack"
    assert choose_codec([]) == (DEFAULT_CODEC, None)
    assert choose_codec(["beheard.v2"]) == (DEFAULT_CODEC, None)
