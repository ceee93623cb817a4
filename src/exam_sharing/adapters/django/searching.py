"""What finds people by their names, kept as users and groups are saved and deleted."""

from typing import Any

from django.contrib.auth import get_user_model

from exam_sharing.adapters.django import settings
from exam_sharing.adapters.django.opening import update_search
from exam_sharing.identifiers import GroupId, UserId


def people_changed(sender: Any, instance: Any, **_more: Any) -> None:
    """Update what finds a user or a group, in the transaction that has changed it."""
    if not settings.searches():
        return
    if sender is get_user_model():
        update_search(UserId(str(instance.pk)))
    elif sender is settings.group_model():
        update_search(GroupId(str(instance.pk)))
