"""What administrators set up for practices, in words: scenarios and presets."""

from __future__ import annotations

from beheard_hub.domain.refusals import Code
from beheard_hub.gateway.documents.examples import THING
from beheard_hub.gateway.documents.practising import PERSONA
from beheard_hub.gateway.documents.schema import BOOL, COUNT, TEXT, many, maybe, ref
from beheard_hub.gateway.documents.sections import Asked, Section, Shape, Word

CHANGES = ("scenario.create", "scenario.change")
PRESETS = ("preset.create", "preset.change")


def _shape(means: str, fields: str) -> Shape:
    return Shape(means, tuple(fields.split()))


def _each(commands: tuple[str, ...], field: str, said: Asked) -> dict[str, Asked]:
    return {f"{command}.{field}": said for command in commands}


SETTING_UP = Section(
    tags={
        "scenario": ("Setting up", "Scenarios and presets of practices; for administrators."),
        "preset": ("Setting up", ""),
    },
    summaries={
        "scenario.create": "Add a scenario",
        "scenario.change": "Change a scenario; one that has practices, by a new version",
        "preset.list": "List the presets of quotas",
        "preset.create": "Add a preset",
        "preset.change": "Change a preset; what was copied from it stays",
        "preset.delete": "Delete a preset; what was copied from it stays",
    },
    asked={
        **_each(CHANGES, "name", Asked("What it is called.", "The empty chair")),
        **_each(CHANGES, "description", Asked("What is practised.", "The whole family is there.")),
        "scenario.create.slug": Asked("Its name in addresses; for good.", "empty-chair"),
        "partnerPersona": Asked("Who the partner is, as one is told.", PERSONA),
        "partnerSystemPrompt": Asked("What the partner is told; never shown.", "You are Renate."),
        "coachSystemPrompt": Asked("What the coach is told; never shown.", "You coach somebody."),
        "partnerModel": Asked("By which model it speaks; null: the provider's own.", "large"),
        "coachModel": Asked("By which model it speaks; null: the provider's own.", "small"),
        **_each(CHANGES, "isActive", Asked("It is offered; of a slug one version is.", True)),
        **_each(PRESETS, "name", Asked("By which it is named.", "standard")),
        **_each(PRESETS, "label", Asked("What staff read.", "Standard")),
        **_each(PRESETS, "description", Asked("More about it.", "For a first practice.")),
        "tokens": Asked("How much may be used.", 25_000),
        "isDefault": Asked("It is used where none is named; the one that was is not.", False),
        "sortOrder": Asked("Its place in the list.", 1),
        "presetId": Asked("The preset.", THING),
    },
    replies={
        "scenario.create": ("scenario",),
        "scenario.change": ("scenario",),
        "preset.list": ("presets",),
        "preset.create": ("preset",),
        "preset.change": ("preset",),
        "preset.delete": ("deleted",),
    },
    shapes={
        "ScenarioVersion": _shape(
            "A version of a scenario, without what only the hub may know.",
            "id name description slug partnerPersona version isActive",
        ),
        "Preset": _shape(
            "What an invitation may give.",
            "id name label description tokens isDefault sortOrder",
        ),
    },
    words={
        "scenario.create.scenario": Word(ref("ScenarioVersion"), "The scenario."),
        "scenario.change.scenario": Word(ref("ScenarioVersion"), "As it is offered from now on."),
        "ScenarioVersion.id": Word(COUNT, "Its number.", 5),
        "ScenarioVersion.description": Word(TEXT, "What is practised.", "All are there."),
        "ScenarioVersion.version": Word(COUNT, "The how manieth of its slug.", 2),
        "ScenarioVersion.isActive": Word(BOOL, "It is offered.", True),
        "presets": Word(many(ref("Preset")), "In their order."),
        "preset": Word(ref("Preset"), "The preset."),
        "Preset.id": Word(TEXT, "Its id.", THING),
        "Preset.name": Word(TEXT, "By which it is named.", "standard"),
        "Preset.label": Word(TEXT, "What staff read.", "Standard"),
        "Preset.description": Word(maybe(TEXT), "More about it.", "For a first practice."),
        "isDefault": Word(BOOL, "It is used where none is named.", True),
        "sortOrder": Word(COUNT, "Its place in the list.", 1),
    },
    also={
        "scenario.change": (Code.NOT_FOUND,),
        "preset.change": (Code.NOT_FOUND,),
        "preset.delete": (Code.NOT_FOUND,),
    },
)
