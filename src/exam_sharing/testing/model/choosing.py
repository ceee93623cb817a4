"""Whom an actor may choose as a recipient: by typing, and from the whole list.

Specification: `#choosing-recipients`.
"""

import unicodedata
from collections.abc import Mapping
from datetime import datetime
from functools import cache

import attrs

from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, PrincipalId, UserId
from exam_sharing.testing.model.access import held_by, may_share, sight, standing
from exam_sharing.testing.model.sharing import is_found_recipient
from exam_sharing.testing.model.world import World, memoized


@attrs.frozen(kw_only=True)
class Choice:
    """A principal, and until when grants to itself give what, as far as the actor may know."""

    principal: PrincipalId
    name: str
    held: Mapping[Permission, datetime | None]


_WITHOUT_SPACES = (
    *("CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "HANGUL CHOSEONG"),
    *("THAI", "LAO", "KHMER", "MYANMAR"),
)


def recipients(world: World, actor: UserId, exam: ExamId) -> list[Choice]:
    """Return the list to select from: all whom the actor may choose, by name."""
    return [] if world.policy.whole_names_only else _choosable(world, actor, exam)


def suggestions(world: World, actor: UserId, exam: ExamId, typed: str) -> list[Choice]:
    """Return the choices that fit a typed text: whole names, then starts of names, then words."""
    text = folded(typed)
    short = _length(text) < world.policy.suggestion_min_length
    worst = 1 if short or world.policy.whole_names_only else 3
    ranks = {principal: _rank(world, principal, text) for principal in _by_name(world)}
    fitting = [one for one in _choosable(world, actor, exam) if 0 < ranks[one.principal] <= worst]
    fitting.sort(key=lambda one: ranks[one.principal])
    return fitting[: world.policy.suggestion_limit]


def _choosable(world: World, actor: UserId, exam: ExamId) -> list[Choice]:
    """Return all whom the actor may choose, by name; nobody if the actor may not share."""
    if not may_share(world, actor, exam):
        return []
    sees = sight(world, actor, exam)
    known = {grant for grant in standing(world, exam) if sees(grant)}
    return [
        Choice(
            principal=principal,
            name=world.names[principal],
            held=held_by({grant for grant in known if grant.recipient == principal}, world.now),
        )
        for principal in _by_name(world)
        if principal not in {actor, world.exams[exam].owner}
        and is_found_recipient(world, actor, principal)
    ]


@memoized
def _by_name(world: World) -> list[PrincipalId]:
    return sorted(
        (*world.users, *world.groups), key=lambda one: (folded(world.names[one]), one.value)
    )


@memoized
def _rank(world: World, principal: PrincipalId, text: str) -> int:
    name, address = folded(world.names[principal]), folded(world.addresses.get(principal, ""))
    return rank(name, address, text)


def rank(name: str, address: str, text: str) -> int:
    """Return how well a folded text fits a name and an address.

    1 is a whole name or address, 2 the start of one, 3 the starts of words of the name, 0 no fit.
    """
    words = _words(text)
    if not text:
        return 0
    if text in {name, address} or (words and sorted(words) == sorted(_words(name))):
        return 1
    if name.startswith(text) or address.startswith(text):
        return 2
    rests = [name[at:] for at in range(len(name)) if _begins_a_word(name, at)]
    starts = ["".join(_words(rest.split(" ")[0])) for rest in rests]
    found = all(any(start.startswith(word) for start in starts) for word in words)
    return 3 if words and found else 0


def _words(text: str) -> list[str]:
    return "".join(each if _is_letter(each) else " " for each in text).split()


def _is_letter(character: str) -> bool:
    return unicodedata.category(character)[0] in "LMNC"


def _begins_a_word(name: str, at: int) -> bool:
    if not _is_letter(name[at]):
        return False
    is_mark = unicodedata.category(name[at])[0] == "M"
    anywhere = unicodedata.name(name[at], "").startswith(_WITHOUT_SPACES) and not is_mark
    return at == 0 or not _is_letter(name[at - 1]) or anywhere


def _length(text: str) -> int:
    """Return the length of a text; a Han, kana or Hangul character counts as two letters."""
    written = unicodedata.normalize("NFC", text)
    wide = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL")
    return sum(1 + unicodedata.name(each, "").startswith(wide) for each in written)


@cache
def folded(text: str) -> str:
    """Return a text without case, accents and Unicode form."""
    apart = unicodedata.normalize("NFKD", text).casefold()
    return "".join(each for each in apart if not unicodedata.combining(each))
