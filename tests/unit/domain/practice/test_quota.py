"""What a conversation may cost: looked at before a message, told at each fall."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beheard_hub.domain.practice.state import Quota
from beheard_hub.domain.practice.vocabulary import EXHAUSTED, OK, WARNING
from beheard_hub.domain.refusals import CODES, Code
from tests.unit.domain.practice.rehearsal import Rehearsal


@pytest.mark.parametrize(
    ("used", "level"),
    [(0, OK), (799, OK), (800, OK), (801, WARNING), (999, WARNING), (1_000, EXHAUSTED)],
)
def test_levels(used: int, level: str) -> None:
    quota = Quota(1_000, used)
    assert (quota.level, quota.remaining) == (level, 1_000 - used)


@given(tokens=st.integers(1, 10_000), used=st.integers(0, 30_000), more=st.integers(0, 30_000))
def test_a_quota_only_falls(tokens: int, used: int, more: int) -> None:
    order = [OK, WARNING, EXHAUSTED]
    before = Quota(tokens, used)
    after = before.charged(more, 0)
    assert order.index(before.level) <= order.index(after.level)
    assert 0 <= after.remaining <= before.remaining
    assert (after.level == EXHAUSTED) == (after.used >= tokens)


def test_each_fall_is_told_once() -> None:
    play = Rehearsal(tokens=1_000)
    for _ in range(5):
        play.exchange(cost=(90, 5))
    told = [(one["state"], one["remaining"]) for one in play.events("practice.quota")]
    assert told == [(WARNING, 145)]
    play.exchange(cost=(90, 5))
    told = [(one["state"], one["remaining"]) for one in play.events("practice.quota")]
    assert told == [(WARNING, 145), (EXHAUSTED, 0)]
    assert all(one["total"] == 1_000 for one in play.events("practice.quota"))


def test_a_fall_over_both_edges_is_told_as_the_lower() -> None:
    play = Rehearsal(tokens=100)
    play.send()
    play.reply(cost=(200, 200))
    assert [one["state"] for one in play.events("practice.quota")] == [EXHAUSTED]


def test_the_exchange_that_uses_it_up_is_finished_and_the_session_ends() -> None:
    play = Rehearsal(tokens=100)
    play.send()
    play.reply(cost=(100, 50))
    assert play.state.status == "ACTIVE"
    play.reply(cost=(20, 5))
    assert play.names() == [
        "practice.message",
        "practice.message",
        "practice.quota",
        "practice.message",
        "practice.exchange_complete",
        "practice.ended",
    ]
    assert play.events("practice.ended") == [{"reason": "quota"}]
    assert play.state.quota.used == 175
    assert play.stored()["status"] == "COMPLETED"
    assert play.refused("practice.send", content="more") is Code.SESSION_NOT_ACTIVE


def test_what_is_exhausted_is_refused_before_anything_is_stored() -> None:
    play = Rehearsal(tokens=100)
    play.send()
    play.reply(cost=(100, 0))
    play.fail()
    assert play.refused("practice.send", content="more") is Code.QUOTA_EXHAUSTED
    assert CODES[Code.QUOTA_EXHAUSTED].http_status == 402
    assert play.last.rows == []
    assert len(play.messages()) == 2
    assert [one["state"] for one in play.events("practice.quota")] == [EXHAUSTED]
    play.do("practice.retry")
    play.reply(cost=(10, 0))
    assert play.events("practice.ended") == [{"reason": "quota"}]


def test_the_last_token_lets_one_exchange_in() -> None:
    play = Rehearsal(tokens=201)
    play.exchange(cost=(100, 0))
    assert play.state.quota.remaining == 1
    play.exchange(cost=(100, 0))
    assert play.state.quota.used == 400
    assert play.state.status == "COMPLETED"
