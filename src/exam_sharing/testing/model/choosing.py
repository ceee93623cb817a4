"""Whom an actor may choose as a recipient: by what they type, and from the whole list."""

import unicodedata
from collections.abc import Mapping
from datetime import datetime
from functools import cache

import attrs

from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, PrincipalId, UserId
from exam_sharing.testing.model.access import held_by, may_share, sight, standing
from exam_sharing.testing.model.sharing import is_found_recipient
from exam_sharing.testing.model.world import World, worked_out_once


@attrs.frozen(kw_only=True)
class Choice:
    """A principal by name, and until when grants to itself give what, as far as may be known."""

    principal: PrincipalId
    name: str
    held: Mapping[Permission, datetime | None]


def recipients(world: World, actor: UserId, exam: ExamId, now: datetime) -> list[Choice]:
    """Return all whom the actor may choose, by name; nobody where they may not share."""
    if not may_share(world, actor, exam, now):
        return []
    sees = sight(world, actor, exam, now)
    known = {grant for grant in standing(world, exam, now) if sees(grant)}
    return [
        Choice(
            principal=principal,
            name=world.names[principal],
            held=held_by({grant for grant in known if grant.recipient == principal}, now),
        )
        for principal in _by_name(world)
        if principal not in {actor, world.exams[exam].owner}
        and is_found_recipient(world, actor, principal)
    ]


def suggestions(
    world: World, actor: UserId, exam: ExamId, typed: str, now: datetime
) -> list[Choice]:
    """Return those of them that a text suggests: exact matches, then starts, then later words."""
    text = folded(typed)
    if len(text) < world.settings.suggestion_min_length:
        return []
    ranks = {principal: _rank(world, principal, text) for principal in _by_name(world)}
    fitting = [one for one in recipients(world, actor, exam, now) if ranks[one.principal]]
    fitting.sort(key=lambda one: ranks[one.principal])
    return fitting[: world.settings.suggestion_limit]


@worked_out_once
def _by_name(world: World) -> list[PrincipalId]:
    return sorted(
        (*world.users, *world.groups), key=lambda one: (folded(world.names[one]), one.value)
    )


@worked_out_once
def _rank(world: World, principal: PrincipalId, text: str) -> int:
    """Return how well a principal fits what was typed, the best first; 0 for not at all."""
    name, address = folded(world.names[principal]), folded(world.addresses.get(principal, ""))
    begins = (at for at in range(1, len(name)) if name[at].isalnum() and not name[at - 1].isalnum())
    if text in {name, address}:
        return 1
    if name.startswith(text) or address.startswith(text):
        return 2
    return 3 if any(name.startswith(text, at) for at in begins) else 0


@cache
def folded(text: str) -> str:
    """Return a text without case, accents and Unicode form."""
    apart = unicodedata.normalize("NFKD", text).casefold()
    return "".join(each for each in apart if not unicodedata.combining(each))
