"""The SQL reader: every question that acts, checks and lists put to the database.

Each question is one statement, so that its answer is of one moment. Checks, pages and a host's own
queries use the same two conditions, `counts` and `owned`, so that lists and checks agree.

A page merges the newest exams of each principal. It asks for no more of a principal than fits the
page, and the index of grants by recipient is in the order of the page. All grants on an exam sort
alike, by the exam's time of upload; several grants on an exam to one principal count once.

INVARIANT: a grant without a `closed_version` has not been ended, and its exam is not withdrawn.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum, auto
from functools import cached_property, lru_cache
from typing import Any, Final, TypeAlias

import attrs
from sqlalchemy import (
    Column,
    ColumnElement,
    Integer,
    Select,
    String,
    Subquery,
    and_,
    bindparam,
    exists,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    tuple_,
    union,
    union_all,
)
from sqlalchemy.sql import FromClause
from typing_extensions import override

from exam_sharing.adapters.sqlalchemy.database import Database
from exam_sharing.adapters.sqlalchemy.documents import (
    ended_grant_of_row,
    exam_of_row,
    grant_of_row,
    receipt_of,
    share_of_row,
)
from exam_sharing.adapters.sqlalchemy.engines import in_our_words
from exam_sharing.adapters.sqlalchemy.questions import Question, Selecting, listed, one_of
from exam_sharing.adapters.sqlalchemy.tables import Instant, Tables
from exam_sharing.adapters.sqlalchemy.trail import records_named_in
from exam_sharing.exams import Exam
from exam_sharing.grants import EndedGrant, Grant, Permission
from exam_sharing.identifiers import (
    ExamId,
    GrantId,
    PrincipalId,
    PrincipalKey,
    ShareId,
    UserId,
    principal_of,
)
from exam_sharing.policy.facts import ExamGrants, Involvement
from exam_sharing.policy.plans import Share
from exam_sharing.policy.views import VisibleExam
from exam_sharing.ports import AccessReader, ExamReader, GrantReader, StoredReceipt
from exam_sharing.validation import checks_arguments, is_a

__all__ = [
    "Asker",
    "Cursor",
    "Given",
    "Keys",
    "Questions",
    "SqlAccessReader",
    "SqlGrantReader",
    "counts",
    "owned",
    "questions_of",
]

Keys: TypeAlias = frozenset[PrincipalKey]
"""The keys of a user and of every group that they are in; empty for one who holds nothing."""

Cursor: TypeAlias = tuple[datetime, str] | None
"""The exam after which a page begins, by its time of upload and its id; `None` for the first."""

_MOST_ARMS: Final = 200
"""How many principals SQLite is asked about one by one; it joins at most 500 selects."""

_USER_KIND: Final = UserId("x").key[:2]

_NO_KEY: Final = PrincipalKey("")
"""The key to ask about for a user without principals."""

_LIMIT: Final = select(bindparam("limit", type_=Integer())).scalar_subquery()
"""A sub-select, since PostgreSQL must not see the length of a page. Where most principals can see
less than a page, PostgreSQL would read and sort all that anyone can see, even where it is much."""

_NEVER_SHARED: Final = ExamGrants()


@attrs.frozen
class Asker:
    """A user who asks, with the keys of their principals, at a time in UTC."""

    user: UserId = attrs.field(validator=is_a(UserId))
    principals: Keys
    now: datetime

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of a statement that name the asker."""
        # Nothing equals null: a user without principals owns nothing, and no grant reaches them.
        return {"user": self.user.value if self.principals else None, "now": self.now}


@attrs.frozen
class Given:
    """What grants give a user on some exams.

    Attributes:
        exams: those on which grants give the permission.
        withdrawn: those that were withdrawn, so that their owners hold nothing either.
    """

    exams: frozenset[ExamId]
    withdrawn: frozenset[ExamId]


