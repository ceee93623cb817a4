"""What the setting `EXAM_SHARING` names."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.db.models import Expression, QuerySet

from exam_sharing import Policy
from exam_sharing.memory import MemoryNotifier
from exam_sharing.ports import Notifier

policy = Policy(max_duration=timedelta(days=365))
outbox = MemoryNotifier()


def notifier() -> Notifier:
    """Return what sends notices: here into a list, in a portal by `SmtpNotifier`."""
    return outbox


def colleagues(actor: Expression) -> "QuerySet[User]":
    """Choose those who are in a group with the actor."""
    return User.objects.filter(groups__user=actor)
