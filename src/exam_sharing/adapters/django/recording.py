"""The history of users and groups, recorded as rows of the portal's models change.

A signal is sent in the transaction that makes the change, where there is one: inside of `atomic()`,
or with `ATOMIC_REQUESTS`, a change and its record are committed together. Elsewhere Django has
committed the change before it sends the signal.
"""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy.engine import Connection

from exam_sharing.adapters.django import settings
from exam_sharing.adapters.django.opening import put_changes
from exam_sharing.adapters.sqlalchemy.recording_people import groups_holding
from exam_sharing.adapters.sqlalchemy.tables import given_tables
from exam_sharing.identifiers import GroupId, PrincipalId, UserId

_DONE: Final = frozenset({"post_add", "post_remove", "post_clear"})


def saved_or_deleted(sender: Any, instance: Any, using: str, **_more: Any) -> None:
    """Record a user or a group, or the groups of a membership with a model of its own."""
    if not _is_kept(using):
        return
    found = _principal(sender, instance.pk)
    named = [found] if found is not None else [*_groups_of(sender, instance)]
    if named:
        put_changes(lambda _: named)


def members_changed(
    sender: Any, instance: Any, action: str, model: Any, using: str, **more: Any
) -> None:
    """Record the groups whose members were added, removed or cleared, from either side."""
    if action not in _DONE or not _is_kept(using) or sender not in settings.membership_models():
        return
    own = _principal(type(instance), instance.pk)
    others = [_principal(model, key) for key in more["pk_set"] or ()]
    groups = [each for each in (own, *others) if isinstance(each, GroupId)]

    def changed(connection: Connection) -> list[PrincipalId]:
        if action != "post_clear" or own is None:
            return [*groups]
        # Which groups had it is no longer in the portal's tables.
        return [*groups, *groups_holding(connection, given_tables(None).directory, [own])]

    put_changes(changed)


def _is_kept(using: str) -> bool:
    return settings.keeps_history() and using == settings.database()


def _principal(model: Any, key: object) -> PrincipalId | None:
    """Return the user or group of a row; a proxy or a child of a model has the same rows."""
    if issubclass(model, settings.user_model()):
        return UserId(str(key))
    groups = settings.group_model()
    if groups is not None and issubclass(model, groups._meta.concrete_model):
        return GroupId(str(key))
    return None


def _groups_of(model: Any, instance: Any) -> Iterator[PrincipalId]:
    if model not in settings.membership_models():
        return
    for field in model._meta.concrete_fields:
        key = getattr(instance, field.attname) if field.many_to_one else None
        found = None if key is None else _principal(field.related_model, key)
        if isinstance(found, GroupId):
            yield found
