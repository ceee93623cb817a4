"""The laws of users and groups: `Directory`.

They come in four groups: memberships, suggestions and lists, visibility, and changes.

Specification: `#principal`, `#ids`, `#suggestions`, `#select-from-list`, `#disclosure`, `#access`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

import attrs
from hypothesis import strategies as st

from exam_sharing.identifiers import GroupId, PrincipalId, UserId
from exam_sharing.policy.facts import Profile
from exam_sharing.ports import Directory
from exam_sharing.principals import Group, User
from exam_sharing.testing.edges import HOSTILE
from exam_sharing.testing.laws.law import Law, Laws, Marker, insist, needed, same, search
from exam_sharing.testing.laws.population import DirectoryTrial, OpenDirectory, Population

__all__ = ["directory_laws", "require_described"]


def _user(name: str, *, active: bool = True, email: str | None = None) -> User:
    """Return a user who is named after their id."""
    return User(id=UserId(name), name=f"Name of {name}", email=email, active=active)


def _users_named(*names: str) -> tuple[User, ...]:
    """Return users with these names, and with ids by their place."""
    return tuple(User(id=UserId(f"u{place}"), name=name) for place, name in enumerate(names))


def _group(name: str, *members: PrincipalId) -> Group:
    """Return a group that is named after its id."""
    return Group(id=GroupId(name), name=f"Name of {name}", members=frozenset(members))


_ACTOR: Final = UserId("actor")
_ANN, _BOB, _OFF = UserId("ann"), UserId("bob"), UserId("off")
_CT, _RADIOLOGY, _EMPTY = GroupId("ct"), GroupId("radiology"), GroupId("empty")
_NOBODY: Final[frozenset[PrincipalId]] = frozenset()

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


law: Final = Laws[DirectoryTrial, Directory](lambda trial: trial.of(_CLINIC))


def _law_of(*, users: tuple[User, ...], groups: tuple[Group, ...] = ()) -> Marker[Directory]:
    """Mark a check of a directory of a population as a law."""
    population = Population(users=users, groups=groups)
    return law.opening(lambda trial: trial.of(population))


@law
def principals_include_nested_groups(directory: Directory) -> None:
    """`principals_of` returns the keys of a user and of all their groups, to any depth."""
    for user, keys in (
        (_ANN, {"u:ann", "g:ct", "g:radiology"}),
        (_BOB, {"u:bob", "g:radiology"}),
        (_OFF, set[str]()),
        (UserId("unknown"), set[str]()),
        (UserId("ct"), set[str]()),
    ):
        for _ in range(2):
            same(f"the principals of {user!r}", directory.principals_of(user), keys)


@law
def every_user_has_a_profile(directory: Directory) -> None:
    """`profiles` returns the profile of each user, and `Profile.unknown` for an unknown one."""
    asked = (_ANN, _BOB, _OFF, UserId("nobody"), UserId("unknown"))
    found = directory.profiles(iter(asked))
    known = {user: _CLINIC.profile(user) for user in asked[:3]}
    unknown = {user: Profile.unknown(user) for user in asked[3:]}
    same("the profiles", dict(found), known | unknown)
    same("no profiles", dict(directory.profiles(())), {})


@law
def a_group_reaches_its_active_users(directory: Directory) -> None:
    """`people_behind` returns, for each principal, the active users that it reaches."""
    asked = (_ANN, _OFF, UserId("nobody"), _CT, _RADIOLOGY, _EMPTY, GroupId("ann"), GroupId("no"))
    found = directory.people_behind(iter(asked))
    expected: dict[PrincipalId, frozenset[UserId]] = dict.fromkeys(asked, frozenset())
    expected |= {_ANN: frozenset({_ANN}), _CT: frozenset({_ANN})}
    expected[_RADIOLOGY] = frozenset({_ANN, _BOB})
    same("who is behind", dict(found), expected)


@law
def existing_and_active_principals_are_seen(directory: Directory) -> None:
    """`seen_by` returns the principals that exist, are active, and that the actor may see."""
    asked = (_ANN, _OFF, UserId("nobody"), _CT, GroupId("no"), GroupId("off"))
    same("seen", directory.seen_by(_ACTOR, iter(asked)), frozenset({_ANN, _CT}))


@law
def nested_members_are_seen(directory: Directory) -> None:
    """`members_seen_by` returns, for each group, the members that the actor may know."""
    asked = (_CT, _RADIOLOGY, _EMPTY, GroupId("no"))
    found = directory.members_seen_by(_ACTOR, iter(asked))
    expected: dict[GroupId, frozenset[PrincipalId]] = {
        _CT: frozenset({_ANN}),
        _RADIOLOGY: frozenset({_ANN, _BOB, _CT}),
        _EMPTY: frozenset(),
        GroupId("no"): frozenset(),
    }
    same("members", dict(found), expected)


@law
def known_principals_have_names(directory: Directory) -> None:
    """`names` returns the names of the known principals, also of inactive ones."""
    asked = (_ANN, _OFF, UserId("nobody"), _CT, GroupId("ann"), GroupId("no"))
    expected = {each: f"Name of {each}" for each in (_ANN, _OFF, _CT, GroupId("ann"))}
    same("the names", dict(directory.names(iter(asked))), expected)


@_law_of(
    users=(_user("ann"),),
    groups=(
        _group("a", _ANN),
        _group("b", GroupId("a")),
        _group("c", GroupId("b"), _ANN),
        _group("d", GroupId("c")),
        _group("ann"),
    ),
)
def a_path_is_a_shortest_chain_of_memberships(directory: Directory) -> None:
    """`path` returns a shortest chain of memberships with both ends, and is empty without one."""
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


@_law_of(
    users=(_user("ann"),),
    groups=tuple(
        _group(f"{depth}", GroupId(f"{depth - 1}") if depth else _ANN) for depth in range(_DEEP)
    ),
)
def groups_may_be_nested_deeply(directory: Directory) -> None:
    """Groups hold users and groups, to any depth."""
    top = GroupId(f"{_DEEP - 1}")
    same("how many principals", len(directory.principals_of(_ANN)), _DEEP + 1)
    same("who is behind", directory.people_behind((top,)), {top: frozenset({_ANN})})
    same("how long the path is", len(directory.path(_ANN, top)), _DEEP + 1)
    same("how many members", len(directory.members_seen_by(_ACTOR, (top,))[top]), _DEEP)


_MANY: Final = tuple(UserId(f"u{number}") for number in range(200))
_STRANGERS: Final = tuple(UserId(f"stranger {number}") for number in range(5_000))


@_law_of(
    users=tuple(_user(each.value) for each in _MANY),
    groups=(
        _group("all", *_MANY),
        *(_group(f"g{number}", GroupId("all")) for number in range(50)),
    ),
)
def one_question_may_name_thousands_of_principals(directory: Directory) -> None:
    """Every question takes thousands of identifiers at once."""
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


@_law_of(
    users=(User(id=UserId("x"), name="x"), User(id=UserId("g:x"), name="odd")),
    groups=(
        Group(id=GroupId("x"), name="x"),
        Group(id=GroupId("y"), name="y", members=frozenset({GroupId("x")})),
        Group(id=GroupId("z"), name="z", members=frozenset({UserId("x")})),
    ),
)
def a_user_and_a_group_with_one_id_are_distinct(directory: Directory) -> None:
    """A user and a group with the same id are two principals, in every answer."""
    user, group = UserId("x"), GroupId("x")
    same("the user's principals", directory.principals_of(user), {"u:x", "g:z"})
    same("those of an odd one", directory.principals_of(UserId("g:x")), {"u:g:x"})
    behind = directory.people_behind((group, GroupId("y"), GroupId("z")))
    expected = {group: frozenset(), GroupId("y"): frozenset(), GroupId("z"): frozenset({user})}
    same("who is behind", dict(behind), expected)
    same("suggested", directory.suggest(_ACTOR, "x", 9, _NOBODY), ((group, "x"), (user, "x")))
    left = directory.suggest(_ACTOR, "x", 9, frozenset({group}))
    same("suggested without the group", left, ((user, "x"),))


@_law_of(
    users=tuple(User(id=UserId(text), name=f"user {n}") for n, text in enumerate(HOSTILE)),
    groups=tuple(
        Group(id=GroupId(text), name=f"group {n}", members=frozenset({UserId(text)}))
        for n, text in enumerate(HOSTILE)
    ),
)
def ids_are_compared_by_code_point(directory: Directory) -> None:
    """Ids are opaque strings, compared code point by code point."""
    users, groups = tuple(map(UserId, HOSTILE)), tuple(map(GroupId, HOSTILE))
    names = directory.names((*users, *groups))
    expected: dict[PrincipalId, str] = {user: f"user {n}" for n, user in enumerate(users)}
    expected |= {group: f"group {n}" for n, group in enumerate(groups)}
    same("the names", dict(names), expected)
    for user, group in zip(users, groups, strict=True):
        keys = frozenset({user.key, group.key})
        same(f"the principals of {user!a}", directory.principals_of(user), keys)
    found = directory.people_behind(groups)
    behind = {group: frozenset({UserId(group.value)}) for group in groups}
    same("who is behind", dict(found), behind)


def _suggested(
    directory: Directory, text: str, limit: int = 9, *, whole: bool = False
) -> list[str]:
    """Return the names of the suggestions for a text."""
    return [name for _, name in directory.suggest(_ACTOR, text, limit, _NOBODY, whole=whole)]


@_law_of(users=_users_named("Joanna", "Maria Anna", "Annabel", "Anna", "Anna Smith", "\u00c4nn"))
def suggestions_are_best_first(directory: Directory) -> None:
    """Exact matches come first, then starts of names, then starts of words in names."""
    best_first = ["Anna", "Anna Smith", "Annabel", "Maria Anna"]
    for typed in ("anna", "ANNA", "\u00e1nna", "a\u0301nna", " anna "):
        same(f"suggested by {typed!a}", _suggested(directory, typed), best_first)
    for limit in range(6):
        same(f"at most {limit}", _suggested(directory, "anna", limit), best_first[:limit])
    same("a composed letter", _suggested(directory, "a\u0308nn")[:1], ["\u00c4nn"])
    for typed in ("nna", "x", "", " ", "%", "_nna", "*"):
        same(f"suggested by {typed!a}", _suggested(directory, typed), [])


_BRIEN: Final = "Niamh O\u2019Brien"
_LINDQVIST: Final = "Lindqvist, Anna"


@_law_of(
    users=_users_named(
        *("Lindqvist Annabel", _LINDQVIST, "Anna Maria Lindqvist", "Lindqvist, Bo"),
        *(_BRIEN, "Anne-Marie Roux", "Ursula von der Leyen", "Dr. J. R. Kay"),
    )
)
def several_words_match_in_any_order(directory: Directory) -> None:
    """Several words match in any order, each the start of a word of the name."""
    annas = [_LINDQVIST, "Lindqvist Annabel", "Anna Maria Lindqvist"]
    same("the family name first", _suggested(directory, "lindqvist anna"), annas)
    same("the family name last", _suggested(directory, "anna lindqvist")[:1], annas[:1])
    for typed, name in (
        *((typed, "Lindqvist, Bo") for typed in ("bo l", "lindqvist,bo", "b, lind")),
        *((typed, _BRIEN) for typed in ("o'b", "o brien", "obrien", "brien, niamh", "brien o n")),
        *((typed, "Anne-Marie Roux") for typed in ("anne marie", "marie-anne", "annemarie r")),
        *((typed, "Ursula von der Leyen") for typed in ("leyen", "der leyen, u", "von ursula")),
        *((typed, "Dr. J. R. Kay") for typed in ("kay, j.r.", "dr kay", "kay r j dr")),
    ):
        same(f"suggested by {typed!a}", _suggested(directory, typed), [name])
    for typed in ("lindqvist nna", "anna roux", "lindqvist anna bo", "rien", "o'brien x"):
        same(f"suggested by {typed!a}", _suggested(directory, typed), [])


_UNSPACED: Final = (
    *("\u674e\u5c0f\u660e", "\U00020bb7\u7530\u306f\u306a\u3053"),
    *("\uae40\ubbfc\uc218", "\u0e2a\u0e21\u0e0a\u0e32\u0e22"),
)
"""Names in Han; in rarer Han and kana; in Hangul; in Thai."""


@_law_of(users=_users_named(*_UNSPACED))
def scripts_without_spaces_match_at_any_character(directory: Directory) -> None:
    """In scripts without spaces a match may begin at any character."""
    for name in _UNSPACED:
        for place in range(len(name)):
            for end in range(place + 1, len(name) + 1):
                same(f"by {name[place:end]!a}", _suggested(directory, name[place:end]), [name])
    for typed in ("\u674e\u660e", "\u660e\u5c0f", "\u3053\u306a", "\uae40\uc218"):
        same(f"by {typed!a}", _suggested(directory, typed), [])


@_law_of(
    users=(
        *_users_named(_LINDQVIST, "Anna", "Li", "Lia", "\u674e", "\u674e\u660e"),
        User(id=UserId("mail"), name="Zoe", email="li@b.example"),
    )
)
def suggestions_may_be_limited_to_whole_names_and_addresses(directory: Directory) -> None:
    """With `whole`, only a whole name or a whole address matches."""
    for typed, names in (
        *(("anna", ["Anna"]), ("LI", ["Li"]), ("l", []), ("lindqvist", [])),
        *(("anna lindqvist", [_LINDQVIST]), ("lindqvist, anna", [_LINDQVIST])),
        *(("lindqvist ann", []), ("anna anna", []), ("\u674e", ["\u674e"]), ("\u660e", [])),
        *(("li@b.example", ["Zoe"]), ("li@b", []), ("", []), ("zoe", ["Zoe"])),
    ):
        same(f"whole, by {typed!a}", _suggested(directory, typed, whole=True), names)


@_law_of(
    users=(
        User(id=UserId("1"), name="Zo\u00eb", email="Kim@b.example"),
        User(id=UserId("2"), name="kim@b.example"),
        User(id=UserId("3"), name="Adam", email="kim@b.example.org"),
        User(id=UserId("4"), name="Anna", email="anna.smith@b.example"),
    )
)
def addresses_match_exactly_or_from_their_start(directory: Directory) -> None:
    """Addresses match exactly or from their start, and nowhere else."""
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
    users=(*_users_named(*_ODD_NAMES), _user("off", active=False)),
    groups=(Group(id=GroupId("u0"), name="zoe"), Group(id=GroupId("g"), name="Group")),
)


@_law_of(users=_ODDLY_NAMED.users, groups=_ODDLY_NAMED.groups)
def the_list_is_sorted_at_every_page_size(directory: Directory) -> None:
    """`listed` returns the principals behind a name and a key, by name and then by key."""
    some: frozenset[PrincipalId] = frozenset({UserId("u0"), GroupId("g"), UserId("nobody")})
    for leave_out in (_NOBODY, some):
        choices = _ODDLY_NAMED.choices(_ACTOR, leave_out)
        expected = [(each, name) for each, name, _ in choices]
        for limit in range(1, len(expected) + 2):
            found: list[tuple[PrincipalId, str]] = []
            after: tuple[str, str] | None = None
            while page := directory.listed(_ACTOR, after, limit, leave_out):
                insist(len(page) <= limit, f"a page of at most {limit} held {len(page)}")
                insist(len(found) <= len(expected), f"the list in pages of {limit} has no end")
                found += page
                after = page[-1][1], page[-1][0].key
            same(f"the list in pages of {limit}", found, expected)
    behind = directory.listed(_ACTOR, ("bea", "u:zzz"), 1, _NOBODY)
    same("behind a user who is gone", [name for _, name in behind], ["Group"])


@_law_of(
    users=(
        User(id=UserId("off"), name="Anna", active=False),
        *_users_named("Anna", "Anna B", "Anna C", "Anna D"),
    )
)
def left_out_principals_do_not_shorten_an_answer(directory: Directory) -> None:
    """A limit counts the principals that remain, without the inactive and the left-out ones."""
    names = ["Anna", "Anna B", "Anna C", "Anna D"]
    for left_out in range(3):
        leave_out = frozenset[PrincipalId](UserId(f"u{place}") for place in range(left_out))
        _require_full(directory, leave_out, names[left_out:])


def _require_full(
    directory: Directory, leave_out: frozenset[PrincipalId], names: list[str]
) -> None:
    for limit in (1, 2, 3):
        what = f"at most {limit}, without {sorted(map(str, leave_out))}"
        found = directory.suggest(_ACTOR, "anna", limit, leave_out)
        same(f"suggested, {what}", [name for _, name in found], names[:limit])
        listed = directory.listed(_ACTOR, None, limit, leave_out)
        same(f"listed, {what}", [name for _, name in listed], names[:limit])


_IDS: Final = st.sampled_from("1234")
_USER_IDS: Final = st.builds(UserId, _IDS)
_GROUP_IDS: Final = st.builds(GroupId, _IDS)
_NAMES: Final = st.text(st.sampled_from("aA\u00e1b '-."), max_size=6)
_EVERY_USER: Final = tuple(map(UserId, "12345"))
_EVERY_GROUP: Final = tuple(map(GroupId, "12345"))
_TYPED: Final = ("a", "A", "b", "aa", "a b", "b a", "a@b.example", "b.", "'a", "-")


@attrs.frozen
class _AllBut:
    """Whether an actor may see a principal, as a value that can be compared."""

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


@law.of_trial()
def random_populations_are_answered_correctly(trial: DirectoryTrial) -> None:
    """Every answer follows from the users, the groups and their members, whoever they are."""

    def check(population: Population) -> None:
        with trial.of(population) as directory:
            require_described(directory, population, _EVERY_USER, _EVERY_GROUP, _TYPED)

    search(_populations(hiding=trial.visibility), trial.examples, check, _story)


def _story(population: Population) -> Iterator[str]:
    for user in population.users:
        lacks = [
            words
            for words, so in (
                (", inactive", not user.active),
                (", without sharing in the plan", user.id in population.without_plan),
                (", without notices", user.id in population.without_notices),
                (", unseen", not population.visible(_ACTOR, user.id)),
            )
            if so
        ]
        yield f"{user.id!r} is named {user.name!r}, mail {user.email!r}{''.join(lacks)}."
    for group in population.groups:
        shown = population.members_visible(_ACTOR, group.id)
        unseen = "" if population.visible(_ACTOR, group.id) else ", unseen"
        holds = f"{'holds' if shown else 'holds, in secret,'} {sorted(group.members, key=str)}"
        yield f"{group.id!r} is named {group.name!r}{unseen}, and {holds}."


def require_described(
    directory: Directory,
    population: Population,
    users: Iterable[UserId],
    groups: Iterable[GroupId],
    typed: Iterable[str],
) -> None:
    """Break the law unless every answer about these follows from the population."""
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
    choices = population.choices(_ACTOR)
    seen = frozenset(each for each, _, _ in choices)
    same("who is seen", directory.seen_by(_ACTOR, everybody), seen & frozenset(everybody))
    members_seen = {group: population.members_seen(_ACTOR, group) for group in groups}
    same("members", dict(directory.members_seen_by(_ACTOR, groups)), members_seen)
    same("the names", dict(directory.names(everybody)), _names(population, everybody))
    listed = tuple((each, name) for each, name, _ in choices)
    same("the list", directory.listed(_ACTOR, None, 99, _NOBODY), listed)
    for text in typed:
        for whole in (False, True):
            suggested = tuple(population.suggested(_ACTOR, text, whole=whole))
            found = directory.suggest(_ACTOR, text, 99, _NOBODY, whole=whole)
            same(f"suggested by {text!r}{', whole' if whole else ''}", found, suggested)


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
            f"a step of the path from {user!r} to {end!r} is no membership: {held!r}, {holder!r}",
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


@law.of_trial("visibility")
def hidden_principals_are_in_no_answer(trial: DirectoryTrial) -> None:
    """A principal that the actor may not see is in no suggestion, list or membership."""
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
        # Visibility changes what an actor is shown, and never what a user holds.
        same("a hidden one's groups", directory.principals_of(_BOB), {"u:bob", "g:radiology"})


@law.of_trial("visibility")
def hidden_principals_do_not_shorten_an_answer(trial: DirectoryTrial) -> None:
    """A limit counts the principals that the actor may see; the best match may be hidden."""
    best, third = UserId("u0"), UserId("u2")
    population = Population(
        users=_users_named("Anna", "Anna B", "Anna C", "Anna D", "Anna E"),
        visible=lambda actor, each: actor != _ACTOR or each not in {best, third},
    )
    seen = ["Anna B", "Anna D", "Anna E"]
    with trial.of(population) as directory:
        _require_full(directory, _NOBODY, seen)
        _require_full(directory, frozenset({UserId("u1")}), seen[1:])


@law.of_trial("visibility")
def a_closed_group_hides_its_members(trial: DirectoryTrial) -> None:
    """`members_seen_by` goes only through groups whose members the actor may see."""
    inner, middle, outer, other = (GroupId(name) for name in ("inner", "middle", "outer", "other"))
    population = Population(
        users=(_user("ann"), _user("bob")),
        groups=(
            _group("inner", _ANN),
            _group("middle", inner),
            _group("outer", middle, _BOB),
            _group("other", inner, middle),
        ),
        members_visible=lambda actor, group: actor != _ACTOR or group != middle,
    )
    expected: dict[GroupId, frozenset[PrincipalId]] = {
        inner: frozenset({_ANN}),
        middle: frozenset(),
        outer: frozenset({_BOB, middle}),
        # The members of the closed group are known through another group.
        other: frozenset({_ANN, inner, middle}),
    }
    with trial.of(population) as directory:
        for groups in (tuple(expected), *((group,) for group in expected)):
            found = dict(directory.members_seen_by(_ACTOR, groups))
            same(f"members of {groups}", found, {group: expected[group] for group in groups})
        open_to_all = directory.members_seen_by(_BOB, (outer,))[outer]
        same("members for another", open_to_all, frozenset({_ANN, _BOB, inner, middle}))


def _changes() -> Iterator[Population]:
    """Yield populations, each of which differs from the clinic in one thing."""
    (ann, *other_users), (ct, radiology, empty, namesake) = _CLINIC.users, _CLINIC.groups
    for changed in (
        attrs.evolve(ann, active=False),
        attrs.evolve(ann, name="Zara"),
        attrs.evolve(ann, email=None),
    ):
        yield attrs.evolve(_CLINIC, users=(changed, *other_users))
    only_ann = frozenset({_ANN})
    yield attrs.evolve(_CLINIC, without_plan=only_ann)
    yield attrs.evolve(_CLINIC, without_notices=only_ann)
    for groups in (
        (attrs.evolve(ct, members=frozenset({_BOB})), radiology, empty, namesake),
        (attrs.evolve(ct, members=frozenset()), radiology, empty, namesake),
        (ct, radiology, attrs.evolve(empty, members=frozenset({_RADIOLOGY})), namesake),
        (ct, attrs.evolve(radiology, members=frozenset({_BOB})), empty, namesake),
        (ct, attrs.evolve(radiology, name="Zara"), empty, namesake),
    ):
        yield attrs.evolve(_CLINIC, groups=groups)


def _removals() -> Iterator[Population]:
    """Yield populations, each of which lacks somebody of the clinic: nobody comes back."""
    (_, *other_users), (ct, radiology, empty, namesake) = _CLINIC.users, _CLINIC.groups
    yield attrs.evolve(_CLINIC, users=tuple(other_users))
    for groups in ((ct, empty, namesake), (radiology, empty, namesake)):
        yield attrs.evolve(_CLINIC, groups=groups)


@law.of_trial("change")
def every_answer_sees_every_change(trial: DirectoryTrial) -> None:
    """Every answer sees every change of a user or a group at once; who left a group is out."""
    change = needed(trial.change)

    def require(directory: Directory, population: Population) -> None:
        users = (_ANN, _BOB, _OFF, UserId("unknown"))
        groups = (_CT, _RADIOLOGY, _EMPTY, GroupId("ann"))
        typed = ("zara", "name of", "ann@b.example")
        require_described(directory, population, users, groups, typed)

    with trial.of(_CLINIC) as directory:
        for changed in _changes():
            for population in (changed, _CLINIC):
                change(directory, population)
                require(directory, population)
    for population in _removals():
        with trial.of(_CLINIC) as directory:
            require(directory, _CLINIC)
            change(directory, population)
            require(directory, population)


def directory_laws(
    open_directory: OpenDirectory,
    *,
    visibility: bool = True,
    change: Callable[[Any, Population], None] | None = None,
    examples: int = 25,
) -> tuple[Law, ...]:
    """Return the laws of a directory, each to be checked by itself.

    Args:
        open_directory: returns a directory of exactly one population, or a context manager around
            one; the directory before it is no longer used then.
        visibility: whether the directory follows the population's rules on who may see whom. Pass
            `False` if everybody sees everybody.
        change: changes an opened directory to another population; removed users and groups never
            come back. Change only what differs: adding everybody again may empty every cache of
            the directory, and no law would then find a stale cache.
        examples: how many random populations a law tries.

    Raises:
        InvalidValue: `open_directory` or `change` is not callable, or `examples` is less than 1.
        WrongKind: `visibility` is not a `bool`, or `examples` is not an `int`.
    """
    trial = DirectoryTrial(
        open_directory=open_directory, visibility=visibility, change=change, examples=examples
    )
    return tuple(law.of(trial))
