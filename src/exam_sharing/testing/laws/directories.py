"""What every directory promises of users and groups: `Directory`."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from itertools import pairwise
from typing import Any, Final, TypeAlias

import attrs
from hypothesis import strategies as st

from exam_sharing.identifiers import GroupId, PrincipalId, UserId
from exam_sharing.policy.facts import Profile
from exam_sharing.ports import Directory
from exam_sharing.principals import Group, User
from exam_sharing.testing.laws.law import Law, insist, laws_of, same, search
from exam_sharing.testing.laws.population import Population
from exam_sharing.testing.texts import HOSTILE

__all__ = ["directory_laws"]

OpenDirectory: TypeAlias = Callable[[Population], Directory | AbstractContextManager[Directory]]
"""Gives a directory of a population, or a context manager around one."""

_ACTOR: Final = UserId("actor")
_NOBODY: Final[frozenset[PrincipalId]] = frozenset()


@attrs.frozen(kw_only=True)
class _Trial:
    """How to have a directory; the fields are the arguments of `directory_laws`."""

    open_directory: OpenDirectory
    visibility: bool
    change: Callable[[Any, Population], None] | None
    examples: int

    @contextmanager
    def of(self, population: Population) -> Iterator[Directory]:
        """Open a directory of a population, and close it in the end."""
        given: Any = self.open_directory(population)
        if isinstance(given, AbstractContextManager):
            with given as directory:
                yield directory
        else:
            yield given


_Check: TypeAlias = Callable[[_Trial], None]


def _asked(population: Population) -> Callable[[Callable[[Directory], None]], _Check]:
    """Make a check of a directory of some population into one that opens it."""

    def asking(check: Callable[[Directory], None]) -> _Check:
        @wraps(check)
        def of_trial(trial: _Trial) -> None:
            with trial.of(population) as directory:
                check(directory)

        return of_trial

    return asking


def _user(name: str, *, active: bool = True, email: str | None = None) -> User:
    return User(id=UserId(name), name=f"Name of {name}", email=email, active=active)


def _named(*names: str) -> tuple[User, ...]:
    return tuple(User(id=UserId(f"u{place}"), name=name) for place, name in enumerate(names))


def _group(name: str, *members: PrincipalId) -> Group:
    return Group(id=GroupId(name), name=f"Name of {name}", members=frozenset(members))


_ANN, _BOB, _OFF = UserId("ann"), UserId("bob"), UserId("off")
_CT, _RADIOLOGY, _EMPTY = GroupId("ct"), GroupId("radiology"), GroupId("empty")

_CLINIC: Final = Population(
    users=(_user("ann", email="ann@b.example"), _user("bob"), _user("off", active=False)),
    groups=(
        _group("ct", _ANN, _OFF, UserId("unknown")),
        _group("radiology", _CT, _BOB),
        _group("empty"),
        _group("ann"),
    ),
    without_plan=frozenset({_BOB}),
    without_notices=frozenset({_BOB}),
)


@_asked(_CLINIC)
def users_are_in_the_groups_of_their_groups(directory: Directory) -> None:
    """`principals_of` returns the keys of the user and of every group they are in, to any depth."""
    for user, keys in (
        (_ANN, {"u:ann", "g:ct", "g:radiology"}),
        (_BOB, {"u:bob", "g:radiology"}),
        (_OFF, set[str]()),
        (UserId("unknown"), set[str]()),
        (UserId("ct"), set[str]()),
    ):
        for _ in range(2):
            same(f"the principals of {user!r}", directory.principals_of(user), keys)


@_asked(_CLINIC)
def every_user_has_a_profile(directory: Directory) -> None:
    """`profiles` returns the profile of each user; `Profile.unknown` for an unknown one."""
    asked = (_ANN, _BOB, _OFF, UserId("nobody"), UserId("unknown"))
    came = directory.profiles(iter(asked))
    known = {user: _CLINIC.profile(user) for user in asked[:3]}
    unknown = {user: Profile.unknown(user) for user in asked[3:]}
    same("the profiles", dict(came), known | unknown)
    same("no profiles", dict(directory.profiles(())), {})


@_asked(_CLINIC)
def active_users_are_behind_their_groups(directory: Directory) -> None:
    """`people_behind` returns, for each principal, the active users that it reaches."""
    asked = (_ANN, _OFF, UserId("nobody"), _CT, _RADIOLOGY, _EMPTY, GroupId("ann"), GroupId("no"))
    came = directory.people_behind(iter(asked))
    expected: dict[PrincipalId, frozenset[UserId]] = dict.fromkeys(asked, frozenset())
    expected |= {_ANN: frozenset({_ANN}), _CT: frozenset({_ANN})}
    expected[_RADIOLOGY] = frozenset({_ANN, _BOB})
    same("who is behind", dict(came), expected)


@_asked(_CLINIC)
def whoever_exists_and_is_active_is_seen(directory: Directory) -> None:
    """`seen_by` returns those that exist, are active, and that the actor may see."""
    asked = (_ANN, _OFF, UserId("nobody"), _CT, GroupId("no"), GroupId("off"))
    same("seen", directory.seen_by(_ACTOR, iter(asked)), frozenset({_ANN, _CT}))


@_asked(_CLINIC)
def members_are_seen_to_any_depth(directory: Directory) -> None:
    """`members_seen_by` returns, for each group, the members that the actor may know of."""
    asked = (_CT, _RADIOLOGY, _EMPTY, GroupId("no"))
    came = directory.members_seen_by(_ACTOR, iter(asked))
    expected: dict[GroupId, frozenset[PrincipalId]] = {
        _CT: frozenset({_ANN}),
        _RADIOLOGY: frozenset({_ANN, _BOB, _CT}),
        _EMPTY: frozenset(),
        GroupId("no"): frozenset(),
    }
    same("members", dict(came), expected)


@_asked(_CLINIC)
def known_principals_have_names(directory: Directory) -> None:
    """`names` returns the names of those principals that are known, inactive ones too."""
    asked = (_ANN, _OFF, UserId("nobody"), _CT, GroupId("ann"), GroupId("no"))
    expected = {each: f"Name of {each}" for each in (_ANN, _OFF, _CT, GroupId("ann"))}
    same("the names", dict(directory.names(iter(asked))), expected)


@_asked(
    Population(
        users=(_user("ann"),),
        groups=(
            _group("a", _ANN),
            _group("b", GroupId("a")),
            _group("c", GroupId("b"), _ANN),
            _group("d", GroupId("c")),
            _group("ann"),
        ),
    )
)
def a_path_is_a_shortest_chain(directory: Directory) -> None:
    """`path` returns a shortest chain of memberships, both ends included; empty for none."""
    for end, expected in (
        (_ANN, (_ANN,)),
        (GroupId("b"), (_ANN, GroupId("a"), GroupId("b"))),
        (GroupId("d"), (_ANN, GroupId("c"), GroupId("d"))),
        (GroupId("ann"), ()),
        (UserId("a"), ()),
        (GroupId("no"), ()),
    ):
        same(f"the path to {end!r}", directory.path(_ANN, end), expected)


_DEEP: Final = 200


@_asked(
    Population(
        users=(_user("ann"),),
        groups=tuple(
            _group(f"{depth}", GroupId(f"{depth - 1}") if depth else _ANN) for depth in range(_DEEP)
        ),
    )
)
def groups_may_be_nested_deeply(directory: Directory) -> None:
    """Groups hold users and groups, to any depth: SPEC 1."""
    top = GroupId(f"{_DEEP - 1}")
    same("how many principals", len(directory.principals_of(_ANN)), _DEEP + 1)
    same("who is behind", directory.people_behind((top,)), {top: frozenset({_ANN})})
    same("how long the path is", len(directory.path(_ANN, top)), _DEEP + 1)
    same("how many members", len(directory.members_seen_by(_ACTOR, (top,))[top]), _DEEP)


_MANY: Final = tuple(UserId(f"u{number}") for number in range(200))
_STRANGERS: Final = tuple(UserId(f"stranger {number}") for number in range(5_000))


@_asked(
    Population(
        users=tuple(_user(each.value) for each in _MANY),
        groups=(
            _group("all", *_MANY),
            *(_group(f"g{number}", GroupId("all")) for number in range(50)),
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
    same("who is seen", directory.seen_by(_ACTOR, asked), frozenset(_MANY))
    same("who has a name", frozenset(directory.names(asked)), frozenset(_MANY))


@_asked(
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
    same("suggested", directory.suggest(_ACTOR, "x", 9, _NOBODY), ((group, "x"), (user, "x")))
    left = directory.suggest(_ACTOR, "x", 9, frozenset({group}))
    same("suggested without the group", left, ((user, "x"),))


@_asked(
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


def _suggested(directory: Directory, text: str, limit: int = 9) -> list[str]:
    return [name for _, name in directory.suggest(_ACTOR, text, limit, _NOBODY)]


@_asked(
    Population(users=_named("Joanna", "Maria Anna", "Annabel", "Anna", "Anna Smith", "\u00c4nn"))
)
def suggestions_are_best_first(directory: Directory) -> None:
    """Exact match first, then the start of the name, then the start of any word of it: SPEC 5."""
    best_first = ["Anna", "Anna Smith", "Annabel", "Maria Anna"]
    for typed in ("anna", "ANNA", "\u00e1nna", "a\u0301nna", " anna "):
        same(f"suggested by {typed!a}", _suggested(directory, typed), best_first)
    for limit in range(6):
        same(f"at most {limit}", _suggested(directory, "anna", limit), best_first[:limit])
    same("a composed letter", _suggested(directory, "a\u0308nn")[:1], ["\u00c4nn"])
    for typed in ("nna", "smith anna", "x", "", " ", "%", "_nna", "a*"):
        same(f"suggested by {typed!a}", _suggested(directory, typed), [])


@_asked(
    Population(
        users=(
            User(id=UserId("1"), name="Zo\u00eb", email="Kim@b.example"),
            User(id=UserId("2"), name="kim@b.example"),
            User(id=UserId("3"), name="Adam", email="kim@b.example.org"),
            User(id=UserId("4"), name="Anna", email="anna.smith@b.example"),
        )
    )
)
def addresses_match_exactly_or_from_their_start(directory: Directory) -> None:
    """Addresses match exactly or from their start, and nowhere else: SPEC 5."""
    typed = "KIM@b.example"
    same(
        f"suggested by {typed}", _suggested(directory, typed), ["kim@b.example", "Zo\u00eb", "Adam"]
    )
    same("by a start", _suggested(directory, "anna.sm"), ["Anna"])
    for text in ("smith", "smith@b.example", "example.org"):
        same(f"by {text}", _suggested(directory, text), [])


_ODD_NAMES: Final = (
    *("zoe", "Zoe", "ZO\u00cb", "zo\u00e9", "\u00c5sa", "asa", "Bea", "a", ""),
    *("O'Neil", "O\u2019Neil", "100%", "a_b", "\\", "'", '"'),
    *("x" * 500, "x" * 499 + "y", "\u0396\u03c9\u03ae", "\u6f22\u5b57"),
)

_ODDLY_NAMED: Final = Population(
    users=(*_named(*_ODD_NAMES), _user("off", active=False)),
    groups=(Group(id=GroupId("u0"), name="zoe"), Group(id=GroupId("g"), name="Group")),
)


@_asked(_ODDLY_NAMED)
def the_list_is_sorted_at_every_size_of_page(directory: Directory) -> None:
    """`listed` returns the first principals by name, then by key, behind a name and a key."""
    some: frozenset[PrincipalId] = frozenset({UserId("u0"), GroupId("g"), UserId("nobody")})
    for leave_out in (_NOBODY, some):
        choices = _ODDLY_NAMED.choices(_ACTOR, leave_out)
        expected = [(each, name) for each, name, _ in choices]
        for limit in range(1, len(expected) + 2):
            came: list[tuple[PrincipalId, str]] = []
            after: tuple[str, str] | None = None
            while page := directory.listed(_ACTOR, after, limit, leave_out):
                insist(len(page) <= limit, f"a page of at most {limit} held {len(page)}")
                insist(len(came) <= len(expected), f"the list in pages of {limit} has no end")
                came += page
                after = page[-1][1], page[-1][0].key
            same(f"the list in pages of {limit}", came, expected)
    behind = directory.listed(_ACTOR, ("bea", "u:zzz"), 1, _NOBODY)
    same("behind somebody who is gone", [name for _, name in behind], ["Group"])


_IDS: Final = st.sampled_from("1234")
_USER_IDS: Final = st.builds(UserId, _IDS)
_GROUP_IDS: Final = st.builds(GroupId, _IDS)
_NAMES: Final = st.text(st.sampled_from("aA\u00e1b '-."), max_size=6)
_EVERY_USER: Final = tuple(map(UserId, "12345"))
_EVERY_GROUP: Final = tuple(map(GroupId, "12345"))
_EVERYBODY: Final[tuple[PrincipalId, ...]] = (*_EVERY_USER, *_EVERY_GROUP)


@attrs.frozen
class _AllBut:
    """Whom every actor may see; a value, so that two populations can be compared."""

    hidden: frozenset[PrincipalId]

    def __call__(self, _actor: UserId, principal: PrincipalId) -> bool:
        return principal not in self.hidden


@st.composite
def _populations(draw: st.DrawFn, *, hiding: bool) -> Population:
    users = draw(
        st.lists(
            st.builds(
                User,
                id=_USER_IDS,
                name=_NAMES,
                email=st.none() | st.builds("{}@b.example".format, st.sampled_from(["a", "b.a"])),
                active=st.sampled_from([True, True, False]),
            ),
            unique_by=lambda user: user.id,
        )
    )
    groups = draw(
        st.lists(st.builds(Group, id=_GROUP_IDS, name=_NAMES), unique_by=lambda group: group.id)
    )
    # A group holds only those that come before it, so that there is no cycle.
    held = [
        attrs.evolve(
            group,
            members=draw(
                st.frozensets(st.sampled_from((*_EVERY_USER, *(g.id for g in groups[:place]))))
            ),
        )
        for place, group in enumerate(groups)
    ]
    some_users = st.frozensets(_USER_IDS)
    hidden = draw(st.frozensets(_USER_IDS | _GROUP_IDS)) if hiding else frozenset()
    closed = draw(st.frozensets(_GROUP_IDS)) if hiding else frozenset()
    return Population(
        users=tuple(users),
        groups=tuple(held),
        without_plan=draw(some_users),
        without_notices=draw(some_users),
        visible=_AllBut(hidden),
        members_visible=_AllBut(closed),
    )


def any_population_is_described_as_it_is(trial: _Trial) -> None:
    """Whoever is in the directory, every answer is what following each membership gives."""

    def check(population: Population) -> None:
        with trial.of(population) as directory:
            _require_described(directory, population)

    search(_populations(hiding=trial.visibility), trial.examples, check)


def _require_described(directory: Directory, population: Population) -> None:
    members = {group.id: group.members for group in population.groups}
    for user in _EVERY_USER:
        principals = population.principals_of(user)
        held = {each.key for each in principals} if population.is_there(user) else set()
        same(f"the principals of {user!r}", directory.principals_of(user), held)
        for end in _EVERYBODY:
            path = directory.path(user, end)
            if end in principals:
                _require_shortest(path, members, user, end)
            else:
                same(f"the path from {user!r} to {end!r}", path, ())
    profiles = {user: population.profile(user) for user in _EVERY_USER}
    same("the profiles", dict(directory.profiles(_EVERY_USER)), profiles)
    behind = {each: population.behind(each) for each in _EVERYBODY}
    same("who is behind", dict(directory.people_behind(_EVERYBODY)), behind)
    seen = {each for each, _, _ in population.choices(_ACTOR)}
    same("who is seen", directory.seen_by(_ACTOR, _EVERYBODY), frozenset(seen))
    members = {group: population.members_seen(_ACTOR, group) for group in _EVERY_GROUP}
    same("members", dict(directory.members_seen_by(_ACTOR, _EVERY_GROUP)), members)
    listed = tuple((each, name) for each, name, _ in population.choices(_ACTOR))
    same("the list", directory.listed(_ACTOR, None, 99, _NOBODY), listed)
    for typed in ("a", "A", "b", "aa", "a b", "a@b.example", "b.", "'a"):
        suggested = tuple(population.suggested(_ACTOR, typed))
        came = directory.suggest(_ACTOR, typed, 99, _NOBODY)
        same(f"suggested by {typed!r}", came, suggested)


def _require_shortest(
    path: tuple[PrincipalId, ...],
    members: Mapping[GroupId, frozenset[PrincipalId]],
    user: UserId,
    end: PrincipalId,
) -> None:
    same("where the path begins and ends", (path[:1], path[-1:]), ((user,), (end,)))
    for held, holder in pairwise(path):
        insist(
            isinstance(holder, GroupId) and held in members[holder],
            f"the path from {user!r} to {end!r} has a step that is none: {held!r}, {holder!r}",
        )
    same("how long the path is", len(path), _shortest(members, user, end))


def _shortest(
    members: Mapping[GroupId, frozenset[PrincipalId]], user: UserId, end: PrincipalId
) -> int:
    length, reached = 1, {user}
    ring: set[PrincipalId] = set(reached)
    while end not in ring:
        ring = {group for group, held in members.items() if held & ring}
        length += 1
    return length


def what_an_actor_may_not_see_is_not_there(trial: _Trial) -> None:
    """What one may not see does not exist: not among suggestions, lists, members: SPEC 8."""
    hidden: frozenset[PrincipalId] = frozenset({_BOB, _CT})

    def visible(actor: UserId, principal: PrincipalId) -> bool:
        return actor != _ACTOR or principal not in hidden

    def members_visible(actor: UserId, group: GroupId) -> bool:
        return actor != _ACTOR or group != _EMPTY

    population = attrs.evolve(
        _CLINIC,
        groups=(*_CLINIC.groups[:2], _group("empty", _ANN)),
        visible=visible,
        members_visible=members_visible,
    )
    with trial.of(population) as directory:
        asked = (_ANN, _BOB, _CT, _RADIOLOGY, _OFF)
        same("seen", directory.seen_by(_ACTOR, asked), frozenset({_ANN, _RADIOLOGY}))
        same("seen by another", directory.seen_by(_ANN, asked), frozenset(asked[:4]))
        groups = (_RADIOLOGY, _CT, _EMPTY)
        members = directory.members_seen_by(_ACTOR, groups)
        expected: dict[GroupId, frozenset[PrincipalId]] = {
            _RADIOLOGY: frozenset({_ANN}),
            _CT: frozenset({_ANN}),
            _EMPTY: frozenset(),
        }
        same("members", dict(members), expected)
        names = ["Name of ann", "Name of empty", "Name of radiology"]
        listed = directory.listed(_ACTOR, None, 9, _NOBODY)
        same("listed", [name for _, name in listed], names)
        same("suggested", _suggested(directory, "name of"), names)
        for name in ("Name of bob", "Name of ct"):
            same(f"suggested by {name}", _suggested(directory, name), [])
        # Visibility hides from lists; what somebody holds does not depend on who may see it.
        same("a hidden one's groups", directory.principals_of(_BOB), {"u:bob", "g:radiology"})


def changes_count_from_the_next_question_on(trial: _Trial) -> None:
    """Access counts every group that a user is in, now: who left is out at once: SPEC 1."""
    change = trial.change
    if change is None:
        return
    users, groups = _CLINIC.users, _CLINIC.groups
    left = attrs.evolve(_CLINIC, groups=(_group("ct"), *groups[1:]))
    inactive = attrs.evolve(_CLINIC, users=(attrs.evolve(users[0], active=False), *users[1:]))
    renamed = attrs.evolve(_CLINIC, users=(attrs.evolve(users[0], name="Zara"), *users[1:]))
    gone = attrs.evolve(_CLINIC, users=users[1:])
    with trial.of(_CLINIC) as directory:
        for population in (left, _CLINIC, inactive, _CLINIC, renamed, gone, _CLINIC):
            change(directory, population)
            keys = {each.key for each in population.principals_of(_ANN)}
            held = keys if population.is_there(_ANN) else set()
            same("the principals", directory.principals_of(_ANN), held)
            same("the profile", directory.profiles((_ANN,))[_ANN], population.profile(_ANN))
            behind = directory.people_behind((_RADIOLOGY,))[_RADIOLOGY]
            same("who is behind", behind, population.behind(_RADIOLOGY))
            listed = tuple((each, name) for each, name, _ in population.choices(_ACTOR))
            same("the list", directory.listed(_ACTOR, None, 9, _NOBODY), listed)
            suggested = tuple(population.suggested(_ACTOR, "zara"))
            same("suggested", directory.suggest(_ACTOR, "zara", 9, _NOBODY), suggested)


_ALWAYS: Final[tuple[_Check, ...]] = (
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
    suggestions_are_best_first,
    addresses_match_exactly_or_from_their_start,
    the_list_is_sorted_at_every_size_of_page,
    any_population_is_described_as_it_is,
)


def directory_laws(
    open_directory: OpenDirectory,
    *,
    visibility: bool = True,
    change: Callable[[Any, Population], None] | None = None,
    examples: int = 25,
) -> tuple[Law, ...]:
    """Return the laws of a directory, each to be checked by itself.

    Args:
        open_directory: gives a directory of a population, and of nobody else, or a context manager
            around one; the one before is no longer used then.
        visibility: whether the directory abides by the rules of the population on who may see whom.
            Where everybody sees everybody, say that it does not.
        change: makes an opened directory one of another population.
        examples: how many populations a law looks at that looks for examples.
    """
    trial = _Trial(
        open_directory=open_directory, visibility=visibility, change=change, examples=examples
    )
    seeing = (what_an_actor_may_not_see_is_not_there,) if visibility else ()
    changing = (changes_count_from_the_next_question_on,) if change is not None else ()
    return laws_of(trial, (*_ALWAYS, *seeing, *changing))
