"""Django for the tests: one portal, and its connections to the databases that they make."""

import django
from django.conf import settings
from django.db.utils import ConnectionHandler
from sqlalchemy import URL

if not settings.configured:
    settings.configure(
        INSTALLED_APPS=["django_portal"], DEFAULT_AUTO_FIELD="django.db.models.BigAutoField"
    )
    django.setup()


def as_django_says(url: URL) -> dict:
    """Return the settings by which Django finds the database of an address."""
    if url.get_backend_name() == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": url.database}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.database,
        "USER": url.username or "",
        "PASSWORD": url.password or "",
        "HOST": url.query.get("host") or url.host or "",
        "PORT": url.port or "",
    }


def django_connection(url: URL):
    """Return a new connection of Django's to the database of an address."""
    return ConnectionHandler({"default": as_django_says(url)})["default"]
