"""What a client may ask in practice: one struct per command. Their rules are their annotations;
when a command may be given is a row of `protocol`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec

from beheard_hub.domain.limits import (
    INVITATION_DAYS,
    INVITATION_DAYS_MAX,
    INVITATION_LABEL_CHARS_MAX,
    INVITATION_TOKEN_CHARS_MAX,
    MODEL_CHARS_MAX,
    NOTE_CHARS_MAX,
    PERSONA_CHARS_MAX,
    PRESET_DESCRIPTION_CHARS_MAX,
    PRESET_LABEL_CHARS_MAX,
    PRESET_NAME_CHARS_MAX,
    PROMPT_CHARS_MAX,
    ROW_NUMBER_MAX,
    SCENARIO_DESCRIPTION_CHARS_MAX,
    SCENARIO_NAME_CHARS_MAX,
    SLUG_CHARS_MAX,
    TELEMETRY_BYTES_MAX,
    TELEMETRY_NAME_CHARS_MAX,
    TOKENS_MAX,
)
from beheard_hub.domain.limits import PRACTICE_MESSAGE_CHARS_MAX as CHARS_MAX
from beheard_hub.domain.practice.vocabulary import VIA_QR
from beheard_hub.domain.validation import (
    CURSOR_CHARS_MAX,
    Data,
    Flag,
    Flat,
    Id,
    Number,
    OneOf,
    Slug,
    Text,
    When,
)


class Nothing(Data, frozen=True, kw_only=True):
    """A command without data."""


class PracticeStart(Data, frozen=True, kw_only=True):
    """practice.start"""

    scenario_id: Annotated[int, Number(1, ROW_NUMBER_MAX)]
    preset_name: Annotated[str | None, Text(PRESET_NAME_CHARS_MAX)] = None


class PracticeSend(Data, frozen=True, kw_only=True):
    """practice.send"""

    content: Annotated[str, Text(CHARS_MAX)]


class PracticeList(Data, frozen=True, kw_only=True):
    """practice.list"""

    cursor: Annotated[str | None, Text(CURSOR_CHARS_MAX)] = None
    limit: Annotated[int, Number(1, 50)] = 20


class PracticeScenarios(Data, frozen=True, kw_only=True):
    """practice.scenarios"""

    cursor: Annotated[str | None, Text(CURSOR_CHARS_MAX)] = None
    limit: Annotated[int, Number(1, 50)] = 20


class PracticeScenario(Data, frozen=True, kw_only=True):
    """practice.scenario"""

    slug: Annotated[str, Text(SLUG_CHARS_MAX)]


class PracticeMessages(Data, frozen=True, kw_only=True):
    """practice.messages"""

    cursor: Annotated[str | None, Text(CURSOR_CHARS_MAX)] = None
    limit: Annotated[int, Number(1, 100)] = 50


class NoteAdd(Data, frozen=True, kw_only=True):
    """note.add"""

    invitation_id: Annotated[str, Id()]
    session_id: Annotated[str | None, Id()] = None
    content: Annotated[str, Text(NOTE_CHARS_MAX)]


class NoteList(Data, frozen=True, kw_only=True):
    """note.list"""

    invitation_id: Annotated[str, Id()]
    cursor: Annotated[str | None, Text(CURSOR_CHARS_MAX)] = None
    limit: Annotated[int, Number(1, 100)] = 50


class NoteDelete(Data, frozen=True, kw_only=True):
    """note.delete"""

    note_id: Annotated[str, Id()]


class InvitationCreate(Data, frozen=True, kw_only=True):
    """practice_invitation.create"""

    label: Annotated[str | None, Text(INVITATION_LABEL_CHARS_MAX)] = None
    scenario_id: Annotated[int, Number(1, ROW_NUMBER_MAX)]
    preset_name: Annotated[str, Text(PRESET_NAME_CHARS_MAX)]
    expires_in_days: Annotated[int, Number(1, INVITATION_DAYS_MAX)] = INVITATION_DAYS
    observed: Annotated[bool, Flag()] = True


class InvitationList(Data, frozen=True, kw_only=True):
    """practice_invitation.list"""

    cursor: Annotated[str | None, Text(CURSOR_CHARS_MAX)] = None
    limit: Annotated[int, Number(1, 50)] = 20


class InvitationId(Data, frozen=True, kw_only=True):
    """practice_invitation.get and .revoke"""

    invitation_id: Annotated[str, Id()]


class InvitationValidate(Data, frozen=True, kw_only=True):
    """practice_invitation.validate"""

    token: Annotated[str, Text(INVITATION_TOKEN_CHARS_MAX)]
    via: Annotated[str | None, OneOf((VIA_QR,))] = None
    """How it came: the link in a QR code says so."""


class InvitationClaim(Data, frozen=True, kw_only=True):
    """practice_invitation.claim"""

    token: Annotated[str, Text(INVITATION_TOKEN_CHARS_MAX)]


class TelemetryRecord(Data, frozen=True, kw_only=True):
    """telemetry.record"""

    name: Annotated[str, Text(TELEMETRY_NAME_CHARS_MAX)]
    properties: Annotated[Mapping[str, Any] | None, Flat(TELEMETRY_BYTES_MAX)] = None
    session_id: Annotated[str | None, Id()] = None


class TelemetrySpan(Data, frozen=True, kw_only=True):
    """telemetry.summary, .series and .top_scenarios: what happened from one time to another."""

    from_: Annotated[datetime | None, When()] = msgspec.field(name="from", default=None)
    """Nothing: `TELEMETRY_DAYS` before `to`."""
    to: Annotated[datetime | None, When()] = None
    """Not itself; nothing: now."""
    name: Annotated[str | None, Text(TELEMETRY_NAME_CHARS_MAX)] = None
    user_id: Annotated[str | None, Id()] = None


class TelemetryEvents(TelemetrySpan, frozen=True, kw_only=True):
    """telemetry.events"""

    cursor: Annotated[str | None, Text(CURSOR_CHARS_MAX)] = None
    limit: Annotated[int, Number(1, 100)] = 50


class ScenarioCreate(Data, frozen=True, kw_only=True):
    """scenario.create"""

    name: Annotated[str, Text(SCENARIO_NAME_CHARS_MAX)]
    slug: Annotated[str, Slug(SLUG_CHARS_MAX)]
    description: Annotated[str, Text(SCENARIO_DESCRIPTION_CHARS_MAX)]
    partner_persona: Annotated[str, Text(PERSONA_CHARS_MAX)]
    partner_system_prompt: Annotated[str, Text(PROMPT_CHARS_MAX)]
    coach_system_prompt: Annotated[str, Text(PROMPT_CHARS_MAX)]
    partner_model: Annotated[str | None, Text(MODEL_CHARS_MAX)] = None
    """Nothing: the provider's own."""
    coach_model: Annotated[str | None, Text(MODEL_CHARS_MAX)] = None
    is_active: Annotated[bool, Flag()] = True


