"""What each command does, in a sentence, and under which heading a reader finds it."""

from __future__ import annotations

from collections.abc import Mapping

from beheard_hub.gateway.documents.parts import OTHERS

TAGS: Mapping[str, tuple[str, str]] = {
    "session": ("Sessions", "A session is what two people go through together."),
    "partner": ("Sessions", ""),
    "invitation": ("Invitations", "How the second person comes in."),
    "progress": ("Stages", "Five stages, left by gates. A blocked advance is an answer, no error."),
    "gates": ("Stages", ""),
    "stage": ("Stages", ""),
    "compact": ("Stages", ""),
    "message": ("Own thread", "The private conversation with the facilitator."),
    "feel_heard": ("Own thread", ""),
    "emotions": ("Emotions", "How strong it is, and what may help."),
    "exercises": ("Emotions", ""),
    "event": ("Vessel", "What a person keeps for themselves."),
    "boundary": ("Vessel", ""),
    "document": ("Vessel", ""),
    "recall": ("Vessel", ""),
    "empathy": ("Empathy", "Stage 2: what I believe you feel, and whether it is right."),
    "needs": ("Needs", "Stage 3: what each of us needs."),
    "common_ground": ("Common ground", "Stage 3: what both need."),
    "strategies": ("Strategies", "Stage 4: ideas whose authors stay unknown."),
    "agreement": ("Agreements", "Stage 4: what the two will try."),
    "consent": ("Consent", "Nothing crosses without it, and it can be taken back."),
    "shared": ("Consent", ""),
    "profile": ("Account", "The user's own account."),
    "account": ("Account", ""),
    "push_token": ("Account", ""),
    "ably_token": ("Account", ""),
    "notifications": ("Notifications", "What happened while nobody looked."),
    "library": ("Library", "Small experiments that the hub suggests; for administrators."),
    **OTHERS.tags,
}
"""First part of a command's name → heading, and what it is about."""

SUMMARIES: Mapping[str, str] = {
    "session.create": "Begin a session and invite the other person",
    "session.list": "List own sessions, newest first",
    "session.get": "Read one session",
    "session.withdraw": "Leave for good; the partner is told without a reason",
    "session.pause": "Pause for both",
    "session.resume": "End the pause",
    "session.resolve": "End the session, with an agreement or honestly without one",
    "partner.nudge": "Remind the partner, at most once in six hours",
    "progress.get": "Read both people's stages",
    "gates.get": "Read the own gates of one stage",
    "stage.advance": "Step into the next stage",
    "invitation.get": "Look at an invitation without a login",
    "invitation.accept": "Join the session",
    "invitation.decline": "Decline the invitation",
    "invitation.resend": "Make the invitation valid again, three times, a day apart",
    "compact.sign": "Sign the compact",
    "compact.status": "See who signed the compact",
    "message.send": "Say something to the facilitator",
    "message.list": "Read the own thread, newest first",
    "message.retry": "Have the newest unanswered message answered",
    "feel_heard.confirm": "Say whether one feels heard",
    "emotions.record": "Record how strong it is",
    "emotions.list": "Read own readings and their trend",
    "exercises.complete": "Log an exercise",
    "event.add": "Keep an event",
    "event.list": "List own events",
    "event.edit": "Change an event; what is given is replaced",
    "event.delete": "Delete an event",
    "boundary.add": "Draw a boundary",
    "boundary.list": "List own boundaries",
    "boundary.edit": "Change a boundary; what is given is replaced",
    "boundary.delete": "Delete a boundary",
    "document.add": "Keep a longer text",
    "document.list": "List own documents",
    "document.edit": "Change a document; what is given is replaced",
    "document.delete": "Delete a document",
    "recall.search": "Find similar moments of one's own",
    "empathy.save_draft": "Write what I believe the other feels",
    "empathy.draft": "Read the own draft",
    "empathy.consent": "Share it; its text never changes afterwards",
    "empathy.partner": "Read what the partner believes I feel",
    "empathy.validate": "Say whether it is right",
    "empathy.feedback": "Read the partner's shared feedback on mine",
    "empathy.accept_feedback": "Accept the difference and go on",
    "needs.list": "Read own needs; they are found on first entry",
    "needs.add": "Add a need of one's own",
    "needs.confirm": "Answer every presented need, yes or no",
    "needs.consent": "Share confirmed needs, literally as confirmed",
    "common_ground.list": "Read what both need",
    "common_ground.propose": "Name common ground oneself",
    "common_ground.confirm": "Answer items of common ground",
    "strategies.list": "Read the pool of ideas",
    "strategies.propose": "Add an idea",
    "strategies.suggest": "Ask the facilitator for ideas",
    "strategies.ready": "Say that the own ideas are in",
    "strategies.rank": "Rank ideas, best first; private until both have",
    "strategies.overlap": "Read what both ranked high",
    "agreement.create": "Propose an agreement",
    "agreement.list": "List agreements",
    "agreement.confirm": "Agree, refuse, or propose another wording",
    "consent.request": "Ask to share something; the facilitator words it",
    "consent.pending": "List questions that wait for an answer",
    "consent.history": "List own decisions",
    "consent.decide": "Answer a question, once",
    "consent.revoke": "Take a consent back, at once",
    "shared.list": "Read what was shared, both ways",
    "profile.get": "Read the own profile",
    "profile.update": "Change the own profile",
    "account.erase": "Erase the account and everything private",
    "account.export": "Export everything of one's own as JSON Lines",
    "push_token.set": "Register a device for push",
    "push_token.clear": "Forget the device",
    "ably_token.get": "Get a signed request for an Ably token, to listen to the own channels",
    "notifications.unread": "List unread notifications",
    "notifications.read": "Mark notifications as read",
    "library.list": "List the library",
    "library.add": "Add an item",
    "library.edit": "Change an item; what is given is replaced",
    "library.remove": "Take an item out of use",
    **OTHERS.summaries,
}
"""Command → what it does, in the imperative."""


def heading(command: str) -> str:
    """Under which a reader finds the command."""
    return TAGS[command.partition(".")[0]][0]


def headings() -> list[dict[str, str]]:
    """All of them, in their order, as OpenAPI's tags."""
    return [{"name": name, "description": about} for name, about in TAGS.values() if about]


def pascal(command: str) -> str:
    """``feel_heard.confirm`` → ``FeelHeardConfirm``."""
    parts = command.replace(".", "_").split("_")
    return "".join(part.capitalize() for part in parts)
