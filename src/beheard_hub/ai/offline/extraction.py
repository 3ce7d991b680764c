"""Memory extraction by rules: sentences that tell of something that happened, and what they name.

An event is one literal sentence with a subject and, soon after it, a verb of the past; whose doing
it was is told by the subject. Needs come from the taxonomy, emotions only where they are named.
"""

from __future__ import annotations

import re
from functools import cache

from beheard_hub.ai.offline import taxonomy
from beheard_hub.ai.offline.texts import table
from beheard_hub.ai.offline.words import sentences, without_quotations
from beheard_hub.ai.quoting import plain
from beheard_hub.ai.thread import role
from beheard_hub.facilitation import Bundle, Extraction, Item, Noticed, ToldEvent

EVENTS_PER_MESSAGE_MAX = 3
EVENT_CHARS_MAX = 300
"""A longer sentence is a story; it stays in its message."""


def extract(bundle: Bundle) -> Extraction:
    """What the user's messages in the bundle tell of."""
    messages = [item for item in bundle.items if item.type == "message" and role(item) == "USER"]
    partner = bundle.partner_name
    events = [event for message in messages for event in _events(message, partner)]
    return Extraction(events, [_noticed(message) for message in messages])


def _events(message: Item, partner: str | None) -> list[ToldEvent]:
    found = []
    for sentence in sentences(message.text):
        whose = attributed(sentence, partner)
        if whose is not None and len(sentence) <= EVENT_CHARS_MAX:
            emotions = taxonomy.feelings_said(plain(sentence))
            found.append(
                ToldEvent(
                    message_id=message.id, quote=sentence, attributed_to=whose, emotions=emotions
                )
            )
    return found[:EVENTS_PER_MESSAGE_MAX]


def attributed(sentence: str, partner: str | None) -> str | None:
    """Whose doing a sentence tells of; None where it tells of nothing that happened."""
    said = without_quotations(sentence)
    if sentence.endswith("?") or _unreal().search(said):
        return None
    found = [(match.start(), whose) for whose, match in _told(said, partner) if match is not None]
    return min(found, key=lambda at: at[0])[1] if found else None


def _told(said: str, partner: str | None) -> list[tuple[str, re.Match[str] | None]]:
    by_name = [("OTHER", _happening(re.escape(partner)).search(said))] if partner else []
    by_word = [
        (whose, _happening(subject).search(said))
        for whose, subject in table("events")["subjects"].items()
    ]
    return [*by_name, *by_word]


@cache
def _unreal() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{table('events')['unreal']['words']})\b", re.IGNORECASE)


def _happening(subject: str) -> re.Pattern[str]:
    """`subject`, and within a few words a verb of the past."""
    verbs = table("events")["verbs"]
    word = rf"\s+(?!(?:{verbs['not_between']})\b)[\w'-]+"
    between = rf"(?:{word}){{0,{verbs['words_between']}}}?"
    return re.compile(rf"\b(?:{subject}){between}\s+(?:{verbs['past']})(?![\w'])", re.IGNORECASE)


def _noticed(message: Item) -> Noticed:
    text = plain(message.text)
    needs = dict.fromkeys(kind.category for kind, _ in taxonomy.needs_in(without_quotations(text)))
    return Noticed(message_id=message.id, needs=list(needs), emotions=taxonomy.feelings_said(text))
