"""The trail in a database: every event, whom and what it is about, and the past of an exam.

An event is written in the transaction of its act, in one statement with its subjects, by which it
is found again. On PostgreSQL the refusal of an act is a transaction of that one statement.
"""

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Row, Table, insert, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Connection
from sqlalchemy.sql import FromClause
from typing_extensions import override

from exam_sharing import ports
from exam_sharing.adapters.sqlalchemy import documents as stored
from exam_sharing.adapters.sqlalchemy.database import Database
from exam_sharing.adapters.sqlalchemy.engines import in_our_words
from exam_sharing.adapters.sqlalchemy.logs import event_row
from exam_sharing.adapters.sqlalchemy.tables import (
    Instant,
    Tables,
    one_of,
    text_array,
)
from exam_sharing.events import Event, ExamShared, ExamTransferred, GrantsEnded
from exam_sharing.history import Everything, Happening, Stretch, Subject, subject_key, subjects_of
from exam_sharing.identifiers import ExamId, UserId
from exam_sharing.policy.facts import ExamGrants
from exam_sharing.policy.past import ExamPast, Handover, Moment
from exam_sharing.validation import require_kind


class SqlTrail(ports.AuditTrail, ports.SharingHistory):
    """Events and their subjects in one database."""

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        require_kind("database", database, Database)
        self._transactions, self._tables = database.transactions, database.tables

    def _exams_beside(self) -> FromClause | None:
        """Return the rows of the exams that there are; `None` where they are in no table."""
        return None

    @override
    @in_our_words
    def record(self, event: Event) -> None:
        with self._transactions.recording() as connection:
            put_event(connection, self._tables, event)

    @in_our_words
    def events(self) -> tuple[Event, ...]:
        """Return every event, in the order in which they were written."""
        events = self._tables.events
        rows = self._transactions.rows(select(events.c.event).order_by(events.c.number))
        return self._events_in([row.event for row in rows])

    def _events_in(self, texts: Collection[str]) -> tuple[Event, ...]:
        # Grants and shares never change, so they may be read later than the events.
        records = self._records_named_in(texts)
        return tuple(stored.event_of(text, records) for text in texts)

    def _records_named_in(self, texts: Collection[str]) -> stored.Records:
        """Return the grants and the shares that some documents name."""
        named = [stored.named_in(text) for text in texts]
        grants = self._named(self._tables.grants, {i for ids, _ in named for i in ids})
        shares = self._named(self._tables.shares, {i for _, ids in named for i in ids})
        ended = [row for row in grants if row.ended_how is not None]
        return stored.Records(
            grants={row.id: stored.GRANTS.value_of(row) for row in grants},
            ended={row.id: stored.ended_grant_of(row) for row in ended},
            shares={row.id: stored.share_of(row) for row in shares},
        )

    def _named(self, table: Table, ids: AbstractSet[str]) -> Sequence[Row[Any]]:
        if not ids:
            return ()
        named = select(table).where(one_of(table.c.id, "ids"))
        return self._transactions.rows(named, ids=sorted(ids))

    @override
    @in_our_words
    def happened(
        self, exam: ExamId | None, user: UserId | None, wanted: Stretch
    ) -> tuple[Happening, ...]:
        subjects, grants, events = self._tables.subjects.c, self._tables.grants, self._tables.events
        found = select(subjects.at, subjects.number).where(*within(wanted, subjects))
        if exam is not None and user is not None:
            other = self._tables.subjects.alias("other").c
            same = other.at == subjects.at, other.number == subjects.number
            found = found.where(sa.exists().where(other.subject == user.key, *same))
        parts = [
            found.where(subjects.subject == subject_key(each))
            for each in (*((exam, Everything.ACCESSES) if exam else ()), None if exam else user)
            if each is not None
        ]
        if exam is not None:
            # A refused act on a grant named no exam.
            key = sa.literal_column("'r:'").concat(grants.c.id)
            of_exam = select(key).where(grants.c.exam == exam.value)
            parts += [
                found.where(subjects.subject.in_(of_exam.where(half)))
                for half in _halves(self._tables)
            ]
        newest = subjects.at.desc(), subjects.number.desc()
        tops = [each.order_by(*newest).limit(wanted.limit).subquery() for each in parts]
        top = sa.union(*(select(each.c.at, each.c.number) for each in tops)).subquery()
        statement = (
            select(events.c.number, events.c.event)
            .select_from(top.join(events, events.c.number == top.c.number))
            .order_by(top.c.at.desc(), top.c.number.desc())
            .limit(wanted.limit)
        )
        rows = self._transactions.rows(statement)
        whats = self._events_in([row.event for row in rows])
        return tuple(
            Happening(number=row.number, what=what) for row, what in zip(rows, whats, strict=True)
        )

    @override
    @in_our_words
    def past(self, exam: ExamId, moment: Moment) -> ExamPast:
        rows = self._transactions.rows(
            _past(self._tables, self._exams_beside()),
            exam=exam.value,
            subject=subject_key(exam),
            at=moment.at,
            version=moment.version,
        )
        head = rows[0]
        # A host's columns may hold an exam twice.
        grants = {row.id: row for row in rows if row.part == _GRANT}.values()
        handovers = {
            row.version: Handover(
                version=row.version,
                at=row.made_at,
                before=UserId(row.grantor),
                after=UserId(row.recipient),
            )
            for row in rows
            if row.part == _HANDOVER
        }
        sharing = ExamGrants(
            version=head.version_read or 0,
            withdrawn=bool(head.withdrawn),
            grants=stored.GRANTS.values_of(row for row in grants if row.ended_how is None),
            ended=tuple(stored.ended_grant_of(row) for row in grants if row.ended_how is not None),
        )
        return ExamPast(
            exam=None if head.exam_id is None else stored.EXAM_BESIDE.value_of(head),
            version=head.version_then,
            sharing=sharing,
            handovers=tuple(handovers[version] for version in sorted(handovers)),
        )


