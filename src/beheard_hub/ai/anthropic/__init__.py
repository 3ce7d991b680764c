"""The facilitator with models of Anthropic, by the official SDK (spec 06).

Read `provider.py` first: which call answers what. `prompts/` is what the models are told, `wording`
what they are shown and in which form, `answers` and `verification` what is believed of what they
say, `transport` how a request survives a bad minute.
"""

from beheard_hub.ai.anthropic.provider import AnthropicFacilitator

__all__ = ["AnthropicFacilitator"]
