"""What is read of exams, grants and access: one statement a question, so that each sees one moment.

Checks, pages and a host's own queries are made of the same conditions, so that lists and checks
agree. Which recipients are meant, which exams, and how much is to be given, each statement adds.

A page is the newest exams of each principal, merged: no principal is asked for more than the page
can hold, and the index of grants by recipient is already in the order of the page. All grants of an
exam sort alike, since they sort by the exam's time of upload; several of one exam to one principal
count once.

INVARIANT: a grant without a `closed_version` has not been ended, and its exam is not withdrawn.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum, auto
from functools import lru_cache
from typing import Any, Final, TypeAlias

import attrs
from sqlalchemy import (
    Column,
    ColumnElement,
    Integer,
    Select,
    String,
    Subquery,
    Table,
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
from exam_sharing.adapters.sqlalchemy.failures import in_our_words
from exam_sharing.adapters.sqlalchemy.questions import Question, Selecting, listed, one_of
from exam_sharing.adapters.sqlalchemy.rows import ended_grant_of_row, exam_of_row, grant_of_row
from exam_sharing.adapters.sqlalchemy.tables import Instant, Tables
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
from exam_sharing.policy.views import VisibleExam
from exam_sharing.ports import AccessReader
from exam_sharing.validation import checks_arguments

__all__ = [
    "AccessQuestions",
    "ExamQuestions",
    "Given",
    "GrantQuestions",
    "SqlAccess",
    "access_questions",
    "counts",
    "exam_questions",
    "grant_questions",
    "owned",
]


def counts(
    grants: FromClause, *, user: ColumnElement[str], now: ColumnElement[datetime]
) -> ColumnElement[bool]:
    """Return the condition that a grant stands, and gives something to whom it reaches.

    A grant gives nothing to its own grantor: SPEC section 11.
    """
    # Written so that PostgreSQL does not guess from its statistics that next to nothing counts, as
    # it would where one account makes all grants: it would then read and sort all that a principal
    # sees, instead of reading a page in the order of its index.
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
    """Return the condition that an exam is the user's own, and was not withdrawn.

    An exam that was never shared may have no version.
    """
    gone = select(versions.c.exam).where(versions.c.exam == exam, versions.c.withdrawn)
    # Looked up for each exam: joined, all that were ever withdrawn could be gone through for each.
    return and_(owner == user, gone.scalar_subquery().is_(None))


_NEVER_SHARED: Final = ExamGrants()


class ExamQuestions:
    """The questions of `ExamReader` to our own tables."""

    def __init__(self, tables: Tables, *, postgresql: bool) -> None:
        """Prepare the statements."""
        exams = tables.exams
        same_batch = select(exams.c.batch).where(exams.c.id == bindparam("exam"))
        self._find = select(exams).where(one_of(exams.c.id, "exams", postgresql=postgresql))
        self._batch_of = (
            select(exams)
            .where(exams.c.batch == same_batch.scalar_subquery())
            .order_by(exams.c.uploaded_at.desc(), exams.c.id.desc())
        )

    def find(self, exams: Iterable[ExamId]) -> Question[tuple[Exam, ...]]:
        """Ask which of the exams there are."""
        return Question(self._find, {"exams": _texts(exams)}, _exams_found)

    def batch_of(self, exam: ExamId) -> Question[tuple[Exam, ...]]:
        """Ask which exams were uploaded with this one."""
        return Question(self._batch_of, {"exam": exam.value}, _exams_found)


class GrantQuestions:
    """The questions of `GrantReader` that acts ask: versions, grants, whom the owner removed."""

    def __init__(self, tables: Tables, *, postgresql: bool) -> None:
        """Prepare the statements."""
        self._standing = _with_grants(tables, ended=False, postgresql=postgresql)
        self._all = _with_grants(tables, ended=True, postgresql=postgresql)
        grants, removed = tables.grants, tables.removed
        self._find = select(grants).where(one_of(grants.c.id, "ids", postgresql=postgresql))
        self._of_share = select(grants).where(
            one_of(grants.c.exam, "exams", postgresql=postgresql),
            one_of(grants.c.recipient, "recipients", postgresql=postgresql),
            grants.c.share == bindparam("share"),
            grants.c.closed_version.is_(None),
        )
        self._removed = select(removed).where(
            one_of(removed.c.exam, "exams", postgresql=postgresql),
            one_of(removed.c.recipient, "recipients", postgresql=postgresql),
        )

    def read(
        self, exams: tuple[ExamId, ...], *, ended: bool
    ) -> Question[Mapping[ExamId, ExamGrants]]:
        """Ask for the version and the grants of each exam."""
        statement = self._all if ended else self._standing
        return Question(statement, {"exams": _texts(exams)}, _sharing_of(exams))

    def find_grants(self, ids: Iterable[GrantId]) -> Question[tuple[Grant, ...]]:
        """Ask which of the grants there are."""
        asked = {"ids": sorted({each.value for each in ids})}
        return Question(self._find, asked, lambda rows: tuple(map(grant_of_row, rows)))

    def grants_of_share(
        self, share: ShareId, exams: Iterable[ExamId], recipients: Iterable[PrincipalKey]
    ) -> Question[tuple[Grant, ...]]:
        """Ask for the standing grants of a share on some exams to some principals."""
        asked = {"share": share.value, "exams": _texts(exams), "recipients": sorted(recipients)}
        return Question(self._of_share, asked, lambda rows: tuple(map(grant_of_row, rows)))

    def removed(
        self, exams: tuple[ExamId, ...], recipients: Iterable[PrincipalId]
    ) -> Question[Mapping[ExamId, frozenset[PrincipalId]]]:
        """Ask which of the recipients were removed from each exam by its owner."""
        asked = {"exams": _texts(exams), "recipients": sorted({each.key for each in recipients})}

        def removed_in(rows: Iterable[Any]) -> Mapping[ExamId, frozenset[PrincipalId]]:
            found: dict[str, set[PrincipalId]] = {}
            for row in rows:
                found.setdefault(row.exam, set()).add(principal_of(PrincipalKey(row.recipient)))
            return {exam: frozenset(found.get(exam.value, ())) for exam in exams}

        return Question(self._removed, asked, removed_in)


@lru_cache
def exam_questions(tables: Tables, *, postgresql: bool) -> ExamQuestions:
    """Return the questions of some tables, the same each time."""
    return ExamQuestions(tables, postgresql=postgresql)


@lru_cache
def grant_questions(tables: Tables, *, postgresql: bool) -> GrantQuestions:
    """Return the questions of some tables, the same each time."""
    return GrantQuestions(tables, postgresql=postgresql)


def _with_grants(tables: Tables, *, ended: bool, postgresql: bool) -> Selecting:
    """Return one statement for versions and grants, so that both are of one moment."""
    versions = tables.versions
    grants = _past_and_present(tables.grants, postgresql=postgresql) if ended else tables.grants
    joined = grants.c.exam == versions.c.exam
    if not ended:
        joined &= grants.c.closed_version.is_(None)
    # Both tables have columns called exam and version.
    return (
        select(
            versions.c.exam.label("exam_read"),
            versions.c.version.label("version_read"),
            versions.c.withdrawn,
            *grants.c,
        )
        .select_from(versions.outerjoin(grants, joined))
        .where(one_of(versions.c.exam, "exams", postgresql=postgresql))
    )


def _past_and_present(grants: Table, *, postgresql: bool) -> Subquery:
    """Return every grant on the exams, by the two indexes that hold either half."""
    on_exams = select(grants).where(one_of(grants.c.exam, "exams", postgresql=postgresql))
    closed = grants.c.closed_version
    halves = union_all(on_exams.where(closed.is_(None)), on_exams.where(closed.is_not(None)))
    return halves.subquery("every_grant")


def _texts(exams: Iterable[ExamId]) -> list[str]:
    return sorted({exam.value for exam in exams})


def _exams_found(rows: Iterable[Any]) -> tuple[Exam, ...]:
    return tuple(map(exam_of_row, rows))


def _sharing_of(
    exams: tuple[ExamId, ...],
) -> Callable[[Iterable[Any]], Mapping[ExamId, ExamGrants]]:
    """Return how the rows of versions and grants are read, for these exams."""

    def sharing_in(rows: Iterable[Any]) -> Mapping[ExamId, ExamGrants]:
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

    return sharing_in


_MOST_ARMS: Final = 200
"""How many principals SQLite is asked about each by itself; it joins at most 500 selects."""

_USER_KIND: Final = UserId("x").key[:2]

_NO_KEY: Final = PrincipalKey("")
"""What is asked about for those who have no principals."""

_LIMIT: Final = select(bindparam("limit", type_=Integer())).scalar_subquery()
"""PostgreSQL must not see that a page is longer than what most principals can see: it would read
everything of each and sort it, also where there is much more."""


class _Listed(Enum):
    """Which exams a list holds."""

    VISIBLE = auto()
    SHARED_WITH = auto()
    GRANTED = auto()
    """Whatever grants give, whoever owns it."""


_Kind: TypeAlias = tuple[_Listed, bool, int]
"""Of a page: what it lists, whether it is not the first, and how many arms it has."""


@attrs.frozen
class Given:
    """What grants give a user of some exams.

    Attributes:
        exams: those on which they give the permission.
        withdrawn: those that were withdrawn, so that their owners hold nothing either.
    """

    exams: frozenset[ExamId]
    withdrawn: frozenset[ExamId]


class AccessQuestions:
    """The questions of `AccessReader`, each as one statement."""

    def __init__(self, tables: Tables, *, postgresql: bool) -> None:
        """Prepare the statements."""
        self._postgresql = postgresql
        self._grants = tables.grants
        self._exams = tables.exams
        self._versions = tables.versions
        user = bindparam("user", type_=String())
        self._counts = counts(self._grants, user=user, now=bindparam("now", type_=Instant()))
        exam, owner = self._exams.c.id, self._exams.c.owner
        self._owns = owned(exam, owner, tables.versions, user=user)
        # Of an exam that is found by its id. With the bare column, a check could go through the
        # index of owners instead, and so through all that the user owns.
        found = owner.concat(literal_column("''"))
        self._owns_found = owned(exam, found, tables.versions, user=user)
        # Looked up for each grant: joined, it could make all that the user owns be read.
        self._owner = select(owner).where(exam == self._grants.c.exam).scalar_subquery()
        self._holds = self._of_one_exam()
        self._holding = self._of_many_exams()
        self._involved = {by: self._involving(by_grant=by, owners=True) for by in (False, True)}
        self._involved_by_grants = {
            by: self._involving(by_grant=by, owners=False) for by in (False, True)
        }
        self._given = self._given_or_withdrawn()
        self._withdrawn = self._withdrawn_of_many()
        self._pages: dict[_Kind, Selecting] = {}

    def holds(
        self,
        user: UserId,
        principals: frozenset[PrincipalKey],
        permission: Permission,
        exam: ExamId,
        now: datetime,
    ) -> Question[bool]:
        """Ask whether the user holds the permission on the exam."""
        asked = _check(user, principals, permission, now) | {"exam": exam.value}
        return Question(self._holds, asked, _is_held)

    def involved(
        self,
        user: UserId,
        principals: frozenset[PrincipalKey],
        named: ExamId | GrantId,
        now: datetime,
    ) -> Question[Involvement | None]:
        """Ask how the user is involved with an exam, which is named by itself or by a grant."""
        asked = self._involving_in(self._involved, user, principals, named, now)

        def answer(rows: Iterable[Any]) -> Involvement | None:
            found = asked.answer(rows)
            return found[0] if found and (found[0].granted or found[1]) else None

        return Question(asked.statement, asked.parameters, answer)

    def involving(
        self,
        user: UserId,
        principals: frozenset[PrincipalKey],
        named: ExamId | GrantId,
        now: datetime,
    ) -> Question[tuple[Involvement, bool] | None]:
        """Ask the same of grants alone, and whether these let the user see the exam."""
        return self._involving_in(self._involved_by_grants, user, principals, named, now)

    def _involving_in(
        self,
        statements: Mapping[bool, Selecting],
        user: UserId,
        principals: frozenset[PrincipalKey],
        named: ExamId | GrantId,
        now: datetime,
    ) -> Question[tuple[Involvement, bool] | None]:
        asked = _check(user, principals, Permission.VIEW, now) | {"named": named.value}
        return Question(statements[isinstance(named, GrantId)], asked, _involvement_in)

    def holding(
        self,
        user: UserId,
        principals: frozenset[PrincipalKey],
        permission: Permission,
        exams: Iterable[ExamId],
        now: datetime,
    ) -> Question[frozenset[ExamId]]:
        """Ask on which of the exams the user holds the permission."""
        asked = _check(user, principals, permission, now)
        asked |= {"exams": sorted({exam.value for exam in exams})}
        return Question(self._holding, asked, _exams_held)

    def visible(
        self,
        user: UserId,
        principals: frozenset[PrincipalKey],
        after: tuple[datetime, str] | None,
        limit: int,
        now: datetime,
        *,
        own: bool,
    ) -> Question[tuple[VisibleExam, ...]]:
        """Ask for the first exams that the user can see."""
        what = _Listed.VISIBLE if own else _Listed.SHARED_WITH
        return self._page_of(what, user, principals, after, limit, now)

    def granted(
        self,
        user: UserId,
        principals: frozenset[PrincipalKey],
        after: tuple[datetime, str] | None,
        limit: int,
        now: datetime,
    ) -> Question[tuple[VisibleExam, ...]]:
        """Ask for the first exams that grants let the user see, whoever owns them."""
        return self._page_of(_Listed.GRANTED, user, principals, after, limit, now)

    def given(
        self,
        user: UserId,
        principals: frozenset[PrincipalKey],
        permission: Permission,
        exams: Iterable[ExamId],
        now: datetime,
    ) -> Question[Given]:
        """Ask on which of the exams grants give the user the permission, and which are gone."""
        question = self.holding(user, principals, permission, exams, now)
        return Question(self._given, question.parameters, _given_in)

    def withdrawn(self, exams: Iterable[ExamId]) -> Question[frozenset[ExamId]]:
        """Ask which of the exams were withdrawn."""
        asked = {"exams": sorted({exam.value for exam in exams})}
        return Question(self._withdrawn, asked, _exams_held)

    def _page_of(
        self,
        what: _Listed,
        user: UserId,
        principals: frozenset[PrincipalKey],
        after: tuple[datetime, str] | None,
        limit: int,
        now: datetime,
    ) -> Question[tuple[VisibleExam, ...]]:
        asked = _asker(user, principals, now) | {"limit": limit}
        if after is not None:
            asked["after_at"], asked["after_exam"] = after
        keys = sorted(principals) or [_NO_KEY]
        arms = 0 if self._postgresql else min(len(keys), _MOST_ARMS)
        asked |= {f"principal_{number}": key for number, key in enumerate(keys[:arms])}
        asked["principals"] = keys[arms:]
        return Question(self._page((what, after is not None, arms)), asked, _exams_visible)

    def _gives(self, among: ColumnElement[bool]) -> ColumnElement[bool]:
        named = one_of(self._grants.c.recipient, "principals", postgresql=self._postgresql)
        enough = self._grants.c.permission >= bindparam("permission")
        return and_(among, named, self._counts, enough)

    def _owned(self, among: ColumnElement[bool]) -> Select[Any]:
        return select(self._exams.c.id).where(among, self._owns_found)

    def _of_one_exam(self) -> Selecting:
        given = select(self._grants.c.id).where(
            self._gives(self._grants.c.exam == bindparam("exam"))
        )
        exam = self._exams.c.id == bindparam("exam")
        there = exists(select(self._exams.c.id).where(exam))
        owned = exists(self._owned(exam))
        return select(or_(and_(exists(given), there), owned).label("held"))

    def _given_of_many(self) -> Select[Any]:
        return select(self._grants.c.exam).where(self._gives(self._among(self._grants.c.exam)))

    def _involving(self, *, by_grant: bool, owners: bool) -> Selecting:
        named: ColumnElement[Any] = bindparam("named", type_=String())
        on = self._grants.alias("named_grant").c
        exam = on.exam if by_grant else named
        versions, grants = self._versions.c, self._grants.c
        gone = exists().where(versions.exam == exam, versions.withdrawn)
        user = bindparam("user", type_=String())
        granted: ColumnElement[bool] = on.grantor == user
        own = or_(granted, on.recipient == literal(_USER_KIND).concat(user))
        if not by_grant:
            granted = exists().where(grants.exam == exam, grants.grantor == user)
            own = true()
        given = exists().where(self._gives(grants.exam == exam))
        owned = exists(self._owned(self._exams.c.id == exam)) if owners else false()
        sees = or_(given, owned).label("sees")
        told = exam.label("exam"), granted.label("granted"), own.label("own"), owned.label("owns")
        involved = select(*told, sees).where(~gone)
        return involved.where(on.id == named) if by_grant else involved

    def _of_many_exams(self) -> Selecting:
        given = self._given_of_many().where(self._owner.is_not(None))
        return union(given, self._owned(self._among(self._exams.c.id)))

    def _withdrawn_of_many(self) -> Select[Any]:
        versions = self._versions.c
        return select(versions.exam).where(self._among(versions.exam), versions.withdrawn)

    def _given_or_withdrawn(self) -> Selecting:
        return union(
            self._given_of_many().add_columns(false().label("withdrawn")),
            self._withdrawn_of_many().add_columns(true()),
        )

    def _among(self, exam: Column[Any]) -> ColumnElement[bool]:
        return one_of(exam, "exams", postgresql=self._postgresql)

    def _page(self, kind: _Kind) -> Selecting:
        page = self._pages.get(kind)
        if page is None:
            page = self._pages[kind] = self._made_page(*kind)
        return page

    def _made_page(self, what: _Listed, later: bool, arms: int) -> Selecting:  # noqa: FBT001
        """Return the statement for a page of a kind: SPEC section 6."""
        if self._postgresql:
            parts = [self._newest_of_each(what, later=later)]
        else:
            recipient = self._grants.c.recipient
            parts = [
                self._newest(recipient == bindparam(f"principal_{number}"), what, later=later)
                for number in range(arms)
            ]
            if arms == _MOST_ARMS:
                rest = one_of(recipient, "principals", postgresql=False)
                parts.append(self._newest(rest, what, later=later))
        if what is _Listed.VISIBLE:
            parts.append(self._newest_owned(later=later))
        several = union_all(*(_parenthesised(part) for part in parts)).subquery("near")
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
        asked = listed("principals", postgresql=True)
        to_one = self._grants.c.recipient == asked.c.value
        top = self._newest(to_one, what, later=later).correlate(asked).lateral("top")
        columns = (top.c.exam, top.c.uploaded_at, top.c.permission)
        return select(*columns).select_from(asked.join(top, true()))

    def _newest(self, named: ColumnElement[bool], what: _Listed, *, later: bool) -> Select[Any]:
        grants = self._grants.c
        newest = (
            select(
                grants.exam,
                grants.uploaded_at,
                func.max(grants.permission).label("permission"),
            )
            .where(named, self._counts)
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
            .where(self._owns)
            .order_by(exams.uploaded_at.desc(), exams.id.desc())
            .limit(_LIMIT)
        )
        return newest.where(_behind(exams.uploaded_at, exams.id)) if later else newest


@lru_cache
def access_questions(tables: Tables, *, postgresql: bool) -> AccessQuestions:
    """Return the questions of some tables, the same each time."""
    return AccessQuestions(tables, postgresql=postgresql)


def _check(
    user: UserId, principals: frozenset[PrincipalKey], permission: Permission, now: datetime
) -> dict[str, Any]:
    asker = _asker(user, principals, now)
    return asker | {"principals": sorted(principals), "permission": int(permission)}


def _asker(user: UserId, principals: frozenset[PrincipalKey], now: datetime) -> dict[str, Any]:
    # Nothing equals null: who has no principals owns nothing and is reached by no grant.
    return {"user": user.value if principals else None, "now": now}


def _is_held(rows: Iterable[Any]) -> bool:
    ((held,),) = rows
    return bool(held)


def _involvement_in(rows: Iterable[Any]) -> tuple[Involvement, bool] | None:
    for row in rows:
        own = bool(row.own or row.owns)
        told = Involvement(exam=ExamId(row.exam), granted=bool(row.granted), own=own)
        return told, bool(row.sees)
    return None


def _exams_held(rows: Iterable[Any]) -> frozenset[ExamId]:
    return frozenset(ExamId(row.exam) for row in rows)


def _given_in(rows: Iterable[Any]) -> Given:
    found = [(ExamId(row.exam), row.withdrawn) for row in rows]
    return Given(
        exams=frozenset(exam for exam, withdrawn in found if not withdrawn),
        withdrawn=frozenset(exam for exam, withdrawn in found if withdrawn),
    )


def _exams_visible(rows: Iterable[Any]) -> tuple[VisibleExam, ...]:
    return tuple(
        VisibleExam(
            exam=ExamId(row.exam),
            permission=Permission(row.permission),
            uploaded_at=row.uploaded_at,
        )
        for row in rows
    )


def _behind(uploaded_at: Column[Any], exam: Column[Any]) -> ColumnElement[bool]:
    """Return the condition that an exam lies behind the cursor."""
    cursor: Sequence[ColumnElement[Any]] = (
        bindparam("after_at", type_=Instant()),
        bindparam("after_exam", type_=exam.type),
    )
    return tuple_(uploaded_at, exam) < tuple_(*cursor)


def _parenthesised(part: Select[Any]) -> Select[Any]:
    """Return the select with its limit of its own inside a union."""
    inner = part.subquery()
    return select(inner.c.exam, inner.c.uploaded_at, inner.c.permission)


@checks_arguments
class SqlAccess(AccessReader):
    """What the users of one database can see."""

    def __init__(self, database: Database) -> None:
        """Prepare the questions."""
        self._database = database
        self._access_questions = access_questions(database.tables, postgresql=database.postgresql)

    @override
    @in_our_words
    def involved(
        self,
        user: UserId,
        principals: frozenset[PrincipalKey],
        named: ExamId | GrantId,
        now: datetime,
    ) -> Involvement | None:
        question = self._access_questions.involved(user, principals, named, now)
        return self._database.ask(question)

    @override
    @in_our_words
    def holds(
        self,
        user: UserId,
        principals: frozenset[PrincipalKey],
        permission: Permission,
        exam: ExamId,
        now: datetime,
    ) -> bool:
        if not principals:
            return False
        question = self._access_questions.holds(user, principals, permission, exam, now)
        return self._database.ask(question)

    @override
    @in_our_words
    def holding(
        self,
        user: UserId,
        principals: frozenset[PrincipalKey],
        permission: Permission,
        exams: Iterable[ExamId],
        now: datetime,
    ) -> frozenset[ExamId]:
        asked = tuple(exams)
        if not (principals and asked):
            return frozenset()
        question = self._access_questions.holding(user, principals, permission, asked, now)
        return self._database.ask(question)

    @override
    @in_our_words
    def visible(
        self,
        user: UserId,
        principals: frozenset[PrincipalKey],
        after: tuple[datetime, str] | None,
        limit: int,
        now: datetime,
        *,
        own: bool,
    ) -> tuple[VisibleExam, ...]:
        if not principals:
            return ()
        question = self._access_questions.visible(user, principals, after, limit, now, own=own)
        return self._database.ask(question)
