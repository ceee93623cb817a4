"""Logs: the tables of records that are only ever added, and that seals cover.

The document of an event names grants and shares, whose content is in rows of their own. So an event
also keeps a digest of these rows: `written`. The digest of a grant covers all but when its exam was
uploaded, which only sorts lists; of its ending, it covers everything.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, TypeAlias, assert_never

import attrs
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    Select,
    Table,
    case,
    cast,
    extract,
    func,
    literal_column,
    select,
    type_coerce,
)
from sqlalchemy.engine import Connection

from exam_sharing.adapters.sqlalchemy import documents as stored
from exam_sharing.adapters.sqlalchemy.tables import ByDialect, Instant, Tables, one_of
from exam_sharing.events import (
    AccessesPurged,
    ActRefused,
    Event,
    ExamShared,
    ExamTransferred,
    GrantsEnded,
)
from exam_sharing.grants import EndedGrant, Grant
from exam_sharing.policy.plans import Share
from exam_sharing.seals import SALT, leaf_of, microseconds, written_digest

NamedRow: TypeAlias = tuple[str, str]
"""What a document names: `"grant"`, `"ended"` or `"share"`, and the id."""
Written: TypeAlias = Mapping[NamedRow, Sequence[Any]]
"""The values of the columns of each row that is named."""

EVENTS: Final = "events"
"""The log of the audit trail."""
CHANGES: Final = "changes"
"""The log of the changes of users and groups, in a directory of ours."""
# Times become microseconds since 1970.
_JSON: Final = json.JSONEncoder(separators=(",", ":"), default=microseconds)
_BEGINNING: Final = stored.GRANTS.columns
_ENDED: Final = tuple(dict.fromkeys((*_BEGINNING, *stored.ENDINGS.columns)))
_SHARE: Final = (*stored.SHARES.columns, *stored.ATTESTATIONS.columns)


@attrs.frozen
class Log:
    """A table of records: number, at, kind, a document, salt and leaf.

    Where documents name other rows, `written` is their digest.
    """

    name: str
    table: Table
    document: str = "document"

    @property
    def names_rows(self) -> bool:
        """Whether its documents name rows of other tables."""
        return "written" in self.table.c


def logs_of(tables: Tables) -> tuple[Log, ...]:
    """Return every log, in the order in which they are sealed and verified."""
    events = Log(EVENTS, tables.events, document="event")
    return events, Log(CHANGES, tables.directory.changes)


def new_salt() -> bytes:
    """Return a salt for one record."""
    return os.urandom(SALT)


def record_row(log: str, at: datetime, kind: str, document: str) -> dict[str, Any]:
    """Return the row of a record to insert into a log; its document names no other rows."""
    salt = new_salt()
    leaf = leaf_of(salt, log, microseconds(at), kind, document)
    return {"at": at, "kind": kind, "document": document, "salt": salt, "leaf": leaf}


def event_row(event: Event) -> dict[str, Any]:
    """Return the row of an event to insert."""
    kind, document, salt = type(event).__name__, stored.text_of(event), new_salt()
    named = stored.rows_named_in(document)
    written = digest_of(salt, named, dict(_rows_of(event))) if named else None
    leaf = leaf_of(salt, EVENTS, microseconds(event.at), kind, document, written or b"")
    row = {"at": event.at, "kind": kind, "event": document, "salt": salt, "leaf": leaf}
    return row | {"written": written}


def digest_of(salt: bytes, named: Iterable[NamedRow], written: Written) -> bytes:
    """Return the digest of the rows that a document names, all of which are there."""
    return written_digest(salt, _JSON.encode([[*name, *written[name]] for name in named]))


def _rows_of(event: Event) -> Iterator[tuple[NamedRow, Sequence[Any]]]:
    match event:
        case ExamShared(made=made, share=share):
            yield _share(share)
            yield from map(_made, made)
        case GrantsEnded(made=made, ended=ended):
            yield from map(_made, made)
            yield from map(_ended, ended)
        case ExamTransferred() | ActRefused() | AccessesPurged():
            return
        case other:
            assert_never(other)


def _made(grant: Grant) -> tuple[NamedRow, Sequence[Any]]:
    return ("grant", grant.id.value), [*stored.GRANTS.row_of(grant).values()]


def _ended(past: EndedGrant) -> tuple[NamedRow, Sequence[Any]]:
    row = stored.GRANTS.row_of(past.grant) | stored.ENDINGS.row_of(past.ending)
    return ("ended", past.grant.id.value), [*row.values()]


def _share(share: Share) -> tuple[NamedRow, Sequence[Any]]:
    return ("share", share.id.value), [*stored.row_of_share(share).values()]


def read_written(
    connection: Connection, tables: Tables, named: Iterable[NamedRow]
) -> dict[NamedRow, Sequence[Any]]:
    """Return those of the named rows that are there."""
    ids: dict[str, set[str]] = {"grant": set(), "ended": set(), "share": set()}
    for kind, each in named:
        ids[kind].add(each)
    grants = _rows(connection, tables.grants, _ENDED, ids["grant"] | ids["ended"])
    shares = _rows(connection, tables.shares, _SHARE, ids["share"])
    made, beginning = ids["grant"], len(_BEGINNING)
    return {
        **{("share", row[0]): row for row in shares},
        **{("grant", row[0]): row[:beginning] for row in grants if row[0] in made},
        **{("ended", row[0]): row for row in grants if row[0] in ids["ended"]},
    }


def in_microseconds(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return a column; a time as whole microseconds since 1970, which costs less to read."""
    if not isinstance(column.type, Instant):
        return column
    exact: ColumnElement[Any] = literal_column("1000000") * extract("epoch", column)
    # PostgreSQL also has infinite times, which we never write, and which no number can be.
    no_number: ColumnElement[int] = literal_column("9223372036854775807")
    whole = case((~func.isfinite(column), no_number), else_=cast(exact, BigInteger()))
    return type_coerce(ByDialect(whole, column), BigInteger())


@lru_cache(maxsize=16)
def _reading(table: Table, columns: tuple[str, ...]) -> Select[Any]:
    return select(*(in_microseconds(table.c[each]) for each in columns)).where(
        one_of(table.c.id, "ids")
    )


def _rows(
    connection: Connection, table: Table, columns: tuple[str, ...], ids: Iterable[str]
) -> Sequence[Row[Any]]:
    named = sorted(ids)
    return connection.execute(_reading(table, columns), {"ids": named}).all() if named else ()
