"""The facilitator without a model: rules, the need taxonomy and local embeddings (spec 06).

A stand-in that lets the whole journey run, not a therapist. Texts and patterns are in `texts/`.
"""

from beheard_hub.ai.offline.facilitator import OfflineFacilitator

__all__ = ["OfflineFacilitator"]
