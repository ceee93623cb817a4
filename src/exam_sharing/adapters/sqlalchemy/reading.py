"""The SQL reader: every question that acts, checks and lists put to the database.

A question is one statement, so that its answer is of one moment. The store executes it; a host on
another driver takes it as text from `Statements`. Checks, pages and a host's own queries use the
same two conditions, `counts` and `owned`, so that lists and checks agree. Each statement is
rendered once, since rendering costs as much as a check.

A page merges the newest exams of each principal. It reads at most one page of exams per principal,
from the index of grants by recipient, which has the order of the page. All grants on an exam sort
alike, by the exam's time of upload; several grants on an exam to one principal count once.

INVARIANT: a grant without a `closed_version` has not been ended, and its exam is not withdrawn.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum, auto
from functools import lru_cache, partial
from typing import Any, Final, Generic, TypeAlias, TypeVar
from weakref import WeakKeyDictionary

import attrs
import sqlalchemy as sa
from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import FromClause

from exam_sharing.adapters.sqlalchemy.documents import (
    EXAM_BESIDE,
    EXAMS,
    GRANTS,
    OF_EXAM,
    Rows,
    ended_grant_of,
)
from exam_sharing.adapters.sqlalchemy.tables import Bound, Instant, Tables, listed, one_of
from exam_sharing.exams import Exam
from exam_sharing.grants import EndedGrant, Grant, Permission
from exam_sharing.identifiers import ExamId, GrantId, PrincipalKey, UserId
from exam_sharing.policy.facts import ExamFacts, ExamGrants, Involvement
from exam_sharing.policy.views import VisibleExam
from exam_sharing.validation import require_kind

AnswerT = TypeVar("AnswerT")

# The parameters of a statement, by their names.
Asked: TypeAlias = Mapping[str, Any]
# The exam after which a page begins, by its time of upload and its id; `None` for the first.
Cursor: TypeAlias = tuple[datetime, str] | None
# The keys of a user and of every group that they are in; empty for one who holds nothing.
Keys: TypeAlias = frozenset[PrincipalKey]
Exams: TypeAlias = Iterable[ExamId]
Selecting: TypeAlias = Select[Any] | sa.CompoundSelect[Any]

_VISIBLE: Final = Rows(VisibleExam)
# How many principals have a select of their own, an arm, in SQLite; it joins at most 500 selects.
_MOST_ARMS: Final = 200
# The key to ask about for a user without principals.
_NO_KEY: Final = PrincipalKey("")
# A sub-select hides the length of a page from PostgreSQL. Where most principals see less than a
# page, PostgreSQL would otherwise read and sort all exams, also for those who see many.
_LIMIT: Final = select(sa.bindparam("limit", type_=sa.Integer())).scalar_subquery()


@attrs.frozen
class Question(Generic[AnswerT]):
    """One statement that reads, and how its rows make the answer.

    Each row has its columns as attributes, in order; with `by_place`, it may be any sequence.
    """

    statement: Selecting
    answer: Callable[[Iterable[Any]], AnswerT] = attrs.field(repr=False, eq=False)
    by_place: bool = attrs.field(default=False, kw_only=True)


_Process: TypeAlias = Callable[[Any], Any]


class Rendered:
    """A statement as text for a driver, with the conversions of its parameters and its rows."""

    def __init__(self, statement: Selecting, driver: Dialect) -> None:
        compiled: Any = statement.compile(dialect=driver)
        asked = [name for name, parameter in compiled.binds.items() if parameter.required]
        state = compiled.construct_expanded_state(dict.fromkeys(asked), escape_names=False)
        processes: dict[str, _Process | None] = state.processors | {
            name: _bound_by(parameter.type, driver) for name, parameter in compiled.binds.items()
        }
        self.text: str = state.statement
        self._by_name: bool = state.positiontup is None
        self._names = tuple(state.positiontup or state.parameters)
        self._to_driver = [
            (place, process)
            for place, name in enumerate(self._names)
            if name in asked and (process := processes[name]) is not None
        ]
        self._fixed = {
            name: (processes.get(name) or _as_it_is)(value)
            for name, value in state.parameters.items()
            if name not in asked
        }
        columns = statement.selected_columns
        types = [column.type.dialect_impl(driver) for column in columns]
        from_driver = [each.result_processor(driver, None) for each in types]
        self.is_converted: bool = any(from_driver)
        self._from_driver = [each or _as_it_is for each in from_driver]
        # Made here, since each statement has other columns.
        self._row: Any = namedtuple("Row", columns.keys(), rename=True)  # type: ignore[misc]  # noqa: PYI024

    def values(self, asked: Asked) -> tuple[Any, ...] | dict[str, Any]:
        """Return the parameters as the driver takes them: by place or by name."""
        given = {**self._fixed, **asked} if self._fixed else asked
        values = [*map(given.__getitem__, self._names)]
        for place, process in self._to_driver:
            values[place] = process(values[place])
        return dict(zip(self._names, values, strict=True)) if self._by_name else tuple(values)

    def rows(self, rows: Iterable[Sequence[Any]]) -> Iterator[Any]:
        """Return rows of the driver with Python values, and the columns as attributes."""
        if not self.is_converted:
            return map(self._row._make, rows)
        return map(self._converted, rows)

    def _converted(self, row: Sequence[Any]) -> Any:  # noqa: ANN401  as `self._row`
        pairs = zip(self._from_driver, row, strict=True)
        return self._row._make([process(value) for process, value in pairs])


_Renderings: TypeAlias = WeakKeyDictionary[Selecting, dict[tuple[str, str], Rendered]]
_RENDERED: Final[_Renderings] = WeakKeyDictionary()


def rendered(statement: Selecting, driver: Dialect) -> Rendered:
    """Return a statement as text for a driver; the same statement is rendered once."""
    for_drivers = _RENDERED.setdefault(statement, {})
    key = driver.name, driver.paramstyle
    if key not in for_drivers:
        for_drivers[key] = Rendered(statement, driver)
    return for_drivers[key]


def _bound_by(kind: sa.types.TypeEngine[Any], driver: Dialect) -> _Process | None:
    """Return how values of a type are made for a driver; `None` if they are left as they are."""
    own: Any = kind.dialect_impl(driver)
    if isinstance(own, Bound) and own.impl_instance.bind_processor(driver) is None:
        # SQLAlchemy would call it by two functions more.
        return own.bound_for(driver)
    return own.bind_processor(driver)  # type: ignore[no-any-return]


def _as_it_is(value: Any) -> Any:  # noqa: ANN401  anything
    return value


def asked_by(
    user: UserId, principals: Keys, now: datetime, permission: Permission = Permission.VIEW
) -> dict[str, Any]:
    """Return the parameters that name a user who asks, and the permission in question."""
    if type(user) is not UserId:
        require_kind("user", user, UserId)
    return {
        # Nothing equals null: a user without principals owns nothing.
        "user": user.value if principals else None,
        "principals": sorted(principals),
        "permission": int(permission),
        "now": now,
    }


def texts(ids: Iterable[ExamId | GrantId | UserId]) -> list[str]:
    """Return ids as the parameter of a statement, each once and in order."""
    return sorted({each.value for each in ids})


def counts(
    grants: FromClause, *, user: ColumnElement[str], now: ColumnElement[datetime]
) -> ColumnElement[bool]:
    """Return the condition that a grant stands, has not expired, and was not made by the user.

    A grant gives nothing to its own grantor. Specification: `#grant`.
    """
    # The concatenation hides the column from PostgreSQL's statistics. Where one account makes all
    # grants, PostgreSQL would expect almost no rows. It would then read and sort all exams that a
    # principal sees, instead of one page from the index.
    grantor = grants.c.grantor.concat(sa.literal_column("''"))
    over = grants.c.until <= now
    return sa.and_(grants.c.closed_version.is_(None), grantor != user, over.is_not(sa.true()))


def owned(
    exam: ColumnElement[Any], is_owner: ColumnElement[bool], versions: FromClause
) -> ColumnElement[bool]:
    """Return the condition that the user owns an exam, and that it was not withdrawn."""
    # An exam that was never shared may have no version.
    gone = select(versions.c.exam).where(versions.c.exam == exam, versions.c.withdrawn)
    # A look-up per exam: a join could read all withdrawn exams for each exam.
    return sa.and_(is_owner, gone.scalar_subquery().is_(None))


class Listed(Enum):
    """Which exams a list has."""

    VISIBLE = auto()
    SHARED_WITH = auto()
    GRANTED = auto()  # by grants, whoever owns the exam


# The list of a page, whether the page has a cursor, and its number of arms.
_PageKind: TypeAlias = tuple[Listed, bool, int]


class Questions:
    """Every question of the reading ports, over the tables of one database.

    The exams are our table or rows of the host's, with the same columns.
    """

    # Which of the `exams` there are, and which were uploaded with the `exam`.
    find: Question[tuple[Exam, ...]]
    batch_of: Question[tuple[Exam, ...]]
    # Whether the user holds the permission on the `exam`, and on which of the `exams`.
    holds: Question[bool]
    holding: Question[frozenset[ExamId]]
    # The highest permission that the user holds on the `exam`.
    held: Question[Permission | None]
    # Which of the `exams` were withdrawn, even for their owners. `given` has two sets: the exams
    # on which grants give the permission, and the withdrawn exams.
    withdrawn: Question[frozenset[ExamId]]
    given: Question[tuple[frozenset[ExamId], frozenset[ExamId]]]

    def __init__(self, tables: Tables, exam_rows: FromClause, *, postgresql: bool) -> None:
        self._postgresql = postgresql
        self.exams = exam_rows
        self._exams, self._versions, self._grants = exam_rows, tables.versions, tables.grants
        self._user = sa.bindparam("user", type_=sa.String())
        now = sa.bindparam("now", type_=Instant())
        self._counts = counts(self._grants, user=self._user, now=now)
        exams, versions, grants = self._exams.c, self._versions.c, self._grants.c
        # A look-up for each grant: a join could read all that the user owns.
        self._owner = select(exams.owner).where(exams.id == grants.exam).scalar_subquery()
        self._pages: dict[_PageKind, Selecting] = {}

        named = one_of(exams.id, "exams")
        self.find = Question(select(self._exams).where(named), EXAMS.values_of)
        exam: ColumnElement[str] = sa.bindparam("exam")
        batch_of = select(exams.batch).where(exams.id == exam).scalar_subquery()
        newest_first = exams.uploaded_at.desc(), exams.id.desc()
        whole = select(self._exams).where(exams.batch == batch_of).order_by(*newest_first)
        self.batch_of = Question(whole, EXAMS.values_of)

        self._standing = self._with_versions(self._grants, grants.closed_version.is_(None))
        # Two indexes hold one half of the grants each.
        on_exams = select(self._grants).where(one_of(grants.exam, "exams"))
        unclosed, closed = grants.closed_version.is_(None), grants.closed_version.is_not(None)
        halves = sa.union_all(on_exams.where(unclosed), on_exams.where(closed))
        self._every = self._with_versions(halves.subquery("every_grant"))

        given = sa.exists(select(grants.id).where(self._gives(grants.exam == exam)))
        there = sa.exists(select(exams.id).where(exams.id == exam))
        owned = sa.exists(self._owned(exams.id == exam))
        sees = sa.or_(sa.and_(given, there), owned)
        holds = select(sees.label("held"))
        self.holds = Question(holds, _is_held, by_place=True)
        highest = select(sa.func.max(grants.permission)).where(self._gives(grants.exam == exam))
        by_grants = (there, highest.scalar_subquery())
        held = select(sa.case((owned, int(Permission.DOWNLOAD)), by_grants).label("held"))
        self.held = Question(held, _permission_of)
        self._facts_seen = [
            self._facts(select(which.label("of")).where(sees).subquery("seen"), column)
            for which, column in ((sa.cast(exam, exams.id.type), exams.id), (batch_of, exams.batch))
        ]

        given_of_many = select(grants.exam).where(self._gives(one_of(grants.exam, "exams")))
        given_there = given_of_many.where(self._owner.is_not(None))
        self.holding = Question(sa.union(given_there, self._owned(named)), _exam_ids_of)
        gone = select(versions.exam).where(one_of(versions.exam, "exams"), versions.withdrawn)
        self.withdrawn = Question(gone, _exam_ids_of)
        given_of_many = given_of_many.add_columns(sa.false().label("withdrawn"))
        self.given = Question(sa.union(given_of_many, gone.add_columns(sa.true())), _given_of)

        self._involving_owners = [self._involving(owners=True, by_grant=g) for g in (False, True)]
        self._facts_involved = [self._involved_facts(each) for each in self._involving_owners]
        self._involving_grants = [self._involving(owners=False, by_grant=g) for g in (False, True)]

    def read(
        self, exams: tuple[ExamId, ...], *, ended: bool
    ) -> Question[Mapping[ExamId, ExamGrants]]:
        """Ask for the version and the grants of each of the `exams`."""
        return Question(self._every if ended else self._standing, partial(_sharing_of, exams))

    def facts_seen(self, *, batch: bool) -> Question[tuple[ExamFacts, ...]]:
        """Ask for the `exam` that the user can see, or for its batch, with standing grants."""
        return Question(self._facts_seen[batch], _facts_of)

    def facts_involved(
        self, named: ExamId | GrantId
    ) -> Question[tuple[Involvement, ExamFacts] | None]:
        """Ask for an exam as `involved`, with standing grants; `every` unless it must be `own`."""
        by_grant = isinstance(named, GrantId)
        return Question(self._facts_involved[by_grant], _involvement_with_facts_of)

    def involved(self, named: ExamId | GrantId) -> Question[Involvement | None]:
        """Ask how the user is involved with an exam, `named` by its own id or that of a grant."""
        return Question(self._involving_owners[isinstance(named, GrantId)], _involvement_of)

    def involved_by_grants(
        self, named: ExamId | GrantId
    ) -> Question[tuple[Involvement, bool] | None]:
        """Ask the same without the exam's owner, and whether grants let the user see the exam."""
        return Question(self._involving_grants[isinstance(named, GrantId)], _involvement_and_sight)

    def _involved_facts(self, involving: Selecting) -> Selecting:
        # The limit makes the database find out once how the user is involved.
        found = involving.limit(1).subquery("involving").c
        own = sa.or_(found.own, found.owns)
        every = sa.bindparam("every", type_=sa.Boolean())
        involved = select(found.exam.label("of"), found.granted, own.label("own"))
        involved = involved.where(sa.or_(found.granted, found.sees), sa.or_(own, every))
        of = involved.subquery("involved")
        return self._facts(of, self._exams.c.id, of.c.granted, of.c.own)

    def _facts(
        self, of: FromClause, column: ColumnElement[Any], *others: ColumnElement[Any]
    ) -> Selecting:
        """Select the exams with the `column` that the one row of `of` has, if there is that row.

        The database finds the row before it reads anything of the exams.
        """
        exams, versions, grants = self._exams, self._versions, self._grants
        beside = [each.label(f"{OF_EXAM}{each.key}") for each in exams.c]
        head = versions.c.version.label("version_read"), versions.c.withdrawn
        standing = sa.and_(grants.c.exam == exams.c.id, grants.c.closed_version.is_(None))
        return select(*others, *head, *beside, *grants.c).select_from(
            of.join(exams, column == of.c.of)
            .outerjoin(versions, versions.c.exam == exams.c.id)
            .outerjoin(grants, standing)
        )

    def _with_versions(self, grants: FromClause, *only: ColumnElement[bool]) -> Selecting:
        versions = self._versions
        # Both tables have columns called exam and version.
        head = versions.c.exam.label("exam_read"), versions.c.version.label("version_read")
        on = sa.and_(grants.c.exam == versions.c.exam, *only)
        return (
            select(*head, versions.c.withdrawn, *grants.c)
            .select_from(versions.outerjoin(grants, on))
            .where(one_of(versions.c.exam, "exams"))
        )

    def _involving(self, *, owners: bool, by_grant: bool) -> Selecting:
        named: ColumnElement[Any] = sa.bindparam("named", type_=sa.String())
        on = self._grants.alias("named_grant").c
        exam = on.exam if by_grant else named
        versions, grants, user = self._versions.c, self._grants.c, self._user
        withdrawn = sa.exists().where(versions.exam == exam, versions.withdrawn)
        granted: ColumnElement[bool] = on.grantor == user
        own = sa.or_(granted, on.recipient == sa.literal("u:").concat(user))
        if not by_grant:
            granted = sa.exists().where(grants.exam == exam, grants.grantor == user)
            own = sa.true()
        given = sa.exists().where(self._gives(grants.exam == exam))
        owned = sa.exists(self._owned(self._exams.c.id == exam)) if owners else sa.false()
        involved = select(
            exam.label("exam"),
            granted.label("granted"),
            own.label("own"),
            owned.label("owns"),
            sa.or_(given, owned).label("sees"),
        ).where(~withdrawn)
        if owners:
            involved = involved.where(sa.exists().where(self._exams.c.id == exam))
        return involved.where(on.id == named) if by_grant else involved

    def _gives(self, among: ColumnElement[bool]) -> ColumnElement[bool]:
        reaches = one_of(self._grants.c.recipient, "principals")
        enough = self._grants.c.permission >= sa.bindparam("permission")
        return sa.and_(among, reaches, self._counts, enough)

    def _owned(self, among: ColumnElement[bool]) -> Select[Any]:
        exams = self._exams.c
        # These exams are found by id. The concatenation prevents PostgreSQL from using the index of
        # owners, which would read all exams of the user.
        owner = exams.owner.concat(sa.literal_column("''"))
        is_owned = owned(exams.id, owner == self._user, self._versions)
        return select(exams.id).where(among, is_owned)

    def page(
        self, what: Listed, asked: Mapping[str, Any], after: Cursor, limit: int
    ) -> tuple[Question[tuple[VisibleExam, ...]], dict[str, Any]]:
        """Return the question and parameters of a page. Specification: `#lists-of-exams`."""
        keys = asked["principals"] or [_NO_KEY]
        arms = 0 if self._postgresql else min(len(keys), _MOST_ARMS)
        asked = {**asked, "limit": limit, "principals": keys[arms:]}
        asked |= {f"principal_{number}": key for number, key in enumerate(keys[:arms])}
        if after is not None:
            asked["after_at"], asked["after_exam"] = after
        kind = what, after is not None, arms
        if kind not in self._pages:
            self._pages[kind] = self._page(*kind)
        return Question(self._pages[kind], _VISIBLE.values_of), asked

    def _page(self, what: Listed, later: bool, arms: int) -> Selecting:  # noqa: FBT001
        recipient = self._grants.c.recipient
        if self._postgresql:
            asked = listed("principals")
            newest = self._newest(recipient == asked.c.value, what, later=later)
            top = newest.correlate(asked).lateral("top")
            parts = [_columns_of(top).select_from(asked.join(top, sa.true()))]
        else:
            parts = [
                self._newest(recipient == sa.bindparam(f"principal_{number}"), what, later=later)
                for number in range(arms)
            ]
            if arms == _MOST_ARMS:
                parts.append(self._newest(one_of(recipient, "principals"), what, later=later))
        if what is Listed.VISIBLE:
            parts.append(self._newest_owned(later=later))
        # Each part keeps its own limit inside of the union.
        several = sa.union_all(*(_columns_of(part.subquery()) for part in parts)).subquery("near").c
        return (
            select(
                several.exam,
                several.uploaded_at,
                sa.func.max(several.permission).label("permission"),
            )
            .group_by(several.uploaded_at, several.exam)
            .order_by(several.uploaded_at.desc(), several.exam.desc())
            .limit(_LIMIT)
        )

    def _newest(self, reaches: ColumnElement[bool], what: Listed, *, later: bool) -> Select[Any]:
        grants = self._grants.c
        newest = (
            select(
                grants.exam, grants.uploaded_at, sa.func.max(grants.permission).label("permission")
            )
            .where(reaches, self._counts)
            .group_by(grants.uploaded_at, grants.exam)
            .order_by(grants.uploaded_at.desc(), grants.exam.desc())
            .limit(_LIMIT)
        )
        if what is Listed.SHARED_WITH:
            newest = newest.where(self._owner != sa.bindparam("user"))
        elif what is Listed.VISIBLE:
            newest = newest.where(self._owner.is_not(None))
        return newest.where(_behind(grants.uploaded_at, grants.exam)) if later else newest

    def _newest_owned(self, *, later: bool) -> Select[Any]:
        exams = self._exams.c
        everything = sa.literal(int(Permission.DOWNLOAD)).label("permission")
        newest = (
            select(exams.id.label("exam"), exams.uploaded_at, everything)
            .where(owned(exams.id, exams.owner == self._user, self._versions))
            .order_by(exams.uploaded_at.desc(), exams.id.desc())
            .limit(_LIMIT)
        )
        return newest.where(_behind(exams.uploaded_at, exams.id)) if later else newest


