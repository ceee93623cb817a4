"""The app of Django, for `INSTALLED_APPS`."""

from django.apps import AppConfig
from django.core.checks import register
from django.db.models.signals import m2m_changed, post_delete, post_save
from typing_extensions import override

from exam_sharing.adapters.django import recording
from exam_sharing.adapters.django.checks import check_settings
from exam_sharing.adapters.django.searching import people_changed


class ExamSharingConfig(AppConfig):
    """Sharing of exams."""

    name: str = "exam_sharing.adapters.django"
    label: str = "exam_sharing"
    verbose_name: str = "Exam sharing"

    @override
    def ready(self) -> None:
        register(check_settings)
        post_save.connect(people_changed)
        post_delete.connect(people_changed)
        post_save.connect(recording.saved_or_deleted)
        post_delete.connect(recording.saved_or_deleted)
        m2m_changed.connect(recording.members_changed)
