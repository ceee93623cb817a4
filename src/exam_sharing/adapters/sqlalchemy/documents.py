"""What is stored: rows for the tables, and JSON documents for receipts and events.

A row that was read has its columns as attributes; a row to insert is a mapping of its columns.

In a document, text, numbers, truth values and null stand for themselves, and a list for a tuple.
Everything else is an object whose one key is the kind: `{"UserId": "anna"}`,
`{"at": "2030-01-01T…"}`, `{"UnshareReceipt": {…}}`. The table `_KINDS` has every kind, and no
other type is ever created from a document. Grants and shares have rows of their own and never
change, so a document only names them.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from enum import Enum
from operator import attrgetter
from types import MappingProxyType, NoneType
from typing import Any, Final, Generic, TypeAlias, TypeVar, get_args, get_origin

import attrs
from sqlalchemy import Row, Table

from exam_sharing import events, history
from exam_sharing import identifiers as ids
from exam_sharing.accesses import Access
from exam_sharing.errors import StoreFailed
from exam_sharing.exams import Exam, UploadBatch
from exam_sharing.grants import (
    OWNER,
    Basis,
    EndedAs,
    EndedGrant,
    Ending,
    Grant,
    HowEnded,
    Permission,
    ShownGrant,
)
from exam_sharing.identifiers import GrantId
from exam_sharing.policy import plans, requests
from exam_sharing.policy.decisions import Reason, ReasonCode
from exam_sharing.ports import Receipt
from exam_sharing.validation import PrivateText

ValueT = TypeVar("ValueT")

Json: TypeAlias = "bool | int | str | list[Json] | dict[str, Json] | None"
_NO_NAMES: Final[Mapping[str, None]] = MappingProxyType({})


@attrs.frozen
class _Form:
    """How a value is kept in a column."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


class Rows(Generic[ValueT]):
    """The rows of one kind of value: its attributes in columns of the same names.

    The types of the attributes decide how they are kept; `forms` overrides this, by attribute.
    `columns` maps an attribute to another column name, or to `None` if it has no column.
    """

    def __init__(
        self, kind: type[ValueT], columns: Mapping[str, str | None] = _NO_NAMES, **forms: _Form
    ) -> None:
        self._kind = kind
        self._columns: list[tuple[str, str, _Form]] = []
        for field in attrs.fields(kind):  # type: ignore[arg-type]  # every kind is of attrs
            column = columns.get(field.name, field.name)
            if column is not None:
                form = forms.get(field.name) or _form_of(field.type)
                self._columns.append((field.name, column, form))

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column for _, column, _ in self._columns)

    def row_of(self, value: ValueT) -> dict[str, Any]:
        """Return the row of a value."""
        return {column: form.write(getattr(value, name)) for name, column, form in self._columns}

    def value_of(self, row: Row[Any], **others: object) -> ValueT:
        """Return the value of a row; `others` are the attributes without a column."""
        kept = {name: form.read(getattr(row, column)) for name, column, form in self._columns}
        return self._kind(**kept, **others)

    def values_of(self, rows: Iterable[Row[Any]]) -> tuple[ValueT, ...]:
        """Return the values of some rows."""
        return tuple(map(self.value_of, rows))


def _form_of(hint: Any) -> _Form:  # noqa: ANN401  an annotation
    if hint in _FORMS:
        return _FORMS[hint]
    parts = get_args(hint)
    if get_origin(hint) is tuple:
        return _list_of(_form_of(parts[0]))
    return _optional(_form_of(parts[0])) if NoneType in parts else _AS_IT_IS


def _optional(form: _Form) -> _Form:
    return _Form(
        lambda value: None if value is None else form.write(value),
        lambda kept: None if kept is None else form.read(kept),
    )


def _list_of(form: _Form) -> _Form:
    return _Form(
        lambda values: _dumped([form.write(each) for each in values]),
        lambda kept: tuple(form.read(each) for each in json.loads(kept)),
    )


def _dumped(content: object) -> str:
    return json.dumps(content, separators=(",", ":"))


