"""Both providers: by rules, and the real SDK against the stand-in, which records every request."""

from __future__ import annotations

from tests.unit.ai.anthropic.conftest import Desk, desk

__all__ = ["Desk", "desk"]
