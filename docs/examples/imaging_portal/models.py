"""What the portal keeps."""

from django.conf import settings
from django.db import models


class Study(models.Model):
    """An exam, as it came on a disc."""

    doctor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT)
    disc = models.IntegerField()
    arrived = models.DateTimeField()
    deleted = models.BooleanField(default=False)

    def __str__(self) -> str:
        """Return what staff call it."""
        return f"study {self.pk}"


class Letter(models.Model):
    """A letter that goes with a share."""

    study = models.ForeignKey(Study, models.PROTECT)
    text = models.TextField()

    def __str__(self) -> str:
        """Return what staff call it."""
        return f"letter {self.pk}"
