"""Who may ask for what: the participant, who invited, administrators, and everybody else."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from beheard_hub.domain.practice.protocol import COMMANDS
from beheard_hub.domain.practice.state import Asker
from beheard_hub.domain.practice.vocabulary import ADMIN, GUEST, ROLES, STAFF, USER, reaches
from beheard_hub.domain.refusals import Code
from tests.unit.domain.practice.rehearsal import ANNA, RITA, Rehearsal

MALLORY = "mallory"
STRANGERS = [Asker(GUEST), Asker(USER), Asker(STAFF), Asker(USER, invited=True)]
"""Also other staff, and somebody who invited and is no longer staff."""


def data(name: str) -> dict[str, Any]:
    return {"content": "let me in"} if name == "practice.send" else {}


@pytest.mark.parametrize("asker", STRANGERS, ids=str)
@pytest.mark.parametrize("name", COMMANDS)
def test_strangers_learn_nothing(name: str, asker: Asker) -> None:
    play = Rehearsal()
    play.roles.of_user[MALLORY] = asker
    assert play.refused(name, by=MALLORY, **data(name)) is Code.NOT_FOUND
    assert play.last.rows == []


@pytest.mark.parametrize("asker", [Asker(STAFF, invited=True), Asker(ADMIN)], ids=str)
@pytest.mark.parametrize("name", COMMANDS)
def test_who_invited_reads_and_does_nothing_else(name: str, asker: Asker) -> None:
    play = Rehearsal()
    play.exchange()
    play.roles.of_user[RITA] = asker
    if COMMANDS[name].reads:
        play.do(name, by=RITA)
    else:
        assert play.refused(name, by=RITA, **data(name)) is Code.FORBIDDEN
    assert play.last.rows == []


@pytest.mark.parametrize("name", COMMANDS)
def test_a_session_without_an_invitation_is_its_participants_alone(name: str) -> None:
    play = Rehearsal(invited=False)
    play.roles.of_user[RITA] = Asker(ADMIN)
    assert play.refused(name, by=RITA, **data(name)) is Code.NOT_FOUND


def test_the_walls_are_told_in_which_role_messages_are_read() -> None:
    play = Rehearsal()
    play.roles.of_user[RITA] = Asker(STAFF, invited=True)
    assert play.do("practice.messages", by=RITA).args["as_role"] == STAFF
    assert play.do("practice.messages").args["as_role"] is None


def test_the_role_is_looked_at_with_every_command() -> None:
    play = Rehearsal()
    play.roles.of_user[RITA] = Asker(STAFF, invited=True)
    play.do("practice.messages", by=RITA)
    play.roles.of_user[RITA] = Asker(USER, invited=True)
    assert play.refused("practice.messages", by=RITA) is Code.NOT_FOUND


@pytest.mark.parametrize("observed", [True, False])
@pytest.mark.parametrize("invited", [True, False])
@pytest.mark.parametrize("role", ROLES)
def test_who_may_watch(role: str, invited: bool, observed: bool) -> None:
    play = Rehearsal(observed=observed)
    play.exchange()
    play.roles.of_user[RITA] = Asker(role, invited=invited)
    if not reaches(role, STAFF if invited else ADMIN):
        assert play.refused("practice.observe", by=RITA) is Code.NOT_FOUND
    elif not observed:
        assert play.refused("practice.observe", by=RITA) is Code.FORBIDDEN
    else:
        asked = play.do("practice.observe", by=RITA).args
        assert (asked["total"], asked["as_role"]) == (play.state.total_messages, role)
    assert play.refused("practice.observe") is Code.FORBIDDEN, "who rehearses is not watching"
    assert play.kind.snapshot(play.state, ANNA, {})["session"]["observed"] is observed


def test_the_participant_is_the_only_member() -> None:
    play = Rehearsal()
    assert play.kind.members(play.state) == [ANNA]
    assert play.kind.company(play.state, ANNA) == {}
    gone = msgspec.structs.replace(play.state, user_id=None)
    assert play.kind.members(gone) == []


def test_ranks() -> None:
    assert [reaches(role, STAFF) for role in ROLES] == [False, False, True, True]
    assert not reaches("OWNER", GUEST), "a role that nobody knows"
