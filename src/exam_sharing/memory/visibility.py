"""What is left of an answer when those whom the actor may not see are taken out of it.

Everything here works on what a directory has read already, whichever directory that is.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cache
from typing import TypeVar

from exam_sharing.identifiers import GroupId, PrincipalId, UserId

__all__ = ["chosen", "everybody", "members_seen", "walk"]

_NodeT = TypeVar("_NodeT")


def everybody(_actor: UserId, _principal: PrincipalId) -> bool:
    """Say yes: the actor may see the principal."""
    return True


def walk(start: Iterable[_NodeT], onward: Callable[[_NodeT], Iterable[_NodeT]]) -> Iterator[_NodeT]:
    """Yield where one begins and all that is reached from there, each once."""
    passed = set(start)
    waiting = list(passed)
    while waiting:
        reached = waiting.pop()
        yield reached
        for following in onward(reached):
            if following not in passed:
                passed.add(following)
                waiting.append(following)


def members_seen(
    groups: Iterable[GroupId],
    members: Mapping[PrincipalId, Collection[PrincipalId]],
    there: Collection[PrincipalId],
    *,
    visible: Callable[[PrincipalId], bool],
    members_visible: Callable[[GroupId], bool],
) -> Mapping[GroupId, frozenset[PrincipalId]]:
    """Return, for each group, the members that an actor may know of, to any depth.

    Args:
        groups: which groups.
        members: the direct members of these and of all groups in them.
        there: those of all these that exist and are active.
        visible: whether the actor may see a principal; asked once of each, when it matters.
        members_visible: the same of the members of a group.
    """

    @cache
    def onward(group: PrincipalId) -> Collection[PrincipalId]:
        if not isinstance(group, GroupId) or group not in there or group not in members:
            return ()
        return members[group] if members_visible(group) is True else ()

    @cache
    def seen(principal: PrincipalId) -> bool:
        return principal in there and visible(principal) is True

    return {group: frozenset(filter(seen, walk(onward(group), onward))) for group in groups}


def chosen(
    candidates: Iterable[tuple[PrincipalId, str]],
    limit: int,
    leave_out: frozenset[PrincipalId],
    visible: Callable[[PrincipalId], bool],
) -> tuple[tuple[PrincipalId, str], ...]:
    """Return the first of the candidates that may be seen, each once.

    No more candidates are taken than needed, and each that is not left out is asked about once.
    """
    found: list[tuple[PrincipalId, str]] = []
    passed = set(leave_out)
    waiting = iter(candidates)
    while len(found) < limit and (candidate := next(waiting, None)) is not None:
        principal, _ = candidate
        if principal not in passed:
            passed.add(principal)
            if visible(principal) is True:
                found.append(candidate)
    return tuple(found)
