"""`manage.py exam_sharing_search`: index the names of everybody, as after a bulk load."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from typing_extensions import override

from exam_sharing.adapters.django.opening import rebuild_search
from exam_sharing.errors import ExamSharingError


class Command(BaseCommand):
    """Rebuilds the tables that find people by their names."""

    help: str = "Index the names of all users and groups, for a portal with EXAM_SHARING['SEARCH']."

    @override
    def handle(self, *_arguments: Any, **_options: Any) -> None:
        try:
            rebuild_search()
        except ExamSharingError as error:
            raise CommandError(str(error)) from error
