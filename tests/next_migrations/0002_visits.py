"""Bring the tables to shape 2."""

from typing import ClassVar

from django.db import migrations

from exam_sharing.adapters.django import settings
from exam_sharing.adapters.django.transactions import lent_connection
from exam_sharing.adapters.sqlalchemy import upgrade


def _upgrade(_apps, schema_editor):
    if schema_editor.connection.alias == settings.database():
        upgrade(lent_connection(schema_editor.connection))


class Migration(migrations.Migration):
    """What a release that raises `SCHEMA` brings."""

    dependencies: ClassVar = [("exam_sharing", "0001_tables")]
    operations: ClassVar = [migrations.RunPython(_upgrade, migrations.RunPython.noop)]
