"""The table of commands (spec 2.3): name on the wire and the struct of the reply.

The request has no struct of its own: the signature of the method in `session.py` is the request.
"""

from __future__ import annotations

from typing import Final, Generic, TypeVar

from beheard_hub.client import belonging_shapes as b
from beheard_hub.client import practice_shapes as p
from beheard_hub.client import replies as r
from beheard_hub.client import telemetry_shapes as t

R = TypeVar("R")


class Command(Generic[R]):
    """A row: `name` on the wire, `reply` the struct that its ack holds."""

    __slots__ = ("name", "reply")

    def __init__(self, name: str, reply: type[R]) -> None:
        self.name = name
        self.reply = reply

    def __repr__(self) -> str:
        return f"Command({self.name!r}, {self.reply.__name__})"


SESSION_CREATE: Final = Command("session.create", r.SessionCreated)
SESSION_LIST: Final = Command("session.list", r.SessionPage)
INVITATION_GET: Final = Command("invitation.get", r.InvitationShown)
INVITATION_ACCEPT: Final = Command("invitation.accept", r.SessionEntered)
INVITATION_DECLINE: Final = Command("invitation.decline", r.InvitationDeclined)
INVITATION_RESEND: Final = Command("invitation.resend", r.InvitationResent)

PROFILE_GET: Final = Command("profile.get", r.ProfileShown)
PROFILE_UPDATE: Final = Command("profile.update", r.ProfileShown)
ACCOUNT_ERASE: Final = Command("account.erase", r.AccountErased)
PUSH_TOKEN_SET: Final = Command("push_token.set", r.PushTokenKept)
PUSH_TOKEN_CLEAR: Final = Command("push_token.clear", r.PushTokenKept)
ABLY_TOKEN_GET: Final = Command("ably_token.get", r.AblyToken)
NOTIFICATIONS_UNREAD: Final = Command("notifications.unread", r.NotificationPage)
NOTIFICATIONS_READ: Final = Command("notifications.read", r.NotificationsRead)

LIBRARY_LIST: Final = Command("library.list", r.LibraryItemPage)
LIBRARY_ADD: Final = Command("library.add", r.LibraryItemKept)
LIBRARY_EDIT: Final = Command("library.edit", r.LibraryItemKept)
LIBRARY_REMOVE: Final = Command("library.remove", r.LibraryItemRemoved)

SESSION_GET: Final = Command("session.get", r.SessionShown)
SESSION_PAUSE: Final = Command("session.pause", r.SessionPaused)
SESSION_RESUME: Final = Command("session.resume", r.SessionResumed)
SESSION_WITHDRAW: Final = Command("session.withdraw", r.SessionEntered)
SESSION_RESOLVE: Final = Command("session.resolve", r.SessionResolved)
PARTNER_NUDGE: Final = Command("partner.nudge", r.Nudged)
STAGE_ADVANCE: Final = Command("stage.advance", r.StageAdvanced)
PROGRESS_GET: Final = Command("progress.get", r.ProgressShown)
GATES_GET: Final = Command("gates.get", r.GatesShown)
RECALL_SEARCH: Final = Command("recall.search", r.MomentsFound)

COMPACT_SIGN: Final = Command("compact.sign", r.CompactSigned)
COMPACT_STATUS: Final = Command("compact.status", r.CompactStatus)

MESSAGE_SEND: Final = Command("message.send", r.MessageSent)
MESSAGE_LIST: Final = Command("message.list", r.MessagePage)
MESSAGE_RETRY: Final = Command("message.retry", r.Accepted)
FEEL_HEARD_CONFIRM: Final = Command("feel_heard.confirm", r.FeelHeard)

EMOTIONS_RECORD: Final = Command("emotions.record", r.EmotionRecorded)
EMOTIONS_LIST: Final = Command("emotions.list", r.EmotionPage)
EXERCISES_COMPLETE: Final = Command("exercises.complete", r.ExerciseLogged)

EVENT_ADD: Final = Command("event.add", r.EventKept)
EVENT_LIST: Final = Command("event.list", r.EventPage)
EVENT_EDIT: Final = Command("event.edit", r.EventKept)
EVENT_DELETE: Final = Command("event.delete", r.Deleted)
BOUNDARY_ADD: Final = Command("boundary.add", r.BoundaryKept)
BOUNDARY_LIST: Final = Command("boundary.list", r.BoundaryPage)
BOUNDARY_EDIT: Final = Command("boundary.edit", r.BoundaryKept)
BOUNDARY_DELETE: Final = Command("boundary.delete", r.Deleted)
DOCUMENT_ADD: Final = Command("document.add", r.DocumentKept)
DOCUMENT_LIST: Final = Command("document.list", r.DocumentPage)
DOCUMENT_EDIT: Final = Command("document.edit", r.DocumentKept)
DOCUMENT_DELETE: Final = Command("document.delete", r.Deleted)

EMPATHY_SAVE_DRAFT: Final = Command("empathy.save_draft", r.DraftSaved)
EMPATHY_DRAFT: Final = Command("empathy.draft", r.DraftShown)
EMPATHY_CONSENT: Final = Command("empathy.consent", r.EmpathyConsented)
EMPATHY_PARTNER: Final = Command("empathy.partner", r.PartnerEmpathy)
EMPATHY_VALIDATE: Final = Command("empathy.validate", r.EmpathyValidated)
EMPATHY_FEEDBACK: Final = Command("empathy.feedback", r.EmpathyFeedback)
EMPATHY_ACCEPT_FEEDBACK: Final = Command("empathy.accept_feedback", r.Accepted)