def counts(
    grants: FromClause, *, user: ColumnElement[str], now: ColumnElement[datetime]
) -> ColumnElement[bool]:
    """Return the condition that a grant stands, and gives something to those that it reaches.

    A grant gives nothing to its own grantor. Specification: `#grant`.
    """
    # The concatenation hides the column from PostgreSQL's statistics. Where one account makes all
    # grants, PostgreSQL would guess that next to nothing counts, and would read and sort all that a
    # principal sees instead of one page in the order of its index.
    grantor = grants.c.grantor.concat(literal_column("''"))
    over = grants.c.until <= now
    return and_(grants.c.closed_version.is_(None), grantor != user, over.is_not(true()))


def owned(
    exam: ColumnElement[Any],
    owner: ColumnElement[Any],
    versions: FromClause,
    *,
    user: ColumnElement[str],
) -> ColumnElement[bool]:
    """Return the condition that the user owns an exam, and that it was not withdrawn.

    An exam that was never shared may have no version.
    """
    gone = select(versions.c.exam).where(versions.c.exam == exam, versions.c.withdrawn)
    # A look-up for each exam: a join could go through all withdrawn exams for each.
    return and_(owner == user, gone.scalar_subquery().is_(None))


class _Listed(Enum):
    """Which exams a list has."""

    VISIBLE = auto()
    SHARED_WITH = auto()
    GRANTED = auto()
    """Whatever grants give, whoever owns it."""


_PageKind: TypeAlias = tuple[_Listed, bool, int]
"""What a page lists, whether it has a cursor, and its number of arms."""


