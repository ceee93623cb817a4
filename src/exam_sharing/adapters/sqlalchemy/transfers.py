"""Changes of owner: each counts as a version of the exam, as an act does."""

from sqlalchemy import update
from sqlalchemy.engine import Connection

from exam_sharing.adapters.sqlalchemy.tables import Tables
from exam_sharing.errors import StoreFailed
from exam_sharing.identifiers import ExamId

__all__ = ["count_transfer"]


def count_transfer(connection: Connection, tables: Tables, exam: ExamId) -> int:
    """Add one to the version of an exam, and return the new one.

    Raises:
        StoreFailed: there is no such version, or the exam was withdrawn.
    """
    versions = tables.versions
    version: int | None = connection.scalar(
        update(versions)
        .where(versions.c.exam == exam.value, ~versions.c.withdrawn)
        .values(version=versions.c.version + 1)
        .returning(versions.c.version)
    )
    if version is None:
        raise StoreFailed(f"there is no exam {str(exam)!r} to transfer")
    return version