@lru_cache
def questions_of(tables: Tables, exams: FromClause, *, postgresql: bool) -> Questions:
    """Return the questions over some tables, and some rows of exams, the same each time."""
    return Questions(tables, exams, postgresql=postgresql)


def _columns_of(part: FromClause) -> Select[Any]:
    return select(part.c.exam, part.c.uploaded_at, part.c.permission)


def _behind(uploaded_at: ColumnElement[Any], exam: ColumnElement[Any]) -> ColumnElement[bool]:
    at: ColumnElement[Any] = sa.bindparam("after_at", type_=Instant())
    return sa.tuple_(uploaded_at, exam) < sa.tuple_(at, sa.bindparam("after_exam", type_=exam.type))


def _is_held(rows: Iterable[Sequence[Any]]) -> bool:
    for row in rows:  # noqa: SIM110  a check waits for each call
        if True in row:
            return True
    return False


def _exam_ids_of(rows: Iterable[Any]) -> frozenset[ExamId]:
    return frozenset(ExamId(row[0]) for row in rows)


def _given_of(rows: Iterable[Any]) -> tuple[frozenset[ExamId], frozenset[ExamId]]:
    found: tuple[set[ExamId], set[ExamId]] = set(), set()
    for row in rows:
        found[row.withdrawn].add(ExamId(row.exam))
    given, withdrawn = found
    return frozenset(given), frozenset(withdrawn)


