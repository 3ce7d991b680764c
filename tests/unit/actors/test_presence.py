"""Who is here: goodbyes at once, losses after a grace, and nothing of it between gateways twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from beheard_hub.actors.presence import GRACE_SECONDS, Presence
from beheard_hub.domain.sharding import shard_of
from beheard_hub.testing.memory_stores import ManualClock

PLACE = ("s1", "ann")


def fresh() -> tuple[Presence, ManualClock]:
    clock = ManualClock()
    return Presence(clock.mono), clock


def test_a_goodbye_counts_at_once() -> None:
    presence, _ = fresh()
    presence.came(*PLACE)
    assert presence.left(*PLACE, clean=True)
    assert presence.here(*PLACE) is False


def test_a_goodbye_on_one_of_two_devices_says_nothing() -> None:
    presence, clock = fresh()
    presence.came(*PLACE)
    presence.came(*PLACE)
    assert not presence.left(*PLACE, clean=True)
    clock.advance(60)
    assert presence.missed() == []
    assert presence.here(*PLACE) is True


def test_what_is_lost_is_missed_once_and_before_ten_seconds() -> None:
    presence, clock = fresh()
    presence.came(*PLACE)
    presence.left(*PLACE, clean=False)
    assert presence.here(*PLACE) is True
    assert not presence.online(*PLACE)
    clock.advance(GRACE_SECONDS - 0.1)
    assert presence.missed() == []
    clock.advance(0.1)
    assert presence.missed() == [PLACE]
    assert presence.missed() == []
    assert GRACE_SECONDS < 10


def test_a_flap_is_silent_and_a_second_loss_counts_anew() -> None:
    presence, clock = fresh()
    presence.came(*PLACE)
    presence.left(*PLACE, clean=False)
    clock.advance(GRACE_SECONDS - 1)
    presence.came(*PLACE)
    presence.left(*PLACE, clean=False)
    clock.advance(2)
    assert presence.missed() == [], "the first loss is forgiven"
    clock.advance(GRACE_SECONDS)
    assert presence.missed() == [PLACE]


def test_of_a_shard_just_taken_nobody_is_said_to_be_away() -> None:
    presence, clock = fresh()
    presence.acquired([shard_of("s1")])
    presence.came("s1", "bob")
    assert presence.here(*PLACE) is None
    clock.advance(GRACE_SECONDS - 0.1)
    assert presence.known() == []
    clock.advance(0.1)
    assert presence.known() == ["s1"]
    assert presence.known() == []
    assert presence.here(*PLACE) is False


def test_a_goodbye_counts_at_once_also_in_a_shard_just_taken() -> None:
    presence, clock = fresh()
    presence.acquired([shard_of("s1")])
    presence.came(*PLACE)
    assert presence.left(*PLACE, clean=True)
    assert presence.here(*PLACE) is False
    presence.came(*PLACE)
    assert presence.here(*PLACE) is True
    presence.left(*PLACE, clean=False)
    clock.advance(GRACE_SECONDS)
    assert presence.missed() == [PLACE]
    presence.released([shard_of("s1")])
    presence.acquired([shard_of("s1")])
    assert presence.here(*PLACE) is None, "what was said before is no news of now"


def test_what_belongs_to_a_shard_that_was_given_away_is_forgotten() -> None:
    presence, clock = fresh()
    presence.came(*PLACE)
    presence.left(*PLACE, clean=False)
    presence.released([shard_of("s1")])
    clock.advance(60)
    assert presence.missed() == []
    assert presence.left(*PLACE, clean=True) is False


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["come", "goodbye", "lose", "wait"]),
        st.sampled_from(["ann", "bob"]),
        st.floats(0.1, 12.0),
    ),
    max_size=60,
)


@given(STEPS)
def test_whatever_devices_do(steps: list[tuple[str, str, float]]) -> None:
    """Against the rule in words: here is who has a connection, or lost the last one less than the
    grace ago; whoever stops being here is told exactly once."""
    presence, clock = fresh()
    connections = {"ann": 0, "bob": 0}
    lost_at: dict[str, float] = {}
    told_away: list[str] = []
    for what, user, seconds in steps:
        before = {u for u in connections if presence.here("s1", u)}
        if what == "come":
            presence.came("s1", user)
            connections[user] += 1
            lost_at.pop(user, None)
        elif what == "wait":
            clock.advance(seconds)
        elif connections[user]:
            connections[user] -= 1
            if presence.left("s1", user, clean=what == "goodbye"):
                told_away.append(user)
            elif not connections[user]:
                lost_at[user] = clock.mono()
        told_away += [u for _, u in presence.missed()]
        expected = {
            u
            for u, count in connections.items()
            if count or (u in lost_at and clock.mono() < lost_at[u] + GRACE_SECONDS)
        }
        assert {u for u in connections if presence.here("s1", u)} == expected
        assert {u for u in connections if presence.online("s1", u)} == {
            u for u, count in connections.items() if count
        }
        assert sorted(told_away) == sorted(before - expected), "told once, and only then"
        told_away.clear()
