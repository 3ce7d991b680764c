"""The rules of one connection, without a socket or a clock."""

from __future__ import annotations

from typing import Any

import pytest

from beheard_hub.domain.refusals import CODES, Code
from beheard_hub.gateway import frames
from beheard_hub.gateway.bounds import Bounds
from beheard_hub.gateway.close_codes import CloseCode
from beheard_hub.gateway.connection_protocol import (
    Action,
    Close,
    ConnectionProtocol,
    Identify,
    Phase,
    Rest,
    Say,
    Send,
    Submit,
    Subscribe,
    Unsubscribe,
)
from beheard_hub.gateway.pressure import ENOUGH_MIN, FEW, Pressure
from beheard_hub.gateway.rates import Rates
from beheard_hub.ports import Identity

WALL = 1_800_000_000.0


def identity(user_id: str = "alice", seconds: float = 3600) -> Identity:
    return Identity(user_id=user_id, role="USER", name=None, expires_at=WALL + seconds)


def fresh(**bounds: Any) -> ConnectionProtocol:
    return ConnectionProtocol("c-1", "beheard.v1", Bounds(**bounds), Rates(enabled=False), 0.0)


def live(seconds: float = 3600, **bounds: Any) -> ConnectionProtocol:
    protocol = fresh(**bounds)
    protocol.opened("Bearer t")
    protocol.identified(identity(seconds=seconds), 0.0, WALL)
    return protocol


def shape(actions: list[Action]) -> list[str]:
    """Actions as short words: ``error UNAUTHORIZED``, ``close 4401``, ``hello``."""
    words = []
    for action in actions:
        if isinstance(action, Send):
            kind = type(action.frame).__name__.lower()
            code = f" {action.frame.code}" if isinstance(action.frame, frames.Error) else ""
            words.append(kind + code)
        elif isinstance(action, Close):
            words.append(f"close {int(action.code)}")
        else:
            words.append(repr(action).partition("(")[0])
    return words


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, []),
        ("Bearer abc", ["Identify"]),
        ("bearer abc", ["Identify"]),
        ("Bearer", ["error UNAUTHORIZED", "close 4401"]),
        ("Token abc", ["error UNAUTHORIZED", "close 4401"]),
        ("", ["error UNAUTHORIZED", "close 4401"]),
        ("Bearer " + "a" * 17_000, ["error UNAUTHORIZED", "close 4401"]),
    ],
)
def test_the_header(header: str | None, expected: list[str]) -> None:
    assert shape(fresh().opened(header)) == expected


def test_first_frame() -> None:
    protocol = fresh()
    assert protocol.frame({"type": "auth", "token": "t"}, 1.0) == [Identify("t")]
    assert protocol.phase is Phase.CHECKING
    assert shape(protocol.identified(identity(), 1.0, WALL)) == ["hello"]
    assert (protocol.phase, protocol.user_id) == (Phase.LIVE, "alice")


def test_the_first_frame_is_awaited_for_ten_seconds() -> None:
    protocol = fresh()
    assert protocol.deadline == 10.0
    assert protocol.tick(9.99) == []
    assert shape(protocol.tick(10.0)) == ["error UNAUTHORIZED", "close 4401"]
    assert protocol.frame({"type": "auth", "token": "t"}, 10.1) == []


def test_a_check_that_lasts_too_long_ends_too() -> None:
    protocol = fresh()
    protocol.opened("Bearer t")
    assert shape(protocol.tick(10.0)) == ["error SERVICE_UNAVAILABLE", "close 1013"]
    assert protocol.identified(identity(), 11.0, WALL) == []


def test_expiry_grace_and_end() -> None:
    protocol = live(seconds=100)
    assert protocol.deadline == 100.0
    assert protocol.tick(99.0) == []
    assert shape(protocol.tick(100.0)) == ["error UNAUTHORIZED"]
    assert protocol.deadline == 160.0
    assert shape(protocol.frame({"type": "ping"}, 120.0)) == ["pong"]
    assert protocol.tick(159.9) == []
    assert shape(protocol.tick(160.0)) == ["close 4401"]