def _permission_of(rows: Iterable[Any]) -> Permission | None:
    return next((Permission(row.held) for row in rows if row.held is not None), None)


def _facts_of(rows: Iterable[Any]) -> tuple[ExamFacts, ...]:
    """Return the exams, newest upload first, then by id downward, without withdrawn ones."""
    found: dict[str, tuple[Any, dict[str, Grant]]] = {}
    for row in rows:
        _, standing = found.setdefault(row.exam_id, (row, {}))
        # A host's columns may hold an exam twice.
        if row.id is not None and row.id not in standing:
            standing[row.id] = GRANTS.value_of(row)
    facts = [
        ExamFacts(
            exam=EXAM_BESIDE.value_of(head),
            sharing=ExamGrants(version=head.version_read or 0, grants=tuple(standing.values())),
        )
        for head, standing in found.values()
        if not head.withdrawn
    ]
    return tuple(sorted(facts, key=lambda each: (each.exam.uploaded_at, each.id), reverse=True))


def _involvement_with_facts_of(rows: Iterable[Any]) -> tuple[Involvement, ExamFacts] | None:
    found = tuple(rows)
    for facts in _facts_of(found):
        granted, own = bool(found[0].granted), bool(found[0].own)
        return Involvement(exam=facts.id, granted=granted, own=own), facts
    return None


