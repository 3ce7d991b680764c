"""What administrators set up: scenarios and presets.

A scenario that has sessions keeps its words: a change of them is a new version, and what is offered
from then on; sessions and invitations stay with theirs. Of one slug at most one version is active,
of the presets at most one the default: the database says so to two who are at it at once.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from beheard_hub.domain.kernel import (
    Decision,
    Delete,
    Insert,
    Json,
    Read,
    Ref,
    Reply,
    Row,
    Update,
    Work,
)
from beheard_hub.domain.practice import commands as c
from beheard_hub.domain.practice.asking import Asked, Directory, Handler, Result, WorkHandler
from beheard_hub.domain.practice.views import PRESET_REF, SCENARIO_REF, shape
from beheard_hub.domain.practice.vocabulary import SCENARIO
from beheard_hub.domain.refusals import Code, Refusal
from beheard_hub.domain.validation import refused

SCENARIO_HELD = "practice.scenario_held"
"""Work: {scenarioId} → {scenario: the row with its texts, whether it is `used`, the `newest`
version of its slug and the id of the active one, or null}."""
PRESET_HELD = "practice.preset_held"
"""Work: {presetId or null} → {found, defaultId: of the preset that is the default, or null}."""

SCENARIOS, PRESETS = "practice.Scenario", "practice.QuotaPreset"
WORDS = (
    "name", "description", "partnerPersona", "partnerSystemPrompt", "coachSystemPrompt",
    "partnerModel", "coachModel",
)  # fmt: skip
"""Columns of a scenario that a version keeps once it has sessions."""
NOTHING = {"data": "at least one field to change"}


def _given(data: msgspec.Struct) -> dict[str, Json]:
    """What was given, by the names of columns; null only where it takes something away."""
    cleared: tuple[str, ...] = getattr(type(data), "cleared", ())
    found: dict[str, Json] = {}
    for field in msgspec.structs.fields(data):
        value = getattr(data, field.name)
        if value is msgspec.UNSET or (value is None and field.encode_name not in cleared):
            continue
        found[field.encode_name] = value
    return found


def _audited(asked: Asked, **target: Json) -> Insert:
    return Insert(
        "hub.AuditLog",
        {
            "id": asked.ids.ordered(),
            "actorId": asked.directory.user_id,
            "actorRole": asked.directory.role.lower(),
            "action": asked.command.name,
            "target": target,
            "outcome": "DONE",
            "at": asked.now,
        },
    )


# ---- scenarios


def _scenario(asked: Asked, row: Mapping[str, Json], rows: list[Row]) -> Decision[Directory]:
    """`rows` are stored, and `row` is what the scenario then is."""
    ref = Ref(SCENARIO_REF, str(row["id"]))
    return Decision(
        asked.directory,
        Reply({"scenario": ref}),
        [*rows, _audited(asked, scenarioId=row["id"])],
        fresh={(ref.kind, ref.id): shape(SCENARIO_REF, row)},
    )


def _create(asked: Asked) -> Decision[Directory]:
    """scenario.create: the first version of a slug that is free."""
    row = {
        "partnerModel": None,
        "coachModel": None,
        **_given(asked.command.data),
        "id": asked.numbers.number(SCENARIO),
        "version": 1,
        "createdAt": asked.now,
    }
    return _scenario(asked, row, [Insert(SCENARIOS, row)])


def _look(asked: Asked) -> Decision[Directory]:
    """scenario.change: is it there, and has it sessions?"""
    data: c.ScenarioChange = asked.command.data
    return asked.answered(Work(SCENARIO_HELD, {"scenarioId": data.scenario_id}))


def _changed(asked: Asked, found: Result) -> Decision[Directory]:
    """scenario.change: in place, or as a new version in its place."""
    data: c.ScenarioChange = asked.command.data
    old = found["scenario"]
    if old is None:
        return asked.answered(Refusal(Code.NOT_FOUND))
    given = _given(data)
    del given["scenarioId"]
    if not given:
        return asked.answered(refused(NOTHING))
    new = {**{name: old[name] for name in (*WORDS, "id", "slug", "version", "isActive")}, **given}
    if not old["used"] or given.keys() == {"isActive"}:
        return _scenario(asked, new, [Update(SCENARIOS, {"id": old["id"]}, given)])
    new |= {
        "id": asked.numbers.number(SCENARIO),
        "version": old["newest"] + 1,
        "createdAt": asked.now,
    }
    rows: list[Row] = [Insert(SCENARIOS, new)]
    if new["isActive"] and old["activeId"] is not None:
        rows.insert(0, Update(SCENARIOS, {"id": old["activeId"]}, {"isActive": False}))
    return _scenario(asked, new, rows)


# ---- presets


def _list(asked: Asked) -> Decision[Directory]:
    """preset.list: in their order."""
    return asked.answered(Read(asked.command.name, {}))


def _look_up(asked: Asked) -> Decision[Directory]:
    """preset.create, .change and .delete: is it there, and which one is the default?"""
    preset_id = getattr(asked.command.data, "preset_id", None)
    return asked.answered(Work(PRESET_HELD, {"presetId": preset_id}))


def _set(
    asked: Asked, row: Insert | Update, preset_id: str, found: Result, *, default: bool
) -> Decision[Directory]:
    """One preset as it is to be; the one that was the default is not any more."""
    rows: list[Row] = [row]
    if default and found["defaultId"] not in (None, preset_id):
        rows.insert(0, Update(PRESETS, {"id": found["defaultId"]}, {"isDefault": False}))
    rows.append(_audited(asked, presetId=preset_id))
    return Decision(asked.directory, Reply({"preset": Ref(PRESET_REF, preset_id)}), rows)


def _columns(given: Mapping[str, Json]) -> dict[str, Json]:
    """`tokens` stand in the quota; the id is the key."""
    found = {name: value for name, value in given.items() if name not in ("tokens", "presetId")}
    if "tokens" in given:
        found["quota"] = {"tokens": given["tokens"]}
    return found


def _preset_made(asked: Asked, found: Result) -> Decision[Directory]:
    """preset.create: a name that is taken is a CONFLICT."""
    data: c.PresetCreate = asked.command.data
    preset_id = asked.ids.ordered()
    row = Insert(PRESETS, {"id": preset_id, **_columns(_given(data))})
    return _set(asked, row, preset_id, found, default=data.is_default)


def _preset_changed(asked: Asked, found: Result) -> Decision[Directory]:
    """preset.change: what was copied from it stays as it is."""
    data: c.PresetChange = asked.command.data
    if not found["found"]:
        return asked.answered(Refusal(Code.NOT_FOUND))
    columns = _columns(_given(data))
    if not columns:
        return asked.answered(refused(NOTHING))
    row = Update(PRESETS, {"id": data.preset_id}, columns)
    return _set(asked, row, data.preset_id, found, default=bool(data.is_default))


def _preset_gone(asked: Asked, found: Result) -> Decision[Directory]:
    """preset.delete: likewise."""
    data: c.PresetId = asked.command.data
    if not found["found"]:
        return asked.answered(Refusal(Code.NOT_FOUND))
    rows: list[Row] = [
        Delete(PRESETS, {"id": data.preset_id}),
        _audited(asked, presetId=data.preset_id),
    ]
    return Decision(asked.directory, Reply({"deleted": True}), rows)


ADMINISTERING: Mapping[str, Handler] = {
    "scenario.create": _create,
    "scenario.change": _look,
    "preset.list": _list,
    "preset.create": _look_up,
    "preset.change": _look_up,
    "preset.delete": _look_up,
}
ADMINISTERING_WORKED: Mapping[str, WorkHandler] = {
    "scenario.change": _changed,
    "preset.create": _preset_made,
    "preset.change": _preset_changed,
    "preset.delete": _preset_gone,
}
