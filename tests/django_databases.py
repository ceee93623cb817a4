"""Django for the tests: one portal, and its connections to the databases that they make."""

from collections.abc import Iterator
from contextlib import contextmanager

import django
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.db.utils import ConnectionHandler
from sqlalchemy import URL

if not settings.configured:
    settings.configure(
        INSTALLED_APPS=[
            "django.contrib.admin",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.messages",
            "django.contrib.sessions",
            "exam_sharing.adapters.django",
            "django_portal",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "exam_sharing.adapters.django.middleware.SharingErrors",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                        "django.template.context_processors.request",
                    ]
                },
            }
        ],
        ROOT_URLCONF="django_portal.urls",
        SECRET_KEY="only for the tests",  # noqa: S106  it guards nothing
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
    )
    django.setup()


def as_django_says(url: URL, **options: str) -> dict:
    """Return the settings by which Django finds the database of an address.

    The options are for a connection to PostgreSQL.
    """
    if url.get_backend_name() == "sqlite":
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": url.database,
            "OPTIONS": {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA synchronous=OFF"},
        }
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.database,
        "USER": url.username or "",
        "PASSWORD": url.password or "",
        "HOST": url.query.get("host") or url.host or "",
        "PORT": url.port or "",
        "OPTIONS": options,
    }


def django_connection(url: URL):
    """Return a new connection of Django's to the database of an address."""
    return ConnectionHandler({"default": as_django_says(url)})["default"]


@contextmanager
def connected(url: URL, **options: str) -> Iterator[None]:
    """Let Django reach the database of an address as its default, and then the one before."""
    settings_before = connections.settings
    before = getattr(connections._connections, "default", None)
    connections.settings = connections.configure_settings(
        {"default": as_django_says(url, **options)}
    )
    connections["default"] = connections.create_connection("default")
    try:
        yield
    finally:
        connections["default"].close()
        del connections["default"]
        connections.settings = settings_before
        if before is not None:
            connections["default"] = before


@contextmanager
def migrated(url: URL) -> Iterator[None]:
    """Do the same, with the tables of every app."""
    with connected(url):
        call_command("migrate", verbosity=0)
        with connections["default"].schema_editor() as editor:
            for model in apps.get_app_config("django_portal").get_models():
                editor.create_model(model)
        yield