def _involvement_and_sight(rows: Iterable[Any]) -> tuple[Involvement, bool] | None:
    for row in rows:
        own = bool(row.own or row.owns)
        involved = Involvement(exam=ExamId(row.exam), granted=bool(row.granted), own=own)
        return involved, bool(row.sees)
    return None


def _involvement_of(rows: Iterable[Any]) -> Involvement | None:
    found = _involvement_and_sight(rows)
    return found[0] if found and (found[0].granted or found[1]) else None


def _sharing_of(exams: tuple[ExamId, ...], rows: Iterable[Any]) -> Mapping[ExamId, ExamGrants]:
    found: dict[str, tuple[Any, list[Grant], list[EndedGrant]]] = {}
    for row in rows:
        _, standing, past = found.setdefault(row.exam_read, (row, [], []))
        if row.id is not None and row.ended_how is None:
            standing.append(GRANTS.value_of(row))
        elif row.id is not None:
            past.append(ended_grant_of(row))
    sharing = dict.fromkeys(exams, ExamGrants())
    for exam in sharing:
        if exam.value in found:
            head, standing, past = found[exam.value]
            sharing[exam] = ExamGrants(
                version=head.version_read,
                withdrawn=head.withdrawn,
                grants=tuple(standing),
                ended=tuple(past),
            )
    return sharing
