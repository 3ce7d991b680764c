"""In the making."""

from __future__ import annotations

from collections.abc import Mapping

from beheard_hub.domain.mediation.turn import Handler, WorkHandler

EMPATHY: Mapping[str, Handler] = {}
EMPATHY_WORKED: Mapping[str, WorkHandler] = {}