_GRANT: Final = "grant"
_HANDOVER: Final = "handover"


def _halves(tables: Tables) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    """Return the conditions of two halves of all grants: each has an index by exam of its own."""
    closed = tables.grants.c.closed_version
    return closed.is_(None), closed.is_not(None)


@lru_cache(maxsize=64)
def _past(tables: Tables, exams: FromClause | None) -> sa.Select[Any]:
    """Return the statement for the past of an exam: a row for each grant and change of owner."""
    grants, subjects, versions = tables.grants.c, tables.subjects.c, tables.versions.c
    exam: sa.ColumnElement[str] = sa.bindparam("exam", type_=sa.String())
    about = subjects.subject == sa.bindparam("subject", type_=sa.String())
    at: sa.ColumnElement[Any] = sa.bindparam("at", type_=Instant())
    by_time = (
        select(subjects.version)
        .where(about, subjects.version.is_not(None), subjects.at <= at)
        .order_by(subjects.version.desc())
        .limit(1)
        .scalar_subquery()
    )
    given: sa.ColumnElement[int] = sa.bindparam("version", type_=sa.BigInteger())
    exact = sa.cast(given, sa.BigInteger())
    head = select(
        sa.cast(exam, sa.Text()).label("of"),
        sa.func.coalesce(exact, by_time, 0).label("version_then"),
    ).subquery("head")
    parts = [
        select(sa.literal_column(f"'{_GRANT}'").label("part"), *grants).where(
            grants.exam == exam, half
        )
        for half in _halves(tables)
    ]
    instead = {
        "version": subjects.version,
        "made_at": subjects.at,
        "grantor": subjects.owner_before,
        "recipient": subjects.owner_after,
    }
    as_grant = [
        instead.get(each.key, sa.cast(sa.null(), each.type)).label(each.key) for each in grants
    ]
    handover = select(sa.literal_column(f"'{_HANDOVER}'").label("part"), *as_grant)
    parts.append(handover.where(about, subjects.owner_before.is_not(None)))
    rows = sa.union_all(*parts).subquery("past")
    source = head.outerjoin(tables.versions, versions.exam == head.c.of)
    if exams is None:
        beside = [sa.null().label("exam_id")]
    else:
        source = source.outerjoin(exams, exams.c.id == head.c.of)
        beside = [each.label(f"{stored.OF_EXAM}{each.key}") for each in exams.c]
    return select(
        head.c.version_then,
        versions.version.label("version_read"),
        versions.withdrawn,
        *beside,
        *rows.c,
    ).select_from(source.outerjoin(rows, sa.true()))


