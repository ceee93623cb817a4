"""People: users, groups that hold users and groups, and directories of them."""

from hypothesis import strategies as st

from exam_sharing.identifiers import GroupId, PrincipalId, UserId
from exam_sharing.memory import MemoryDirectory
from exam_sharing.principals import Group, User
from exam_sharing.testing.strategies.texts import addresses, identifiers, names

__all__ = [
    "directories",
    "group_ids",
    "groups",
    "nested_groups",
    "principal_ids",
    "user_ids",
    "users",
]


def user_ids(*, texts: st.SearchStrategy[str] | None = None) -> st.SearchStrategy[UserId]:
    """Draw ids of users."""
    return st.builds(UserId, identifiers() if texts is None else texts)


def group_ids(*, texts: st.SearchStrategy[str] | None = None) -> st.SearchStrategy[GroupId]:
    """Draw ids of groups; they may be the strings of users' ids."""
    return st.builds(GroupId, identifiers() if texts is None else texts)


def principal_ids(
    *,
    users: st.SearchStrategy[UserId] | None = None,
    groups: st.SearchStrategy[GroupId] | None = None,
) -> st.SearchStrategy[PrincipalId]:
    """Draw ids of users and of groups."""
    return (user_ids() if users is None else users) | (group_ids() if groups is None else groups)


def users(
    *,
    ids: st.SearchStrategy[UserId] | None = None,
    names: st.SearchStrategy[str] = names(),
    emails: st.SearchStrategy[str | None] | None = None,
    active: st.SearchStrategy[bool] | None = None,
) -> st.SearchStrategy[User]:
    """Draw users, inactive ones and ones without an address among them."""
    return st.builds(
        User,
        id=user_ids() if ids is None else ids,
        name=names,
        email=st.none() | addresses() if emails is None else emails,
        active=st.sampled_from((True, False)) if active is None else active,
    )


def groups(
    *,
    ids: st.SearchStrategy[GroupId] | None = None,
    names: st.SearchStrategy[str] = names(),
    members: st.SearchStrategy[frozenset[PrincipalId]] | None = None,
) -> st.SearchStrategy[Group]:
    """Draw groups whose members need not be known; none holds itself directly."""
    drawn = st.frozensets(principal_ids(), max_size=4) if members is None else members
    return st.builds(
        lambda group, name, held: Group(id=group, name=name, members=held - {group}),
        group_ids() if ids is None else ids,
        names,
        drawn,
    )


@st.composite
def nested_groups(
    draw: st.DrawFn,
    *,
    ids: st.SearchStrategy[GroupId] | None = None,
    users: st.SearchStrategy[UserId] | None = None,
    names: st.SearchStrategy[str] = names(),
    min_size: int = 1,
    max_size: int = 4,
) -> tuple[Group, ...]:
    """Draw groups that hold users and each other, never in a circle, in any order.

    Args:
        draw: given by Hypothesis.
        ids: of the groups.
        users: whom they hold beside each other.
        names: of the groups.
        min_size: at least so many groups.
        max_size: at most so many groups.
    """
    found = draw(
        st.lists(
            group_ids() if ids is None else ids, min_size=min_size, max_size=max_size, unique=True
        )
    )
    people = user_ids() if users is None else users
    made: list[Group] = []
    for group in found:
        members: set[PrincipalId] = set(draw(st.frozensets(people, max_size=3)))
        if made:
            held = st.frozensets(st.sampled_from([each.id for each in made]), max_size=2)
            members |= draw(held)
        made.append(Group(id=group, name=draw(names), members=frozenset(members)))
    return tuple(draw(st.permutations(made)))


@st.composite
def directories(
    draw: st.DrawFn,
    *,
    users: st.SearchStrategy[User] = users(),
    max_users: int = 6,
    max_groups: int = 4,
) -> MemoryDirectory:
    """Draw directories with users, groups among them, and every mix of plans and notices.

    Args:
        draw: given by Hypothesis.
        users: whom the directory knows.
        max_users: at most so many of them.
        max_groups: at most so many groups.
    """
    people = draw(st.lists(users, max_size=max_users, unique_by=lambda each: each.id))
    directory = MemoryDirectory()
    for user in people:
        directory.add(user, sharing_in_plan=draw(st.booleans()), notices=draw(st.booleans()))
    members = st.sampled_from([each.id for each in people]) if people else user_ids()
    for group in draw(nested_groups(users=members, min_size=0, max_size=max_groups)):
        directory.add(group)
    return directory
