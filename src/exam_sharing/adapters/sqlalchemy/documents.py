"""Receipts and events as JSON documents.

Text, numbers, truth values and null stand for themselves, and a list for a tuple. Everything else
is an object whose one key is the kind: `{"UserId": "anna"}`, `{"at": "2030-01-01T…"}`,
`{"UnshareReceipt": {…}}`. The table `_KINDS` has every kind, and nothing else is ever built.

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
from exam_sharing.grants import OWNER, EndedGrant, Grant, Permission, ShownGrant
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


@attrs.frozen
class _Kind:
    """A kind of value: its key in documents, its type, and how it is written and read."""

    key: str
    type: type
    write: Callable[[Any], Json]
    read: Callable[[Any, Records], object]


def _plain(value: object) -> Json:
    kind = _BY_TYPE.get(type(value))
    if kind is not None:
        return {kind.key: kind.write(value)}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, str):
        return str(value)
    if value is None or isinstance(value, int):
        return value
    raise _unknown()


def _value(plain: Json, records: Records) -> object:
    if isinstance(plain, list):
        return tuple([_value(each, records) for each in plain])
    if not isinstance(plain, dict):
        return plain
    ((key, content),) = plain.items()
    kind = _BY_KEY.get(key)
    if kind is None:
        raise _unknown()
    try:
        return kind.read(content, records)
    except TypeError:
        # The content is not that of such a value.
        raise _unknown() from None


def _identifier(kind: type) -> _Kind:
    return _Kind(kind.__name__, kind, str, lambda content, _: kind(content))


def _member(kind: type[Enum]) -> _Kind:
    return _Kind(kind.__name__, kind, lambda each: str(each.name), lambda name, _: kind[name])


def _fields(kind: type[attrs.AttrsInstance]) -> _Kind:
    # The names in a receipt are looked up whenever it is returned, and not kept.
    names = [field.name for field in attrs.fields(kind) if field.name != "names"]
    return _Kind(
        kind.__name__,
        kind,
        lambda value: {name: _plain(getattr(value, name)) for name in names},
        lambda content, records: kind(
            **{name: _value(each, records) for name, each in content.items()}
        ),
    )


def _set_of(content: list[Json], records: Records) -> object:
    return frozenset(_value(each, records) for each in content)


def _map_of(content: list[list[Json]], records: Records) -> object:
    return {_value(key, records): _value(each, records) for key, each in content}


def _written_shown(shown: ShownGrant) -> Json:
    # Only the shown part of the basis; the grant itself has whether it is the owner's.
    basis = () if shown.basis is OWNER else sorted(shown.basis)
    return {_GRANT: str(shown.id), "basis": [str(each) for each in basis]}


def _shown_of(content: Any, records: Records) -> ShownGrant:  # noqa: ANN401  JSON
    grant = records.grants[content[_GRANT]]
    basis = OWNER if grant.basis is OWNER else frozenset(map(GrantId, content["basis"]))
    return ShownGrant.of(grant, basis)


_KINDS: Final = (
    _Kind("at", datetime, datetime.isoformat, lambda text, _: datetime.fromisoformat(text)),
    _Kind("set", frozenset, lambda items: [_plain(each) for each in sorted(items)], _set_of),
    _Kind("map", dict, lambda items: [[*map(_plain, pair)] for pair in items.items()], _map_of),
    _Kind(_GRANT, Grant, lambda grant: str(grant.id), lambda id_, records: records.grants[id_]),
    _Kind(_ENDED, EndedGrant, lambda past: str(past.grant.id), lambda id_, r: r.ended[id_]),
    _Kind(_SHARE, Share, lambda share: str(share.id), lambda id_, records: records.shares[id_]),
    _Kind(_SHOWN, ShownGrant, _written_shown, _shown_of),
    *map(_identifier, _IDENTIFIERS),
    *map(_member, _ENUMS),
    *map(_fields, _VALUES),
)
_BY_TYPE: Final = {kind.type: kind for kind in _KINDS}
_BY_KEY: Final = {kind.key: kind for kind in _KINDS}


def _unknown() -> StoreFailed:
    return StoreFailed("a document has a kind of value that this version does not know")
