"""What every directory promises of users and groups: `Directory`."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

import attrs
from hypothesis import strategies as st

from exam_sharing.identifiers import GroupId, PrincipalId, UserId
from exam_sharing.policy.facts import Profile
from exam_sharing.ports import Directory
from exam_sharing.principals import Group, User
from exam_sharing.testing.laws.law import Law, insist, laws_of, same, search
from exam_sharing.testing.laws.population import (
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
    DirectoryTrial,
    OpenDirectory,
    Population,
    a_group,
    a_user,
    asked_of,
    users_named,
)
from exam_sharing.testing.texts import HOSTILE

__all__ = ["directory_laws"]


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


def suggested(directory: Directory, text: str, limit: int = 9, *, whole: bool = False) -> list[str]:
    """Return the names that a text suggests, best first."""
    return [name for _, name in directory.suggest(ACTOR, text, limit, NOBODY, whole=whole)]


@asked_of(
    Population(
        users=users_named("Joanna", "Maria Anna", "Annabel", "Anna", "Anna Smith", "\u00c4nn")
    )
)
def suggestions_are_best_first(directory: Directory) -> None:
    """Exact match first, then the start of the name, then the start of any word of it: SPEC 5."""
    best_first = ["Anna", "Anna Smith", "Annabel", "Maria Anna"]
    for typed in ("anna", "ANNA", "\u00e1nna", "a\u0301nna", " anna "):
        same(f"suggested by {typed!a}", suggested(directory, typed), best_first)
    for limit in range(6):
        same(f"at most {limit}", suggested(directory, "anna", limit), best_first[:limit])
    same("a composed letter", suggested(directory, "a\u0308nn")[:1], ["\u00c4nn"])
    for typed in ("nna", "x", "", " ", "%", "_nna", "*"):
        same(f"suggested by {typed!a}", suggested(directory, typed), [])


_BRIEN: Final = "Niamh O\u2019Brien"


_LINDQVIST: Final = "Lindqvist, Anna"


@asked_of(
    Population(
        users=users_named(
            *("Lindqvist Annabel", _LINDQVIST, "Anna Maria Lindqvist", "Lindqvist, Bo"),
            *(_BRIEN, "Anne-Marie Roux", "Ursula von der Leyen", "Dr. J. R. Kay"),
        )
    )
)
def several_words_match_in_any_order(directory: Directory) -> None:
    """Several words match in any order, each the start of a word of the name: SPEC 5."""
    annas = [_LINDQVIST, "Lindqvist Annabel", "Anna Maria Lindqvist"]
    same("the family name first", suggested(directory, "lindqvist anna"), annas)
    same("the family name last", suggested(directory, "anna lindqvist")[:1], annas[:1])
    for typed, name in (
        *((typed, "Lindqvist, Bo") for typed in ("bo l", "lindqvist,bo", "b, lind")),
        *((typed, _BRIEN) for typed in ("o'b", "o brien", "obrien", "brien, niamh", "brien o n")),
        *((typed, "Anne-Marie Roux") for typed in ("anne marie", "marie-anne", "annemarie r")),
        *((typed, "Ursula von der Leyen") for typed in ("leyen", "der leyen, u", "von ursula")),
        *((typed, "Dr. J. R. Kay") for typed in ("kay, j.r.", "dr kay", "kay r j dr")),
    ):
        same(f"suggested by {typed!a}", suggested(directory, typed), [name])
    for typed in ("lindqvist nna", "anna roux", "lindqvist anna bo", "rien", "o'brien x"):
        same(f"suggested by {typed!a}", suggested(directory, typed), [])


_UNSPACED: Final = (
    *("\u674e\u5c0f\u660e", "\U00020bb7\u7530\u306f\u306a\u3053"),
    *("\uae40\ubbfc\uc218", "\u0e2a\u0e21\u0e0a\u0e32\u0e22"),
)
"""Names in Han; in rarer Han and kana; in Hangul; in Thai."""


@asked_of(Population(users=users_named(*_UNSPACED)))
def a_match_may_begin_at_any_character_without_spaces(directory: Directory) -> None:
    """In scripts that write without spaces a match may begin at any character: SPEC 5."""
    for name in _UNSPACED:
        for place in range(len(name)):
            for end in range(place + 1, len(name) + 1):
                same(f"by {name[place:end]!a}", suggested(directory, name[place:end]), [name])
    for typed in ("\u674e\u660e", "\u660e\u5c0f", "\u3053\u306a", "\uae40\uc218"):
        same(f"by {typed!a}", suggested(directory, typed), [])


@asked_of(
    Population(
        users=(
            *users_named(_LINDQVIST, "Anna", "Li", "Lia", "\u674e", "\u674e\u660e"),
            User(id=UserId("mail"), name="Zoe", email="li@b.example"),
        )
    )
)
def whole_names_and_addresses_can_be_all_that_is_found(directory: Directory) -> None:
    """A policy can allow whole names and addresses alone: SPEC 5."""
    for typed, names in (
        *(("anna", ["Anna"]), ("LI", ["Li"]), ("l", []), ("lindqvist", [])),
        *(("anna lindqvist", [_LINDQVIST]), ("lindqvist, anna", [_LINDQVIST])),
        *(("lindqvist ann", []), ("anna anna", []), ("\u674e", ["\u674e"]), ("\u660e", [])),
        *(("li@b.example", ["Zoe"]), ("li@b", []), ("", []), ("zoe", ["Zoe"])),
    ):
        same(f"whole, by {typed!a}", suggested(directory, typed, whole=True), names)


@asked_of(
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
        f"suggested by {typed}", suggested(directory, typed), ["kim@b.example", "Zo\u00eb", "Adam"]
    )
    same("by a start", suggested(directory, "anna.sm"), ["Anna"])
    for text in ("smith", "smith@b.example", "example.org"):
        same(f"by {text}", suggested(directory, text), [])


_ODD_NAMES: Final = (
    *("zoe", "Zoe", "ZO\u00cb", "zo\u00e9", "\u00c5sa", "asa", "Bea", "a", ""),
    *("O'Neil", "O\u2019Neil", "100%", "a_b", "\\", "'", '"'),
    *("x" * 500, "x" * 499 + "y", "\u0396\u03c9\u03ae", "\u6f22\u5b57"),
)


_ODDLY_NAMED: Final = Population(
    users=(*users_named(*_ODD_NAMES), a_user("off", active=False)),
    groups=(Group(id=GroupId("u0"), name="zoe"), Group(id=GroupId("g"), name="Group")),
)


@asked_of(_ODDLY_NAMED)
def the_list_is_sorted_at_every_size_of_page(directory: Directory) -> None:
    """`listed` returns the first principals by name, then by key, behind a name and a key."""
    some: frozenset[PrincipalId] = frozenset({UserId("u0"), GroupId("g"), UserId("nobody")})
    for leave_out in (NOBODY, some):
        choices = _ODDLY_NAMED.choices(ACTOR, leave_out)
        expected = [(each, name) for each, name, _ in choices]
        for limit in range(1, len(expected) + 2):
            came: list[tuple[PrincipalId, str]] = []
            after: tuple[str, str] | None = None
            while page := directory.listed(ACTOR, after, limit, leave_out):
                insist(len(page) <= limit, f"a page of at most {limit} held {len(page)}")
                insist(len(came) <= len(expected), f"the list in pages of {limit} has no end")
                came += page
                after = page[-1][1], page[-1][0].key
            same(f"the list in pages of {limit}", came, expected)
    behind = directory.listed(ACTOR, ("bea", "u:zzz"), 1, NOBODY)
    same("behind somebody who is gone", [name for _, name in behind], ["Group"])


@asked_of(
    Population(
        users=(
            User(id=UserId("off"), name="Anna", active=False),
            *users_named("Anna", "Anna B", "Anna C", "Anna D"),
        )
    )
)
def answers_are_full_whatever_is_left_out(directory: Directory) -> None:
    """A limit counts those that are left when the inactive and those to leave out are not."""
    first, second = UserId("u0"), UserId("u1")
    for leave_out, left in (
        (frozenset[PrincipalId](), ["Anna", "Anna B", "Anna C", "Anna D"]),
        (frozenset[PrincipalId]({first}), ["Anna B", "Anna C", "Anna D"]),
        (frozenset[PrincipalId]({first, second}), ["Anna C", "Anna D"]),
    ):
        for limit in (1, 2, 3):
            what = f"at most {limit}, without {sorted(map(str, leave_out))}"
            came = directory.suggest(ACTOR, "anna", limit, leave_out)
            same(f"suggested, {what}", [name for _, name in came], left[:limit])
            listed = directory.listed(ACTOR, None, limit, leave_out)
            same(f"listed, {what}", [name for _, name in listed], left[:limit])


CHOOSING_LAWS: Final[tuple[DirectoryCheck, ...]] = (
    suggestions_are_best_first,
    several_words_match_in_any_order,
    a_match_may_begin_at_any_character_without_spaces,
    whole_names_and_addresses_can_be_all_that_is_found,
    addresses_match_exactly_or_from_their_start,
    the_list_is_sorted_at_every_size_of_page,
    answers_are_full_whatever_is_left_out,
)


_IDS: Final = st.sampled_from("1234")


_USER_IDS: Final = st.builds(UserId, _IDS)


_GROUP_IDS: Final = st.builds(GroupId, _IDS)


_NAMES: Final = st.text(st.sampled_from("aA\u00e1b '-."), max_size=6)


_EVERY_USER: Final = tuple(map(UserId, "12345"))


_EVERY_GROUP: Final = tuple(map(GroupId, "12345"))


_TYPED: Final = ("a", "A", "b", "aa", "a b", "b a", "a@b.example", "b.", "'a", "-")


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


def any_population_is_described_as_it_is(trial: DirectoryTrial) -> None:
    """Whoever is in the directory, every answer is what following each membership gives."""

    def check(population: Population) -> None:
        with trial.of(population) as directory:
            require_described(directory, population, _EVERY_USER, _EVERY_GROUP, _TYPED)

    search(_populations(hiding=trial.visibility), trial.examples, check, _told)


def _told(population: Population) -> Iterator[str]:
    for user in population.users:
        lacks = [
            words
            for words, so in (
                (", inactive", not user.active),
                (", without sharing in the plan", user.id in population.without_plan),
                (", without notices", user.id in population.without_notices),
                (", unseen", not population.visible(ACTOR, user.id)),
            )
            if so
        ]
        yield f"{user.id!r} is named {user.name!r}, mail {user.email!r}{''.join(lacks)}."
    for group in population.groups:
        shown = population.members_visible(ACTOR, group.id)
        unseen = "" if population.visible(ACTOR, group.id) else ", unseen"
        holds = f"{'holds' if shown else 'holds, in secret,'} {sorted(group.members, key=str)}"
        yield f"{group.id!r} is named {group.name!r}{unseen}, and {holds}."


def require_described(
    directory: Directory,
    population: Population,
    users: Iterable[UserId],
    groups: Iterable[GroupId],
    typed: Iterable[str],
) -> None:
    """Break the law unless every answer about these is what following each membership gives."""
    users, groups = tuple(users), tuple(groups)
    everybody: tuple[PrincipalId, ...] = (*users, *groups)
    members = {group.id: group.members for group in population.groups}
    for user in users:
        principals = population.principals_of(user)
        held = {each.key for each in principals} if population.is_there(user) else set()
        same(f"the principals of {user!r}", directory.principals_of(user), held)
        for end in everybody:
            path = directory.path(user, end)
            if end in principals:
                _require_shortest(path, members, user, end)
            else:
                same(f"the path from {user!r} to {end!r}", path, ())
    profiles = {user: population.profile(user) for user in users}
    same("the profiles", dict(directory.profiles(users)), profiles)
    behind = {each: population.behind(each) for each in everybody}
    same("who is behind", dict(directory.people_behind(everybody)), behind)
    choices = population.choices(ACTOR)
    seen = frozenset(each for each, _, _ in choices)
    same("who is seen", directory.seen_by(ACTOR, everybody), seen & frozenset(everybody))
    members_seen = {group: population.members_seen(ACTOR, group) for group in groups}
    same("members", dict(directory.members_seen_by(ACTOR, groups)), members_seen)
    same("the names", dict(directory.names(everybody)), _names(population, everybody))
    listed = tuple((each, name) for each, name, _ in choices)
    same("the list", directory.listed(ACTOR, None, 99, NOBODY), listed)
    for text in typed:
        for whole in (False, True):
            suggested = tuple(population.suggested(ACTOR, text, whole=whole))
            came = directory.suggest(ACTOR, text, 99, NOBODY, whole=whole)
            same(f"suggested by {text!r}{', whole' if whole else ''}", came, suggested)


def _names(population: Population, asked: Iterable[PrincipalId]) -> dict[PrincipalId, str]:
    known: dict[PrincipalId, str] = {user.id: user.name for user in population.users}
    known |= {group.id: group.name for group in population.groups}
    return {each: known[each] for each in asked if each in known}


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


POPULATION_LAWS: Final[tuple[DirectoryCheck, ...]] = (any_population_is_described_as_it_is,)


def what_an_actor_may_not_see_is_not_there(trial: DirectoryTrial) -> None:
    """What one may not see does not exist: not among suggestions, lists, members: SPEC 8."""
    hidden: frozenset[PrincipalId] = frozenset({BOB, CT})

    def visible(actor: UserId, principal: PrincipalId) -> bool:
        return actor != ACTOR or principal not in hidden

    def members_visible(actor: UserId, group: GroupId) -> bool:
        return actor != ACTOR or group != EMPTY

    population = attrs.evolve(
        CLINIC,
        groups=(*CLINIC.groups[:2], a_group("empty", ANN)),
        visible=visible,
        members_visible=members_visible,
    )
    with trial.of(population) as directory:
        asked = (ANN, BOB, CT, RADIOLOGY, OFF)
        same("seen", directory.seen_by(ACTOR, asked), frozenset({ANN, RADIOLOGY}))
        same("seen by another", directory.seen_by(ANN, asked), frozenset(asked[:4]))
        groups = (RADIOLOGY, CT, EMPTY)
        members = directory.members_seen_by(ACTOR, groups)
        expected: dict[GroupId, frozenset[PrincipalId]] = {
            RADIOLOGY: frozenset({ANN}),
            CT: frozenset({ANN}),
            EMPTY: frozenset(),
        }
        same("members", dict(members), expected)
        names = ["Name of ann", "Name of empty", "Name of radiology"]
        listed = directory.listed(ACTOR, None, 9, NOBODY)
        same("listed", [name for _, name in listed], names)
        same("suggested", suggested(directory, "name of"), names)
        for name in ("Name of bob", "Name of ct"):
            same(f"suggested by {name}", suggested(directory, name), [])
        # Visibility hides from lists; what somebody holds does not depend on who may see it.
        same("a hidden one's groups", directory.principals_of(BOB), {"u:bob", "g:radiology"})


def answers_are_full_whatever_is_unseen(trial: DirectoryTrial) -> None:
    """A limit counts those that the actor may see, and the best match may be unseen."""
    best, third = UserId("u0"), UserId("u2")
    population = Population(
        users=users_named("Anna", "Anna B", "Anna C", "Anna D", "Anna E"),
        visible=lambda actor, each: actor != ACTOR or each not in {best, third},
    )
    seen = ["Anna B", "Anna D", "Anna E"]
    without_next: frozenset[PrincipalId] = frozenset({UserId("u1")})
    with trial.of(population) as directory:
        for leave_out, left in ((NOBODY, seen), (without_next, seen[1:])):
            for limit in (1, 2, 3):
                what = f"at most {limit}, without {sorted(map(str, leave_out))}"
                came = directory.suggest(ACTOR, "anna", limit, leave_out)
                same(f"suggested, {what}", [name for _, name in came], left[:limit])
                listed = directory.listed(ACTOR, None, limit, leave_out)
                same(f"listed, {what}", [name for _, name in listed], left[:limit])


def nobody_looks_through_a_closed_group(trial: DirectoryTrial) -> None:
    """`members_seen_by` looks no further than groups of which the actor may see the members."""
    inner, middle, outer, other = (GroupId(name) for name in ("inner", "middle", "outer", "other"))
    population = Population(
        users=(a_user("ann"), a_user("bob")),
        groups=(
            a_group("inner", ANN),
            a_group("middle", inner),
            a_group("outer", middle, BOB),
            a_group("other", inner, middle),
        ),
        members_visible=lambda actor, group: actor != ACTOR or group != middle,
    )
    expected: dict[GroupId, frozenset[PrincipalId]] = {
        inner: frozenset({ANN}),
        middle: frozenset(),
        outer: frozenset({BOB, middle}),
        # What is behind the closed group is known by another way.
        other: frozenset({ANN, inner, middle}),
    }
    with trial.of(population) as directory:
        for groups in (tuple(expected), *((group,) for group in expected)):
            came = dict(directory.members_seen_by(ACTOR, groups))
            same(f"members of {groups}", came, {group: expected[group] for group in groups})
        open_to_all = directory.members_seen_by(BOB, (outer,))[outer]
        same("members for another", open_to_all, frozenset({ANN, BOB, inner, middle}))


def changes_count_from_the_next_question_on(trial: DirectoryTrial) -> None:
    """Access counts every group that a user is in, now: who left is out at once: SPEC 1."""
    change = trial.change
    if change is None:
        return
    users, groups = CLINIC.users, CLINIC.groups
    left = attrs.evolve(CLINIC, groups=(a_group("ct"), *groups[1:]))
    inactive = attrs.evolve(CLINIC, users=(attrs.evolve(users[0], active=False), *users[1:]))
    renamed = attrs.evolve(CLINIC, users=(attrs.evolve(users[0], name="Zara"), *users[1:]))
    gone = attrs.evolve(CLINIC, users=users[1:])
    with trial.of(CLINIC) as directory:
        for population in (left, CLINIC, inactive, CLINIC, renamed, gone):
            change(directory, population)
            keys = {each.key for each in population.principals_of(ANN)}
            held = keys if population.is_there(ANN) else set()
            same("the principals", directory.principals_of(ANN), held)
            same("the profile", directory.profiles((ANN,))[ANN], population.profile(ANN))
            behind = directory.people_behind((RADIOLOGY,))[RADIOLOGY]
            same("who is behind", behind, population.behind(RADIOLOGY))
            listed = tuple((each, name) for each, name, _ in population.choices(ACTOR))
            same("the list", directory.listed(ACTOR, None, 9, NOBODY), listed)
            suggested = tuple(population.suggested(ACTOR, "zara"))
            same("suggested", directory.suggest(ACTOR, "zara", 9, NOBODY), suggested)


def _changes() -> Iterator[Population]:
    """Yield populations, each of which differs from the clinic in one thing."""
    (ann, *other_users), (ct, radiology, empty, namesake) = CLINIC.users, CLINIC.groups
    for changed in (
        attrs.evolve(ann, active=False),
        attrs.evolve(ann, name="Zara"),
        attrs.evolve(ann, email=None),
    ):
        yield attrs.evolve(CLINIC, users=(changed, *other_users))
    only_ann = frozenset({ANN})
    yield attrs.evolve(CLINIC, without_plan=only_ann)
    yield attrs.evolve(CLINIC, without_notices=only_ann)
    for groups in (
        (attrs.evolve(ct, members=frozenset({BOB})), radiology, empty, namesake),
        (ct, radiology, attrs.evolve(empty, members=frozenset({RADIOLOGY})), namesake),
        (ct, attrs.evolve(radiology, members=frozenset({BOB})), empty, namesake),
        (ct, attrs.evolve(radiology, name="Zara"), empty, namesake),
    ):
        yield attrs.evolve(CLINIC, groups=groups)


def _removals() -> Iterator[Population]:
    """Yield populations, each of which lacks somebody of the clinic: nobody comes back."""
    (_, *other_users), (ct, radiology, empty, namesake) = CLINIC.users, CLINIC.groups
    yield attrs.evolve(CLINIC, users=tuple(other_users))
    for groups in ((ct, empty, namesake), (radiology, empty, namesake)):
        yield attrs.evolve(CLINIC, groups=groups)


def every_change_counts_in_every_answer(trial: DirectoryTrial) -> None:
    """Whatever changes of a user or a group, each answer is the one of what is so now."""
    change = trial.change
    if change is None:
        return
    users = (ANN, BOB, OFF, UserId("unknown"))
    groups = (CT, RADIOLOGY, EMPTY, GroupId("ann"))
    typed = ("zara", "name of", "ann@b.example")
    with trial.of(CLINIC) as directory:
        for changed in _changes():
            for population in (changed, CLINIC):
                change(directory, population)
                require_described(directory, population, users, groups, typed)
    for population in _removals():
        with trial.of(CLINIC) as directory:
            require_described(directory, CLINIC, users, groups, typed)
            change(directory, population)
            require_described(directory, population, users, groups, typed)


_SEEING_LAWS: Final[tuple[DirectoryCheck, ...]] = (
    what_an_actor_may_not_see_is_not_there,
    answers_are_full_whatever_is_unseen,
    nobody_looks_through_a_closed_group,
)


_CHANGE_LAWS: Final[tuple[DirectoryCheck, ...]] = (
    changes_count_from_the_next_question_on,
    every_change_counts_in_every_answer,
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
        change: makes an opened directory one of another population, which brings nobody back who
            was gone. Let it change what differs and nothing else: adding everybody anew may empty
            every cache of a directory, and then no law sees that one of them is kept too long.
        examples: how many populations a law looks at that looks for examples.

    Raises:
        InvalidValue: `open_directory` or `change` cannot be called, or `examples` is less than 1.
        WrongKind: `visibility` is no truth value, or `examples` no number.
    """
    trial = DirectoryTrial(
        open_directory=open_directory, visibility=visibility, change=change, examples=examples
    )
    always = (*MEMBERSHIP_LAWS, *CHOOSING_LAWS, *POPULATION_LAWS)
    return laws_of(
        trial,
        (
            *always,
            *(_SEEING_LAWS if visibility else ()),
            *(_CHANGE_LAWS if change is not None else ()),
        ),
    )
