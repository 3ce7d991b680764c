"""The rows of spec 08: scenarios, practices, invitations to them, administration, telemetry.

``{sessionId}`` is the number of a practice as text.
"""

from __future__ import annotations

from beheard_hub.gateway.rest.route import (
    ADMIN,
    PAGE,
    SESSION,
    Answer,
    Field,
    Kind,
    Method,
    Route,
    fields,
    get,
    post,
)

ONE = f"/practice/sessions/{{{SESSION}}}"
INVITATION = "/practice/invitations/{invitationId}"
SPAN = fields("from", "to", "name", "userId")


def _administered(path: str, kind: str, key: str, sort: Kind) -> tuple[Route, ...]:
    """How one is made and changed."""
    return (
        Route(method=Method.POST, path=path, command=f"{kind}.create", body=True, role=ADMIN),
        Route(
            method=Method.PATCH, path=f"{path}/{{{key}}}", command=f"{kind}.change",
            path_fields={key: Field(key, sort)}, body=True, role=ADMIN,
        ),
    )  # fmt: skip


OF_PRACTICE: tuple[Route, ...] = (
    get("/practice/scenarios", "practice.scenarios", PAGE, public=True),
    get("/practice/scenarios/{slug}", "practice.scenario", path_fields=fields("slug"), public=True),
    post("/practice/sessions", "practice.start"),
    get("/practice/sessions", "practice.list", PAGE),
    get(ONE, "practice.get"),
    get(f"{ONE}/messages", "practice.messages", PAGE),
    post(f"{ONE}/messages", "practice.send"),
    post(f"{ONE}/complete", "practice.complete"),
    Route(
        method=Method.GET, path=f"{ONE}/export", command="practice.export", answer=Answer.LINES
    ),
    post("/practice/invitations", "practice_invitation.create"),
    get("/practice/invitations", "practice_invitation.list", PAGE),
    get(INVITATION, "practice_invitation.get", path_fields=fields("invitationId")),
    Route(
        method=Method.DELETE, path=INVITATION, command="practice_invitation.revoke",
        path_fields=fields("invitationId"),
    ),
    Route(
        method=Method.POST, path="/practice/invitations/validate",
        command="practice_invitation.validate", body=True, public=True,
    ),
    Route(
        method=Method.POST, path="/practice/invitations/claim",
        command="practice_invitation.claim", body=True, open=True, answer=Answer.WELCOME,
    ),
    *_administered("/admin/scenarios", "scenario", "scenarioId", Kind.NUMBER),
    get("/admin/presets", "preset.list", role=ADMIN),
    *_administered("/admin/presets", "preset", "presetId", Kind.TEXT),
    Route(
        method=Method.DELETE, path="/admin/presets/{presetId}", command="preset.delete",
        path_fields=fields("presetId"), role=ADMIN,
    ),
    Route(
        method=Method.POST, path="/telemetry", command="telemetry.record", body=True, open=True
    ),
    get("/admin/telemetry/summary", "telemetry.summary", SPAN, role=ADMIN),
    get("/admin/telemetry/events", "telemetry.events", {**SPAN, **PAGE}, role=ADMIN),
    get("/admin/telemetry/series", "telemetry.series", SPAN, role=ADMIN),
    get("/admin/telemetry/top-scenarios", "telemetry.top_scenarios", SPAN, role=ADMIN),
)  # fmt: skip
