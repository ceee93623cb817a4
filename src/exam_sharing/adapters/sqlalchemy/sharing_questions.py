"""What is asked of exams and their grants: one statement each, so that each sees one moment."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Subquery, Table, bindparam, select, union_all

from exam_sharing.adapters.sqlalchemy.lists import one_of
from exam_sharing.adapters.sqlalchemy.questions import Question, Selecting
from exam_sharing.adapters.sqlalchemy.rows import ended_grant_of_row, exam_of_row, grant_of_row
from exam_sharing.adapters.sqlalchemy.tables import Tables
from exam_sharing.exams import Exam
from exam_sharing.grants import EndedGrant, Grant
from exam_sharing.identifiers import (
    ExamId,
    GrantId,
    PrincipalId,
    PrincipalKey,
    ShareId,
    principal_of,
)
from exam_sharing.policy.facts import ExamGrants

__all__ = ["ExamQuestions", "GrantQuestions", "exam_questions", "grant_questions"]

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
