"""The migration of today."""

from importlib import import_module

Migration = import_module("exam_sharing.adapters.django.migrations.0001_tables").Migration
