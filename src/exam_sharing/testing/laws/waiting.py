"""Notices that wait in a store: how laws let them wait, and claim them."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from exam_sharing.events import Claim, WaitingNotice
from exam_sharing.grants import Permission
from exam_sharing.identifiers import GroupId, ShareId, UserId
from exam_sharing.testing.laws.bench import DOWNLOAD, Bench
from exam_sharing.testing.laws.law import as_many
from exam_sharing.testing.moments import EDGES, START, TICK

__all__ = [
    "LAPSES",
    "MINUTE",
    "PRIVATE",
    "claimed",
    "claims_of",
    "ids_listed",
    "let_wait",
    "names_of",
]

MINUTE: Final = timedelta(minutes=1)
LAPSES: Final = START + 5 * MINUTE
"""When claims lapse that are made at the start."""
PRIVATE: Final = "the liver of Ms \u017bo\u0142\u0105d\u017a, born 1950"
"""A message that holds patient data."""


def let_wait(
    bench: Bench, *names: str, share: str = "share", message: str | None = None
) -> tuple[WaitingNotice, ...]:
    """Let notices of a share of its own wait, and return them as they were written."""
    exams = bench.upload(*(f"{name} of {share}" for name in ("z", "a", "m")))
    notices = tuple(
        bench.notice(
            to=UserId(f"reader {name}"),
            exams=exams[place % 2 :],
            actor=UserId(f"actor {name}"),
            permission=list(Permission)[place % 2],
            message=message,
            named=name,
            until=(EDGES[-1], START + TICK, None)[place % 3],
        )
        for place, name in enumerate(names)
    )
    grants = (bench.grant(exam, GroupId("readers"), DOWNLOAD) for exam in exams)
    changes = bench.sharing(*grants, share=share, notices=notices)
    bench.write(changes)
    return changes.notices


def claimed(
    bench: Bench, limit: int = 9, *, now: datetime = START, share: str | None = None
) -> tuple[Claim, ...]:
    """Claim what is due, of one share alone where it is given."""
    of_share = None if share is None else ShareId(share)
    return bench.ports.outbox.claim(now, max(LAPSES, now + 5 * MINUTE), limit, of_share)


def claims_of(
    number: int, bench: Bench, limit: int = 9, *, now: datetime = START
) -> Sequence[Claim]:
    """Claim what is due, which must be so many."""
    return as_many(number, "notices were due", claimed(bench, limit, now=now))


def names_of(claims: Iterable[Claim]) -> list[str]:
    """Return the ids of the notices that were claimed."""
    return [claim.notice.id.value for claim in claims]


def ids_listed(bench: Bench, *, given_up: bool | None = None) -> list[str]:
    """Return the ids of the notices that an operator is shown."""
    return [each.id.value for each in bench.ports.outbox.listed(None, 99, given_up=given_up)]
