"""What finds people by their names, kept as users and groups are saved and deleted."""

from typing import Any

from exam_sharing.adapters.django import settings
from exam_sharing.adapters.django.opening import update_search
from exam_sharing.identifiers import GroupId, UserId


def people_changed(sender: Any, instance: Any, **_more: Any) -> None:
    """Update what finds a user or a group, in the transaction that has changed it."""
    if not settings.searches():
        return
    groups = settings.group_model()
    # A proxy or a child of the model saves the same people.
    if issubclass(sender, settings.user_model()):
        update_search(UserId(str(instance.pk)))
    elif groups is not None and issubclass(sender, groups._meta.concrete_model):
        update_search(GroupId(str(instance.pk)))
