"""What every directory promises of who is in what, and who is behind it."""

from typing import Final

from exam_sharing.identifiers import GroupId, PrincipalId, UserId
from exam_sharing.policy.facts import Profile
from exam_sharing.ports import Directory
from exam_sharing.principals import Group, User
from exam_sharing.testing.laws.directory_bench import (
    ACTOR,
    ANN,
    BOB,
    CLINIC,
    CT,
    EMPTY,
    NOBODY,
    OFF,
    RADIOLOGY,
    DirectoryCheck,
    a_group,
    a_user,
    asked_of,
)
from exam_sharing.testing.laws.law import same
from exam_sharing.testing.laws.population import Population
from exam_sharing.testing.texts import HOSTILE

__all__ = ["MEMBERSHIP_LAWS"]


@asked_of(CLINIC)
def users_are_in_the_groups_of_their_groups(directory: Directory) -> None:
    """`principals_of` returns the keys of the user and of every group they are in, to any depth."""
    for user, keys in (
        (ANN, {"u:ann", "g:ct", "g:radiology"}),
        (BOB, {"u:bob", "g:radiology"}),
        (OFF, set[str]()),
        (UserId("unknown"), set[str]()),
        (UserId("ct"), set[str]()),
    ):
        for _ in range(2):
            same(f"the principals of {user!r}", directory.principals_of(user), keys)


@asked_of(CLINIC)
def every_user_has_a_profile(directory: Directory) -> None:
    """`profiles` returns the profile of each user; `Profile.unknown` for an unknown one."""
    asked = (ANN, BOB, OFF, UserId("nobody"), UserId("unknown"))
    came = directory.profiles(iter(asked))
    known = {user: CLINIC.profile(user) for user in asked[:3]}
    unknown = {user: Profile.unknown(user) for user in asked[3:]}
    same("the profiles", dict(came), known | unknown)
    same("no profiles", dict(directory.profiles(())), {})


@asked_of(CLINIC)
def active_users_are_behind_their_groups(directory: Directory) -> None:
    """`people_behind` returns, for each principal, the active users that it reaches."""
    asked = (ANN, OFF, UserId("nobody"), CT, RADIOLOGY, EMPTY, GroupId("ann"), GroupId("no"))
    came = directory.people_behind(iter(asked))
    expected: dict[PrincipalId, frozenset[UserId]] = dict.fromkeys(asked, frozenset())
    expected |= {ANN: frozenset({ANN}), CT: frozenset({ANN})}
    expected[RADIOLOGY] = frozenset({ANN, BOB})
    same("who is behind", dict(came), expected)


@asked_of(CLINIC)
def whoever_exists_and_is_active_is_seen(directory: Directory) -> None:
    """`seen_by` returns those that exist, are active, and that the actor may see."""
    asked = (ANN, OFF, UserId("nobody"), CT, GroupId("no"), GroupId("off"))
    same("seen", directory.seen_by(ACTOR, iter(asked)), frozenset({ANN, CT}))


@asked_of(CLINIC)
def members_are_seen_to_any_depth(directory: Directory) -> None:
    """`members_seen_by` returns, for each group, the members that the actor may know of."""
    asked = (CT, RADIOLOGY, EMPTY, GroupId("no"))
    came = directory.members_seen_by(ACTOR, iter(asked))
    expected: dict[GroupId, frozenset[PrincipalId]] = {
        CT: frozenset({ANN}),
        RADIOLOGY: frozenset({ANN, BOB, CT}),
        EMPTY: frozenset(),
        GroupId("no"): frozenset(),
    }
    same("members", dict(came), expected)


@asked_of(CLINIC)
def known_principals_have_names(directory: Directory) -> None:
    """`names` returns the names of those principals that are known, inactive ones too."""
    asked = (ANN, OFF, UserId("nobody"), CT, GroupId("ann"), GroupId("no"))
    expected = {each: f"Name of {each}" for each in (ANN, OFF, CT, GroupId("ann"))}
    same("the names", dict(directory.names(iter(asked))), expected)


@asked_of(
    Population(
        users=(a_user("ann"),),
        groups=(
            a_group("a", ANN),
            a_group("b", GroupId("a")),
            a_group("c", GroupId("b"), ANN),
            a_group("d", GroupId("c")),
            a_group("ann"),
        ),
    )
)
def a_path_is_a_shortest_chain(directory: Directory) -> None:
    """`path` returns a shortest chain of memberships, both ends included; empty for none."""
    for end, expected in (
        (ANN, (ANN,)),
        (GroupId("b"), (ANN, GroupId("a"), GroupId("b"))),
        (GroupId("d"), (ANN, GroupId("c"), GroupId("d"))),
        (GroupId("ann"), ()),
        (UserId("a"), ()),
        (GroupId("no"), ()),
    ):
        same(f"the path to {end!r}", directory.path(ANN, end), expected)


_DEEP: Final = 200


