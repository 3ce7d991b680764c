"""Practices in words: scenarios, sessions and what is said in them (spec 08)."""

from __future__ import annotations

from beheard_hub.domain.practice import vocabulary as v
from beheard_hub.domain.practice.protocol import ENDS
from beheard_hub.domain.refusals import Code
from beheard_hub.gateway.documents.examples import AT
from beheard_hub.gateway.documents.schema import BOOL, COUNT, TEXT, TIME, many, maybe, ref, words_of
from beheard_hub.gateway.documents.sections import Asked, Section, Shape, Word

NUMBER = "271"
SAID = "You never once asked how it was for me."
PERSONA = "Renate, 61, your aunt. She has set the table for twelve."
QUOTA_STATE = words_of(v.OK, v.WARNING, v.EXHAUSTED)
LANE = words_of(v.PARTNER, v.COACH)
STATUS = words_of(v.ACTIVE, v.PAUSED, v.COMPLETED, v.ABANDONED)


def _shape(means: str, fields: str) -> Shape:
    return Shape(means, tuple(fields.split()))


PRACTISING = Section(
    tags={
        "practice": (
            "Practice",
            "One person rehearses with an AI partner, and an AI coach comments. Answers come as "
            "deltas and events of the websocket; by REST they are read from the messages.",
        ),
    },
    summaries={
        "practice.scenarios": "List the scenarios that can be practised; no login",
        "practice.scenario": "Read one scenario; no login",
        "practice.start": "Begin a practice of one's own",
        "practice.list": "List own practices, newest first",
        "practice.get": "Read a practice, and what is left of its quota",
        "practice.messages": "Read all that was said, newest first",
        "practice.send": "Say something to the partner; both lanes answer, one after the other",
        "practice.retry": "Ask the lane that failed once more",
        "practice.complete": "End the practice",
    },
    asked={
        "scenarioId": Asked("The scenario.", 1),
        "presetName": Asked("Whose quota it gets; nothing: the hub's default.", "standard"),
        "slug": Asked("The scenario, by its name in addresses.", "family-table"),
        "practice.send.content": Asked("What to say.", SAID),
    },
    replies={
        "practice.scenarios": ("scenarios", "cursor", "hasMore"),
        "practice.scenario": ("scenario",),
        "practice.start": ("session",),
        "practice.list": ("sessions", "cursor", "hasMore"),
        "practice.get": ("session", "quota"),
        "practice.messages": ("messages", "cursor", "hasMore"),
        "practice.send": ("userMessage",),
        "practice.retry": ("accepted",),
        "practice.complete": ("session",),
    },
    shapes={
        "Scenario": _shape(
            "What can be practised: never how partner and coach are told to speak.",
            "id name description slug partnerPersona",
        ),
        "Transcript": _shape(
            "The newest page of what was said; `practice.messages` has the others.",
            "messages cursor hasMore",
        ),
        "PracticeSession": _shape(
            "One practice.",
            "id scenarioId invitationId status startedAt endedAt durationSeconds totalMessages "
            "observed",
        ),
        "PracticeMessage": _shape(
            "What somebody said in a practice.",
            "id sessionId role content timestamp audioUrl clientId",
        ),
        "Quota": _shape("What may still be used, in tokens.", "remaining total state"),
        "Exchange": _shape("An exchange that is not complete.", "messageId lane failed"),
        "PracticeState": _shape(
            "Where a practice stands: the state of its snapshot.",
            "session quota exchange transcript?",
        ),
    },
    words={
        "scenarios": Word(many(ref("Scenario")), "Newest first."),
        "scenario": Word(ref("Scenario"), "The scenario."),
        "Scenario.id": Word(COUNT, "Its number.", 1),
        "Scenario.description": Word(TEXT, "What is practised.", "The whole family is there."),
        "name": Word(TEXT, "What it is called.", "The empty chair"),
        "slug": Word(TEXT, "Its name in addresses.", "family-table"),
        "partnerPersona": Word(TEXT, "Who the partner is, as one is told.", PERSONA),
        "practice.start.session": Word(ref("PracticeSession"), "The practice; subscribe to it."),
        "practice.list.sessions": Word(many(ref("PracticeSession")), "Newest first."),
        "practice.get.session": Word(ref("PracticeSession"), "The practice."),
        "practice.complete.session": Word(ref("PracticeSession"), "The practice, at its end."),
        "PracticeState.session": Word(ref("PracticeSession"), "The practice."),
        "quota": Word(ref("Quota"), "What is left."),
        "exchange": Word(maybe(ref("Exchange")), "Null while the next message may come."),
        "transcript": Word(ref("Transcript"), "For who observes."),
        "Transcript.messages": Word(many(ref("PracticeMessage")), "Newest first."),
        "practice.messages.messages": Word(many(ref("PracticeMessage")), "Newest first."),
        "practice.send.userMessage": Word(ref("PracticeMessage"), "The message, stored."),
        "PracticeSession.id": Word(TEXT, "Its number as text: the `sessionId` of frames.", NUMBER),
        "scenarioId": Word(COUNT, "The scenario.", 1),
        "PracticeSession.invitationId": Word(
            maybe(TEXT), "The invitation that it stands on, if any.", None
        ),
        "PracticeSession.status": Word(STATUS, "Where it stands.", v.ACTIVE),
        "PracticeSession.startedAt": Word(TIME, "When it began.", AT),
        "endedAt": Word(maybe(TIME), "When it ended, if it has.", None),
        "durationSeconds": Word(maybe(COUNT), "From start to end, once it has ended.", None),
        "totalMessages": Word(COUNT, "How much was said, by all three.", 6),
        "observed": Word(BOOL, "Staff may watch it; the participant is to be told so.", True),
        "PracticeMessage.id": Word(TEXT, "Its number as text.", "4712"),
        "PracticeMessage.sessionId": Word(TEXT, "The practice.", NUMBER),
        "PracticeMessage.role": Word(
            words_of(v.ROLE_USER, v.PARTNER, v.COACH), "Who speaks.", v.ROLE_USER
        ),
        "PracticeMessage.content": Word(TEXT, "All of it.", SAID),
        "audioUrl": Word(maybe(TEXT), "Where it can be heard.", None),
        "PracticeMessage.clientId": Word(
            maybe(TEXT), "Of an own message: the id of its command.", "7f3a1c"
        ),
        "remaining": Word(COUNT, "Tokens; never below zero.", 4_100),
        "total": Word(COUNT, "Tokens in all.", 25_000),
        "Quota.state": Word(QUOTA_STATE, "`warning` is below a fifth.", v.WARNING),
        "Exchange.messageId": Word(TEXT, "The message that began it.", "4712"),
        "lane": Word(LANE, "Whose turn it is.", v.PARTNER),
        "failed": Word(BOOL, "It waits for `practice.retry`, or for the next message.", False),
    },
    event_words={
        "practice.message.message": Word(ref("PracticeMessage"), "What was said, in full."),
        "practice.failed.retryable": Word(BOOL, "`practice.retry` may help.", True),
        "practice.quota.state": Word(QUOTA_STATE, "What it has fallen to.", v.WARNING),
        "practice.ended.reason": Word(words_of(*ENDS), "Why it is over.", v.BY_USER),
    },
    also={
        "practice.start": (Code.NOT_FOUND,),
        "practice.scenario": (Code.NOT_FOUND,),
        "practice.send": (Code.QUOTA_EXHAUSTED,),
    },
)
