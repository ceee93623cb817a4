"""What a store promises of claims that lapse, and of notices once they are gone: `Outbox`."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from exam_sharing.events import Claim
from exam_sharing.identifiers import ShareId
from exam_sharing.policy.retries import Done, GivenUp, TryAgain
from exam_sharing.testing.laws.bench import Bench, StoreTrial, benched
from exam_sharing.testing.laws.law import same
from exam_sharing.testing.laws.waiting import let_wait
from exam_sharing.testing.moments import DAY, START, TICK

__all__ = ["CLAIM_LAWS"]

_SHARE: Final = "share"
_LAPSES: Final = START + timedelta(minutes=5) + TICK


def _claimed(
    bench: Bench,
    *,
    now: datetime = START,
    until: datetime = _LAPSES,
    share: str | None = None,
) -> dict[str, Claim]:
    of_share = None if share is None else ShareId(share)
    claims = bench.ports.outbox.claim(now, until, 9, of_share)
    return {claim.notice.id.value: claim for claim in claims}


@benched
def a_claim_lapses_to_the_microsecond(bench: Bench) -> None:
    """A claim keeps a notice from everybody until the microsecond at which it lapses."""
    let_wait(bench, "a")
    claims = _claimed(bench).values()
    same("when the claim lapses", [claim.until for claim in claims], [_LAPSES])
    shown = bench.ports.outbox.listed(None, 9, given_up=False)
    same("when the notice is due", [each.due for each in shown], [_LAPSES])
    later = _LAPSES + DAY
    same("a microsecond before", _claimed(bench, now=_LAPSES - TICK, until=later), {})
    same("then", list(_claimed(bench, now=_LAPSES, until=later)), ["a"])


@benched
def of_one_share_what_waits_for_its_time_is_left_alone(bench: Bench) -> None:
    """`claim` of one share returns what is due of it, as it does of all shares."""
    let_wait(bench, "claimed", "failed", "given up")
    claims, settle = _claimed(bench), bench.ports.outbox.settle
    settle(claims["failed"], TryAgain(at=START + DAY, problem="Timeout"))
    settle(claims["given up"], GivenUp(at=START, problem="NoSuchMailbox"))
    same("what is due of the share", list(_claimed(bench, share=_SHARE)), [])
    same("a microsecond before a claim lapses", _claimed(bench, now=_LAPSES - TICK), {})
    lapsed = _claimed(bench, now=_LAPSES, until=START + 9 * DAY, share=_SHARE)
    same("when the claim has lapsed", list(lapsed), ["claimed"])
    at = START + DAY
    same("before its time", _claimed(bench, now=at - TICK, until=at + DAY, share=_SHARE), {})
    due = _claimed(bench, now=at, until=at + DAY, share=_SHARE)
    same("at its time", list(due), ["failed"])


@benched
def numbers_of_notices_are_never_used_again(bench: Bench) -> None:
    """`listed` behind a number returns all that came later, though what had it is gone."""
    outbox = bench.ports.outbox
    seen: list[int] = []
    for number in range(3):
        name = f"n{number}"
        let_wait(bench, name, share=f"share {number}")
        after = seen[-1] if seen else None
        later = outbox.listed(after, 9, given_up=None)
        same("what came later", [each.id.value for each in later], [name])
        seen += [each.number for each in later]
        outbox.settle(_claimed(bench)[name], Done.SENT)
    same("the numbers rise", seen, sorted(set(seen)))


CLAIM_LAWS: Final[tuple[Callable[[StoreTrial], None], ...]] = (
    a_claim_lapses_to_the_microsecond,
    of_one_share_what_waits_for_its_time_is_left_alone,
    numbers_of_notices_are_never_used_again,
)