def test_renewal_before_and_within_the_grace() -> None:
    protocol = live(seconds=100)
    for now in (50.0, 210.0):
        protocol.tick(now)
        assert shape(protocol.frame({"type": "auth", "token": "t"}, now)) == ["Identify"]
        assert shape(protocol.identified(identity(seconds=100), now, WALL)) == ["hello"]
        assert protocol.deadline == now + 100
        assert protocol.phase is Phase.LIVE


def test_a_renewal_that_fails_keeps_the_old_token() -> None:
    protocol = live(seconds=100)
    protocol.frame({"type": "auth", "token": "t"}, 50.0)
    assert shape(protocol.refused_token(50.0)) == ["error UNAUTHORIZED"]
    assert (protocol.phase, protocol.deadline) == (Phase.LIVE, 100.0)
    protocol.tick(100.0)
    protocol.frame({"type": "auth", "token": "t"}, 110.0)
    assert shape(protocol.identity_unavailable(110.0)) == ["error SERVICE_UNAVAILABLE"]
    assert (protocol.phase, protocol.deadline) == (Phase.GRACE, 160.0)


@pytest.mark.parametrize(
    ("last", "end"),
    [("identity_unavailable", ["error SERVICE_UNAVAILABLE", "close 1013"]),
     ("refused_token", ["close 4401"])],
)  # fmt: skip
def test_a_grace_ends_by_what_is_known_of_the_newest_token(last: str, end: list[str]) -> None:
    protocol = live(seconds=100)
    protocol.tick(100.0)
    for outcome in ("refused_token", "identity_unavailable", last):
        protocol.frame({"type": "auth", "token": "t"}, 110.0)
        getattr(protocol, outcome)(110.0)
    assert shape(protocol.tick(159.9)) == []
    assert shape(protocol.tick(160.0)) == end


def test_expiry_during_a_renewal_waits_for_its_outcome() -> None:
    protocol = live(seconds=100)
    protocol.frame({"type": "auth", "token": "t"}, 99.0)
    assert protocol.tick(100.0) == []
    protocol.refused_token(101.0)
    assert (protocol.phase, protocol.deadline) == (Phase.GRACE, 160.0)


def test_renewal_by_somebody_else() -> None:
    protocol = live()
    protocol.frame({"type": "auth", "token": "t"}, 1.0)
    answer = protocol.identified(identity("bob"), 1.0, WALL)
    assert shape(answer) == ["error FORBIDDEN", "close 4403"]


def test_two_auth_frames_at_once() -> None:
    protocol = live()
    protocol.frame({"type": "auth", "token": "t"}, 1.0)
    assert shape(protocol.frame({"type": "auth", "token": "u"}, 1.0)) == ["error CONFLICT"]


def test_the_third_malformed_frame_within_a_minute() -> None:
    protocol = live()
    assert shape(protocol.malformed(0.0)) == ["error VALIDATION_ERROR"]
    assert shape(protocol.malformed(30.0)) == ["error VALIDATION_ERROR"]
    assert shape(protocol.malformed(60.0)) == ["error VALIDATION_ERROR"]
    assert shape(protocol.malformed(89.9)) == ["error VALIDATION_ERROR", "close 4400"]
    assert protocol.malformed(90.0) == []


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({}, "type"),
        ({"type": 5}, "type"),
        ({"type": ["ping"]}, "type"),
        ({"type": "subscribe"}, "sessionId"),
        ({"type": "subscribe", "sessionId": None}, "sessionId"),
        ({"type": "subscribe", "sessionId": "s", "after": "3"}, "after"),
        ({"type": "subscribe", "sessionId": "s", "as": 1}, "as"),
        ({"type": "command", "id": 3, "name": "n", "data": {}}, "id"),
        ({"type": "command", "name": "n", "data": {}}, "id"),
        ({"type": "command", "id": "c", "data": {}}, "name"),
        ({"type": "command", "id": "c", "name": "n", "data": []}, "data"),
        ({"type": "command", "id": "c", "name": "n", "data": {1: 2}}, "data"),
        ({"type": "command", "id": "c", "name": "n", "data": {}, "sessionId": 1}, "sessionId"),
        ({"type": "auth"}, "token"),
        ({"type": "received", "sessionId": "s", "seq": 1.5}, "seq"),
        ({"type": "presence", "sessionId": "s"}, "status"),
    ],
)
def test_wrong_types_are_malformed_and_named(message: dict[str, Any], field: str) -> None:
    protocol = live()
    [first] = protocol.frame(message, 0.0)
    assert isinstance(first, Send)
    assert isinstance(first.frame, frames.Error)
    assert set(first.frame.details or {}) == {field}
    usable = message.get("id") if isinstance(message.get("id"), str) else None
    assert first.frame.id == usable
    protocol.frame(message, 1.0)
    assert protocol.frame(message, 2.0)[-1] == Close(CloseCode.PROTOCOL)


