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


def suggested(directory: Directory, text: str, limit: int = 9) -> list[str]:
    """Return the names that a text suggests, best first."""
    return [name for _, name in directory.suggest(ACTOR, text, limit, NOBODY)]


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
    for typed in ("nna", "smith anna", "x", "", " ", "%", "_nna", "a*"):
        same(f"suggested by {typed!a}", suggested(directory, typed), [])


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
    addresses_match_exactly_or_from_their_start,
    the_list_is_sorted_at_every_size_of_page,
    answers_are_full_whatever_is_left_out,
)