def put_event(connection: Connection, tables: Tables, event: Event) -> None:
    """Add an event to the trail, with its subjects."""
    row = event_row(event)
    rows = [_subject_row(event, subject) for subject in subjects_of(event)]
    rows.sort(key=lambda each: str(each["subject"]))
    if connection.dialect.name == "postgresql":
        versions = ("" if each["version"] is None else str(each["version"]) for each in rows)
        others = {name: rows[0][name] for name in ("owner_before", "owner_after")}
        named = [each["subject"] for each in rows]
        asked = {"subjects": named, "versions": "\n".join(versions), **others}
        connection.execute(_put_at_once(tables), row | asked)
        return
    added = connection.execute(insert(tables.events).returning(tables.events.c.number), row)
    number = added.scalar_one()
    beside = {"at": event.at, "number": number}
    connection.execute(insert(tables.subjects), [each | beside for each in rows])


@lru_cache(maxsize=64)
def _put_at_once(tables: Tables) -> sa.Insert:
    """Return the one statement of PostgreSQL that adds an event and its subjects."""
    events, subjects = tables.events, tables.subjects
    names = [each.key for each in events.c if each is not events.c.number]
    values = {name: sa.bindparam(name, type_=events.c[name].type) for name in names}
    added = insert(events).values(**values).returning(events.c.number, events.c.at).cte("added")
    # Where a subject has no version, its text is empty, which stands for null.
    versions = sa.func.string_to_array(_lines("versions"), sa.literal_column(r"E'\n'"), "")
    numbers = sa.cast(versions, ARRAY(sa.BigInteger()))
    both = sa.func.unnest(text_array("subjects"), numbers)
    each = both.table_valued("subject", "version").render_derived(name="each")
    owners = [sa.cast(sa.bindparam(name), sa.Text()) for name in ("owner_before", "owner_after")]
    rows = select(each.c.subject, added.c.at, added.c.number, each.c.version, *owners)
    rows = rows.select_from(added.join(each, sa.true()))
    columns = ["subject", "at", "number", "version", "owner_before", "owner_after"]
    return insert(subjects).from_select(columns, rows)


def _lines(name: str) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=sa.Text())


def _subject_row(event: Event, subject: Subject) -> dict[str, Any]:
    version: int | None = None
    before: str | None = None
    after: str | None = None
    if isinstance(event, ExamShared | GrantsEnded | ExamTransferred):
        version = event.versions.get(subject) if isinstance(subject, ExamId) else None
    if isinstance(event, ExamTransferred):
        before, after = event.before.value, event.after.value
    key = subject_key(subject)
    return {"subject": key, "version": version, "owner_before": before, "owner_after": after}


def within(wanted: Stretch, columns: Any) -> list[sa.ColumnElement[bool]]:  # noqa: ANN401
    """Return the conditions that columns `at` and `number` are in a stretch."""
    found: list[sa.ColumnElement[bool]] = []
    if wanted.since is not None:
        found.append(columns.at >= wanted.since)
    if wanted.before is not None:
        found.append(columns.at < wanted.before)
    if wanted.after is not None:
        at, number = wanted.after
        behind = sa.or_(columns.at < at, sa.and_(columns.at == at, columns.number < number))
        found += [columns.at <= at, behind]
    return found
