"""Receipts and events as JSON documents.

Text, numbers, truth values and null stand for themselves, and a list for a tuple. Everything else
is an object with one key, which says what it is: `{"UserId": "anna"}`, `{"at": "2030-01-01T…"}`,
`{"UnshareReceipt": {…}}`. Which kinds there are is a table, and nothing else is ever built.

Grants and shares have rows of their own and never change, so a document only names them.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Final, TypeAlias

import attrs

from exam_sharing.errors import StoreFailed
from exam_sharing.events import ActRefused, Event, ExamShared, ExamTransferred, GrantsEnded
from exam_sharing.grants import OWNER, Basis, EndedGrant, Grant, Permission, ShownGrant
from exam_sharing.identifiers import ExamId, GrantId, GroupId, ShareId, UserId
from exam_sharing.policy.decisions import Reason, ReasonCode
from exam_sharing.policy.plans import (
    Outcome,
    Share,
    ShareOutcome,
    ShareReceipt,
    UnshareReceipt,
    UntilLimit,
)
from exam_sharing.policy.requests import (
    HostEnding,
    NarrowRequest,
    Reshares,
    RevokeRequest,
    Scope,
    ShareRequest,
    UnshareRequest,
    Withdrawal,
)
from exam_sharing.ports import Receipt

__all__ = ["Records", "event_of", "named_in", "receipt_of", "text_of"]

Json: TypeAlias = "bool | int | str | list[Json] | dict[str, Json] | None"

_IDENTIFIERS: Final = (ExamId, GrantId, GroupId, ShareId, UserId)
_ENUMS: Final[tuple[type[Enum], ...]] = (
    Outcome,
    Permission,
    ReasonCode,
    Reshares,
    Scope,
    UntilLimit,
)
_VALUES: Final[tuple[type[attrs.AttrsInstance], ...]] = (
    ActRefused,
    ExamShared,
    ExamTransferred,
    GrantsEnded,
    HostEnding,
    NarrowRequest,
    Reason,
    RevokeRequest,
    ShareOutcome,
    ShareReceipt,
    ShareRequest,
    UnshareReceipt,
    UnshareRequest,
    Withdrawal,
)
_SHOWN: Final = "shown"
_GRANT: Final = "grant"
_ENDED: Final = "ended"
_SHARE: Final = "share"
_NAMED: Final = frozenset({_GRANT, _ENDED, _SHARE})


@attrs.frozen(kw_only=True)
class Records:
    """The rows that documents name.

    Attributes:
        grants: by id.
        ended: those of them that have ended, by id.
        shares: by id.
    """

    grants: Mapping[str, Grant] = attrs.field(factory=dict)
    ended: Mapping[str, EndedGrant] = attrs.field(factory=dict)
    shares: Mapping[str, Share] = attrs.field(factory=dict)


def text_of(value: Event | Receipt) -> str:
    """Return the document of a receipt or an event; it is ASCII, whatever the value holds."""
    return json.dumps(_plain(value), separators=(",", ":"))


def event_of(text: str, records: Records) -> Event:
    """Return the event of a document."""
    event = _value(json.loads(text), records)
    if not isinstance(event, Event):
        raise _unknown()
    return event


def receipt_of(text: str, records: Records) -> Receipt:
    """Return the receipt of a document."""
    receipt = _value(json.loads(text), records)
    if not isinstance(receipt, Receipt):
        raise _unknown()
    return receipt


def named_in(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the ids of the grants and of the shares that a document names."""
    names: dict[str, set[str]] = {_GRANT: set(), _ENDED: set(), _SHARE: set()}
    for kind, name in _names(json.loads(text)):
        names[kind].add(name)
    return frozenset(names[_GRANT] | names[_ENDED]), frozenset(names[_SHARE])


def _names(plain: Json) -> Iterator[tuple[str, str]]:
    if isinstance(plain, list):
        for each in plain:
            yield from _names(each)
    elif isinstance(plain, dict):
        for kind, content in plain.items():
            if kind in _NAMED and isinstance(content, str):
                yield kind, content
            else:
                yield from _names(content)


