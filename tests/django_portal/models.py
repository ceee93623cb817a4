"""What the portal keeps beside our tables."""

from django.db import models


class Letter(models.Model):
    """A letter that goes with a share."""

    text = models.TextField()

    def __str__(self):
        return f"letter {self.pk}"
