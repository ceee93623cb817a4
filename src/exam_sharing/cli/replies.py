"""What a command reports, for people and as a JSON document for machines.

A kind of reply is registered by its class alone: it carries its name in documents, what was done
when it is made, whether it means yes, and what it looks like on a terminal.

Keys of documents stay. A user is `{"user": id}` and a group `{"group": id}`. Times are in UTC in
ISO 8601; an `until` of `null` means no end. Letters beyond ASCII are escaped, so that a document
does not depend on what the output can show.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Final

import attrs

import exam_sharing as es
from exam_sharing import documents
from exam_sharing.cli.printing import Shown
from exam_sharing.cli.words import Words
from exam_sharing.documents import Forms, fields_of

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
        return {"kind": self.kind, **fields_of(self, _FORMS)}

    @abstractmethod
    def show(self, words: Words) -> Shown:
        """Return what it looks like on a terminal."""


def document(version: str, **content: object) -> str:
    """Return one JSON document as text."""
    return json.dumps({"format": FORMAT, "version": version, **content}, indent=2)


def plain(value: object) -> Any:
    """Return a value as JSON knows it."""
    return documents.plain(value, _FORMS)


def _tagged(**tag: object) -> Callable[[object], dict[str, Any]]:
    """Return a form with a tag, for values of the library that come in the same place."""
    return lambda value: {**tag, **fields_of(value, _FORMS)}


_FORMS: Final[Forms] = {
    es.UserId: lambda user: {"user": user.value},
    es.GroupId: lambda group: {"group": group.value},
    es.ShareRequest: _tagged(act="share"),
    es.UnshareRequest: _tagged(act="unshare"),
    es.NarrowRequest: _tagged(act="narrow"),
    es.Permitted: _tagged(permitted=True),
    es.Denied: _tagged(permitted=False),
    Reply: lambda reply: reply.as_data(),
    # Only the tour, whose message is made up, keeps one in what it reports.
    "message": lambda message: None if message is None else str(message),
}
