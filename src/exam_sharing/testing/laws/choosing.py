"""What every directory promises of whom a text suggests, and of the list of all: SPEC section 5."""

from typing import Final

from exam_sharing.identifiers import GroupId, PrincipalId, UserId
from exam_sharing.ports import Directory
from exam_sharing.principals import Group, User
from exam_sharing.testing.laws.directory_bench import (
    ACTOR,
    NOBODY,
    DirectoryCheck,
    a_user,
    asked_of,
    users_named,
)
from exam_sharing.testing.laws.law import insist, same
from exam_sharing.testing.laws.population import Population

__all__ = ["CHOOSING_LAWS", "suggested"]


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
