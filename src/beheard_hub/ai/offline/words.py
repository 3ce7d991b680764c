"""Plain text work: sentences, clauses, content words, and turning "I" into "you"."""

from __future__ import annotations

import re

from beheard_hub.ai.offline.texts import table
from beheard_hub.ai.quoting import plain

_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")
_CLAUSE_BREAK = re.compile(
    r"\s*[,;:()\u2013\u2014]+\s*|\s+-+\s+"
    r"|\s+(?:and then|and|but|because|so that|although|though|while|which|unless)\s+",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_QUOTED = re.compile(r'"[^"]*"' r"|(?<!\w)'(?=\w)(?:[^'\n]|(?<=\w)'(?=\w))*'(?!\w)")

STOP_WORDS: frozenset[str] = frozenset(table("stop_words")["words"])

_SECOND_PERSON = {
    "i": "you",
    "i'm": "you're",
    "i've": "you've",
    "i'd": "you'd",
    "i'll": "you'll",
    "me": "you",
    "my": "your",
    "mine": "yours",
    "myself": "yourself",
    "we": "the two of you",
    "we're": "the two of you are",
    "we've": "the two of you have",
    "we'd": "the two of you would",
    "we'll": "the two of you will",
    "us": "the two of you",
    "our": "your",
    "ours": "yours",
    "ourselves": "yourselves",
}
_PHRASES = (
    (re.compile(r"\b(?:the )?(both|two) of us\b", re.IGNORECASE), r"\1 of you"),
    (re.compile(r"\bwe (both|two)\b", re.IGNORECASE), r"you \1"),
    (re.compile(r"\bbetween us\b", re.IGNORECASE), "between you"),
    (re.compile(r"\blet's\b", re.IGNORECASE), "let us"),
)
"""What does not go word by word."""
_VERB_AFTER_I = {"am": "are", "was": "were", "wasn't": "weren't", "ain't": "aren't"}
_BESIDE_VERB: frozenset[str] = frozenset(table("stop_words")["beside_verb"])
_OTHER_SUBJECTS: frozenset[str] = frozenset(table("stop_words")["other_subjects"])
_JOINS = frozenset({"and", "or", "but", "then"})
_SUFFIXES = ("ingly", "edly", "ings", "ing", "ies", "ied", "ed", "es", "ly", "s", "e", "y")


def sentences(text: str) -> list[str]:
    """Literal sentences of a text, trimmed; each is a substring of it."""
    return [s for s in (m.group().strip() for m in _SENTENCE.finditer(text)) if s]


def clauses(sentence: str) -> list[str]:
    """Literal clauses of a sentence, without the punctuation between and after them."""
    parts = (part.strip(" .!?\"'\t") for part in _CLAUSE_BREAK.split(sentence))
    return [part for part in parts if part]


def words(text: str) -> list[str]:
    """Lower-case words."""
    return [w.lower() for w in _WORD.findall(plain(text))]


def stem(word: str) -> str:
    """A rough stem: good enough to see that "calls" and "calling" are one word."""
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            return word[: -len(suffix)]
    return word


def content_stems(text: str) -> set[str]:
    """Stems of the words that carry meaning."""
    return {stem(w) for w in words(text) if w not in STOP_WORDS and len(w) > 1}


def without_quotations(text: str) -> str:
    """The text with what stands in quotation marks blanked out; positions stay."""
    return _QUOTED.sub(lambda m: " " * len(m.group()), plain(text))


def second_person(clause: str) -> str:
    """Turns the user's own clause towards them: "I carry it" becomes "you carry it".

    Verbs follow their subject: "I really was", "was I", "I came home and was tired".
    """
    text = plain(clause)
    for phrase, new in _PHRASES:
        text = phrase.sub(new, text)
    turned: list[str] = []
    before = subject = ""
    for token in text.split():
        core = token.strip('.,;:!?"()')
        low = core.lower()
        new = _SECOND_PERSON.get(low, core)
        if low in _VERB_AFTER_I and (before == "i" or (subject == "i" and before in _JOINS)):
            new = _VERB_AFTER_I[low]
        elif low == "i" and turned and before in _VERB_AFTER_I:
            turned[-1] = _VERB_AFTER_I[before]
        turned.append(token.replace(core, new) if core else token)
        subject = _subject(low, subject)
        before = before if low in _BESIDE_VERB else low
    return " ".join(turned)


def _subject(word: str, subject: str) -> str:
    """Whose verb the next one is, as far as pronouns tell."""
    if word.split("'")[0] == "i":
        return "i"
    return "" if word in _OTHER_SUBJECTS else subject


def decapitalised(text: str) -> str:
    """First letter lower, unless the first word is "I"."""
    head = text.split(" ", 1)[0] if text else ""
    return text if head.split("'")[0] == "I" else text[:1].lower() + text[1:]


def capitalised(text: str) -> str:
    """First letter upper."""
    return text[:1].upper() + text[1:]


def shortened(text: str, chars_max: int) -> str:
    """A literal beginning of the text, cut between words."""
    if len(text) <= chars_max:
        return text
    cut = text[: chars_max + 1].rsplit(" ", 1)[0].rstrip(" ,;:-")
    return cut if len(cut) <= chars_max else cut[:chars_max]