@pytest.mark.parametrize("type_", ["", "AUTH", "hello", "x" * 1_000])
def test_unknown_types_never_close(type_: str) -> None:
    protocol = live()
    for now in range(10):
        assert shape(protocol.frame({"type": type_}, now)) == ["error VALIDATION_ERROR"]
    assert protocol.phase is Phase.LIVE


def test_the_actions_of_each_frame() -> None:
    protocol = live()
    assert protocol.frame({"type": "subscribe", "sessionId": "s", "after": 4}, 0.0) == [
        Subscribe("s", 4)
    ]
    assert protocol.frame({"type": "subscribe", "sessionId": "s", "as": "observer"}, 0.0) == [
        Subscribe("s", None, observer=True)
    ]
    assert protocol.frame({"type": "unsubscribe", "sessionId": "s"}, 0.0) == [
        Unsubscribe("s"),
        Send(frames.Unsubscribed(session_id="s")),
    ]
    command = {"type": "command", "id": "c", "name": "n", "data": {"a": 1}, "more": 1}
    assert protocol.frame(command, 0.0) == [Submit("c", "", "n", {"a": 1})]
    received = {"type": "received", "sessionId": "s", "seq": 1}
    assert protocol.frame(received, 0.0) == [Say("s", frames.Received(session_id="s", seq=1))]
    away = {"type": "presence", "sessionId": "s", "status": "away"}
    assert protocol.frame(away, 0.0) == [Say("s", frames.Presence(session_id="s", status="away"))]


def test_unacknowledged_commands_are_counted() -> None:
    protocol = live(unacked_commands_max=2)
    command = {"type": "command", "id": "c", "name": "n", "data": {}}
    assert [shape(protocol.frame(command, 0.0)) for _ in range(3)] == [
        ["Submit"],
        ["Submit"],
        ["error RATE_LIMITED", "Rest"],
    ]
    protocol.answered()
    assert shape(protocol.frame(command, 0.0)) == ["Submit"]
    protocol.answered()
    protocol.answered()
    with pytest.raises(AssertionError):
        protocol.answered()


def test_while_draining_no_new_command_is_taken() -> None:
    protocol = live()
    assert shape(protocol.draining(700)) == ["draining"]
    command = {"type": "command", "id": "c", "name": "n", "data": {}}
    assert shape(protocol.frame(command, 0.0)) == ["error SERVICE_UNAVAILABLE"]
    assert shape(protocol.frame({"type": "ping"}, 0.0)) == ["pong"]


def test_after_the_end_nothing_is_sent() -> None:
    protocol = live()
    assert protocol.ended(CloseCode.TOO_SLOW) == [Close(CloseCode.TOO_SLOW)]
    assert protocol.ended(CloseCode.RESTARTING) == []
    assert protocol.frame({"type": "ping"}, 0.0) == []
    assert protocol.malformed(0.0) == []
    assert protocol.draining(500) == []
    assert protocol.too_many_connections() == []
    assert protocol.deadline is None
    assert protocol.tick(1e9) == []


