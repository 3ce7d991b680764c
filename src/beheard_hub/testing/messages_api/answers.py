"""Answers by rule, from the data in a request: plausible, never the same as nothing.

They follow the rules that a real answer must follow (literal quotes, first person, both sides'
ids), so that a journey plays on and an evaluation finds nothing. No randomness: a request that is
sent again is answered alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from beheard_hub.testing.messages_api.filling import filled
from beheard_hub.testing.messages_api.recording import Request

Facts: TypeAlias = Mapping[str, Any]

ECHO_CHARS_MAX = 160
QUOTE_CHARS_MAX = 200
NEEDS_MAX = 5
ITEMS_MAX = 5
DESCRIPTION_CHARS_MAX = 700

_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")
_NEEDS: Sequence[tuple[str, str, str, re.Pattern[str]]] = tuple(
    (category, need, description, re.compile(pattern, re.IGNORECASE))
    for category, need, description, pattern in (
        ("CONNECTION", "To be close again", "That we have time in which nothing is asked of me.",
         r"\b(?:close|alone|lonel\w+|miss|together|belong|company|friend)\b"),
        ("RECOGNITION", "To be seen in what I carry", "That what I do is noticed and weighed.",
         r"\b(?:notice\w*|see|seen|heard|listen\w*|thank\w*|seriously|invisible|matter)\b"),
        ("SAFETY", "To rest easy", "That I can count on how the day goes on.",
         r"\b(?:rest|safe|afraid|scared|tired|calm|trust|count on)\b"),
        ("FAIRNESS", "An even share of the weight", "That the work is spread between us.",
         r"\b(?:fair\w*|share|always me|everything|half|weight|money|pay)\b"),
        ("AUTONOMY", "Room of my own", "That I have a say in what is decided about me.",
         r"\b(?:room|own|decide\w*|free\w*|told me|control\w*|asked me)\b"),
        ("MEANING", "That it leads somewhere", "That what we put into this has a purpose.",
         r"\b(?:why|purpose|point of|worth|future|hope)\b"),
    )
)  # fmt: skip
_HARD = re.compile(r"\b(?:always|never|idiot|liar|selfish|lazy|hate|stupid)\b", re.IGNORECASE)
_FIRST_PERSON = re.compile(r"\b(?:I|my|me|we|our)\b|\bI'", re.IGNORECASE)
_WONDERS = re.compile(r"\b(?:maybe|perhaps|might|imagine|wonder|I think)\b|\?", re.IGNORECASE)
_TRAP = re.compile(r"\b(?:liar|selfish|lazy|idiot|always|never|pathetic|his fault|her fault)\b",
                   re.IGNORECASE)  # fmt: skip

_OPENINGS: Mapping[str, str] = {
    "0": "Welcome. Nothing you write here is seen by anybody else unless you say so. "
    "Before we begin, is there anything you would like to ask about how this works?",
    "1": "This part is only for you. Tell me what happened, in your own order; I will listen.",
    "2": "Now it is about a guess at the other side. What might a day look like from over there?",
    "3": "Let us look for what matters underneath. What do you need that you do not have now?",
    "4": "Small things first. What would you be willing to try for a week, and then look again?",
}
_REPLIES: Mapping[str, str] = {
    "0": "Thank you for asking. We go step by step, and you decide on each of them.",
    "1": "I can hear that this weighs on you. What in it is the heaviest for you?",
    "2": "That is worth staying with. What might the other person have been hoping for just then?",
    "3": "There seems to be something important under it. What would change if you had it?",
    "4": "That sounds like something one can try. How would you both notice that it helped?",
    "support": "That is a lot at once. We can pause, or breathe for a minute; both are fine.",
    "mirror": "It hurts, and it makes sense that it does. What might it look like from the other "
    "side, if you were only guessing?",
    "crisis": "I am glad that you wrote this. Your safety comes first; please look at the places "
    "that can help you now. I stay here with you.",
}

_LANES: Mapping[str, str] = {
    "practice_partner": "You said: \u201c{newest}\u201d I hear it, and still it was different "
    "from where I stood. What did you want me to do that evening?",
    "practice_coach": "The other one answered: \u201c{newest}\u201d Stay with your own side of "
    "it. Say what you felt before you say what you ask for.",
}
"""What each lane of a practice answers, with the words it answers to."""


def answer(request: Request) -> str:
    """The text of the answer: JSON where a schema was given, else prose."""
    if request.schema is None:
        return prose(request)
    facts = FACTS.get(request.call, _nothing)(request)
    return msgspec.json.encode(filled(request.schema, facts)).decode()


def prose(request: Request) -> str:
    """What a facilitator might say to the newest words, which it takes up literally."""
    if request.call in _LANES:
        return _LANES[request.call].format(newest=_heard_last(request))
    stage = request.call[-1:] if request.call[-1:].isdigit() else ""
    newest = " ".join(request.newest())
    if not newest or _task(request).get("do") == "open":
        return _OPENINGS.get(stage, _OPENINGS["1"])
    reply = _REPLIES.get(stage or request.call, _REPLIES["1"])
    return f"You wrote: \u201c{_shortened(newest, ECHO_CHARS_MAX)}\u201d\n\n{reply}"


def _heard_last(request: Request) -> str:
    """What was said last in a practice, as the lane that is asked was told it."""
    quoted = request.data("said")
    text = quoted[-1]["text"] if quoted else request.turns[-1][1].splitlines()[-1]
    return _shortened(text, ECHO_CHARS_MAX)


def _nothing(_: Request) -> Facts:
    return {}


def _synthesis(request: Request) -> Facts:
    """Up to one need of each category that a sentence speaks of, each with that sentence."""
    texts = [words["text"] for words in request.data("words")]
    said = [s for text in texts for s in _sentences(text) if len(s.split()) >= 3]
    needs: list[dict[str, Any]] = []
    for category, need, description, pattern in _NEEDS:
        quotes = [s for s in said if pattern.search(s) and len(s) <= QUOTE_CHARS_MAX][:3]
        if quotes:
            needs.append({
                "need": need, "category": category, "description": description,
                "evidence": quotes, "confidence": min(0.95, 0.6 + 0.1 * len(quotes)),
            })  # fmt: skip
    unsure = [n for n in needs if n["confidence"] < 0.75]
    questions = [
        {
            "potentialNeed": n["need"],
            "question": f"How important is this to you: {n['need'].lower()}?",
            "evidenceSoFar": n["evidence"][0],
        }
        for n in unsure[:2]
    ]
    return {"needs": needs[:NEEDS_MAX], "clarifications": questions}


def _transform(request: Request) -> Facts:
    """One to three of the user's own sentences, without hard words, in the first person."""
    soft = []
    for sentence in _sentences(_task(request).get("text", "")):
        plain = " ".join(_HARD.sub(" ", sentence).split()).rstrip(" .!?")
        if plain and _FIRST_PERSON.search(plain):
            soft.append(f"{plain}.")
        elif plain:
            soft.append(f"For me, {plain[:1].lower()}{plain[1:]}.")
    text = " ".join(soft[:3])
    asked = [] if text else ["What happened, as a camera would have seen it?"]
    return {"canTransform": bool(text), "text": text, "clarifications": asked}