class Questions:
    """Every question of the reading ports, over the tables of one database."""

    def __init__(self, tables: Tables, *, postgresql: bool) -> None:
        self._postgresql = postgresql
        self._exams = tables.exams
        self._versions = tables.versions
        self._grants = tables.grants
        self._removed = tables.removed
        self._user = bindparam("user", type_=String())
        self._counts = counts(self._grants, user=self._user, now=bindparam("now", type_=Instant()))
        exams = self._exams.c
        # A look-up for each grant: a join could read all that the user owns.
        self._owner = select(exams.owner).where(exams.id == self._grants.c.exam).scalar_subquery()
        self._pages: dict[_PageKind, Selecting] = {}

    def find(self, exams: Iterable[ExamId]) -> Question[tuple[Exam, ...]]:
        """Ask which of the exams there are."""
        return Question(self._find, {"exams": _texts(exams)}, _exams_of)

    @cached_property
    def _find(self) -> Selecting:
        return select(self._exams).where(one_of(self._exams.c.id, "exams"))

    def batch_of(self, exam: ExamId) -> Question[tuple[Exam, ...]]:
        """Ask which exams were uploaded with this one."""
        return Question(self._batch_of, {"exam": exam.value}, _exams_of)

    @cached_property
    def _batch_of(self) -> Selecting:
        exams = self._exams.c
        batch = select(exams.batch).where(exams.id == bindparam("exam")).scalar_subquery()
        newest_first = exams.uploaded_at.desc(), exams.id.desc()
        return select(self._exams).where(exams.batch == batch).order_by(*newest_first)

    def read(
        self, exams: tuple[ExamId, ...], *, ended: bool
    ) -> Question[Mapping[ExamId, ExamGrants]]:
        """Ask for the version and the grants of each exam."""
        statement = self._read_all if ended else self._read_standing
        return Question(statement, {"exams": _texts(exams)}, _sharing_of(exams))

    @cached_property
    def _read_standing(self) -> Selecting:
        return self._with_versions(self._grants, self._grants.c.closed_version.is_(None))

    @cached_property
    def _read_all(self) -> Selecting:
        # Two indexes hold one half of the grants each.
        on_exams = select(self._grants).where(one_of(self._grants.c.exam, "exams"))
        closed = self._grants.c.closed_version
        halves = union_all(on_exams.where(closed.is_(None)), on_exams.where(closed.is_not(None)))
        return self._with_versions(halves.subquery("every_grant"))

    def _with_versions(
        self, grants: "FromClause | Subquery", *only: ColumnElement[bool]
    ) -> Selecting:
        versions = self._versions
        # Both tables have columns called exam and version.
        return (
            select(
                versions.c.exam.label("exam_read"),
                versions.c.version.label("version_read"),
                versions.c.withdrawn,
                *grants.c,
            )
            .select_from(versions.outerjoin(grants, and_(grants.c.exam == versions.c.exam, *only)))
            .where(one_of(versions.c.exam, "exams"))
        )

    def find_grants(self, ids: Iterable[GrantId]) -> Question[tuple[Grant, ...]]:
        """Ask which of the grants there are."""
        asked = {"ids": sorted({each.value for each in ids})}
        return Question(self._find_grants, asked, _grants_of)

    @cached_property
    def _find_grants(self) -> Selecting:
        return select(self._grants).where(one_of(self._grants.c.id, "ids"))

    def grants_of_share(
        self, share: ShareId, exams: Iterable[ExamId], recipients: Iterable[PrincipalKey]
    ) -> Question[tuple[Grant, ...]]:
        """Ask for the standing grants of a share on some exams to some principals."""
        asked = {"share": share.value, "exams": _texts(exams), "recipients": sorted(recipients)}
        return Question(self._grants_of_share, asked, _grants_of)

    @cached_property
    def _grants_of_share(self) -> Selecting:
        grants = self._grants.c
        return select(self._grants).where(
            one_of(grants.exam, "exams"),
            one_of(grants.recipient, "recipients"),
            grants.share == bindparam("share"),
            grants.closed_version.is_(None),
        )

    def removed(
        self, exams: tuple[ExamId, ...], recipients: Iterable[PrincipalId]
    ) -> Question[Mapping[ExamId, frozenset[PrincipalId]]]:
        """Ask which of the recipients the owner of each exam removed."""
        asked = {"exams": _texts(exams), "recipients": sorted({each.key for each in recipients})}

        def answer(rows: Iterable[Any]) -> Mapping[ExamId, frozenset[PrincipalId]]:
            found: dict[str, set[PrincipalId]] = {}
            for row in rows:
                found.setdefault(row.exam, set()).add(principal_of(PrincipalKey(row.recipient)))
            return {exam: frozenset(found.get(exam.value, ())) for exam in exams}

        return Question(self._who_was_removed, asked, answer)

    @cached_property
    def _who_was_removed(self) -> Selecting:
        removed = self._removed
        return select(removed).where(
            one_of(removed.c.exam, "exams"), one_of(removed.c.recipient, "recipients")
        )

    def exams_granted_to(self, recipient: PrincipalId) -> Question[tuple[ExamId, ...]]:
        """Ask for the exams with grants to the principal that have not been ended."""
        asked = {"recipient": recipient.key}
        return Question(
            self._granted_to, asked, lambda rows: tuple(ExamId(row.exam) for row in rows)
        )

    @cached_property
    def _granted_to(self) -> Selecting:
        grants = self._grants.c
        standing = grants.recipient == bindparam("recipient"), grants.closed_version.is_(None)
        return select(grants.exam).where(*standing).distinct().order_by(grants.exam)

    def holds(
        self, user: UserId, principals: Keys, permission: Permission, exam: ExamId, now: datetime
    ) -> Question[bool]:
        """Ask whether the user holds the permission on the exam."""
        asked = {
            "user": user.value if principals else None,
            "principals": sorted(principals),
            "permission": int(permission),
            "exam": exam.value,
            "now": now,
        }
        return Question(self._holds, asked, _is_held)

    @cached_property
    def _holds(self) -> Selecting:
        exam: ColumnElement[str] = bindparam("exam")
        given = exists(select(self._grants.c.id).where(self._gives(self._grants.c.exam == exam)))
        there = exists(select(self._exams.c.id).where(self._exams.c.id == exam))
        owned = exists(self._owned(self._exams.c.id == exam))
        return select(or_(and_(given, there), owned).label("held"))

    def holding(
        self, asker: Asker, permission: Permission, exams: Iterable[ExamId]
    ) -> Question[frozenset[ExamId]]:
        """Ask on which of the exams the asker holds the permission."""
        return Question(self._holding, _check(asker, permission, exams), _exam_ids_of)

    @cached_property
    def _holding(self) -> Selecting:
        given = self._given_of_many().where(self._owner.is_not(None))
        return union(given, self._owned(one_of(self._exams.c.id, "exams")))

    def given(
        self, asker: Asker, permission: Permission, exams: Iterable[ExamId]
    ) -> Question[Given]:
        """Ask on which of the exams grants give the permission, and which were withdrawn."""
        return Question(self._given, _check(asker, permission, exams), _given_of)

    @cached_property
    def _given(self) -> Selecting:
        given = self._given_of_many().add_columns(false().label("withdrawn"))
        return union(given, self._withdrawn.add_columns(true()))

    def withdrawn(self, exams: Iterable[ExamId]) -> Question[frozenset[ExamId]]:
        """Ask which of the exams were withdrawn."""
        return Question(self._withdrawn, {"exams": _texts(exams)}, _exam_ids_of)

    @cached_property
    def _withdrawn(self) -> Select[Any]:
        versions = self._versions.c
        return select(versions.exam).where(one_of(versions.exam, "exams"), versions.withdrawn)

    def involved(self, asker: Asker, named: ExamId | GrantId) -> Question[Involvement | None]:
        """Ask how the asker is involved with an exam, named by its own id or that of a grant."""
        asked = _check(asker, Permission.VIEW) | {"named": named.value}

        def answer(rows: Iterable[Any]) -> Involvement | None:
            found = _involvement_of(rows)
            return found[0] if found and (found[0].granted or found[1]) else None

        return Question(self._involved[isinstance(named, GrantId)], asked, answer)

    def involved_by_grants(
        self, asker: Asker, named: ExamId | GrantId
    ) -> Question[tuple[Involvement, bool] | None]:
        """Ask the same of grants alone, and whether grants let the asker see the exam."""
        asked = _check(asker, Permission.VIEW) | {"named": named.value}
        statement = self._involved_by_grants[isinstance(named, GrantId)]
        return Question(statement, asked, _involvement_of)

    @cached_property
    def _involved(self) -> tuple[Selecting, Selecting]:
        return self._involving(owners=True), self._involving(owners=True, by_grant=True)

    @cached_property
    def _involved_by_grants(self) -> tuple[Selecting, Selecting]:
        return self._involving(owners=False), self._involving(owners=False, by_grant=True)

    def _involving(self, *, owners: bool, by_grant: bool = False) -> Selecting:
        named: ColumnElement[Any] = bindparam("named", type_=String())
        on = self._grants.alias("named_grant").c
        exam = on.exam if by_grant else named
        versions, grants, user = self._versions.c, self._grants.c, self._user
        withdrawn = exists().where(versions.exam == exam, versions.withdrawn)
        granted: ColumnElement[bool] = on.grantor == user
        own = or_(granted, on.recipient == literal(_USER_KIND).concat(user))
        if not by_grant:
            granted = exists().where(grants.exam == exam, grants.grantor == user)
            own = true()
        given = exists().where(self._gives(grants.exam == exam))
        owned = exists(self._owned(self._exams.c.id == exam)) if owners else false()
        involved = select(
            exam.label("exam"),
            granted.label("granted"),
            own.label("own"),
            owned.label("owns"),
            or_(given, owned).label("sees"),
        ).where(~withdrawn)
        return involved.where(on.id == named) if by_grant else involved

    def _gives(self, among: ColumnElement[bool]) -> ColumnElement[bool]:
        reaches = one_of(self._grants.c.recipient, "principals")
        enough = self._grants.c.permission >= bindparam("permission")
        return and_(among, reaches, self._counts, enough)

    def _given_of_many(self) -> Select[Any]:
        exam = self._grants.c.exam
        return select(exam).where(self._gives(one_of(exam, "exams")))

    def _owned(self, among: ColumnElement[bool]) -> Select[Any]:
        exams = self._exams.c
        # These exams are found by id. With the bare column, a check could use the index of owners
        # instead, and read all that the user owns.
        owner = exams.owner.concat(literal_column("''"))
        return select(exams.id).where(
            among, owned(exams.id, owner, self._versions, user=self._user)
        )

    def visible(
        self, asker: Asker, after: Cursor, limit: int, *, own: bool
    ) -> Question[tuple[VisibleExam, ...]]:
        """Ask for the first exams that the asker can see."""
        return self._page_of(_Listed.VISIBLE if own else _Listed.SHARED_WITH, asker, after, limit)

    def granted(self, asker: Asker, after: Cursor, limit: int) -> Question[tuple[VisibleExam, ...]]:
        """Ask for the first exams that grants let the asker see, whoever owns them."""
        return self._page_of(_Listed.GRANTED, asker, after, limit)

    def _page_of(
        self, what: _Listed, asker: Asker, after: Cursor, limit: int
    ) -> Question[tuple[VisibleExam, ...]]:
        asked = asker.parameters() | {"limit": limit}
        if after is not None:
            asked["after_at"], asked["after_exam"] = after
        keys = sorted(asker.principals) or [_NO_KEY]
        arms = 0 if self._postgresql else min(len(keys), _MOST_ARMS)
        asked |= {f"principal_{number}": key for number, key in enumerate(keys[:arms])}
        asked["principals"] = keys[arms:]
        kind = what, after is not None, arms
        if kind not in self._pages:
            self._pages[kind] = self._page(*kind)
        return Question(self._pages[kind], asked, _visible_of)

    def _page(self, what: _Listed, later: bool, arms: int) -> Selecting:  # noqa: FBT001
        """Return the statement for a page of a kind. Specification: `#lists-of-exams`."""
        recipient = self._grants.c.recipient
        if self._postgresql:
            parts = [self._newest_of_each(what, later=later)]
        else:
            parts = [
                self._newest(recipient == bindparam(f"principal_{number}"), what, later=later)
                for number in range(arms)
            ]
            if arms == _MOST_ARMS:
                parts.append(self._newest(one_of(recipient, "principals"), what, later=later))
        if what is _Listed.VISIBLE:
            parts.append(self._newest_owned(later=later))
        # Each part keeps its own limit inside of the union.
        limited = [part.subquery() for part in parts]
        several = union_all(
            *(select(part.c.exam, part.c.uploaded_at, part.c.permission) for part in limited)
        ).subquery("near")
        return (
            select(
                several.c.exam,
                several.c.uploaded_at,
                func.max(several.c.permission).label("permission"),
            )
            .group_by(several.c.uploaded_at, several.c.exam)
            .order_by(several.c.uploaded_at.desc(), several.c.exam.desc())
            .limit(_LIMIT)
        )

    def _newest_of_each(self, what: _Listed, *, later: bool) -> Select[Any]:
        asked = listed("principals")
        to_one = self._grants.c.recipient == asked.c.value
        top = self._newest(to_one, what, later=later).correlate(asked).lateral("top")
        columns = (top.c.exam, top.c.uploaded_at, top.c.permission)
        return select(*columns).select_from(asked.join(top, true()))

    def _newest(self, reaches: ColumnElement[bool], what: _Listed, *, later: bool) -> Select[Any]:
        grants = self._grants.c
        newest = (
            select(grants.exam, grants.uploaded_at, func.max(grants.permission).label("permission"))
            .where(reaches, self._counts)
            .group_by(grants.uploaded_at, grants.exam)
            .order_by(grants.uploaded_at.desc(), grants.exam.desc())
            .limit(_LIMIT)
        )
        if what is _Listed.SHARED_WITH:
            newest = newest.where(self._owner != bindparam("user"))
        elif what is _Listed.VISIBLE:
            newest = newest.where(self._owner.is_not(None))
        return newest.where(_behind(grants.uploaded_at, grants.exam)) if later else newest

    def _newest_owned(self, *, later: bool) -> Select[Any]:
        exams = self._exams.c
        everything = literal(int(Permission.DOWNLOAD)).label("permission")
        newest = (
            select(exams.id.label("exam"), exams.uploaded_at, everything)
            .where(owned(exams.id, exams.owner, self._versions, user=self._user))
            .order_by(exams.uploaded_at.desc(), exams.id.desc())
            .limit(_LIMIT)
        )
        return newest.where(_behind(exams.uploaded_at, exams.id)) if later else newest


