"""The rows of spec 08: scenarios, and one's own practices.

``{sessionId}`` is the number of a practice as text.
"""

from __future__ import annotations

from beheard_hub.gateway.rest.route import PAGE, SESSION, Route, fields, get, post

ONE = f"/practice/sessions/{{{SESSION}}}"

OF_PRACTICE: tuple[Route, ...] = (
    get("/practice/scenarios", "practice.scenarios", PAGE, public=True),
    get("/practice/scenarios/{slug}", "practice.scenario", path_fields=fields("slug"), public=True),
    post("/practice/sessions", "practice.start"),
    get("/practice/sessions", "practice.list", PAGE),
    get(ONE, "practice.get"),
    get(f"{ONE}/messages", "practice.messages", PAGE),
    post(f"{ONE}/messages", "practice.send"),
    post(f"{ONE}/complete", "practice.complete"),
)