class ScenarioChange(Data, frozen=True, kw_only=True):
    """scenario.change: what is not given stays."""

    cleared = ("partnerModel", "coachModel")

    scenario_id: Annotated[int, Number(1, ROW_NUMBER_MAX)]
    name: Annotated[str | None, Text(SCENARIO_NAME_CHARS_MAX)] = None
    description: Annotated[str | None, Text(SCENARIO_DESCRIPTION_CHARS_MAX)] = None
    partner_persona: Annotated[str | None, Text(PERSONA_CHARS_MAX)] = None
    partner_system_prompt: Annotated[str | None, Text(PROMPT_CHARS_MAX)] = None
    coach_system_prompt: Annotated[str | None, Text(PROMPT_CHARS_MAX)] = None
    partner_model: Annotated[str | msgspec.UnsetType | None, Text(MODEL_CHARS_MAX)] = msgspec.UNSET
    coach_model: Annotated[str | msgspec.UnsetType | None, Text(MODEL_CHARS_MAX)] = msgspec.UNSET
    is_active: Annotated[bool | None, Flag()] = None


class PresetCreate(Data, frozen=True, kw_only=True):
    """preset.create"""

    name: Annotated[str, Text(PRESET_NAME_CHARS_MAX)]
    label: Annotated[str, Text(PRESET_LABEL_CHARS_MAX)]
    description: Annotated[str | None, Text(PRESET_DESCRIPTION_CHARS_MAX)] = None
    tokens: Annotated[int, Number(1, TOKENS_MAX)]
    is_default: Annotated[bool, Flag()] = False
    sort_order: Annotated[int, Number(0, ROW_NUMBER_MAX)] = 0


class PresetChange(Data, frozen=True, kw_only=True):
    """preset.change: what is not given stays."""

    preset_id: Annotated[str, Id()]
    name: Annotated[str | None, Text(PRESET_NAME_CHARS_MAX)] = None
    label: Annotated[str | None, Text(PRESET_LABEL_CHARS_MAX)] = None
    description: Annotated[str | None, Text(PRESET_DESCRIPTION_CHARS_MAX)] = None
    tokens: Annotated[int | None, Number(1, TOKENS_MAX)] = None
    is_default: Annotated[bool | None, Flag()] = None
    sort_order: Annotated[int | None, Number(0, ROW_NUMBER_MAX)] = None


class PresetId(Data, frozen=True, kw_only=True):
    """preset.delete"""

    preset_id: Annotated[str, Id()]
