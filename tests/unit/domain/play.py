"""Two people at a session, without a host: commands in, decisions applied to tables in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from beheard_hub.domain.kernel import Command, Decision, Read, Ref, Reply, Work, Worked
from beheard_hub.domain.mediation.commands import AiReplied, CommonGroundFound
from beheard_hub.domain.mediation.kind import DIRECTORY, MEDIATION
from beheard_hub.domain.mediation.state import State
from beheard_hub.domain.refusals import Code, Refusal
from beheard_hub.testing.memory_tables import MemoryTables

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
A, B = "alice", "bob"


class CountingIds:
    """Ids that say in which order they were made."""

    def __init__(self) -> None:
        self._next = count(1)

    def ordered(self) -> str:
        return f"i{next(self._next):07}"

    def random(self) -> str:
        return f"r{next(self._next):07}"


class Play:
    """One session between A and B."""

    def __init__(self, **create: Any) -> None:
        self.ids = CountingIds()
        self.now = START
        self.tables = MemoryTables()
        self.tables.names = {A: "Alice", B: "Bob"}
        self.numbers = count(1)
        self.told: dict[str, list[tuple[str, Mapping[str, Any]]]] = {A: [], B: []}
        self.last: Decision[Any]
        created = self.directory(A, "session.create", **(create or {"inviteName": "Bobby"}))
        assert isinstance(created, Reply), created
        self.session_id: str = created.data["session"].id
        self.invitation_id: str = created.data["invitationId"]
        self.state: State = self.loaded()

    # ---- commands

    def directory(self, user: str, name: str, **data: Any) -> Any:
        """A command without a session; its rows are stored."""
        state = DIRECTORY.load(self.tables.load_directory(user))
        clean = DIRECTORY.validate(name, data)
        if isinstance(clean, Refusal):
            return clean
        command = Command(id=f"c{next(self.numbers)}", name=name, user_id=user, data=clean)
        decision = DIRECTORY.decide(state, command, self.now, self.ids)
        self.tables.apply(decision.rows)
        for due in decision.dues:
            self.tables.remind(due, due.session_id)
        return decision.answer

    def decide(self, command: Command) -> Any:
        """One turn; everything it wants stored is stored."""
        before = MEDIATION.pack(self.state)
        decision = MEDIATION.decide(self.state, command, self.now, self.ids)
        assert MEDIATION.pack(self.state) == before, "decide changed the state it was given"
        self.last = decision
        self.state = decision.state
        self.tables.commit(self.session_id, decision, self.now)
        for notice in decision.notices:
            self.told[notice.user_id].append((notice.name, notice.data))
        return decision.answer

    def try_(self, user: str, name: str, **data: Any) -> Any:
        """The answer of a command: a Reply's data, a Read, or a Refusal. Work is done at once."""
        answer = self.ask(user, name, **data)
        while isinstance(answer, Work):
            answer = self.finish(answer)
        return answer.data if isinstance(answer, Reply) else answer

    def ask(self, user: str, name: str, **data: Any) -> Any:
        """The first answer of a command, which may be Work."""
        self.now += timedelta(seconds=1)
        clean = MEDIATION.validate(name, data)
        if isinstance(clean, Refusal):
            return clean
        self.command = Command(
            id=f"c{next(self.numbers)}",
            name=name,
            user_id=user,
            data=clean,
            session_id=self.session_id,
        )
        return self.decide(self.command)

    def finish(self, work: Work, command: Command | None = None, **result: Any) -> Any:
        """Brings the result of a work back."""
        asked = command or self.command
        done = Worked(asked, work, result or self.work(work, asked.user_id))
        return self.decide(
            Command(id="w", name="internal.worked", user_id=asked.user_id, data=done)
        )

    def do(self, user: str, name: str, **data: Any) -> Any:
        """A command that must be accepted."""
        answer = self.try_(user, name, **data)
        assert not isinstance(answer, Refusal), (name, answer)
        return answer

    def refused(self, user: str, name: str, **data: Any) -> Code:
        """A command that must be refused."""
        answer = self.try_(user, name, **data)
        assert isinstance(answer, Refusal), (name, answer)
        return answer.code

    def internal(self, name: str, user: str, data: Any) -> None:
        """A command of the hub itself."""
        self.decide(Command(id="x", name=name, user_id=user, data=data))

    # ---- the world outside

    def work(self, work: Work, user: str) -> dict[str, Any]:
        """What reactions would find, from the stored rows."""
        done: Mapping[str, Callable[[Any], dict[str, Any]]] = {
            "invitation.relationship": self._relationship,
            "draft.text": lambda args: {"content": "I think you felt alone"},
            "needs.synthesise": lambda args: {"needs": [need()], "clarifications": [doubt()]},
            "needs.share": self._needs,
            "consent.preview": lambda args: {
                "preview": "something softer", "description": "An event", "clarifications": [],
            },
            "consent.grant": lambda args: {
                "text": args["edited"] or "something softer", "warnings": ["hot"],
            },
            "strategies.suggest": lambda args: {"suggestions": [idea()] * args["count"]},
            "strategies.library": lambda args: {"items": [idea()] * args["count"]},
        }  # fmt: skip
        return done[work.kind](work.args)

    def _relationship(self, args: Mapping[str, Any]) -> dict[str, Any]:
        for row in self.tables.load_directory(args["callerId"]).facts["relationships"]:
            if row["partnerId"] == args["inviterId"]:
                return {"relationshipId": row["id"], "openSessionId": row["openSessionId"]}
        return {"relationshipId": None, "openSessionId": None}

    def _needs(self, args: Mapping[str, Any]) -> dict[str, Any]:
        rows = [self.tables.rows("IdentifiedNeed", id=key)[0] for key in args["needIds"]]
        common = None
        if args["analyse"]:
            common = [
                {
                    "need": "rest", "category": "SAFETY", "description": "both need rest",
                    "mine": args["needIds"][:1], "theirs": args["partnerContentIds"][:1],
                }
            ]  # fmt: skip
        return {"needs": rows, "common": common}

    def analyse(self) -> None:
        """Runs the outstanding common-ground reminder."""
        sides = [list(self.state.shared_needs(user)) for user in (A, B)]
        items: tuple[dict[str, Any], ...] = ()
        if all(sides):
            found = {"need": "rest", "category": "SAFETY", "description": "both"}
            items = ({**found, "sourceContentIds": [sides[0][0], sides[1][0]]},)
        data = CommonGroundFound(
            reminder_id=self.state.analysis,
            content_ids=tuple(sides[0] + sides[1]),
            items=items,
        )
        self.internal("internal.common_ground", "", data)

    def answer(self, user: str, *answered: str, **more: Any) -> None:
        """The facilitator answers whatever is outstanding in a thread."""
        seat = self.state.seat(user)
        assert seat is not None
        assert seat.ai_turn is not None
        data = AiReplied(
            reminder_id=seat.ai_turn,
            answered=answered or tuple(seat.unanswered),
            stage=seat.stage,
            message={
                "id": self.ids.ordered(),
                "content": "I hear you",
                "promptVersion": "1",
                "bundle": {"items": []},
            },
            **more,
        )
        self.internal("internal.ai_replied", user, data)

    # ---- looking

    def loaded(self) -> State:
        """The state as a host would load it after a crash."""
        loaded = self.tables.load(self.session_id)
        assert loaded is not None
        return MEDIATION.load(loaded)

    def gates(self, user: str) -> dict[str, bool]:
        """The gates of the current stage."""
        reply: dict[str, Any] = self.do(user, "progress.get")
        return dict(reply["myProgress"]["gates"])

    def names(self, user: str) -> list[str]:
        """Names of the events told to a user by the newest turn."""
        return [notice.name for notice in self.last.notices if notice.user_id == user]

    def stage(self, user: str) -> int:
        """The user's current stage."""
        seat = self.state.seat(user)
        assert seat is not None
        return seat.stage

    # ---- whole stretches

    def accept(self) -> None:
        """B joins."""
        self.do(B, "invitation.accept", invitationId=self.invitation_id)

    def advance(self, *users: str) -> None:
        """Steps on."""
        for user in users:
            here = self.stage(user)
            reply = self.do(user, "stage.advance", fromStage=here, toStage=here + 1)
            assert reply["success"], (user, reply)

    def to_stage(self, stage: int) -> Play:
        """Both walk to a stage the shortest way."""
        if self.state.b is None:
            self.accept()
        for here in range(self.stage(A), stage):
            WAYS[here](self)
            self.advance(A, B)
        return self

    def sign(self) -> None:
        for user in (A, B):
            self.do(user, "compact.sign", agreed=True)

    def feel_heard(self) -> None:
        for user in (A, B):
            self.do(user, "feel_heard.confirm", confirmed=True)

    def attempt(self, user: str) -> None:
        """A draft and its consent."""
        reply = self.do(user, "empathy.save_draft", content="you felt alone", readyToShare=True)
        self.do(user, "empathy.consent", draftId=reply["draft"].id, finalContent="you felt alone")

    def understand(self) -> None:
        self.attempt(A)
        self.attempt(B)
        for user in (A, B):
            self.do(user, "empathy.validate", validated=True)

    def add_need(self, user: str) -> str:
        """A confirmed need in the user's own words."""
        words = {"need": "rest", "category": "SAFETY", "description": "quiet evenings"}
        key: str = self.do(user, "needs.add", **words)["need"].id
        seat = self.state.seat(user)
        assert seat is not None
        unanswered = [k for k, found in seat.needs.items() if not found.answered]
        answers = [{"needId": k, "confirmed": True} for k in unanswered]
        self.do(user, "needs.confirm", confirmations=answers)
        return key

    def share_needs(self) -> None:
        for user in (A, B):
            self.do(user, "needs.consent", needIds=[self.add_need(user)])

    def common_ground(self) -> str:
        """The id of the first live item."""
        return next(k for k, g in self.state.common_ground.items() if not g.stale)

    def agree_on_ground(self) -> None:
        self.share_needs()
        key = self.common_ground()
        for user in (A, B):
            answer = [{"commonGroundId": key, "confirmed": True}]
            self.do(user, "common_ground.confirm", confirmations=answer)

    def open_pool(self) -> None:
        for user in (A, B):
            self.do(user, "strategies.propose", description="a walk on Sundays")
            self.do(user, "strategies.ready")

    def rank(self, *, same: bool = True) -> None:
        pool = sorted(self.state.pool)
        self.do(A, "strategies.rank", rankedIds=pool[:1])
        self.do(B, "strategies.rank", rankedIds=pool[:1] if same else pool[1:2])

    def agreement(self) -> str:
        """One agreement of both."""
        words = {"description": "a walk on Sundays", "type": "MICRO_EXPERIMENT"}
        key: str = self.do(A, "agreement.create", **words)["agreement"].id
        self.do(B, "agreement.confirm", agreementId=key, confirmed=True)
        return key


WAYS: tuple[Callable[[Play], None], ...] = (
    Play.sign,
    Play.feel_heard,
    Play.understand,
    Play.agree_on_ground,
)
"""What both do to be able to leave each stage."""


def need() -> dict[str, Any]:
    return {
        "need": "to be heard",
        "category": "RECOGNITION",
        "description": "when I speak",
        "evidence": ["nobody listens"],
        "confidence": 0.8,
    }


def doubt() -> dict[str, Any]:
    return {"potentialNeed": "rest", "question": "what tires you?", "evidenceSoFar": "tired"}


def idea() -> dict[str, Any]:
    return {
        "description": "ten minutes of listening",
        "needsAddressed": ["rest"],
        "duration": "one week",
        "measureOfSuccess": "we did it twice",
    }


__all__ = ["START", "A", "B", "CountingIds", "Play", "Read", "Ref"]
