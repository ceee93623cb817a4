"""What the setting `EXAM_SHARING` of the portal names."""

from django.contrib.auth.models import User
from django.db.models import Q

from django_portal.models import Overlooked, Team
from exam_sharing.memory import MemoryNotifier


def visible_users(actor):
    return User.objects.exclude(pk__in=Overlooked.objects.filter(actor=actor).values("user"))


def visible_teams(actor):
    return Team.objects.exclude(pk__in=Team.objects.filter(hidden_from=actor))


def open_teams(actor):
    return Team.objects.exclude(pk__in=Team.objects.filter(closed_to=actor))


OF_PROFILES = {
    "name": "profile__name",
    "email": "profile__email",
    "sharing_in_plan": Q(profile__plan="enterprise"),
    "notices": "profile__wants_mail",
    "visible": "django_portal.sharing.visible_users",
}
OF_TEAMS = {
    "model": "django_portal.Team",
    "name": "title",
    "members": "accounts",
    "subgroups": "inner",
    "visible": "django_portal.sharing.visible_teams",
    "members_visible": "django_portal.sharing.open_teams",
}
STUDIES = {
    "model": "django_portal.Study",
    "owner": "doctor",
    "batch": "disc",
    "uploaded_at": "arrived",
    "where": {"deleted": False},
}


class Outbox(MemoryNotifier):
    """Keeps what it sent, unless it fails."""

    failing = False

    def send(self, notice):
        if self.failing:
            raise OSError
        super().send(notice)


OUTBOX = Outbox()


def outbox():
    return OUTBOX
