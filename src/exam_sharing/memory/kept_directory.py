"""Directories that are told of users and groups, rather than asking somebody else for them."""

from abc import abstractmethod
from collections.abc import Container
from typing import Final, TypeAlias, overload

import attrs

from exam_sharing.errors import AlreadyExists, InvalidArgument
from exam_sharing.identifiers import GroupId, PrincipalId, PrincipalKey, UserId
from exam_sharing.ports import Directory
from exam_sharing.principals import Group, User
from exam_sharing.validation import is_a, require_kind

__all__ = ["MAX_PAGE", "Account", "KeptDirectory", "Known", "require_not_removed"]


MAX_PAGE: Final = 1_000
"""How many users and groups come at once where nothing else is asked for."""


@attrs.frozen(kw_only=True)
class Account:
    """A user, and what the directory says of them beside."""

    user: User
    sharing_in_plan: bool = attrs.field(default=True, validator=is_a(bool))
    notices: bool = attrs.field(default=True, validator=is_a(bool))


Known: TypeAlias = Account | Group


def require_not_removed(known: Known, removed: Container[PrincipalKey]) -> None:
    """Raise `AlreadyExists` where the id of a user or a group was removed."""
    principal = known.user if isinstance(known, Account) else known
    if principal.id.key in removed:
        raise AlreadyExists(type(principal).__name__.lower(), principal.id.value)


class KeptDirectory(Directory):
    """A directory that can be changed, wherever it is kept."""

    @overload
    def add(
        self, principal: User, /, *, sharing_in_plan: bool = True, notices: bool = True
    ) -> None: ...
    @overload
    def add(self, principal: Group, /) -> None: ...
    def add(self, principal: User | Group, /, **settings: bool) -> None:
        """Make a user or a group known, or say anew all that is known of them.

        Args:
            principal: the user or group; the same id again replaces, settings included.
            settings: of a user only. `sharing_in_plan`: their service plan includes sharing;
                `notices`: they want notices of shares. Both are so where nothing is said.

        Raises:
            AlreadyExists: the id was removed; an id is never used again.
            MembershipCycle: the group would come to hold itself, directly or through others;
                nothing has changed.
            InvalidValue: settings were given for a group.
            WrongKind: it is neither a user nor a group, or a setting is not a `bool`.
        """
        require_kind("principal", principal, User, Group)
        if isinstance(principal, User):
            self._put(Account(user=principal, **settings))
            return
        if settings:
            raise InvalidArgument(", ".join(settings), "can be said of a user, not of a group")
        self._put(principal)

    def remove(self, principal: PrincipalId) -> None:
        """Forget a user or a group for good: its id is never used again.

        A user who may come back is not removed, but made inactive. Groups that hold what is removed
        keep its id.

        Raises:
            InvalidValue: the directory does not know it.
            WrongKind: it is neither a `UserId` nor a `GroupId`.
        """
        require_kind("principal", principal, UserId, GroupId)
        if not self._forget(principal.key):
            kind = type(principal).__name__
            raise InvalidArgument(kind, f"{principal.value!r} is not in the directory")

    @abstractmethod
    def known(self, after: PrincipalId | None = None, limit: int = MAX_PAGE) -> tuple[Known, ...]:
        """Return the first users and groups of all that are kept, inactive ones too, by their keys.

        For the host's operators: whether anybody may see them is not asked.

        Args:
            after: behind whom to begin; by default at the beginning.
            limit: how many at most.
        """

    @abstractmethod
    def _put(self, known: Known) -> None:
        """Keep this in place of what is known under its id.

        Raises:
            AlreadyExists: what was known under its id was forgotten.
            MembershipCycle: a group would come to hold itself.
        """

    @abstractmethod
    def _forget(self, key: PrincipalKey) -> bool:
        """Forget what is known under the key, and say whether anything was."""
