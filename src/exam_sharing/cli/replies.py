"""What a command reports, for people and as a JSON document for machines.

A kind of reply is registered by its class alone: it carries its name in documents, what was done
when it is made, whether it means yes, and what it looks like on a terminal.

Keys of documents stay. A user is `{"user": id}` and a group `{"group": id}`. Times are in UTC in
ISO 8601; an `until` of `null` means no end. Letters beyond ASCII are escaped, so that a document
does not depend on what the output can show.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import date
from enum import Enum, IntEnum
from functools import singledispatch
from types import NoneType
from typing import Any, ClassVar, Final

import attrs

import exam_sharing as es
from exam_sharing.cli.printing import Shown
from exam_sharing.cli.words import Words
from exam_sharing.validation import PrivateText

FORMAT: Final = 1
"""Goes up when a key changes its meaning or goes away; new keys may come without."""


@attrs.frozen(kw_only=True)
class Reply(ABC):
    """What a command reports: facts as the library answered them.

    Attributes:
        kind: its name in documents, which stays.
        done: what was done when there is such a reply; `None` where nothing was.
    """

    kind: ClassVar[str]
    done: ClassVar[str | None] = None

    @property
    def is_yes(self) -> bool:
        """Whether it answers yes to what was asked; otherwise the command ends with 1."""
        return True

    def as_data(self) -> dict[str, Any]:
        """Return what its document holds."""
        return {"kind": self.kind, **_fields(self)}

    @abstractmethod
    def show(self, words: Words) -> Shown:
        """Return what it looks like on a terminal."""


def document(version: str, **content: object) -> str:
    """Return one JSON document as text."""
    return json.dumps({"format": FORMAT, "version": version, **content}, indent=2)


_TAGS: Final[Mapping[type, dict[str, object]]] = {
    es.ShareRequest: {"act": "share"},
    es.UnshareRequest: {"act": "unshare"},
    es.NarrowRequest: {"act": "narrow"},
    es.Permitted: {"permitted": True},
    es.Denied: {"permitted": False},
}
"""What distinguishes values of the library that come in the same place."""


@singledispatch
def plain(value: Any) -> Any:
    """Return a value as JSON knows it."""
    kind = type(value)
    if isinstance(value, Reply):
        return value.as_data()
    if not attrs.has(kind):
        raise TypeError(f"{kind.__name__} is in no reply")
    return {**_TAGS.get(kind, {}), **_fields(value)}


def _fields(value: Any) -> dict[str, Any]:
    fields = {each.name: getattr(value, each.name) for each in attrs.fields(type(value))}
    # Only the tour, whose message is made up, keeps one in what it reports.
    return {
        name: str(content) if name == "message" and content is not None else plain(content)
        for name, content in fields.items()
    }


@plain.register(str)
@plain.register(int)
@plain.register(NoneType)
def _same(value: object) -> object:
    if isinstance(value, PrivateText):
        raise TypeError("a private text is written only where a field allows it")
    return value


@plain.register(Enum)
@plain.register(IntEnum)
def _name(value: Enum) -> str:
    return value.name


@plain.register(date)
def _time(value: date) -> str:
    return value.isoformat()


@plain.register(es.UserId)
def _user(value: es.UserId) -> dict[str, str]:
    return {"user": value.value}


@plain.register(es.GroupId)
def _group(value: es.GroupId) -> dict[str, str]:
    return {"group": value.value}


@plain.register(es.ExamId)
@plain.register(es.BatchId)
@plain.register(es.GrantId)
@plain.register(es.ShareId)
@plain.register(es.NoticeId)
def _id(value: object) -> str:
    return str(value)


@plain.register(Mapping)
def _by_key(value: Mapping[object, object]) -> dict[str, object]:
    return {_key(key): plain(each) for key, each in value.items()}


def _key(value: object) -> str:
    if isinstance(value, Enum):
        return value.name
    # A user and a group of one string are two keys.
    return value.key if isinstance(value, es.UserId | es.GroupId) else str(value)


@plain.register(tuple)
def _in_order(value: tuple[object, ...]) -> list[object]:
    return [plain(each) for each in value]


@plain.register(frozenset)
def _sorted(value: frozenset[object]) -> list[object]:
    return sorted(map(plain, value), key=str)