@lru_cache
def questions_of(tables: Tables, *, postgresql: bool) -> Questions:
    """Return the questions over some tables, the same each time."""
    return Questions(tables, postgresql=postgresql)


def _texts(exams: Iterable[ExamId]) -> list[str]:
    return sorted({exam.value for exam in exams})


def _check(asker: Asker, permission: Permission, exams: Iterable[ExamId] = ()) -> dict[str, Any]:
    return asker.parameters() | {
        "principals": sorted(asker.principals),
        "permission": int(permission),
        "exams": _texts(exams),
    }


def _behind(uploaded_at: Column[Any], exam: Column[Any]) -> ColumnElement[bool]:
    cursor: Sequence[ColumnElement[Any]] = (
        bindparam("after_at", type_=Instant()),
        bindparam("after_exam", type_=exam.type),
    )
    return tuple_(uploaded_at, exam) < tuple_(*cursor)


def _is_held(rows: Iterable[Any]) -> bool:
    ((held,),) = rows
    return bool(held)


def _exams_of(rows: Iterable[Any]) -> tuple[Exam, ...]:
    return tuple(map(exam_of_row, rows))


def _grants_of(rows: Iterable[Any]) -> tuple[Grant, ...]:
    return tuple(map(grant_of_row, rows))


def _exam_ids_of(rows: Iterable[Any]) -> frozenset[ExamId]:
    return frozenset(ExamId(row[0]) for row in rows)


