"""Indexes for exams in a model of the portal's own.

Our tables name an exam by the text of its id, so that a check and a page look exams up by an index
on that text. A migration of the portal creates them: `RunPython(create_exam_indexes,
drop_exam_indexes)`.
"""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from sqlalchemy import Column, Index, MetaData, Table

from exam_sharing.adapters.django import settings
from exam_sharing.adapters.django.querysets import type_of
from exam_sharing.adapters.django.transactions import lent_connection
from exam_sharing.adapters.sqlalchemy import TableExams

__all__ = ["create_exam_indexes", "drop_exam_indexes"]


def create_exam_indexes(_apps: object, schema_editor: Any) -> None:
    """Create the indexes that checks and pages need on the model of `EXAM_SHARING['EXAMS']`."""
    connection = lent_connection(schema_editor.connection)
    for index in _indexes():
        index.create(connection)


def drop_exam_indexes(_apps: object, schema_editor: Any) -> None:
    """Drop what `create_exam_indexes` created."""
    connection = lent_connection(schema_editor.connection)
    for index in _indexes():
        index.drop(connection)


def _indexes() -> tuple[Index, ...]:
    given = settings.exam_fields()
    fields = given["model"]._meta.local_concrete_fields
    columns = [Column(each.column, type_of(each)) for each in fields]
    table = Table(given["model"]._meta.db_table, MetaData(), *columns)
    by_name = {each.name: table.c[each.column] for each in fields}
    by_name["pk"] = table.c[given["model"]._meta.pk.column]
    keys = "id", "owner", "batch", "uploaded_at"
    elsewhere = [key for key in keys if given[key] not in by_name]
    if elsewhere:
        raise ImproperlyConfigured(
            f"{settings.NAME}['EXAMS']: {', '.join(elsewhere)} must be fields of the model; "
            "otherwise create indexes of your own"
        )
    return TableExams(**{key: by_name[given[key]] for key in keys}).define_indexes()
