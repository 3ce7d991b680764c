"""The rows of spec 08 about who somebody is: identities and contacts of one's own, and users, for
administrators."""

from __future__ import annotations

from beheard_hub.gateway.rest.route import ADMIN, PAGE, Method, Route, fields, get, post

IDENTITY, CONTACT, USER = fields("identityId"), fields("contactId"), fields("userId")
ONE_IDENTITY = "/auth/identities/{identityId}"
ONE_CONTACT = "/auth/contacts/{contactId}"

OF_IDENTITY: tuple[Route, ...] = (
    post("/auth/link", "identity.link"),
    get("/auth/identities", "identity.list"),
    get(ONE_IDENTITY, "identity.get", path_fields=IDENTITY),
    Route(
        method=Method.DELETE, path=ONE_IDENTITY, command="identity.unlink", path_fields=IDENTITY
    ),
    get("/auth/contacts", "contact.list"),
    post("/auth/contacts", "contact.add"),
    Route(
        method=Method.PATCH, path=ONE_CONTACT, command="contact.edit", path_fields=CONTACT,
        body=True,
    ),
    Route(method=Method.DELETE, path=ONE_CONTACT, command="contact.remove", path_fields=CONTACT),
    get("/admin/users", "user.list", {**PAGE, **fields("role", "search")}, role=ADMIN),
    get("/admin/users/{userId}", "user.get", path_fields=USER, role=ADMIN),
    Route(
        method=Method.PATCH, path="/admin/users/{userId}/role", command="user.give_role",
        path_fields=USER, body=True, role=ADMIN,
    ),
)  # fmt: skip