NEEDS_LIST: Final = Command("needs.list", r.NeedsShown)
NEEDS_ADD: Final = Command("needs.add", r.NeedAdded)
NEEDS_CONFIRM: Final = Command("needs.confirm", r.NeedsConfirmed)
NEEDS_CONSENT: Final = Command("needs.consent", r.NeedsConsented)
COMMON_GROUND_LIST: Final = Command("common_ground.list", r.CommonGroundShown)
COMMON_GROUND_PROPOSE: Final = Command("common_ground.propose", r.CommonGroundProposed)
COMMON_GROUND_CONFIRM: Final = Command("common_ground.confirm", r.CommonGroundConfirmed)

STRATEGIES_LIST: Final = Command("strategies.list", r.StrategiesShown)
STRATEGIES_PROPOSE: Final = Command("strategies.propose", r.StrategyProposed)
STRATEGIES_SUGGEST: Final = Command("strategies.suggest", r.StrategiesSuggested)
STRATEGIES_READY: Final = Command("strategies.ready", r.StrategiesReady)
STRATEGIES_RANK: Final = Command("strategies.rank", r.StrategiesRanked)
STRATEGIES_OVERLAP: Final = Command("strategies.overlap", r.StrategyOverlap)
AGREEMENT_CREATE: Final = Command("agreement.create", r.AgreementCreated)
AGREEMENT_LIST: Final = Command("agreement.list", r.AgreementPage)
AGREEMENT_CONFIRM: Final = Command("agreement.confirm", r.AgreementAnswered)

CONSENT_REQUEST: Final = Command("consent.request", r.ConsentRequested)
CONSENT_PENDING: Final = Command("consent.pending", r.ConsentsPending)
CONSENT_HISTORY: Final = Command("consent.history", r.ConsentHistory)
CONSENT_DECIDE: Final = Command("consent.decide", r.ConsentDecided)
CONSENT_REVOKE: Final = Command("consent.revoke", r.ConsentRevoked)
SHARED_LIST: Final = Command("shared.list", r.SharedContent)

PRACTICE_SCENARIOS: Final = Command("practice.scenarios", p.ScenarioPage)
PRACTICE_SCENARIO: Final = Command("practice.scenario", p.ScenarioShown)
PRACTICE_START: Final = Command("practice.start", p.PracticeEntered)
PRACTICE_LIST: Final = Command("practice.list", p.PracticePage)
PRACTICE_GET: Final = Command("practice.get", p.PracticeShown)
PRACTICE_MESSAGES: Final = Command("practice.messages", p.SaidPage)
PRACTICE_SEND: Final = Command("practice.send", p.SaidSent)
PRACTICE_RETRY: Final = Command("practice.retry", r.Accepted)
PRACTICE_COMPLETE: Final = Command("practice.complete", p.PracticeEntered)
PRACTICE_INVITATION_CREATE: Final = Command("practice_invitation.create", p.Invited)
PRACTICE_INVITATION_LIST: Final = Command("practice_invitation.list", p.InvitedPage)
PRACTICE_INVITATION_GET: Final = Command("practice_invitation.get", p.InvitedShown)
PRACTICE_INVITATION_REVOKE: Final = Command("practice_invitation.revoke", p.InvitedRevoked)
PRACTICE_INVITATION_VALIDATE: Final = Command("practice_invitation.validate", p.InvitedOffered)
PRACTICE_INVITATION_CLAIM: Final = Command("practice_invitation.claim", p.Claimed)
NOTE_ADD: Final = Command("note.add", p.NoteKept)
NOTE_LIST: Final = Command("note.list", p.NotePage)
NOTE_DELETE: Final = Command("note.delete", r.Deleted)

IDENTITY_LINK: Final = Command("identity.link", b.IdentityLinked)
IDENTITY_LIST: Final = Command("identity.list", b.IdentitiesShown)
IDENTITY_GET: Final = Command("identity.get", b.IdentityShown)
IDENTITY_UNLINK: Final = Command("identity.unlink", b.Removed)
CONTACT_LIST: Final = Command("contact.list", b.ContactsShown)
CONTACT_ADD: Final = Command("contact.add", b.ContactKept)
CONTACT_EDIT: Final = Command("contact.edit", b.ContactKept)
CONTACT_REMOVE: Final = Command("contact.remove", b.Removed)
USER_LIST: Final = Command("user.list", b.UserPage)
USER_GET: Final = Command("user.get", b.UserShown)
USER_GIVE_ROLE: Final = Command("user.give_role", b.UserShown)
SCENARIO_CREATE: Final = Command("scenario.create", p.ScenarioShown)
SCENARIO_CHANGE: Final = Command("scenario.change", p.ScenarioShown)
PRESET_LIST: Final = Command("preset.list", p.PresetsShown)
PRESET_CREATE: Final = Command("preset.create", p.PresetKept)
PRESET_CHANGE: Final = Command("preset.change", p.PresetKept)
PRESET_DELETE: Final = Command("preset.delete", r.Deleted)
TELEMETRY_RECORD: Final = Command("telemetry.record", t.Recorded)
TELEMETRY_SUMMARY: Final = Command("telemetry.summary", t.Summary)
TELEMETRY_EVENTS: Final = Command("telemetry.events", t.HappenedPage)
TELEMETRY_SERIES: Final = Command("telemetry.series", t.Series)
TELEMETRY_TOP_SCENARIOS: Final = Command("telemetry.top_scenarios", t.TopScenarios)

COMMANDS: Final = {row.name: row for row in tuple(globals().values()) if isinstance(row, Command)}
"""All rows by name."""
