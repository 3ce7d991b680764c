"""How a session ends, what is set then, and that nothing follows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from beheard_hub.domain.practice.protocol import COMMANDS, ENDS, Policy
from beheard_hub.domain.refusals import Code
from tests.unit.domain.practice.rehearsal import DAY, SECOND, START, Rehearsal

HOUR = timedelta(hours=1)


def by_user(play: Rehearsal) -> datetime:
    play.do("practice.complete")
    return play.now


def by_quota(play: Rehearsal) -> datetime:
    play.exchange(cost=(1_000, 0))
    return play.now


def by_time_limit(play: Rehearsal) -> datetime:
    play.now = START + 5 * HOUR
    play.timer("practice_time_limit")
    return START + 2 * HOUR


def by_expiry(play: Rehearsal) -> datetime:
    for days in (25, 50):
        play.now = START + days * DAY
        play.exchange()
    play.now = START + 70 * DAY
    play.timer("practice_expiry")
    return START + 60 * DAY


def by_revocation(play: Rehearsal) -> datetime:
    play.now = START + HOUR
    play.revoke()
    return START + HOUR


def by_idleness(play: Rehearsal) -> datetime:
    play.now = START + 40 * DAY
    play.timer("practice_idle")
    return START + 30 * DAY


WAYS: dict[str, Callable[[Rehearsal], datetime]] = {
    "user": by_user,
    "quota": by_quota,
    "time_limit": by_time_limit,
    "expired": by_expiry,
    "revoked": by_revocation,
    "idle": by_idleness,
}
LIMITED = {"time_limit": Policy(time_limit=2 * HOUR)}


def ended(reason: str) -> tuple[Rehearsal, datetime]:
    play = Rehearsal(policy=LIMITED.get(reason))
    return play, WAYS[reason](play)


def test_every_end_has_a_way() -> None:
    assert set(WAYS) == set(ENDS)


@pytest.mark.parametrize("reason", WAYS)
def test_what_is_set(reason: str) -> None:
    play, at = ended(reason)
    row = play.stored()
    assert row["status"] == ENDS[reason].status
    assert row["endedAt"] == at
    assert row["durationSeconds"] == int((at - START).total_seconds())
    assert play.events("practice.ended") == [{"reason": reason}]
    assert play.names()[-1] == "practice.ended"
    assert play.state == play.loaded()


@pytest.mark.parametrize("reason", WAYS)
@pytest.mark.parametrize("name", [name for name, row in COMMANDS.items() if not row.reads])
def test_nothing_is_accepted_after_the_end(reason: str, name: str) -> None:
    play, _ = ended(reason)
    told = list(play.told)
    data = {"content": "one more"} if name == "practice.send" else {}
    over = reason in ("expired", "revoked")
    expected = Code.INVITATION_EXPIRED if over else Code.SESSION_NOT_ACTIVE
    assert play.refused(name, **data) is expected
    assert play.last.rows == []
    assert play.told == told


@pytest.mark.parametrize("reason", WAYS)
def test_what_was_said_can_be_read_after_the_end(reason: str) -> None:
    play, _ = ended(reason)
    play.do("practice.messages")
    assert play.do("practice.get")["session"].id == play.state.id


@pytest.mark.parametrize("name", ["practice.send", "practice.get"])
def test_time_is_looked_at_by_every_command(name: str) -> None:
    play = Rehearsal(expires_in=DAY)
    play.now = START + DAY
    data = {"content": "late"} if name == "practice.send" else {}
    play.ask(name, **data)
    assert play.events("practice.ended") == [{"reason": "expired"}]
    assert play.stored()["endedAt"] == START + DAY
    assert play.messages() == []


def test_an_expiry_noticed_on_the_way_is_stored_with_the_refusal() -> None:
    play = Rehearsal(expires_in=DAY)
    play.now = START + DAY
    assert play.refused("practice.send", content="late") is Code.INVITATION_EXPIRED
    assert [row.table for row in play.last.rows] == [
        "practice.TelemetryEvent",
        "practice.ConversationSession",
    ]


def test_the_earliest_limit_counts() -> None:
    play = Rehearsal(expires_in=40 * DAY)
    play.now = START + 50 * DAY
    play.timer("practice_expiry")
    assert play.events("practice.ended") == [{"reason": "idle"}]
    assert play.stored()["status"] == "ABANDONED"


def test_messages_put_idleness_off() -> None:
    play = Rehearsal()
    play.now = START + 20 * DAY
    play.exchange()
    last = play.now
    play.now = START + 30 * DAY
    play.timer("practice_idle")
    assert play.state.status == "ACTIVE"
    [again] = play.last.dues
    assert (again.kind, again.at) == ("practice_idle", last + 30 * DAY)


def test_a_session_opens_with_its_timers() -> None:
    limited = Rehearsal(policy=Policy(time_limit=HOUR), expires_in=2 * DAY)
    assert {due.kind: due.at - START for due in limited.opening} == {
        "practice_idle": 30 * DAY,
        "practice_expiry": 2 * DAY,
        "practice_time_limit": HOUR,
    }
    assert [due.kind for due in Rehearsal(invited=False).opening] == ["practice_idle"]


# ---- an end while a lane is asked


def test_a_call_under_way_is_stopped() -> None:
    play = Rehearsal()
    play.send()
    reminder = play.reminder
    play.do("practice.complete")
    assert play.last.done == [reminder]
    assert play.last.effects == [f"drop:{reminder}"]
    assert play.asking() == []


def test_a_reply_after_the_end_is_charged_once_and_not_stored() -> None:
    play = Rehearsal()
    play.send()
    reminder = play.reminder
    play.do("practice.complete")
    told = list(play.told)
    play.reply(to=reminder, cost=(900, 100))
    play.reply(to=reminder, cost=(900, 100))
    assert play.state.quota.used == 1_000
    assert len(play.tables.rows("practice.UsageLog")) == 1
    assert [role for role, _ in play.messages()] == ["user"]
    assert play.told == told


def test_a_failure_after_the_end_is_told_to_nobody() -> None:
    play = Rehearsal()
    play.send()
    reminder = play.reminder
    play.do("practice.complete")
    play.fail(to=reminder)
    assert "practice.failed" not in play.names()
    play.reply(to=reminder)
    assert play.state.quota.used == 0, "a call that failed cannot have succeeded"


def test_an_invitation_that_expires_meanwhile_takes_no_reply() -> None:
    play = Rehearsal(expires_in=DAY)
    play.send()
    reminder = play.reminder
    play.now = START + DAY
    play.reply(to=reminder)
    assert [role for role, _ in play.messages()] == ["user"]
    assert play.state.quota.used == 100
    assert play.names() == ["practice.message", "practice.ended"]


def test_a_revocation_from_a_host_whose_clock_is_ahead() -> None:
    play = Rehearsal()
    play.revoke(at=play.now + 10 * SECOND)
    assert play.stored()["endedAt"] == play.now


def test_a_revocation_that_only_the_rows_know_of() -> None:
    play = Rehearsal()
    play.send()
    taken_back = play.tables.rows("practice.Invitation")[0]["revokedAt"] = play.now + SECOND
    play.state = play.loaded()
    play.now += HOUR
    assert play.refused("practice.retry") is Code.INVITATION_EXPIRED
    assert play.stored()["endedAt"] == taken_back
    assert play.events("practice.ended") == [{"reason": "revoked"}]


def test_an_end_is_not_revoked() -> None:
    play = Rehearsal()
    play.do("practice.complete")
    play.revoke()
    assert play.names() == ["practice.ended"]
    assert play.stored()["status"] == "COMPLETED"
