"""Identities, contacts and roles in words (spec 08)."""

from __future__ import annotations

from beheard_hub.domain.refusals import Code
from beheard_hub.gateway.documents.examples import ALICE, AT, THING
from beheard_hub.gateway.documents.schema import BOOL, TEXT, TIME, many, maybe, ref, words_of
from beheard_hub.gateway.documents.sections import Asked, Section, Shape, Word

SIGNED = "eyJhbGciOiJSUzI1NiIsImtpZCI6InIxIn0.eyJzdWIiOiIxMDc2OSJ9.c2lnbmF0dXJl"
ADDRESS = "alice@home.test"
ROLE = words_of("GUEST", "USER", "STAFF", "ADMIN")

BELONGING = Section(
    tags={
        "identity": (
            "Identities",
            "By whom somebody is known to the hub. A guest who links an identity becomes a user; "
            "if it is another user's, the guest becomes that user, and open sockets go on.",
        ),
        "contact": ("Contacts", "Where somebody can be reached."),
        "user": ("Users", "Who there is, and who may do what; for administrators."),
    },
    summaries={
        "identity.link": "Link an identity that an ID token proves",
        "identity.list": "List own identities, the oldest first",
        "identity.get": "Read one of them",
        "identity.unlink": "Take an identity away; the last one stays",
        "contact.list": "List own contacts",
        "contact.add": "Add a contact; nobody has verified it",
        "contact.edit": "Change a contact, or make it the first of its type",
        "contact.remove": "Take a contact away",
        "user.list": "List users, newest first",
        "user.get": "Read one user",
        "user.give_role": "Give a user a role; nobody changes their own",
    },
    asked={
        "provider": Asked("Who signed the token.", "google"),
        "idToken": Asked("The ID token, as the provider gave it to the app.", SIGNED),
        "nonce": Asked("What the app asked the provider to put into it, if it did.", "n-0S6_WzA"),
        "identityId": Asked("One's own identity.", THING),
        "contactId": Asked("One's own contact.", THING),
        "contact.add.type": Asked("What sort of contact.", "email"),
        "value": Asked("The address or the number.", ADDRESS),
        "primary": Asked("Make it the first of its type.", True),
        "userId": Asked("The user.", ALICE),
        "role": Asked("What one may do.", "STAFF"),
        "search": Asked("A part of the name or of the e-mail.", "alice"),
    },
    replies={
        "identity.link": ("user", "merged"),
        "identity.list": ("identities",),
        "identity.get": ("identity",),
        "identity.unlink": ("removed",),
        "contact.list": ("contacts",),
        "contact.add": ("contact",),
        "contact.edit": ("contact",),
        "contact.remove": ("removed",),
        "user.list": ("users", "cursor", "hasMore"),
        "user.get": ("user",),
        "user.give_role": ("user",),
    },
    shapes={
        "Identity": Shape("By whom somebody is known.", ("id", "provider", "email", "createdAt")),
        "Contact": Shape(
            "Where somebody can be reached.",
            ("id", "type", "value", "verified", "primary", "createdAt"),
        ),
        "KnownUser": Shape(
            "A user, as administrators see them.",
            ("id", "name", "email", "role", "createdAt", "lastLoginAt"),
        ),
    },
    words={
        "merged": Word(BOOL, "The guest that one was is this user now.", False),
        "identities": Word(many(ref("Identity")), "The oldest first."),
        "identity": Word(ref("Identity"), "The identity."),
        "Identity.provider": Word(TEXT, "Its issuer.", "https://accounts.google.com"),
        "Identity.email": Word(maybe(TEXT), "Of that time, verified.", ADDRESS),
        "identity.unlink.removed": Word(BOOL, "It speaks for nobody here.", True),
        "contacts": Word(many(ref("Contact")), "The first of each type before its others."),
        "contact": Word(ref("Contact"), "The contact as stored."),
        "Contact.type": Word(words_of("email", "phone"), "What sort of contact.", "email"),
        "value": Word(TEXT, "An address in lower case, or digits.", ADDRESS),
        "verified": Word(BOOL, "A provider has verified that it is the user's.", True),
        "primary": Word(BOOL, "It is the first of its type.", True),
        "contact.remove.removed": Word(BOOL, "It is gone.", True),
        "users": Word(many(ref("KnownUser")), "Newest first."),
        "user.get.user": Word(ref("KnownUser"), "The user."),
        "user.give_role.user": Word(ref("KnownUser"), "The user, with that role."),
        "KnownUser.name": Word(maybe(TEXT), "What others see.", "Alice"),
        "KnownUser.role": Word(ROLE, "What one may do.", "USER"),
        "lastLoginAt": Word(maybe(TIME), "When, last; null: never.", AT),
    },
    also={
        "identity.link": (Code.CONFLICT, Code.UNAUTHORIZED),
        "identity.get": (Code.NOT_FOUND,),
        "identity.unlink": (Code.NOT_FOUND,),
        "contact.edit": (Code.NOT_FOUND,),
        "contact.remove": (Code.NOT_FOUND,),
        "user.list": (Code.FORBIDDEN,),
        "user.get": (Code.FORBIDDEN, Code.NOT_FOUND),
        "user.give_role": (Code.FORBIDDEN, Code.NOT_FOUND),
    },
)
