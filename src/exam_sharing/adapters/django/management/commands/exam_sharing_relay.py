"""`manage.py exam_sharing_relay`: send the notices that are due, once or until interrupted."""

from datetime import timedelta
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import close_old_connections
from typing_extensions import override

from exam_sharing.adapters.django import settings
from exam_sharing.adapters.django.opening import open_sharing
from exam_sharing.errors import StoreFailed
from exam_sharing.relay import PAUSE, until_signalled, watch
from exam_sharing.sharing import Sharing


class Command(BaseCommand):
    """Runs a relay; several may run at once."""

    help: str = "Send the notices of shares that are due, by the notifier of EXAM_SHARING."

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--watch", action="store_true", help="continue until interrupted")
        pause = PAUSE.total_seconds()
        about = f"with --watch, how long to wait once nothing more is due; by default {pause:g}"
        parser.add_argument("--pause", type=float, default=pause, metavar="SECONDS", help=about)

    @override
    def handle(self, *_arguments: Any, **options: Any) -> None:
        try:
            if settings.notifier() is None:
                raise CommandError("set EXAM_SHARING['NOTIFIER'] in the settings: nothing can send")
            sharing = open_sharing()
            if not options["watch"]:
                self._report(sharing.admin.deliver_notices())
                return
        except (ImproperlyConfigured, StoreFailed) as error:
            raise CommandError(str(error)) from error
        self._watch(sharing, timedelta(seconds=options["pause"]))

    def _watch(self, sharing: Sharing, pause: timedelta) -> None:
        def delivered(sent: int) -> None:
            if sent:
                self._report(sent)
            # A connection that the database has closed is not used again.
            close_old_connections()

        def failed(error: StoreFailed) -> None:
            self.stderr.write(f"{error}; trying again")
            close_old_connections()

        with until_signalled() as stop:
            watch(sharing, stop=stop, pause=pause, delivered=delivered, failed=failed)

    def _report(self, sent: int) -> None:
        self.stdout.write(f"{sent} {'notice' if sent == 1 else 'notices'} sent")
