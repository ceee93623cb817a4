"""Create our tables, as `exam_sharing.adapters.sqlalchemy` defines them.

This creates the newest shape. A later shape gets a migration of its own, which calls `upgrade`:
that changes tables of an earlier shape, and leaves those alone that this has created since.
"""

from typing import Any, ClassVar

from django.db import migrations

from exam_sharing.adapters.django import settings
from exam_sharing.adapters.django.models import Grant, Notice, Share
from exam_sharing.adapters.django.transactions import lent_connection
from exam_sharing.adapters.sqlalchemy import record_schema
from exam_sharing.adapters.sqlalchemy.tables import given_tables


def _create(_apps: object, schema_editor: Any) -> None:
    if schema_editor.connection.alias == settings.database():
        tables, connection = given_tables(None), lent_connection(schema_editor.connection)
        tables.metadata.create_all(connection)
        record_schema(connection, tables)


def _drop(_apps: object, schema_editor: Any) -> None:
    if schema_editor.connection.alias == settings.database():
        given_tables(None).metadata.drop_all(lent_connection(schema_editor.connection))


def _state_of(model: Any) -> migrations.CreateModel:
    fields = [(field.name, field.clone()) for field in model._meta.local_fields]
    options = {"db_table": model._meta.db_table, "managed": False}
    return migrations.CreateModel(model.__name__, fields, options=options)


class Migration(migrations.Migration):
    """All tables, and the models by which the admin shows three of them."""

    initial: ClassVar[bool] = True
    operations: ClassVar[list[Any]] = [
        migrations.RunPython(_create, _drop),
        *map(_state_of, (Grant, Share, Notice)),
    ]