_VALUES: Final = (ids.BatchId, ids.ExamId, GrantId, ids.NoticeId, ids.ShareId, ids.UserId)
_ENUMS: Final = (EndedAs, HowEnded, Permission, requests.Scope)
_AS_IT_IS: Final = _Form(lambda value: value, lambda kept: kept)
_FORMS: Final[Mapping[object, _Form]] = {
    **{kind: _Form(attrgetter("value"), kind) for kind in (*_VALUES, *_ENUMS)},
    ids.PrincipalId: _Form(attrgetter("key"), ids.principal_of),
    PrivateText: _Form(str, lambda kept: kept),
    Basis: _Form(
        lambda basis: None if basis is OWNER else _dumped(sorted(each.value for each in basis)),
        lambda kept: OWNER if kept is None else frozenset(map(GrantId, json.loads(kept))),
    ),
}
_LINES: Final = _Form(
    lambda lines: _dumped([each.value for each in lines]) if lines else None,
    lambda kept: () if kept is None else tuple(map(GrantId, json.loads(kept))),
)
_CLAIMED: Final = _Form(bool, lambda token: token is not None)

EXAMS: Final = Rows(Exam)
# An exam beside a grant: both have an id and a time of upload.
OF_EXAM: Final = "exam_"
EXAM_BESIDE: Final = Rows(
    Exam, {field.name: f"{OF_EXAM}{field.name}" for field in attrs.fields(Exam)}
)
BATCHES: Final = Rows(UploadBatch)
GRANTS: Final = Rows(Grant, lines=_LINES)
NOTICES: Final = Rows(events.WaitingNotice, {"to": "reader", "exam_ids": "exams"})
LISTED_NOTICES: Final = Rows(
    events.ListedNotice, {"to": "reader", "claimed": "claimed_by"}, claimed=_CLAIMED
)
ACCESSES: Final = Rows(
    Access,
    {
        "user": "reader",
        "window": "window_began",
        "first": "first_at",
        "last": "last_at",
        "count": "times",
    },
)
ENDINGS: Final = Rows(
    Ending,
    {
        "grant": "id",
        "version": "closed_version",
        "how": "ended_how",
        "by": "ended_by",
        "acting_as": "ended_as",
        "at": "ended_at",
    },
)
SHARES: Final = Rows(plans.Share, {"attestation": None})
ATTESTATIONS: Final = Rows(plans.Attestation, {"by": "attested_by", "at": "attested_at"})


def row_of_ending(past: EndedGrant) -> dict[str, Any]:
    """Return the columns of an ending in the row of its grant, and its key: `which` and `of`."""
    row = ENDINGS.row_of(past.ending)
    return row | {"which": row.pop("id"), "of": past.grant.exam.value}


def row_of_expiry(grants: Table) -> dict[str, Any]:
    """Return the columns of the ending that a sweep records, without its version."""
    return {
        "ended_how": HowEnded.EXPIRED.value,
        "ended_as": EndedAs.HOST.value,
        "ended_at": grants.c.until,
        "replaced_by": "[]",
    }


def ended_grant_of(row: Row[Any]) -> EndedGrant:
    """Return the grant of a row, with its ending."""
    return EndedGrant(grant=GRANTS.value_of(row), ending=ENDINGS.value_of(row))


def row_of_share(share: plans.Share) -> dict[str, Any]:
    """Return the row of a share, with its attestation."""
    return SHARES.row_of(share) | ATTESTATIONS.row_of(share.attestation)


def share_of(row: Row[Any]) -> plans.Share:
    """Return the share of a row."""
    return SHARES.value_of(row, attestation=ATTESTATIONS.value_of(row))


@attrs.frozen(kw_only=True)
class Records:
    """The rows that documents name, by id: all grants, the ended grants, and shares."""

    grants: Mapping[str, Grant] = attrs.field(factory=dict)
    ended: Mapping[str, EndedGrant] = attrs.field(factory=dict)
    shares: Mapping[str, plans.Share] = attrs.field(factory=dict)


def text_of(
    value: events.Event | history.DirectoryChange | history.HistoryBegan | Receipt,
) -> str:
    """Return the document of a receipt, an event, or a change of a directory without its name.

    It is ASCII, whatever the value holds.
    """
    return _dumped(_plain(value))


def event_of(text: str, records: Records) -> events.Event:
    """Return the event of a document."""
    event = _value(json.loads(text), records)
    if isinstance(event, events.Event):
        return event
    raise _unknown()


