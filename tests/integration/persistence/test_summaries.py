"""A list of sessions shows what each session's own state says, to its members only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from beheard_hub.domain.kernel import Json, Loaded, Ref, SessionKind
from beheard_hub.persistence.summaries import StoredSummaries
from beheard_hub.ports import SessionStore


class Sessions:
    """Two sessions of ada, one of somebody else, and one that is gone."""

    facts: Mapping[str, Sequence[str]] = {"s-1": ["ada", "ben"], "s-2": ["ada"], "s-3": ["cid"]}

    async def load(self, wanted: Sequence[tuple[str, Sequence[str]]]) -> Sequence[Loaded | None]:
        return [
            Loaded(session_id=name, facts={"members": self.facts[name]}, names={"ben": "Ben"})
            if name in self.facts
            else None
            for name, _ in wanted
        ]


class Kind:
    """A state is the list of its members."""

    def load(self, loaded: Loaded) -> Sequence[str]:
        return list(loaded.facts["members"])

    def members(self, state: Sequence[str]) -> Sequence[str]:
        return state

    def from_state(
        self, state: Sequence[str], ref: Ref, user_id: str, names: Mapping[str, str | None]
    ) -> Mapping[str, Json]:
        others = [names.get(one) for one in state if one != user_id]
        return {"id": ref.id, "kind": ref.kind, "partner": others}


async def test_summaries_are_the_states_own_words() -> None:
    summaries: StoredSummaries[Sequence[str]] = StoredSummaries(
        cast("SessionStore", Sessions()), cast("SessionKind[Sequence[str]]", Kind())
    )
    assert await summaries("ada", ["s-1", "s-2", "s-3", "gone"]) == {
        "s-1": {"id": "s-1", "kind": "session", "partner": ["Ben"]},
        "s-2": {"id": "s-2", "kind": "session", "partner": []},
    }
