"""The whole way of two people, and that a crash at any point loses nothing of it."""

from __future__ import annotations

from typing import Any

from beheard_hub.domain.kernel import Command
from beheard_hub.domain.mediation.kind import MEDIATION
from tests.unit.domain.play import A, B, Play


class Forgetful(Play):
    """Loads its state anew after every turn."""

    def decide(self, command: Command) -> Any:
        answer = super().decide(command)
        assert self.loaded() == self.state, command.name
        return answer


def test_from_invitation_to_resolution() -> None:
    play = Play()
    play.to_stage(4)
    play.open_pool()
    play.rank()
    play.agreement()
    reply = play.do(A, "session.resolve")
    assert reply["resolved"]
    assert reply["outcome"] == "AGREEMENT"
    assert play.state.status == "RESOLVED"
    assert play.loaded() == play.state
    assert len(MEDIATION.pack(play.state)) < 2_500
    assert MEDIATION.unpack(MEDIATION.pack(play.state)) == play.state


def test_after_every_turn_the_facts_give_the_same_state() -> None:
    play = Forgetful()
    play.to_stage(1)
    play.do(A, "message.send", content="I am so tired", emotionalIntensity=8)
    play.do(A, "message.send", content="and sad")
    play.answer(A)
    play.do(B, "event.add", description="the dinner", attributedTo="OTHER", emotions=["hurt"])
    play.do(A, "session.pause", reason="too much")
    play.do(B, "session.resume")
    play.to_stage(3)
    play.do(A, "needs.list")
    play.do(B, "partner.nudge")
    play.to_stage(4)
    play.open_pool()
    play.rank(same=False)
    play.open_pool()
    play.rank()
    play.agreement()
    play.do(B, "session.resolve")


def test_without_an_agreement_both_must_say_so() -> None:
    play = Play().to_stage(1)
    assert not play.do(A, "session.resolve", withoutAgreement=True)["resolved"]
    assert play.names(B) == ["session.close_proposed"]
    reply = play.do(B, "session.resolve", withoutAgreement=True)
    assert reply["resolved"]
    assert reply["outcome"] == "NO_SHARED_AGREEMENT"
