"""The app of Django, for `INSTALLED_APPS`."""

from django.apps import AppConfig
from django.core.checks import register
from typing_extensions import override

from exam_sharing.adapters.django.checks import check_settings


class ExamSharingConfig(AppConfig):
    """Sharing of exams."""

    name: str = "exam_sharing.adapters.django"
    label: str = "exam_sharing"
    verbose_name: str = "Exam sharing"

    @override
    def ready(self) -> None:
        register(check_settings)
