"""What the command says, as one JSON document for machines: the same facts, with keys that stay.

A user is `{"user": id}` and a group `{"group": id}`, so that two of one string stay two. Times are
in UTC as ISO 8601 writes them, and an `until` of `null` is for good.
Letters beyond ASCII are escaped, so that the document is the same whatever the output can show.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import date
from enum import Enum, IntEnum
from functools import singledispatch
from types import NoneType
from typing import Any, Final

import attrs

from exam_sharing import (
    BatchId,
    Denied,
    ExamId,
    GrantId,
    GroupId,
    NarrowRequest,
    NoticeId,
    Permitted,
    ShareId,
    ShareRequest,
    UnshareRequest,
    UserId,
)
from exam_sharing.cli import replies
from exam_sharing.cli.tour import facts as chapters
from exam_sharing.cli.tour.cast import GROUPS, PEOPLE
from exam_sharing.cli.tour.facts import Story
from exam_sharing.validation import PrivateText

__all__ = ["FORMAT", "reply_document", "rules_document", "tour_document", "written"]

FORMAT: Final = 1
"""Goes up when a key changes its meaning or goes away; new keys may come without."""

TAGS: Final[Mapping[type, tuple[str, object]]] = {
    chapters.Said: ("kind", "said"),
    chapters.Uploaded: ("kind", "uploaded"),
    chapters.FormShown: ("kind", "share-form"),
    chapters.Suggested: ("kind", "suggestions"),
    chapters.Offered: ("kind", "list"),
    chapters.Previewed: ("kind", "preview"),
    chapters.Shared: ("kind", "shared"),
    chapters.Ended: ("kind", "ended"),
    chapters.TurnedDown: ("kind", "refused"),
    chapters.Noticed: ("kind", "notices"),
    chapters.TabsShown: ("kind", "tabs"),
    chapters.Explained: ("kind", "explanation"),
    chapters.Listed: ("kind", "access-list"),
    chapters.Travelled: ("kind", "hand-to-hand"),
    chapters.Shelves: ("kind", "visible-exams"),
    replies.TablesReady: ("kind", "tables"),
    replies.PrincipalKept: ("kind", "kept"),
    replies.PeopleShown: ("kind", "people"),
    replies.HoldersShown: ("kind", "holders"),
    replies.ExamsShown: ("kind", "exams"),
    replies.NoticesShown: ("kind", "listed-notices"),
    replies.NoticesRequeued: ("kind", "requeued-notices"),
    replies.NoticesRelayed: ("kind", "relayed-notices"),
    replies.Refusal: ("kind", "refused"),
    ShareRequest: ("act", "share"),
    UnshareRequest: ("act", "unshare"),
    NarrowRequest: ("act", "narrow"),
    Permitted: ("permitted", True),
    Denied: ("permitted", False),
}
"""What tells values apart that come in the same place."""


def tour_document(story: Story, version: str) -> dict[str, object]:
    """Return a tour as JSON knows it."""
    medium = story.medium
    return {
        "format": FORMAT,
        "version": version,
        "people": [
            {
                "id": person.user.id.value,
                "name": person.user.name,
                "role": person.role,
                "active": person.user.active,
                "sharing_in_plan": person.sharing_in_plan,
                "notices": person.notices,
            }
            for person in PEOPLE
        ],
        "groups": [
            {"id": group.id.value, "name": group.name, "members": plain(group.members)}
            for group in GROUPS
        ],
        "exams": plain(medium.shown),
        "left_out": plain(medium.left_out),
        "chapters": plain(story.chapters),
    }


def rules_document(rules: Iterable[Mapping[str, object]], version: str) -> dict[str, object]:
    """Return the rules as JSON knows them."""
    return {"format": FORMAT, "version": version, "rules": list(rules)}


def reply_document(reply: object, version: str) -> dict[str, object]:
    """Return the reply of a command as JSON knows it."""
    return {"format": FORMAT, "version": version, **plain(reply)}


def written(document: Mapping[str, object]) -> str:
    """Return the document as text."""
    return json.dumps(document, indent=2)


@singledispatch
def plain(value: Any) -> Any:  # noqa: ANN401  JSON has no narrower type
    """Return a value of a fact as JSON knows it.

    Raises:
        TypeError: it is of a kind that no fact is made of, or a text that may be patient data.
    """
    if not attrs.has(type(value)):
        raise TypeError(f"{type(value).__name__} is no part of a fact")
    tag = TAGS.get(type(value))
    fields = {} if tag is None else {tag[0]: tag[1]}
    for field in attrs.fields(type(value)):
        content = getattr(value, field.name)
        # The personal message of the tour is the tour's own.
        is_message = field.name == "message" and content is not None
        fields[field.name] = str(content) if is_message else plain(content)
    return fields


@plain.register(str)
@plain.register(int)
@plain.register(NoneType)
def _same(value: object) -> object:
    if isinstance(value, PrivateText):
        raise TypeError("a private text is written only where a field says so")
    return value


@plain.register(Enum)
@plain.register(IntEnum)
def _name(value: Enum) -> str:
    return value.name


@plain.register(date)
def _time(value: date) -> str:
    return value.isoformat()


@plain.register(UserId)
def _user(value: UserId) -> dict[str, str]:
    return {"user": value.value}


@plain.register(GroupId)
def _group(value: GroupId) -> dict[str, str]:
    return {"group": value.value}


@plain.register(ExamId)
@plain.register(BatchId)
@plain.register(GrantId)
@plain.register(ShareId)
@plain.register(NoticeId)
def _id(value: object) -> str:
    return str(value)


@plain.register(Mapping)
def _by_key(value: Mapping[object, object]) -> dict[str, object]:
    return {
        key.name if isinstance(key, Enum) else str(key): plain(each) for key, each in value.items()
    }


@plain.register(tuple)
def _in_order(value: tuple[object, ...]) -> list[object]:
    return [plain(each) for each in value]


@plain.register(frozenset)
def _sorted(value: frozenset[object]) -> list[object]:
    return sorted(map(plain, value), key=str)
