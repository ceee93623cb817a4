"""The laws of users and groups: `Directory`.

Specification: `#principal`, `#ids`, `#suggestions`, `#select-from-list`, `#disclosure`, `#access`.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, TypeAlias

import attrs
from hypothesis import strategies as st

from exam_sharing.acts.history import DirectoryThen, people_history
from exam_sharing.history import NameReplaced, Stretch, UserChanged
from exam_sharing.identifiers import GroupId, PrincipalId, UserId
from exam_sharing.policy.past import Moment
from exam_sharing.ports import Directory
from exam_sharing.principals import Group, User
from exam_sharing.testing.edges import HOSTILE, LAST
from exam_sharing.testing.laws.law import (
    Law,
    Laws,
    Marker,
    capability,
    in_pages,
    needed,
    same,
    search,
)
from exam_sharing.testing.laws.population import ACTOR, Population, require_described
from exam_sharing.testing.opening import entered
from exam_sharing.testing.strategies import nested_groups
from exam_sharing.validation import is_a, is_callable, is_whole_from

OpenDirectory: TypeAlias = Callable[[Population], Directory | AbstractContextManager[Directory]]
"""Returns a directory of a population, or a context manager around one."""


@attrs.frozen(kw_only=True)
class DirectoryTrial:
    """The arguments of `directory_laws`."""

    open_directory: OpenDirectory = attrs.field(validator=is_callable)
    visibility: bool = attrs.field(validator=is_a(bool))
    nested: bool = attrs.field(validator=is_a(bool))
    change: Callable[[Any, Population], None] | None = capability()
    examples: int = attrs.field(validator=is_whole_from(1))

    def of(self, population: Population) -> AbstractContextManager[Directory]:
        return entered(self.open_directory(population))

    @property
    def clinic(self) -> Population:
        return self.fitting(_CLINIC)

    def fitting(self, population: Population) -> Population:
        """Return a population, without groups in groups if the directory cannot have them."""
        return population if self.nested else _without_nesting(population)


@attrs.frozen
class Asked:
    """A directory, and the population that it has."""

    directory: Directory
    population: Population


def _user(name: str, *, active: bool = True, email: str | None = None) -> User:
    return User(id=UserId(name), name=f"Name of {name}", email=email, active=active)


def _users_named(*names: str) -> tuple[User, ...]:
    """Return users with the ids u0, u1 and so on."""
    return tuple(User(id=UserId(f"u{place}"), name=name) for place, name in enumerate(names))


def _group(name: str, *members: PrincipalId) -> Group:
    return Group(id=GroupId(name), name=f"Name of {name}", members=frozenset(members))


_ANN, _BOB, _OFF = UserId("ann"), UserId("bob"), UserId("off")
_CT, _RADIOLOGY, _EMPTY = GroupId("ct"), GroupId("radiology"), GroupId("empty")
_NAMESAKE: Final = GroupId("ann")
_USERS: Final = (_ANN, _BOB, _OFF, UserId("unknown"), UserId("nobody"))
_GROUPS: Final = (_CT, _RADIOLOGY, _EMPTY, _NAMESAKE, GroupId("off"))
_PRINCIPALS: Final = (*_USERS, *_GROUPS)
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


def _without_nesting(population: Population) -> Population:
    groups = (
        attrs.evolve(each, members=frozenset(m for m in each.members if isinstance(m, UserId)))
        for each in population.groups
    )
    return attrs.evolve(population, groups=tuple(groups))


def _asking(
    population: Population,
) -> Callable[[DirectoryTrial], AbstractContextManager[Asked]]:
    @contextmanager
    def opened(trial: DirectoryTrial) -> Iterator[Asked]:
        fitting = trial.fitting(population)
        with trial.of(fitting) as directory:
            yield Asked(directory, fitting)

    return opened


law: Final = Laws[DirectoryTrial, Asked](_asking(_CLINIC))


def _of(*everybody: User | Group, **rules: Any) -> Population:  # noqa: ANN401  of visibility
    users = tuple(each for each in everybody if isinstance(each, User))
    groups = tuple(each for each in everybody if isinstance(each, Group))
    return Population(users=users, groups=groups, **rules)


def _law_of(*everybody: User | Group, **rules: Callable[..., bool]) -> Marker[Directory]:
    """Mark a check of a directory of these users and groups as a law."""
    population = _of(*everybody, **rules)
    nested = () if population == _without_nesting(population) else ("nested",)
    visibility = ("visibility",) if rules else ()
    return law.opening(lambda trial: trial.of(population), *nested, *visibility)


@law
def principals_include_nested_groups(asked: Asked) -> None:
    """`principals_of` returns the keys of a user and of all their groups, to any depth."""
    active = {each: asked.population.profile(each).principals for each in (_ANN, _BOB)}
    nobody = dict.fromkeys((_OFF, UserId("unknown"), UserId("ct")), frozenset[str]())
    for user, keys in {**active, **nobody}.items():
        for _ in range(2):
            same(f"the principals of {user!r}", asked.directory.principals_of(user), keys)


@law
def every_user_has_a_profile(asked: Asked) -> None:
    """`profiles` returns the profile of each user, and `Profile.unknown` for an unknown one."""
    expected = {user: asked.population.profile(user) for user in _USERS}
    same("the profiles", dict(asked.directory.profiles(iter(_USERS))), expected)
    same("no profiles", dict(asked.directory.profiles(())), {})


@law
def a_group_reaches_its_active_users(asked: Asked) -> None:
    """`people_behind` returns, for each principal, the active users that it reaches."""
    expected = {each: asked.population.behind(each) for each in _PRINCIPALS}
    same("who is behind", dict(asked.directory.people_behind(iter(_PRINCIPALS))), expected)


@law
def existing_and_active_principals_are_seen(asked: Asked) -> None:
    """`seen_by` returns the principals that exist, are active, and that the actor may see."""
    seen = asked.directory.seen_by(ACTOR, iter(_PRINCIPALS))
    same("seen", seen, frozenset({_ANN, _BOB, *_GROUPS[:4]}))


@law
def nested_members_are_seen(asked: Asked) -> None:
    """`members_seen_by` returns, for each group, the members that the actor may know."""
    expected = {group: asked.population.members_seen(ACTOR, group) for group in _GROUPS}
    same("members", dict(asked.directory.members_seen_by(ACTOR, iter(_GROUPS))), expected)


@law
def known_principals_have_names(asked: Asked) -> None:
    """`names` returns the names of the known principals, also of inactive ones."""
    expected = {each: f"Name of {each}" for each in (*_USERS[:3], *_GROUPS[:4])}
    same("the names", dict(asked.directory.names(iter(_PRINCIPALS))), expected)


@_law_of(
    *(_user("ann"), _group("ann"), _group("a", _ANN), _group("b", GroupId("a"))),
    *(_group("c", GroupId("b"), _ANN), _group("d", GroupId("c"))),
)
def a_path_is_a_shortest_chain_of_memberships(directory: Directory) -> None:
    """`path` returns a shortest chain of memberships with both ends, and is empty without one."""
    for end, groups in ((GroupId("b"), "ab"), (GroupId("d"), "cd")):
        same(f"the path to {end!r}", directory.path(_ANN, end), (_ANN, *map(GroupId, groups)))
    same("the path to oneself", directory.path(_ANN, _ANN), (_ANN,))
    for outside in (_NAMESAKE, UserId("a"), GroupId("no")):
        same(f"the path to {outside!r}", directory.path(_ANN, outside), ())


_DEEP: Final = 200


@_law_of(
    _user("ann"),
    *(_group(f"{depth}", GroupId(f"{depth - 1}") if depth else _ANN) for depth in range(_DEEP)),
)
def groups_may_be_nested_deeply(directory: Directory) -> None:
    """Groups hold users and groups, to any depth."""
    top = GroupId(f"{_DEEP - 1}")
    same("how many principals", len(directory.principals_of(_ANN)), _DEEP + 1)
    same("who is behind", directory.people_behind((top,)), {top: frozenset({_ANN})})
    same("how long the path is", len(directory.path(_ANN, top)), _DEEP + 1)
    same("how many members", len(directory.members_seen_by(ACTOR, (top,))[top]), _DEEP)


_MANY: Final = tuple(UserId(f"u{number}") for number in range(200))


_CROWD: Final = _of(
    *(_user(each.value) for each in _MANY),
    _group("all", *_MANY),
    *(_group(f"g{number}", GroupId("all")) for number in range(50)),
)


@law.opening(_asking(_CROWD))
def one_question_may_name_thousands_of_principals(asked: Asked) -> None:
    """Every question takes thousands of identifiers at once."""
    directory, everybody = asked.directory, GroupId("all")
    named = (*_MANY, *(UserId(f"stranger {number}") for number in range(5_000)))
    profiles = directory.profiles(named)
    same("how many are active", sum(each.active for each in profiles.values()), len(_MANY))
    same("how many profiles", len(profiles), len(named))
    keys = asked.population.profile(_MANY[7]).principals
    same("the groups that one is in", directory.principals_of(_MANY[7]), keys)
    behind = directory.people_behind((everybody, *named))
    same("who is behind the group", behind[everybody], frozenset(_MANY))
    same("who is behind one", behind[_MANY[7]], frozenset({_MANY[7]}))
    same("who is seen", directory.seen_by(ACTOR, named), frozenset(_MANY))
    same("who has a name", frozenset(directory.names(named)), frozenset(_MANY))


_NAMESAKES: Final = _of(
    *(User(id=UserId("x"), name="x"), User(id=UserId("g:x"), name="odd")),
    *(Group(id=GroupId("x"), name="x"), _group("y", GroupId("x")), _group("z", UserId("x"))),
)


@law.opening(_asking(_NAMESAKES))
def a_user_and_a_group_with_one_id_are_two_principals(asked: Asked) -> None:
    """A user and a group with the same id are two principals, in every answer."""
    users, groups = (UserId("x"), UserId("g:x")), tuple(map(GroupId, "xyz"))
    require_described(asked.directory, asked.population, users, groups, ("x",))
    left = asked.directory.suggest(ACTOR, "x", 9, frozenset(groups[:1]))
    same("suggested without the group", left, ((users[0], "x"),))


@_law_of(
    *(User(id=UserId(text), name=f"user {n}") for n, text in enumerate(HOSTILE)),
    *(_group(text, UserId(text)) for text in HOSTILE),
)
def ids_are_compared_by_code_point(directory: Directory) -> None:
    """Ids are opaque strings, compared code point by code point."""
    expected: dict[PrincipalId, str] = {}
    for number, text in enumerate(HOSTILE):
        user, group = UserId(text), GroupId(text)
        expected |= {user: f"user {number}", group: f"Name of {text}"}
        keys = frozenset({user.key, group.key})
        same(f"the principals of {user!a}", directory.principals_of(user), keys)
    same("the names", dict(directory.names(tuple(expected))), expected)
    behind = {GroupId(text): frozenset({UserId(text)}) for text in HOSTILE}
    same("who is behind", dict(directory.people_behind(tuple(behind))), behind)


def _suggests(directory: Directory, names: list[str], *typed: str, whole: bool = False) -> None:
    for text in typed:
        found = directory.suggest(ACTOR, text, 9, _NOBODY, whole=whole)
        what = f"suggested by {text!a}{', whole' if whole else ''}"
        same(what, [name for _, name in found], names)


@_law_of(*_users_named("Joanna", "Maria Anna", "Annabel", "Anna", "Anna Smith", "\u00c4nn"))
def suggestions_are_best_first(directory: Directory) -> None:
    """Exact matches come first, then starts of names, then starts of words in names."""
    best_first = ["Anna", "Anna Smith", "Annabel", "Maria Anna"]
    typed = ("anna", "ANNA", "\u00e1nna", "a\u0301nna", " anna ")
    _suggests(directory, best_first, *typed)
    for limit in range(6):
        found = directory.suggest(ACTOR, "anna", limit, _NOBODY)
        same(f"at most {limit}", [name for _, name in found], best_first[:limit])
    _suggests(directory, ["\u00c4nn", *best_first], "a\u0308nn")
    _suggests(directory, [], "nna", "x", "", " ", "%", "_nna", "*")


_BRIEN: Final = "Niamh O\u2019Brien"
_LINDQVIST: Final = "Lindqvist, Anna"


@_law_of(
    *_users_named(
        *("Lindqvist Annabel", _LINDQVIST, "Anna Maria Lindqvist", "Lindqvist, Bo"),
        *(_BRIEN, "Anne-Marie Roux", "Ursula von der Leyen", "Dr. J. R. Kay"),
    )
)
def several_words_match_in_any_order(directory: Directory) -> None:
    """Several words match in any order, each the start of a word of the name."""
    annas = [_LINDQVIST, "Lindqvist Annabel", "Anna Maria Lindqvist"]
    _suggests(directory, annas, "lindqvist anna")
    best, *_ = directory.suggest(ACTOR, "anna lindqvist", 9, _NOBODY)
    same("the family name last", best[1], _LINDQVIST)
    for name, typed in (
        ("Lindqvist, Bo", ("bo l", "lindqvist,bo", "b, lind")),
        (_BRIEN, ("o'b", "o brien", "obrien", "brien, niamh", "brien o n")),
        ("Anne-Marie Roux", ("anne marie", "marie-anne", "annemarie r")),
        ("Ursula von der Leyen", ("leyen", "der leyen, u", "von ursula")),
        ("Dr. J. R. Kay", ("kay, j.r.", "dr kay", "kay r j dr")),
    ):
        _suggests(directory, [name], *typed)
    unmatched = ("lindqvist nna", "anna roux", "lindqvist anna bo", "rien", "o'brien x")
    _suggests(directory, [], *unmatched)


_UNSPACED: Final = (
    *("\u674e\u5c0f\u660e", "\U00020bb7\u7530\u306f\u306a\u3053"),
    *("\uae40\ubbfc\uc218", "\u0e2a\u0e21\u0e0a\u0e32\u0e22"),
)
"""Names in Han; in rarer Han and kana; in Hangul; in Thai."""


@_law_of(*_users_named(*_UNSPACED))
def scripts_without_spaces_match_at_any_character(directory: Directory) -> None:
    """In scripts without spaces a match may begin at any character."""
    for name in _UNSPACED:
        for place in range(len(name)):
            ends = range(place + 1, len(name) + 1)
            _suggests(directory, [name], *(name[place:end] for end in ends))
    _suggests(directory, [], "\u674e\u660e", "\u660e\u5c0f", "\u3053\u306a", "\uae40\uc218")


@_law_of(
    *_users_named(_LINDQVIST, "Anna", "Li", "Lia", "\u674e", "\u674e\u660e"),
    User(id=UserId("mail"), name="Zoe", email="li@b.example"),
)
def suggestions_may_be_limited_to_whole_names_and_addresses(directory: Directory) -> None:
    """With `whole`, only a whole name or a whole address matches."""
    for names, typed in (
        (["Anna"], ("anna",)),
        (["Li"], ("LI",)),
        ([_LINDQVIST], ("anna lindqvist", "lindqvist, anna")),
        (["\u674e"], ("\u674e",)),
        (["Zoe"], ("li@b.example", "zoe")),
        ([], ("l", "lindqvist", "lindqvist ann", "anna anna", "\u660e", "li@b", "")),
    ):
        _suggests(directory, names, *typed, whole=True)


@_law_of(
    User(id=UserId("1"), name="Zo\u00eb", email="Kim@b.example"),
    User(id=UserId("2"), name="kim@b.example"),
    User(id=UserId("3"), name="Adam", email="kim@b.example.org"),
    User(id=UserId("4"), name="Anna", email="anna.smith@b.example"),
)
def addresses_match_exactly_or_from_their_start(directory: Directory) -> None:
    """Addresses match exactly or from their start, and nowhere else."""
    _suggests(directory, ["kim@b.example", "Zo\u00eb", "Adam"], "KIM@b.example")
    _suggests(directory, ["Anna"], "anna.sm")
    _suggests(directory, [], "smith", "smith@b.example", "example.org")


_ODDLY_NAMED: Final = _of(
    *_users_named(
        *("zoe", "Zoe", "ZO\u00cb", "zo\u00e9", "\u00c5sa", "asa", "Bea", "a", ""),
        *("O'Neil", "O\u2019Neil", "100%", "a_b", "\\", "'", '"'),
        *("x" * 500, "x" * 499 + "y", "\u0396\u03c9\u03ae", "\u6f22\u5b57"),
    ),
    *(Group(id=GroupId("u0"), name="zoe"), Group(id=GroupId("g"), name="Group")),
    _user("off", active=False),
)


@law.opening(lambda trial: trial.of(_ODDLY_NAMED))
def the_list_is_sorted_at_every_page_size(directory: Directory) -> None:
    """`listed` returns the principals behind a name and a key, by name and then by key."""
    some: frozenset[PrincipalId] = frozenset({UserId("u0"), GroupId("g"), UserId("nobody")})

    def require(limit: int, leave_out: frozenset[PrincipalId]) -> None:
        found = in_pages(
            "a principal",
            limit,
            lambda after, most: directory.listed(ACTOR, after, most, leave_out),
            lambda pair: (pair[1], pair[0].key),
        )
        expected = [(each, name) for each, name, _ in _ODDLY_NAMED.choices(ACTOR, leave_out)]
        same(f"the list in pages of {limit}", found, expected)

    for leave_out in (_NOBODY, some):
        for limit in range(1, len(_ODDLY_NAMED.there) + 2):
            require(limit, leave_out)
    behind = directory.listed(ACTOR, ("bea", "u:zzz"), 1, _NOBODY)
    same("behind a user who is gone", [name for _, name in behind], ["Group"])


@_law_of(
    User(id=UserId("off"), name="Anna", active=False),
    *_users_named("Anna", "Anna B", "Anna C", "Anna D"),
)
def left_out_principals_do_not_shorten_an_answer(directory: Directory) -> None:
    """A limit counts the principals that remain, without the inactive and the left-out ones."""
    names = ["Anna", "Anna B", "Anna C", "Anna D"]
    for left_out in range(3):
        _require_full(directory, names[left_out:], *(f"u{place}" for place in range(left_out)))


def _require_full(directory: Directory, names: list[str], *left_out: str) -> None:
    leave_out = frozenset[PrincipalId](map(UserId, left_out))
    for limit in (1, 2, 3):
        what = f"at most {limit}, without {left_out}"
        found = directory.suggest(ACTOR, "anna", limit, leave_out)
        same(f"suggested, {what}", [name for _, name in found], names[:limit])
        listed = directory.listed(ACTOR, None, limit, leave_out)
        same(f"listed, {what}", [name for _, name in listed], names[:limit])


@attrs.frozen
class _AllBut:
    hidden: frozenset[PrincipalId]

    def __call__(self, _actor: UserId, principal: PrincipalId) -> bool:
        return principal not in self.hidden


_USER_IDS: Final = st.builds(UserId, st.sampled_from("1234"))
_GROUP_IDS: Final = st.builds(GroupId, st.sampled_from("1234"))
_NAMES: Final = st.text(st.sampled_from("aA\u00e1b '-."), max_size=6)
_EVERY_USER: Final = tuple(map(UserId, "12345"))
_EVERY_GROUP: Final = tuple(map(GroupId, "12345"))
_TYPED: Final = ("a", "A", "b", "aa", "a b", "b a", "a@b.example", "b.", "'a", "-")
_ANY_USER: Final = st.builds(
    User,
    id=_USER_IDS,
    name=_NAMES,
    email=st.sampled_from([None, "a@b.example", "b.a@b.example"]),
    active=st.sampled_from([True, True, False]),
)


@st.composite
def _populations(draw: st.DrawFn, *, hiding: bool) -> Population:
    most = None if hiding else 0
    groups = draw(nested_groups(ids=_GROUP_IDS, users=st.sampled_from(_EVERY_USER)))
    return Population(
        users=tuple(draw(st.lists(_ANY_USER, unique_by=lambda user: user.id))),
        groups=tuple(attrs.evolve(each, name=draw(_NAMES)) for each in groups),
        without_plan=draw(st.frozensets(_USER_IDS)),
        without_notices=draw(st.frozensets(_USER_IDS)),
        visible=draw(st.builds(_AllBut, st.frozensets(_USER_IDS | _GROUP_IDS, max_size=most))),
        members_visible=draw(st.builds(_AllBut, st.frozensets(_GROUP_IDS, max_size=most))),
    )


@law.of_trial()
def random_populations_are_answered_correctly(trial: DirectoryTrial) -> None:
    """Every answer follows from the users, the groups and their members, whoever they are."""

    def check(population: Population) -> None:
        with trial.of(population) as directory:
            require_described(directory, population, _EVERY_USER, _EVERY_GROUP, _TYPED)

    populations = _populations(hiding=trial.visibility).map(trial.fitting)
    search(populations, trial.examples, check, _story)


def _story(population: Population) -> Iterator[str]:
    for user in population.users:
        remarks = {
            ", inactive": not user.active,
            ", without sharing in the plan": user.id in population.without_plan,
            ", without notices": user.id in population.without_notices,
            ", unseen": not population.visible(ACTOR, user.id),
        }
        true = "".join(remark for remark, is_true in remarks.items() if is_true)
        yield f"{user.id!r} is named {user.name!r}, mail {user.email!r}{true}."
    for group in population.groups:
        shown = population.members_visible(ACTOR, group.id)
        unseen = "" if population.visible(ACTOR, group.id) else ", unseen"
        holds = f"{'holds' if shown else 'holds, in secret,'} {sorted(group.members, key=str)}"
        yield f"{group.id!r} is named {group.name!r}{unseen}, and {holds}."


@law.of_trial("visibility")
def hidden_principals_are_in_no_answer(trial: DirectoryTrial) -> None:
    """A principal that the actor may not see is in no suggestion, list or membership."""
    hidden: frozenset[PrincipalId] = frozenset({_BOB, _CT})
    population = attrs.evolve(
        trial.clinic,
        groups=(*trial.clinic.groups[:2], _group("empty", _ANN)),
        visible=lambda actor, each: actor != ACTOR or each not in hidden,
        members_visible=lambda actor, group: actor != ACTOR or group != _EMPTY,
    )
    with trial.of(population) as directory:
        seen = frozenset({_ANN, _RADIOLOGY, _EMPTY})
        same("seen", directory.seen_by(ACTOR, _PRINCIPALS), seen)
        same("seen by another", directory.seen_by(_ANN, _PRINCIPALS), seen | {_BOB, _CT})
        # Visibility changes what an actor is shown, and never what a user holds.
        typed = ("name of", "Name of bob", "Name of ct")
        require_described(directory, population, _USERS, _GROUPS, typed)


@_law_of(
    *_users_named("Anna", "Anna B", "Anna C", "Anna D", "Anna E"),
    visible=lambda actor, each: actor != ACTOR or each not in {UserId("u0"), UserId("u2")},
)
def hidden_principals_do_not_shorten_an_answer(directory: Directory) -> None:
    """A limit counts the principals that the actor may see; the best match may be hidden."""
    seen = ["Anna B", "Anna D", "Anna E"]
    _require_full(directory, seen)
    _require_full(directory, seen[1:], "u1")


_INNER, _MIDDLE, _OUTER, _OTHER = map(GroupId, ("inner", "middle", "outer", "other"))


@_law_of(
    *(_user("ann"), _user("bob"), _group("inner", _ANN), _group("middle", _INNER)),
    *(_group("outer", _MIDDLE, _BOB), _group("other", _INNER, _MIDDLE)),
    members_visible=lambda actor, group: actor != ACTOR or group != _MIDDLE,
)
def a_closed_group_hides_its_members(directory: Directory) -> None:
    """`members_seen_by` goes only through groups whose members the actor may see."""
    expected: dict[GroupId, frozenset[PrincipalId]] = {
        _INNER: frozenset({_ANN}),
        _MIDDLE: frozenset(),
        _OUTER: frozenset({_BOB, _MIDDLE}),
        # The members of the closed group are known through another group.
        _OTHER: frozenset({_ANN, _INNER, _MIDDLE}),
    }
    for groups in (tuple(expected), *((group,) for group in expected)):
        found = dict(directory.members_seen_by(ACTOR, groups))
        same(f"members of {groups}", found, {group: expected[group] for group in groups})
    open_to_all = directory.members_seen_by(_BOB, (_OUTER,))[_OUTER]
    same("members for another", open_to_all, frozenset({_ANN, _BOB, _INNER, _MIDDLE}))


def _changes(clinic: Population) -> Iterator[Population]:
    """Yield populations, each of which differs from the clinic in one thing."""
    ann, *users = clinic.users
    for changed in ({"active": False}, {"name": "Zara"}, {"email": None}):
        yield attrs.evolve(clinic, users=(attrs.evolve(ann, **changed), *users))
    yield attrs.evolve(clinic, without_plan=frozenset({_ANN}))
    yield attrs.evolve(clinic, without_notices=frozenset({_ANN}))
    for new in (
        *(_group("ct", _BOB), _group("ct"), _group("empty", _RADIOLOGY), _group("radiology", _BOB)),
        Group(id=_RADIOLOGY, name="Zara", members=frozenset({_CT, _BOB})),
    ):
        groups = tuple(new if each.id == new.id else each for each in clinic.groups)
        yield attrs.evolve(clinic, groups=groups)


@law.of_trial("change")
def every_answer_sees_every_change(trial: DirectoryTrial) -> None:
    """Every answer sees every change of a user or a group at once; who left a group is out."""

    def require_change(directory: Directory, population: Population) -> None:
        needed(trial.change)(directory, population)
        require_described(directory, population, _USERS, _GROUPS, typed)

    clinic, typed = trial.clinic, ("zara", "name of", "ann@b.example")
    with trial.of(clinic) as directory:
        for changed in _changes(clinic):
            require_change(directory, trial.fitting(changed))
            require_change(directory, clinic)
    ct, radiology, *others = clinic.groups
    # Nobody who was removed comes back.
    for smaller in (
        attrs.evolve(clinic, users=clinic.users[1:]),
        attrs.evolve(clinic, groups=(ct, *others)),
        attrs.evolve(clinic, groups=(radiology, *others)),
    ):
        with trial.of(clinic) as directory:
            require_described(directory, clinic, _USERS, _GROUPS, typed)
            require_change(directory, smaller)


@law.of_trial("change")
def every_answer_of_the_past_is_given_again(trial: DirectoryTrial) -> None:
    """A directory with a history answers of each change as it did then, and of now as now.

    So it does once it has replaced the names of somebody who was removed, which it forgets.
    """
    clinic, past = trial.clinic, dict[int, object]()
    smaller = attrs.evolve(clinic, users=clinic.users[1:], groups=clinic.groups[1:])
    with trial.of(clinic) as directory:
        kept = people_history(directory, LAST)
        if kept is None:
            return
        for population in (clinic, *map(trial.fitting, _changes(clinic)), smaller):
            needed(trial.change)(directory, population)
            past[kept.last_change()] = _memberships(directory)
        kept.replace_name(_REPLACED)
        for entry in kept.changes(None, _ANN, Stretch(limit=99)):
            if isinstance(entry.what, UserChanged):
                same("a name that was replaced", entry.what.name, _REPLACED.name)
        for number, answers in past.items():
            then = DirectoryThen(kept, Moment(at=LAST, change=number)).as_directory()
            same(f"memberships after change {number}", _memberships(then), answers)
        now = DirectoryThen(kept, Moment(at=LAST)).as_directory()
        same("memberships now", _memberships(now), _memberships(directory))


_REPLACED: Final = NameReplaced(
    at=LAST, principal=_ANN, name="somebody", performed_by="host", why="a law is tried"
)


def _memberships(directory: Directory) -> object:
    behind = {each: directory.people_behind((each,))[each] for each in _PRINCIPALS}
    keys = {user: directory.principals_of(user) for user in _USERS}
    paths = {(user, end): directory.path(user, end) for user in _USERS for end in _PRINCIPALS}
    profiles = directory.profiles(_USERS)
    held = {user: (profiles[user].active, profiles[user].principals) for user in _USERS}
    return behind, keys, paths, held


def directory_laws(
    open_directory: OpenDirectory,
    *,
    visibility: bool = True,
    nested: bool = True,
    change: Callable[[Any, Population], None] | None = None,
    examples: int = 25,
) -> tuple[Law, ...]:
    """Return the laws of a directory, each to be checked by itself.

    Args:
        open_directory: returns a directory of exactly one population, or a context manager around
            one; the directory before it is no longer used then.
        visibility: whether the directory follows the population's rules on who may see whom. Pass
            `False` if everybody sees everybody.
        nested: whether groups may hold groups. Pass `False` if they hold users alone.
        change: changes an opened directory to another population; removed users and groups never
            come back. Change only what differs: adding everybody again may empty every cache of
            the directory, and no law would then find a stale cache.
        examples: how many random populations a law tries.

    Raises:
        InvalidValue: `open_directory` or `change` is not callable, or `examples` is less than 1.
        WrongKind: `visibility` or `nested` is not a `bool`, or `examples` is not an `int`.
    """
    trial = DirectoryTrial(
        open_directory=open_directory,
        visibility=visibility,
        nested=nested,
        change=change,
        examples=examples,
    )
    return tuple(law.of(trial))