def test_secrets_and_words_are_in_no_repr() -> None:
    protocol = live()
    actions = [
        *protocol.frame({"type": "auth", "token": "SECRET"}, 0.0),
        *live().frame({"type": "command", "id": "c", "name": "n", "data": {"t": "SECRET"}}, 0.0),
        Send(frames.Ack(id="c", data={"t": "SECRET"}, seq=1)),
    ]
    assert "SECRET" not in repr(actions)


def test_an_error_says_what_its_code_says() -> None:
    for code, row in CODES.items():
        frame = frames.error_frame(code)
        assert (frame.code, frame.message, frame.retryable) == (code, row.sentence, row.retryable)
    retryable = {code for code, row in CODES.items() if row.retryable}
    assert retryable == {Code.SERVICE_UNAVAILABLE, Code.RATE_LIMITED, Code.INTERNAL_ERROR}


def test_times() -> None:
    assert frames.iso(0.25) == "1970-01-01T00:00:00.250Z"


def under(pressure: Pressure, user_id: str) -> ConnectionProtocol:
    """A live connection of a gateway that has so much to do."""
    protocol = ConnectionProtocol(
        "c-1", "beheard.v1", Bounds(), Rates(enabled=False), 0.0, pressure=pressure
    )
    protocol.opened("Bearer t")
    protocol.identified(identity(user_id), 0.0, WALL)
    return protocol


def command(protocol: ConnectionProtocol, number: int) -> list[Action]:
    frame = {"type": "command", "id": f"c{number}", "name": "n", "sessionId": "s"}
    return protocol.frame(frame, 5.0)


def test_while_the_hosts_have_enough_to_do_fewer_may_be_under_way() -> None:
    protocol = under(Pressure(64, lambda: ENOUGH_MIN), "alice")
    assert [shape(command(protocol, number)) for number in range(FEW)] == [["Submit"]] * FEW
    refused, rest = command(protocol, FEW)
    assert isinstance(rest, Rest)
    assert isinstance(refused, Send)
    assert isinstance(refused.frame, frames.Error)
    assert (refused.frame.id, refused.frame.code) == (f"c{FEW}", "RATE_LIMITED")
    assert refused.frame.retry_after_ms
    protocol.answered()
    assert shape(command(protocol, FEW)) == ["Submit"]


def test_a_command_too_many_is_refused_before_its_fields_are_read_if_it_can_be_answered() -> None:
    protocol = live(unacked_commands_max=1)
    good = {"type": "command", "id": "c", "name": "n", "data": {}}
    protocol.frame(good, 0.0)
    assert shape(protocol.frame({**good, "name": 7}, 0.0)) == ["error RATE_LIMITED", "Rest"]
    for nobody in ({}, {"id": ""}, {"id": 7}, {"id": "x" * 65}):
        without = {key: value for key, value in good.items() if key != "id"}
        assert shape(protocol.frame({**without, **nobody}, 0.0))[0] == "error VALIDATION_ERROR"
    protocol = live(unacked_commands_max=1)
    protocol.frame(good, 0.0)
    protocol.draining(700)
    assert shape(protocol.frame(good, 0.0)) == ["error SERVICE_UNAVAILABLE"]


def test_what_a_user_has_under_way_on_all_connections_counts() -> None:
    pressure, refused = Pressure(64, lambda: ENOUGH_MIN), ["error RATE_LIMITED", "Rest"]
    first, second = under(pressure, "alice"), under(pressure, "alice")
    guest = under(pressure, "guest")
    for number in range(FEW - 1):
        command(first, number)
    assert shape(command(guest, 0)) == ["Submit"]
    guest.followed("alice", WALL)
    for protocol in (first, second, guest):
        assert shape(command(protocol, FEW)) == refused
    guest.answered()
    assert shape(command(second, FEW)) == ["Submit"]
    assert shape(command(under(pressure, "guest"), 0)) == ["Submit"]