def change_of(text: str, name: str | None) -> history.DirectoryChange:
    """Return the change of a document, and the name that is kept beside it."""
    change = _value(json.loads(text), Records())
    if isinstance(change, history.PrincipalRemoved):
        return change
    if isinstance(change, _NAMED_CHANGES):
        return attrs.evolve(change, name=name or "")
    raise _unknown()


def receipt_of(text: str, records: Records) -> Receipt:
    """Return the receipt of a document."""
    receipt = _value(json.loads(text), records)
    if isinstance(receipt, Receipt):
        return receipt
    raise _unknown()


_NAMED_CHANGES: Final = (history.UserChanged, history.GroupChanged, history.NameReplaced)

_GRANT: Final = "grant"
_ENDED: Final = "ended"
_SHARE: Final = "share"
# Inside of a text, quotation marks are escaped, so that this finds objects alone.
_NAMED: Final = re.compile(r'\{"(grant|ended|share)":("(?:[^"\\]|\\.)*")\}')


def rows_named_in(text: str) -> list[tuple[str, str]]:
    """Return what the document of an event names, in order: kinds of rows, each with an id."""
    return [
        (kind, json.loads(quoted) if "\\" in quoted else quoted[1:-1])
        for kind, quoted in _NAMED.findall(text)
    ]


def named_in(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the ids of the grants and of the shares that a document names."""
    names: dict[str, set[str]] = {_GRANT: set(), _ENDED: set(), _SHARE: set()}
    for kind, content in _objects_in(json.loads(text)):
        if kind in names and isinstance(content, str):
            names[kind].add(content)
    return frozenset(names[_GRANT] | names[_ENDED]), frozenset(names[_SHARE])


def _objects_in(plain: Json) -> Iterator[tuple[str, Json]]:
    if isinstance(plain, dict):
        yield from plain.items()
        plain = [*plain.values()]
    if isinstance(plain, list):
        for each in plain:
            yield from _objects_in(each)


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
        # The content does not fit the kind.
        raise _unknown() from None


def _unknown() -> StoreFailed:
    return StoreFailed("a document has a kind of value that this version does not know")


def _identifier(kind: type) -> _Kind:
    return _Kind(kind.__name__, kind, str, lambda content, _: kind(content))


def _member(kind: type[Enum]) -> _Kind:
    return _Kind(kind.__name__, kind, lambda each: str(each.name), lambda name, _: kind[name])


_OF_THE_MOMENT: Final = frozenset({"names", "token", "unconfirmed"})
"""What a receipt has of the moment when it is returned, and is not kept."""


def _fields(kind: type[attrs.AttrsInstance], *apart: str) -> _Kind:
    """Return the kind of a class of attrs, without fields that are kept apart."""
    left_out = _OF_THE_MOMENT.union(apart)
    names = [each.name for each in attrs.fields(kind) if each.name not in left_out]
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
    # Only the shown part of the basis. Whether the basis is `OWNER` is read from the grant.
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
    _Kind(_SHARE, plans.Share, lambda share: str(share.id), lambda id_, r: r.shares[id_]),
    _Kind("shown", ShownGrant, _written_shown, _shown_of),
    *map(_identifier, (ids.ExamId, GrantId, ids.GroupId, ids.ShareId, ids.UserId)),
    *map(_member, (Permission, ReasonCode, plans.Outcome, plans.UntilLimit)),
    *map(_member, (requests.Reshares, requests.Scope)),
    *map(_fields, (events.ActRefused, events.ExamShared, events.ExamTransferred)),
    *map(_fields, (events.GrantsEnded, requests.HostEnding, requests.Withdrawal)),
    *map(_fields, (events.AccessesPurged, requests.AccessPurge)),
    *(_fields(kind, "name") for kind in _NAMED_CHANGES),
    *map(_fields, (history.PrincipalRemoved, history.HistoryBegan)),
    *map(_fields, (requests.ShareRequest, requests.UnshareRequest)),
    *map(_fields, (requests.NarrowRequest, requests.RevokeRequest)),
    *map(_fields, (Reason, plans.ShareOutcome, plans.ShareReceipt, plans.UnshareReceipt)),
)
_BY_TYPE: Final = {kind.type: kind for kind in _KINDS}
_BY_KEY: Final = {kind.key: kind for kind in _KINDS}
