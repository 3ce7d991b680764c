"""library.*: for administrators. Every change is in the audit log, and every attempt of somebody
else. The database shows the whole library to an administrator alone, and takes an item from a host
only on behalf of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from beheard_hub.domain.kernel import (
    Command,
    Decision,
    Ids,
    Insert,
    Json,
    Read,
    Ref,
    Reply,
    Row,
    Update,
    Work,
    Worked,
)
from beheard_hub.domain.mediation import commands as c
from beheard_hub.domain.mediation.directory_state import Directory, Handler, WorkedHandler
from beheard_hub.domain.mediation.handlers.administration import audit, for_admins, still_admin
from beheard_hub.domain.mediation.library import (
    CONTRIBUTED,
    LibraryAdd,
    LibraryEdit,
    LibraryRemove,
    tells_who,
)
from beheard_hub.domain.paging import page_args
from beheard_hub.domain.refusals import Refusal
from beheard_hub.domain.validation import refused

LOOK = "library.look"
"""Work: the item as it is, and the contributor's name."""


def _list(directory: Directory, command: Command, now: datetime, ids: Ids) -> Decision[Directory]:
    """library.list: all of it, the newest first."""
    data: c.Page = command.data
    page = page_args(data.cursor, data.limit)
    if page is None:
        return Decision(directory, refused({"cursor": "a cursor of this list"}))
    return Decision(directory, Read("library.list", page))


def _add(directory: Directory, command: Command, now: datetime, ids: Ids) -> Decision[Directory]:
    """library.add: CURATED has no contributor, CONTRIBUTED has one and their consent."""
    data: LibraryAdd = command.data
    given = {
        "contributedBy": data.contributed_by,
        "contributionConsent": data.contribution_consent,
    }
    if data.source != CONTRIBUTED:
        extra = {field: "only of contributed items" for field, value in given.items() if value}
        if extra:
            return Decision(directory, refused(extra))
        return _added(directory, data, now, ids)
    missing = {field: "needed of a contributed item" for field, value in given.items() if not value}
    if missing:
        return Decision(directory, refused(missing))
    return Decision(directory, Work(LOOK, {"itemId": None, "contributorId": data.contributed_by}))


def _looked_up(
    directory: Directory, worked: Worked, now: datetime, ids: Ids
) -> Decision[Directory]:
    """library.add of a contribution: there is such a user, and the words do not tell who it is."""
    data: LibraryAdd = worked.command.data
    contributor = worked.result["contributor"]
    if contributor is None:
        return Decision(directory, refused({"contributedBy": "a user of this hub"}))
    telling = _telling({"title": data.title, "description": data.description}, contributor)
    if telling is not None:
        return Decision(directory, telling)
    return _added(directory, data, now, ids)


def _added(directory: Directory, data: LibraryAdd, now: datetime, ids: Ids) -> Decision[Directory]:
    item_id = ids.ordered()
    values: dict[str, Json] = {
        "id": item_id,
        "title": data.title,
        "description": data.description,
        "category": data.category,
        "source": data.source,
        "isActive": True,
        "contributedBy": data.contributed_by,
        "contributionConsent": data.contribution_consent,
        "createdAt": now,
    }
    row = Insert("GlobalLibraryItem", values)
    return _changed(directory, "library.add", item_id, row, now, ids)


def _look(directory: Directory, command: Command, now: datetime, ids: Ids) -> Decision[Directory]:
    """library.edit and .remove: is it there at all, and who gave it?"""
    data: LibraryEdit | LibraryRemove = command.data
    return Decision(directory, Work(LOOK, {"itemId": data.item_id, "contributorId": None}))


def _edited(directory: Directory, worked: Worked, now: datetime, ids: Ids) -> Decision[Directory]:
    """library.edit: a contributed text stays anonymous; its vector goes with the old words."""
    data: LibraryEdit = worked.command.data
    texts = {"title": data.title, "description": data.description, "category": data.category}
    values: dict[str, Json] = {field: text for field, text in texts.items() if text is not None}
    if data.is_active is not None:
        values["isActive"] = data.is_active
    if not values:
        return Decision(directory, refused({"data": "at least one field to change"}))
    if worked.result["item"]["source"] == CONTRIBUTED:
        telling = _telling(texts, worked.result["contributor"] or {"name": None})
        if telling is not None:
            return Decision(directory, telling)
    row = Update("GlobalLibraryItem", {"id": data.item_id}, values)
    return _changed(directory, "library.edit", data.item_id, row, now, ids)


def _removed(directory: Directory, worked: Worked, now: datetime, ids: Ids) -> Decision[Directory]:
    """library.remove: not deleted, because sessions may hold what was made from it."""
    data: LibraryRemove = worked.command.data
    row = Update("GlobalLibraryItem", {"id": data.item_id}, {"isActive": False})
    decision = _changed(directory, "library.remove", data.item_id, row, now, ids)
    return Decision(directory, Reply({"removed": True}), decision.rows)


def _telling(texts: Mapping[str, str | None], contributor: Mapping[str, Json]) -> Refusal | None:
    telling = {
        field: "words that name nobody and hold no address"
        for field, text in texts.items()
        if text is not None and tells_who(text, contributor["name"])
    }
    return refused(telling) if telling else None


def _changed(
    directory: Directory, action: str, item_id: str, row: Row, now: datetime, ids: Ids
) -> Decision[Directory]:
    noted = audit(directory, action, "DONE", now, ids, itemId=item_id)
    answer = Reply({"item": Ref("library_item", item_id)})
    return Decision(directory, answer, [row, noted])


LIBRARY: Mapping[str, Handler] = {
    "library.list": for_admins(_list),
    "library.add": for_admins(_add),
    "library.edit": for_admins(_look),
    "library.remove": for_admins(_look),
}
LIBRARY_WORKED: Mapping[str, WorkedHandler] = {
    "library.add": still_admin(_looked_up),
    "library.edit": still_admin(_edited),
    "library.remove": still_admin(_removed),
}