@asked_of(
    Population(
        users=(a_user("ann"),),
        groups=tuple(
            a_group(f"{depth}", GroupId(f"{depth - 1}") if depth else ANN) for depth in range(_DEEP)
        ),
    )
)
def groups_may_be_nested_deeply(directory: Directory) -> None:
    """Groups hold users and groups, to any depth: SPEC 1."""
    top = GroupId(f"{_DEEP - 1}")
    same("how many principals", len(directory.principals_of(ANN)), _DEEP + 1)
    same("who is behind", directory.people_behind((top,)), {top: frozenset({ANN})})
    same("how long the path is", len(directory.path(ANN, top)), _DEEP + 1)
    same("how many members", len(directory.members_seen_by(ACTOR, (top,))[top]), _DEEP)


_MANY: Final = tuple(UserId(f"u{number}") for number in range(200))
_STRANGERS: Final = tuple(UserId(f"stranger {number}") for number in range(5_000))


@asked_of(
    Population(
        users=tuple(a_user(each.value) for each in _MANY),
        groups=(
            a_group("all", *_MANY),
            *(a_group(f"g{number}", GroupId("all")) for number in range(50)),
        ),
    )
)
def thousands_may_be_asked_about_at_once(directory: Directory) -> None:
    """Questions take many identifiers and are answered at once."""
    everybody, asked = GroupId("all"), (*_MANY, *_STRANGERS)
    profiles = directory.profiles(asked)
    same("how many are active", sum(each.active for each in profiles.values()), len(_MANY))
    same("how many profiles", len(profiles), len(asked))
    same("how many groups one is in", len(directory.principals_of(_MANY[7])), 52)
    behind = directory.people_behind((everybody, *asked))
    same("who is behind the group", behind[everybody], frozenset(_MANY))
    same("who is behind one", behind[_MANY[7]], frozenset({_MANY[7]}))
    same("who is seen", directory.seen_by(ACTOR, asked), frozenset(_MANY))
    same("who has a name", frozenset(directory.names(asked)), frozenset(_MANY))


@asked_of(
    Population(
        users=(User(id=UserId("x"), name="x"), User(id=UserId("g:x"), name="odd")),
        groups=(
            Group(id=GroupId("x"), name="x"),
            Group(id=GroupId("y"), name="y", members=frozenset({GroupId("x")})),
            Group(id=GroupId("z"), name="z", members=frozenset({UserId("x")})),
        ),
    )
)
def a_user_and_a_group_of_one_string_never_meet(directory: Directory) -> None:
    """A user and a group of the same string are two principals, everywhere: SPEC 1."""
    user, group = UserId("x"), GroupId("x")
    same("the user's principals", directory.principals_of(user), {"u:x", "g:z"})
    same("those of an odd one", directory.principals_of(UserId("g:x")), {"u:g:x"})
    behind = directory.people_behind((group, GroupId("y"), GroupId("z")))
    expected = {group: frozenset(), GroupId("y"): frozenset(), GroupId("z"): frozenset({user})}
    same("who is behind", dict(behind), expected)
    same("suggested", directory.suggest(ACTOR, "x", 9, NOBODY), ((group, "x"), (user, "x")))
    left = directory.suggest(ACTOR, "x", 9, frozenset({group}))
    same("suggested without the group", left, ((user, "x"),))


@asked_of(
    Population(
        users=tuple(User(id=UserId(text), name=f"user {n}") for n, text in enumerate(HOSTILE)),
        groups=tuple(
            Group(id=GroupId(text), name=f"group {n}", members=frozenset({UserId(text)}))
            for n, text in enumerate(HOSTILE)
        ),
    )
)
def ids_are_compared_code_point_by_code_point(directory: Directory) -> None:
    """Ids are opaque strings, compared code point by code point: SPEC 1."""
    users, groups = tuple(map(UserId, HOSTILE)), tuple(map(GroupId, HOSTILE))
    names = directory.names((*users, *groups))
    expected: dict[PrincipalId, str] = {user: f"user {n}" for n, user in enumerate(users)}
    expected |= {group: f"group {n}" for n, group in enumerate(groups)}
    same("the names", dict(names), expected)
    for user, group in zip(users, groups, strict=True):
        keys = frozenset({user.key, group.key})
        same(f"the principals of {user!a}", directory.principals_of(user), keys)
    came = directory.people_behind(groups)
    behind = {group: frozenset({UserId(group.value)}) for group in groups}
    same("who is behind", dict(came), behind)


MEMBERSHIP_LAWS: Final[tuple[DirectoryCheck, ...]] = (
    users_are_in_the_groups_of_their_groups,
    every_user_has_a_profile,
    active_users_are_behind_their_groups,
    whoever_exists_and_is_active_is_seen,
    members_are_seen_to_any_depth,
    known_principals_have_names,
    a_path_is_a_shortest_chain,
    groups_may_be_nested_deeply,
    thousands_may_be_asked_about_at_once,
    a_user_and_a_group_of_one_string_never_meet,
    ids_are_compared_code_point_by_code_point,
)
