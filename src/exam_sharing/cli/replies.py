"""What the commands over a database answer, before anybody prints it; as `chapters`' facts are."""

from typing import TypeAlias

import attrs

from exam_sharing import (
    ExamId,
    Holder,
    Page,
    Permission,
    Reason,
    UserId,
    VisibleExam,
)
from exam_sharing.cli.chapters import Ended, Explained, Listed, Previewed, Shared, Uploaded
from exam_sharing.memory.kept_directory import Account, Known
from exam_sharing.principals import Group

__all__ = [
    "ExamsShown",
    "HoldersShown",
    "PeopleShown",
    "PrincipalKept",
    "Refusal",
    "Reply",
    "TablesReady",
]


@attrs.frozen(kw_only=True)
class TablesReady:
    """The tables are in the database.

    Attributes:
        place: where the database is.
        created: they were not there before.
        shape: the number of their shape.
    """

    place: str
    created: bool
    shape: int


@attrs.frozen(kw_only=True)
class PrincipalKept:
    """A user or a group is in the directory.

    Attributes:
        kept: all that is known of them.
        replaced: they were there before, and this was said anew.
    """

    kept: Known
    replaced: bool


@attrs.frozen(kw_only=True)
class PeopleShown:
    """All who are in the directory, by their ids."""

    users: tuple[Account, ...]
    groups: tuple[Group, ...]


@attrs.frozen(kw_only=True)
class HoldersShown:
    """Everybody who holds a permission on an exam."""

    exam: ExamId
    permission: Permission
    holders: tuple[Holder, ...]


@attrs.frozen(kw_only=True)
class ExamsShown:
    """A page of the exams that a user can see.

    Attributes:
        user: who can.
        own: whether the exams that they own are among them.
        page: the exams, newest upload first.
    """

    user: UserId
    own: bool
    page: Page[VisibleExam]


@attrs.frozen(kw_only=True)
class Refusal:
    """What was asked for is refused, and nothing was done."""

    reasons: tuple[Reason, ...]


Reply: TypeAlias = (
    TablesReady
    | PrincipalKept
    | PeopleShown
    | Uploaded
    | Previewed
    | Shared
    | Ended
    | Listed
    | HoldersShown
    | ExamsShown
    | Explained
)
"""What a command over a database can answer."""
