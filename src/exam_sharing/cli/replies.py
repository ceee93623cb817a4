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
from enum import Enum
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


def plain(value: Any) -> Any:  # noqa: C901, PLR0911, PLR0912  a case for each kind
    """Return a value as JSON knows it."""
    match value:
        case PrivateText():
            raise TypeError("a private text is written only where a field allows it")
        case Enum():
            return value.name
        case str() | int() | None:
            return value
        case date():
            return value.isoformat()
        case es.UserId():
            return {"user": value.value}
        case es.GroupId():
            return {"group": value.value}
        case es.ExamId() | es.BatchId() | es.GrantId() | es.ShareId() | es.NoticeId():
            return str(value)
        case Mapping():
            return {_key(key): plain(each) for key, each in value.items()}
        case tuple():
            return [plain(each) for each in value]
        case frozenset():
            return sorted(map(plain, value), key=str)
        case Reply():
            return value.as_data()
        case _ if attrs.has(type(value)):
            return {**_TAGS.get(type(value), {}), **_fields(value)}
        case _:
            raise TypeError(f"{type(value).__name__} is in no reply")


def _fields(value: Any) -> dict[str, Any]:
    fields = {each.name: getattr(value, each.name) for each in attrs.fields(type(value))}
    # Only the tour, whose message is made up, keeps one in what it reports.
    return {
        name: str(content) if name == "message" and content is not None else plain(content)
        for name, content in fields.items()
    }


def _key(value: object) -> str:
    if isinstance(value, Enum):
        return value.name
    # A user and a group of one string are two keys.
    return value.key if isinstance(value, es.UserId | es.GroupId) else str(value)