def _given_of(rows: Iterable[Any]) -> Given:
    found = [(ExamId(row.exam), row.withdrawn) for row in rows]
    return Given(
        exams=frozenset(exam for exam, withdrawn in found if not withdrawn),
        withdrawn=frozenset(exam for exam, withdrawn in found if withdrawn),
    )


def _involvement_of(rows: Iterable[Any]) -> tuple[Involvement, bool] | None:
    for row in rows:
        own = bool(row.own or row.owns)
        involved = Involvement(exam=ExamId(row.exam), granted=bool(row.granted), own=own)
        return involved, bool(row.sees)
    return None


def _visible_of(rows: Iterable[Any]) -> tuple[VisibleExam, ...]:
    return tuple(
        VisibleExam(
            exam=ExamId(row.exam),
            permission=Permission(row.permission),
            uploaded_at=row.uploaded_at,
        )
        for row in rows
    )


def _sharing_of(
    exams: tuple[ExamId, ...],
) -> Callable[[Iterable[Any]], Mapping[ExamId, ExamGrants]]:
    """Return how to read the rows of versions and grants for these exams."""

    def answer(rows: Iterable[Any]) -> Mapping[ExamId, ExamGrants]:
        heads: dict[str, Any] = {}
        standing: dict[str, list[Grant]] = {}
        past: dict[str, list[EndedGrant]] = {}
        for row in rows:
            exam = row.exam_read
            heads[exam] = row
            if row.id is None:
                continue
            if row.ended_how is None:
                standing.setdefault(exam, []).append(grant_of_row(row))
            else:
                past.setdefault(exam, []).append(ended_grant_of_row(row))
        sharing = dict.fromkeys(exams, _NEVER_SHARED)
        for each in sharing:
            head = heads.get(each.value)
            if head is not None:
                sharing[each] = ExamGrants(
                    version=head.version_read,
                    withdrawn=head.withdrawn,
                    grants=tuple(standing.get(each.value, ())),
                    ended=tuple(past.get(each.value, ())),
                )
        return sharing

    return answer


