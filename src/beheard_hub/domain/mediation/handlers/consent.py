"""In the making."""

from __future__ import annotations

from collections.abc import Mapping

from beheard_hub.domain.mediation.turn import Handler, WorkHandler

CONSENT: Mapping[str, Handler] = {}
CONSENT_WORKED: Mapping[str, WorkHandler] = {}
