"""In the making."""

from __future__ import annotations

from collections.abc import Mapping

from beheard_hub.domain.mediation.turn import Handler, WorkHandler

STRATEGIES: Mapping[str, Handler] = {}
STRATEGIES_WORKED: Mapping[str, WorkHandler] = {}