class _Reader:
    """Keeps a database, and the questions over its tables."""

    def __init__(self, database: Database) -> None:
        self._transactions, self._tables = database.transactions, database.tables
        self._questions = questions_of(database.tables, postgresql=database.transactions.postgresql)


@checks_arguments
class SqlGrantReader(_Reader, GrantReader):
    """The grants of one database."""

    @override
    def read(self, exams: tuple[ExamId, ...], *, ended: bool) -> Mapping[ExamId, ExamGrants]:
        return self._transactions.ask(self._questions.read(exams, ended=ended))

    @override
    def find_grants(self, ids: Iterable[GrantId]) -> tuple[Grant, ...]:
        return self._transactions.ask(self._questions.find_grants(ids))

    @override
    def grants_of_share(
        self, share: ShareId, exams: Iterable[ExamId], recipients: Iterable[PrincipalKey]
    ) -> tuple[Grant, ...]:
        return self._transactions.ask(self._questions.grants_of_share(share, exams, recipients))

    @override
    def removed(
        self, exams: tuple[ExamId, ...], recipients: tuple[PrincipalId, ...]
    ) -> Mapping[ExamId, frozenset[PrincipalId]]:
        return self._transactions.ask(self._questions.removed(exams, recipients))

    @override
    def exams_granted_to(self, recipient: PrincipalId) -> tuple[ExamId, ...]:
        return self._transactions.ask(self._questions.exams_granted_to(recipient))

    @override
    @in_our_words
    def receipt(self, actor: UserId, request_id: str) -> StoredReceipt | None:
        receipts = self._tables.receipts
        is_it = receipts.c.actor == actor.value, receipts.c.request_id == request_id
        with self._transactions.reading() as connection:
            row = connection.execute(select(receipts).where(*is_it)).one_or_none()
        if row is None:
            return None
        records = records_named_in(self._transactions, self._tables, [row.receipt])
        return StoredReceipt(
            actor=actor,
            request_id=request_id,
            fingerprint=row.fingerprint,
            receipt=receipt_of(row.receipt, records),
        )

    @in_our_words
    def share_record(self, share: ShareId) -> Share | None:
        """Return the record of a share, with its attestation, if there is one of that id."""
        shares = self._tables.shares
        with self._transactions.reading() as connection:
            row = connection.execute(select(shares).where(shares.c.id == share.value)).one_or_none()
            return None if row is None else share_of_row(row)


