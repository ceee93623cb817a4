"""`manage.py exam_sharing_history`: begin the history of users and groups, or complete it."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from typing_extensions import override

from exam_sharing.adapters.django.opening import record_everybody
from exam_sharing.errors import ExamSharingError


class Command(BaseCommand):
    """Records how all users and groups are now."""

    help: str = (
        "Record how all users and groups are now, for a portal with EXAM_SHARING['HISTORY']: once, "
        "and after a bulk load."
    )

    @override
    def handle(self, *_arguments: Any, **_options: Any) -> None:
        try:
            record_everybody()
        except ExamSharingError as error:
            raise CommandError(str(error)) from error
