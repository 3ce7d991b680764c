"""The retrieval contract: what may be fetched to build a prompt, stage by stage (spec 4.3).

`TABLE` is the spec's table, one row a query, and nothing else in the hub says which stage may see
what. It is read three times, by parts that do not trust each other: by the planner's validation
before anything is fetched, by the assembler for every item that was, and by ``recall.search``.
Row-level security is a wall of its own and knows nothing of this file.

The left half of a row is the spec's table: what, of whose vessel, by which way, in which stages.
The right half is the spec's list of bundles: where it is always there, and which items fit.

Vectors find, they do not decide: a hit is an id, and what stands behind it passes the same checks
again.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from beheard_hub.domain.mediation.vocabulary import IDENTIFIED_NEED


class Vessel(StrEnum):
    """Whose content a query reads."""

    NONE = "-"
    """Facts about the session, nobody's words."""
    USER = "user"
    """The own one; nobody else's is ever asked for."""
    SHARED = "shared"
    GLOBAL = "global"


class Way(StrEnum):
    """How a query finds its rows."""

    METADATA = "metadata"
    STRUCTURED = "structured"
    VECTOR = "vector"


Stages = frozenset[int]
STAGES: Stages = frozenset(range(5))


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One query of the contract."""

    query: str
    vessel: Vessel
    ways: Mapping[Way, Stages]
    """Way → stages in which the query may go that way; a way that is not named is closed."""
    bundled: Stages = frozenset()
    """Stages whose bundle always holds it; elsewhere it comes only where a plan asks for it."""
    kept: bool = False
    """Stays although nothing is to be recalled: the conversation itself."""
    earlier: Stages = frozenset()
    """Stages in which only rows of the user's earlier sessions are meant."""
    same_stage: Stages = frozenset()
    """Stages in which only items written in that very stage may be seen."""
    requires: Mapping[int, Mapping[str, tuple[str, ...]]] = {}
    """Stage of the user → fields that an item must have there, with one of the given values."""
    hidden: frozenset[str] = frozenset()
    """Fields whose mere presence would name an author."""
    count_max: int = 20
    """Items of a bundle, newest first."""

    @property
    def stages(self) -> Stages:
        """Where the query may be asked at all."""
        return frozenset().union(*self.ways.values())

    @property
    def source(self) -> str:
        """What an item of it says about where it comes from; nobody's words belong to both."""
        return Vessel.SHARED if self.vessel is Vessel.NONE else self.vessel

    @property
    def consent(self) -> str:
        """The consent state that its items must have."""
        return "active" if self.vessel is Vessel.SHARED else "not_applicable"


def _in(stages: str) -> Stages:
    return frozenset(int(stage) for stage in stages)


def _row(
    query: str, vessel: Vessel, bundled: str = "", *, metadata: str = "", structured: str = "",
    vector: str = "", earlier: str = "", same_stage: str = "", **more: Any,
) -> Row:  # fmt: skip
    given = {Way.METADATA: metadata, Way.STRUCTURED: structured, Way.VECTOR: vector}
    return Row(
        query=query,
        vessel=vessel,
        ways={way: _in(stages) for way, stages in given.items() if stages},
        bundled=_in(bundled),
        earlier=_in(earlier),
        same_stage=_in(same_stage),
        **more,
    )


_NONE, _USER, _SHARED, _GLOBAL = Vessel
_NEEDS_ONLY = {3: {"contentType": (IDENTIFIED_NEED,)}}
_MINE_OR_BOTH = {4: {"seen": ("own", "both")}}

TABLE: tuple[Row, ...] = (
    #    query                    vessel   bundled in   allowed in, by way
    _row("session_metadata",      _NONE,   "0",    metadata="01234"),
    _row("relationship_metadata", _NONE,   "0",    metadata="01234"),
    _row("session_outcomes",      _NONE,   "0",    structured="0", count_max=5),
    _row("user_event",            _USER,   "",     structured="12", vector="12"),
    _row("emotional_reading",     _USER,   "12",   structured="12", vector="12", count_max=5),
    _row("message",               _USER,   "1234", structured="1234", same_stage="34", kept=True,
         count_max=30),
    _row("prior_theme",           _USER,   "12",   structured="12", earlier="12", count_max=3),
    _row("draft",                 _USER,   "2",    structured="2", count_max=1),
    _row("clarification",         _USER,   "",     structured="123"),
    _row("need",                  _USER,   "3",    structured="123", vector="123", earlier="1",
         count_max=30),
    _row("boundary",              _USER,   "",     structured="12"),
    _row("consented_content",     _SHARED, "23",   structured="234", vector="2", count_max=30,
         requires=_NEEDS_ONLY),
    _row("common_ground",         _SHARED, "34",   structured="34"),
    _row("strategy",              _SHARED, "4",    structured="4", count_max=50,
         hidden=frozenset({"createdByUserId", "source", "mine"})),
    _row("ranking",               _SHARED, "4",    structured="4", requires=_MINE_OR_BOTH),
    _row("agreement",             _SHARED, "4",    structured="4"),
    _row("micro_experiment",      _SHARED, "",     structured="4"),
    _row("experiment_suggestion", _GLOBAL, "4",    vector="4", count_max=5),
)  # fmt: skip
"""The table of spec 4.3. ``earlier`` need of stage 1: the own needs of earlier sessions."""

ROWS: Mapping[str, Row] = {row.query: row for row in TABLE}


def allows(query: str, way: Way, stage: int) -> bool:
    """Whether the cell of the table is open."""
    row = ROWS.get(query)
    return row is not None and stage in row.ways.get(way, frozenset())


def recalled(stage: int) -> tuple[str, ...]:
    """Kinds of the own vessel of this session that a person may search in a stage
    (``recall.search``): those that vectors may find there."""
    return tuple(
        row.query
        for row in TABLE
        if row.vessel is Vessel.USER
        and stage in row.ways.get(Way.VECTOR, frozenset())
        and stage not in row.earlier
    )
