"""The settings of the portal."""

import os
from pathlib import Path

SECRET_KEY = os.environ.get("PORTAL_SECRET_KEY", "only to try it out")
DEBUG = False
ALLOWED_HOSTS = ["localhost", "testserver"]
ROOT_URLCONF = "imaging_portal.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("PORTAL_DATABASE", Path(__file__).parent / "portal.sqlite3"),
        "OPTIONS": {"transaction_mode": "IMMEDIATE"},
    }
}
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "exam_sharing.adapters.django",
    "imaging_portal",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "exam_sharing.adapters.django.middleware.SharingErrors",
]
TEMPLATES = [
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
]

EXAM_SHARING = {
    "POLICY": "imaging_portal.sharing.policy",
    "NOTIFIER": "imaging_portal.sharing.notifier",
    "USERS": {"visible": "imaging_portal.sharing.colleagues"},
    "EXAMS": {
        "model": "imaging_portal.Study",
        "owner": "doctor",
        "batch": "disc",
        "uploaded_at": "arrived",
        "where": {"deleted": False},
    },
}
