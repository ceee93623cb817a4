"""Create the tables of the portal, and the indexes that checks and pages need."""

from typing import ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from exam_sharing.adapters.django import create_exam_indexes, drop_exam_indexes

ID = models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")


class Migration(migrations.Migration):
    """Studies and letters."""

    initial: ClassVar = True
    dependencies: ClassVar = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]
    operations: ClassVar = [
        migrations.CreateModel(
            name="Study",
            fields=[
                ("id", ID),
                ("disc", models.IntegerField()),
                ("arrived", models.DateTimeField()),
                ("deleted", models.BooleanField(default=False)),
                (
                    "doctor",
                    models.ForeignKey(settings.AUTH_USER_MODEL, django.db.models.deletion.PROTECT),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Letter",
            fields=[
                ("id", ID),
                ("text", models.TextField()),
                (
                    "study",
                    models.ForeignKey("imaging_portal.study", django.db.models.deletion.PROTECT),
                ),
            ],
        ),
        migrations.RunPython(create_exam_indexes, drop_exam_indexes),
    ]
