"""What the facilitator may ask leave to share by itself: by rule, for every provider alike.

No model decides it, and none writes the text that would cross: the preview is made apart, is shown
to its owner alone, and nothing crosses without their yes. The domain asks once for each content.
"""

from __future__ import annotations

from collections.abc import Iterable

from beheard_hub.ai.offline.softening import transform
from beheard_hub.ai.offline.texts import pattern
from beheard_hub.ai.offline.words import content_stems
from beheard_hub.facilitation import Item

SHARING_STAGES = (2,)
SHARED_STEMS_MIN = 2

_WANTS_KNOWN = pattern("cues", "wants_known")


def meant(stage: int, newest: str, items: Iterable[Item]) -> Item | None:
    """The own note (a ``user_event``) that the user would like to be known: the wish is in their
    words, the note is about the same, and it can be softened without inventing."""
    if stage not in SHARING_STAGES or not _WANTS_KNOWN.search(newest):
        return None
    told = content_stems(newest)
    near = [
        (len(content_stems(item.text) & told), item)
        for item in items
        if item.type == "user_event" and transform("EVENT_SUMMARY", item.text).can_transform
    ]
    shared, note = max(near, key=lambda n: n[0], default=(0, None))
    return note if shared >= SHARED_STEMS_MIN else None


def wanted(note: Item | None) -> tuple[str, str] | None:
    """The same as `Spoken.ask_to_share` has it."""
    return None if note is None else ("EVENT_SUMMARY", note.id)
