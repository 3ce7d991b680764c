"""Common ground: where two consented lists meet, from those texts and their categories alone."""

from __future__ import annotations

from collections.abc import Sequence

from beheard_hub.ai.offline.similarity import similarities
from beheard_hub.ai.offline.words import content_stems, shortened
from beheard_hub.facilitation import CommonItem, SharedNeed
from beheard_hub.ports import Embedder

ITEMS_MAX = 5
NEED_CHARS_MAX = 200
DESCRIPTION_CHARS_MAX = 200
_LABEL_CHARS_MAX = 80
_SAME_CATEGORY_MIN = 0.1
_OTHER_CATEGORY_MIN = 0.55
_SHARED_STEM_BONUS = 0.15

_NAMES = {
    "SAFETY": "Safety: that both of you can rest easy with each other",
    "CONNECTION": "Connection: that both of you feel close to and important for each other",
    "AUTONOMY": "Autonomy: that both of you have room and a say of your own",
    "RECOGNITION": "Recognition: that both of you are seen in what you do and who you are",
    "MEANING": "Meaning: that what both of you put into this has a purpose",
    "FAIRNESS": "Fairness: that weight and rules are shared evenly between you",
}
"""What a category says of two people; no text of either is in it."""


async def common_ground(needs: Sequence[SharedNeed], embedder: Embedder) -> list[CommonItem]:
    """0-5 items, strongest first; each stands on at least one content of each side."""
    mine = [n for n in needs if n.mine and n.text.strip()]
    theirs = [n for n in needs if not n.mine and n.text.strip()]
    rows = await similarities(embedder, [n.text for n in mine], [n.text for n in theirs])
    pairs = sorted(
        (
            (_strength(a, b, rows[i][j]), a, b)
            for i, a in enumerate(mine)
            for j, b in enumerate(theirs)
            if _meets(a, b, rows[i][j])
        ),
        key=lambda p: (-p[0], p[1].content_id, p[2].content_id),
    )
    items: list[CommonItem] = []
    seen: set[tuple[str, str]] = set()
    for _, a, b in pairs:
        category = a.category
        if (category, "") in seen or ("", a.content_id) in seen or ("", b.content_id) in seen:
            continue
        seen |= {(category, ""), ("", a.content_id), ("", b.content_id)}
        items.append(_item(a, b))
    return items[:ITEMS_MAX]


def _strength(a: SharedNeed, b: SharedNeed, similarity: float) -> float:
    shared = len(content_stems(a.text) & content_stems(b.text))
    return similarity + _SHARED_STEM_BONUS * min(shared, 3) + (a.category == b.category)


def _meets(a: SharedNeed, b: SharedNeed, similarity: float) -> bool:
    """The same category and some nearness, or another category and great nearness."""
    if a.category != b.category:
        return similarity >= _OTHER_CATEGORY_MIN
    shared = content_stems(a.text) & content_stems(b.text)
    return similarity >= _SAME_CATEGORY_MIN or bool(shared)


def _item(a: SharedNeed, b: SharedNeed) -> CommonItem:
    one, other = sorted((_label(a.text), _label(b.text)))
    same = one.casefold() == other.casefold()
    name = one if same else _NAMES.get(a.category, one)
    both = f'Both of you wrote: "{one}".' if same else f'One wrote: "{one}". The other: "{other}".'
    return CommonItem(
        need=shortened(name, NEED_CHARS_MAX),
        category=a.category,
        description=shortened(both, DESCRIPTION_CHARS_MAX),
        source_content_ids=[a.content_id, b.content_id],
    )


def _label(text: str) -> str:
    """The need itself, without the description that may follow it."""
    head = text.strip().split("\n", 1)[0]
    for mark in (": ", " \u2013 ", " \u2014 ", ". "):
        head = head.split(mark, 1)[0]
    return shortened(head.strip().rstrip("."), _LABEL_CHARS_MAX)
