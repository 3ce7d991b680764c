"""What is said of a text for sharing that speaks of danger: nothing is coached, nothing softened.

From `urgent` up nobody is asked to empathise with violence, nor is violence put into gentler words
(spec 06). The user may still write and share what they want: no gate depends on either answer. Both
providers ask here first, so that no such text costs a call.
"""

from __future__ import annotations

from beheard_hub.ai.crisis import assess
from beheard_hub.facilitation import DraftCheck, Transformation

DRAFT_HINT = (
    "This speaks of danger. You need not find understanding for it. What matters first is that "
    "you and everybody else are safe."
)
NOT_SOFTENED = (
    "This speaks of danger, and I will not make it sound gentler. If your partner is to read it, "
    "it is in your own words. Would you be safe when they do?"
)


def draft_in_danger(text: str) -> DraftCheck | None:
    """The check of an empathy draft that speaks of danger; None for any other."""
    return DraftCheck(curious=False, hint=DRAFT_HINT) if _dangerous(text) else None


def transformation_in_danger(text: str) -> Transformation | None:
    """The preview of a text that speaks of danger: none, the user's own words or nothing; None for
    any other text."""
    if not _dangerous(text):
        return None
    return Transformation(can_transform=False, clarifications=(NOT_SOFTENED,))


def _dangerous(text: str) -> bool:
    found = assess(text)
    return found is not None and found.shows_resources
