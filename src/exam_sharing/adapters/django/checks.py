"""System checks: everything that is wrong with the settings, and who must change what."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004  Django's name
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from exam_sharing.adapters.django import settings
from exam_sharing.adapters.django.opening import directory_over
from exam_sharing.adapters.django.transactions import DjangoTransactions

_ERRORS: Final = "exam_sharing.adapters.django.middleware.SharingErrors"
_USERS: Final = "django.contrib.auth.middleware.AuthenticationMiddleware"


def _directory() -> object:
    return directory_over(DjangoTransactions(settings.database()))


_PARTS: Final[tuple[tuple[str, Callable[[], object], str], ...]] = (
    (
        "E001",
        settings.database,
        (
            "In the settings, let EXAM_SHARING['DATABASE'] be the alias of a database of "
            "PostgreSQL, with psycopg 3 installed, or of SQLite."
        ),
    ),
    ("E002", settings.policy, "In the settings, let it be the path of a Policy."),
    ("E003", settings.notifier, "In the settings, let it be the path of a Notifier."),
    ("E004", settings.host_facts, "In the settings, let it be the path of your HostFacts."),
    ("E010", settings.searches, "In the settings, set it to True or False."),
    ("E011", settings.keeps_history, "In the settings, set it to True or False."),
    ("E005", _directory, "In the settings, name fields of your models that hold this."),
    ("E006", settings.exams, "In the settings, name fields of your model that hold this."),
    ("E007", settings.sentences, "In the settings, use the codes of exam_sharing.web.ENGLISH."),
    ("E008", settings.sends_at_once, "In the settings, set it to True or False."),
)
"""Each part of the setting, and what the developer of the portal has to do about it."""


def check_settings(**_more: Any) -> list[CheckMessage]:
    """Return everything that is wrong; no database is asked."""
    return [*_wrong_parts(), *_of_middleware(), *_of_sqlite()]


def _wrong_parts() -> Iterator[CheckMessage]:
    seen = set()
    for number, read, hint in _PARTS:
        try:
            read()
        except ImproperlyConfigured as error:
            if str(error) not in seen:  # Several parts need the database.
                yield Error(str(error), hint=hint, id=f"exam_sharing.{number}")
            seen.add(str(error))


def _of_middleware() -> Iterator[CheckMessage]:
    order = [*django_settings.MIDDLEWARE]
    if _ERRORS in order and _USERS not in order[: order.index(_ERRORS)]:
        yield Error(
            "SharingErrors does not know who is signed in",
            hint=f"In the settings, put {_ERRORS} after {_USERS} into MIDDLEWARE.",
            id="exam_sharing.E009",
        )


def _of_sqlite() -> Iterator[CheckMessage]:
    try:
        connection = connections[settings.database()]
    except ImproperlyConfigured:
        return
    mode = connection.settings_dict["OPTIONS"].get("transaction_mode")
    if connection.vendor == "sqlite" and mode != "IMMEDIATE":
        yield Warning(
            "a transaction of SQLite that begins by reading fails once another has written",
            hint=(
                "In the settings, add OPTIONS: {'transaction_mode': 'IMMEDIATE'} to the database "
                f"{connection.alias!r} of DATABASES."
            ),
            id="exam_sharing.W001",
        )
