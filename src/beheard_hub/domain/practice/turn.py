"""One turn under way: the state that may be changed, and what the turn wants stored and told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeAlias

from beheard_hub.domain.kernel import Command, Due, Ids, Insert, Json, Notice, Read, Ref, Row
from beheard_hub.domain.practice.events import EVENTS
from beheard_hub.domain.practice.protocol import Policy
from beheard_hub.domain.practice.state import Asker, Numbers, State, copied
from beheard_hub.domain.practice.telemetry import counted
from beheard_hub.domain.practice.views import MESSAGE_REF, shape
from beheard_hub.domain.practice.vocabulary import MESSAGE
from beheard_hub.domain.refusals import Refusal

Outcome: TypeAlias = Mapping[str, Json] | Read | Refusal | None
Handler: TypeAlias = "Callable[[Turn], Outcome]"


class Turn:
    """Collects what one command causes. `before` is the state as it was given; what differs of a
    session's own columns is stored by the machine, at the end."""

    def __init__(
        self,
        state: State,
        command: Command,
        asker: Asker,
        policy: Policy,
        now: datetime,
        ids: Ids,
        numbers: Numbers,
    ) -> None:
        self.before = state
        self.state = copied(state)
        self.command = command
        self.asker = asker
        self.policy = policy
        self.now = now
        self.ids = ids
        self.numbers = numbers
        self.rows: list[Row] = []
        self.notices: list[Notice] = []
        self.dues: list[Due] = []
        self.done: list[str] = []
        self.fresh: dict[tuple[str, str], Json] = {}
        self.effects: list[str] = []

    def insert(self, table: str, **values: Json) -> None:
        """A new row of the schema ``practice``."""
        self.rows.append(Insert(f"practice.{table}", values))

    def tell(self, name: str, **data: Json) -> None:
        """The next event of the participant's stream; of nobody's where the account is gone."""
        assert set(data) == set(EVENTS[name].fields), f"fields of {name}"
        if self.state.user_id is not None:
            self.notices.append(Notice(self.state.user_id, name, data))

    def count(self, name: str, **properties: Json) -> None:
        """An event of the server's own telemetry."""
        state = self.state
        row = counted(name, properties, state.user_id, state.id, self.now, self.ids)
        self.rows.append(row)

    def say(
        self, role: str, content: str, metadata: Mapping[str, Json], number: int | None = None
    ) -> tuple[int, Ref]:
        """A new message, told with its full text; its number and the place where it is shown."""
        if number is None:
            number = self.numbers.number(MESSAGE)
        row: dict[str, Json] = {
            "id": number,
            "sessionId": int(self.state.id),
            "role": role,
            "content": content,
            "timestamp": self.now,
            "metadata": metadata,
        }
        self.insert("Message", **row)
        self.state.total_messages += 1
        self.state.last_at = self.now
        ref = Ref(MESSAGE_REF, str(number))
        self.fresh[ref.kind, ref.id] = shape(MESSAGE_REF, row)
        self.tell("practice.message", message=ref)
        return number, ref

    def remind(self, kind: str, at: datetime, **payload: Json) -> str:
        """Something that must still happen in this session at a time."""
        due = Due(
            id=self.ids.ordered(), kind=kind, at=at, user_id=self.state.user_id, payload=payload
        )
        self.dues.append(due)
        return due.id