def _draft_check(request: Request) -> Facts:
    curious = bool(_WONDERS.search(_task(request).get("text", "")))
    hint = "" if curious else "You could put it as a guess that may be corrected."
    return {"curious": curious, "hint": hint}


def _mirror_check(request: Request) -> Facts:
    """Each message by itself: a hard word about somebody is a judgement."""
    kinds = [
        {"number": one["number"], "kind": "judgement" if _TRAP.search(one["text"]) else "none"}
        for one in _task(request).get("messages", ())
    ]
    return {"messages": kinds}


def _common_ground(request: Request) -> Facts:
    """One item for each category that both sides named."""
    needs = _task(request).get("needs", [])
    items = []
    for category, need, _, _ in _NEEDS:
        sides = [
            [n for n in needs if n["mine"] is mine and n["category"] == category]
            for mine in (True, False)
        ]
        if all(sides):
            ids = [side[0]["contentId"] for side in sides]
            items.append({
                "need": need, "category": category, "sourceContentIds": ids,
                "description": f"Both of you named a need for {category.lower()}.",
            })  # fmt: skip
    return {"items": items[:ITEMS_MAX]}


def _suggest(request: Request) -> Facts:
    """Experiments of the library, as they stand there, as many as were asked for."""
    task = _task(request)
    ideas = task.get("library") or [{"text": "Ten minutes of talk in the evening, by turns."}]
    found = [
        {
            "description": _shortened(str(idea.get("text", "")), DESCRIPTION_CHARS_MAX),
            "needsAddressed": list(task.get("common", ()))[:2],
            "duration": "one week",
            "measureOfSuccess": "afterwards both of you say that you would do it once more",
        }
        for idea in ideas[: max(1, int(task.get("count", 1)))]
    ]
    return {"suggestions": found}


def _extract(request: Request) -> Facts:
    """One event, where something is told of a time."""
    told = [
        s
        for w in request.newest()
        for s in _sentences(w)
        if re.search(
            r"\b(?:yesterday|last \w+|on (?:mon|tues|wednes|thurs|fri|satur|sun)day)\b", s, re.I
        )
    ]
    events = [
        {"description": s, "text": s, "quote": s, "evidence": [s], "attributedTo": "MUTUAL"}
        for s in told[:1]
    ]
    return {"events": events, "needs": []}


FACTS: Mapping[str, Callable[[Request], Facts]] = {
    "synthesis": _synthesis,
    "transform": _transform,
    "draft_check": _draft_check,
    "mirror_check": _mirror_check,
    "common_ground": _common_ground,
    "suggest": _suggest,
    "extract": _extract,
}
"""Call with a schema → what its rule knows; others get the emptiest answer that fits."""


def _task(request: Request) -> Facts:
    tasks = request.data("task")
    return tasks[-1] if tasks else {}


def _sentences(text: str) -> list[str]:
    return [s for s in (m.group().strip() for m in _SENTENCE.finditer(text)) if s]


def _shortened(text: str, chars_max: int) -> str:
    if len(text) <= chars_max:
        return text
    return text[: chars_max + 1].rsplit(" ", 1)[0][:chars_max]
