"""The cases by topic: for each rule, in words, its cases by name."""

from collections.abc import Mapping
from typing import Final

from exam_sharing.testing.cases.schema import Case
from exam_sharing.testing.cases.topics import (
    extent,
    notices,
    recipients,
    requests,
    reshares,
    sharing,
    showing,
    unsharing,
)

__all__ = ["TOPICS"]

TOPICS: Final[tuple[Mapping[str, Mapping[str, Case]], ...]] = (
    sharing.CASES,
    extent.CASES,
    recipients.CASES,
    unsharing.CASES,
    reshares.CASES,
    showing.CASES,
    notices.CASES,
    requests.CASES,
)
