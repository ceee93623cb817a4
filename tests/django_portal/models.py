"""What the portal keeps beside our tables."""

from django.contrib.auth.models import Group, User
from django.db import models

__all__ = ["Group", "Letter", "Overlooked", "Profile", "Study", "Team", "User"]


class Letter(models.Model):
    """A letter that goes with a share."""

    text = models.TextField()

    def __str__(self):
        return f"letter {self.pk}"


class Profile(models.Model):
    """What the portal keeps of a user beside the account."""

    user = models.OneToOneField(User, models.CASCADE)
    name = models.TextField()
    email = models.TextField(null=True)  # noqa: DJ001  a user without an address
    plan = models.TextField(default="enterprise")
    wants_mail = models.BooleanField(default=True)

    def __str__(self):
        return f"profile {self.pk}"


class Overlooked(models.Model):
    """A user whom another one does not see."""

    actor = models.ForeignKey(User, models.CASCADE, db_constraint=False, related_name="sees_not")
    user = models.ForeignKey(User, models.CASCADE, db_constraint=False, related_name="unseen_by")

    def __str__(self):
        return f"overlooked {self.pk}"


class Team(models.Model):
    """A team of users and of other teams, known or not."""

    title = models.TextField()
    accounts = models.ManyToManyField(User, db_constraint=False)
    inner = models.ManyToManyField("self", symmetrical=False, db_constraint=False)
    hidden_from = models.ManyToManyField(User, related_name="unseen", db_constraint=False)
    closed_to = models.ManyToManyField(User, related_name="closed", db_constraint=False)

    def __str__(self):
        return f"team {self.pk}"


class Study(models.Model):
    """An exam of the portal's own."""

    doctor = models.ForeignKey(User, models.CASCADE)
    ward = models.ForeignKey(Group, models.CASCADE, null=True)
    referrer = models.ForeignKey(
        User, models.CASCADE, to_field="username", null=True, related_name="referred"
    )
    disc = models.IntegerField()
    arrived = models.DateTimeField()
    deleted = models.BooleanField(default=False)

    def __str__(self):
        return f"study {self.pk}"