@checks_arguments
class SqlAccessReader(_Reader, ExamReader, AccessReader):
    """The exams of one database, and what its users can see."""

    @override
    def find(self, exams: tuple[ExamId, ...]) -> tuple[Exam, ...]:
        return self._transactions.ask(self._questions.find(exams))

    @override
    def batch_of(self, exam: ExamId) -> tuple[Exam, ...]:
        return self._transactions.ask(self._questions.batch_of(exam))

    @override
    def involved(
        self, user: UserId, principals: Keys, named: ExamId | GrantId, now: datetime
    ) -> Involvement | None:
        asker = Asker(user, principals, now)
        return self._transactions.ask(self._questions.involved(asker, named))

    @override
    def holds(
        self, user: UserId, principals: Keys, permission: Permission, exam: ExamId, now: datetime
    ) -> bool:
        if not principals:
            return False
        question = self._questions.holds(user, principals, permission, exam, now)
        return self._transactions.ask(question)

    @override
    def holding(
        self,
        user: UserId,
        principals: Keys,
        permission: Permission,
        exams: Iterable[ExamId],
        now: datetime,
    ) -> frozenset[ExamId]:
        asked = tuple(exams)
        if not (principals and asked):
            return frozenset()
        asker = Asker(user, principals, now)
        return self._transactions.ask(self._questions.holding(asker, permission, asked))

    @override
    def visible(
        self, user: UserId, principals: Keys, after: Cursor, limit: int, now: datetime, *, own: bool
    ) -> tuple[VisibleExam, ...]:
        if not principals:
            return ()
        asker = Asker(user, principals, now)
        return self._transactions.ask(self._questions.visible(asker, after, limit, own=own))
