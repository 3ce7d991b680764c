"""What a refusal tells: the stage it belongs to, the field and its limit; never what was given."""

from __future__ import annotations

import pytest

from beheard_hub.domain.mediation.kind import DIRECTORY, MEDIATION
from beheard_hub.domain.mediation.protocol import COMMANDS, STAGES
from beheard_hub.domain.refusals import Code, Refusal
from tests.e2e.canaries import ALL, Sown, command_of, found_in, spoilt, text_fields
from tests.privacy.objects import sample
from tests.unit.domain.play import A, Play


@pytest.mark.parametrize("path", text_fields())
def test_a_bad_text_is_not_repeated(path: str) -> None:
    sown, command = Sown(), command_of(path)
    kind = DIRECTORY if command in DIRECTORY.commands else MEDIATION
    assert command in ALL
    for way, data in spoilt(path, text_fields()[path], sown):
        refusal = kind.validate(command, data)
        assert isinstance(refusal, Refusal), way
        assert refusal.code == Code.VALIDATION_ERROR
        assert found_in(repr(refusal)) & sown.words() == set(), way
    assert sown.words()


@pytest.mark.parametrize("stage", [stage.number for stage in STAGES])
def test_what_belongs_to_another_stage_is_refused(stage: int) -> None:
    play = Play().to_stage(stage)
    assert play.stage(A) == stage
    others = {
        name for name, row in COMMANDS.items() if row.stages is not None and stage not in row.stages
    }
    assert others
    for name in others:
        refusal = play.try_(A, name, **sample(name))
        assert isinstance(refusal, Refusal), name
        assert refusal.code == Code.INVALID_STAGE, name
        assert refusal.details is not None
        assert refusal.details["yours"] == str(stage)