def _plain(value: object) -> Json:
    kind = type(value)
    write = _WRITERS.get(kind)
    if write is not None:
        return {_TAGS.get(kind, kind.__name__): write(value)}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, str):
        return str(value)
    if value is None or isinstance(value, int):
        return value
    raise _unknown()


def _plain_fields(value: attrs.AttrsInstance) -> Json:
    # The names in a receipt are looked up whenever it is returned, and not kept.
    fields = (field.name for field in attrs.fields(type(value)) if field.name != "names")
    return {name: _plain(getattr(value, name)) for name in fields}


_TAGS: Final[Mapping[type, str]] = {
    datetime: "at",
    frozenset: "set",
    dict: "map",
    Grant: _GRANT,
    EndedGrant: _ENDED,
    Share: _SHARE,
    ShownGrant: _SHOWN,
}
_WRITERS: Final[Mapping[type, Callable[[Any], Json]]] = {
    datetime: datetime.isoformat,
    frozenset: lambda items: [_plain(each) for each in sorted(items)],
    dict: lambda items: [[_plain(key), _plain(each)] for key, each in items.items()],
    Grant: lambda grant: str(grant.id),
    EndedGrant: lambda past: str(past.grant.id),
    Share: lambda share: str(share.id),
    ShownGrant: lambda shown: {_GRANT: str(shown.id), "basis": _basis_written(shown.basis)},
    **dict.fromkeys(_IDENTIFIERS, str),
    **dict.fromkeys(_ENUMS, lambda member: str(member.name)),
    **dict.fromkeys(_VALUES, _plain_fields),
}


def _basis_written(basis: Basis) -> Json:
    """Return as much of a basis as was shown; the grant itself says whether it is the owner's."""
    return [] if basis is OWNER else [str(each) for each in sorted(basis)]


def _value(plain: Json, records: Records) -> object:
    if isinstance(plain, list):
        return tuple([_value(each, records) for each in plain])
    if not isinstance(plain, dict):
        return plain
    ((kind, content),) = plain.items()
    read = _READERS.get(kind)
    if read is None:
        raise _unknown()
    try:
        return read(content, records)
    except TypeError:
        # What it holds is not what such a value is made of.
        raise _unknown() from None


def _reads_identifier(kind: Callable[[str], object]) -> "_Reader":
    return lambda content, _records: kind(content)


def _reads_member(kind: type[Enum]) -> "_Reader":
    return lambda content, _records: kind[content]


def _reads_fields(kind: Callable[..., object]) -> "_Reader":
    return lambda content, records: kind(
        **{name: _value(each, records) for name, each in content.items()}
    )


_Reader: TypeAlias = Callable[[Any, Records], object]
_READERS: Final[Mapping[str, _Reader]] = {
    "at": lambda content, _records: datetime.fromisoformat(content),
    "set": lambda content, records: frozenset(_value(each, records) for each in content),
    "map": lambda content, records: {
        _value(key, records): _value(each, records) for key, each in content
    },
    _GRANT: lambda content, records: records.grants[content],
    _ENDED: lambda content, records: records.ended[content],
    _SHARE: lambda content, records: records.shares[content],
    _SHOWN: lambda content, records: _shown(records.grants[content[_GRANT]], content["basis"]),
    **{kind.__name__: _reads_identifier(kind) for kind in _IDENTIFIERS},
    **{kind.__name__: _reads_member(kind) for kind in _ENUMS},
    **{kind.__name__: _reads_fields(kind) for kind in _VALUES},
}


def _shown(grant: Grant, basis: list[str]) -> ShownGrant:
    return ShownGrant.of(grant, OWNER if grant.basis is OWNER else frozenset(map(GrantId, basis)))


def _unknown() -> StoreFailed:
    return StoreFailed("a document holds something of a kind that this version does not know")
