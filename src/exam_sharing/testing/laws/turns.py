"""What a store promises of whose turn it is, where more notices are due: `Outbox.claim`."""

from collections.abc import Callable, Mapping
from typing import Final

from exam_sharing.policy.retries import AT_ONCE, TryAgain
from exam_sharing.testing.laws.bench import Bench, StoreTrial, benched
from exam_sharing.testing.laws.law import same
from exam_sharing.testing.laws.waiting import LAPSES, MINUTE, claimed, claims_of, let_wait, names_of
from exam_sharing.testing.moments import START

__all__ = ["TURN_LAWS"]


@benched
def what_failed_stands_behind_what_did_not(bench: Bench) -> None:
    """Those that failed least come first, then the oldest; new ones are chosen first.

    What fails again and again thus holds up nobody.
    """
    let_wait(bench, "a", "b", "c", "d")
    for claim in claims_of(2, bench, 2):
        bench.ports.outbox.settle(claim, TryAgain(at=START - MINUTE, problem="Timeout"))
    same("two of four that are due", names_of(claimed(bench, 2)), ["c", "d"])
    let_wait(bench, "e", share="other")
    same("all that are due", names_of(claimed(bench)), ["e", "a", "b"])


@benched
def a_new_notice_is_chosen_before_one_that_was_tried(bench: Bench) -> None:
    """A new notice has been due for longer than one that was tried, whenever that was due."""
    let_wait(bench, "a", "b")
    for claim in claims_of(2, bench):
        bench.ports.outbox.settle(claim, TryAgain(at=AT_ONCE, problem="Timeout"))
    let_wait(bench, "c", share="other")
    same("one of three that can be had at once", names_of(claimed(bench, 1)), ["c"])
    same("the next two", names_of(claimed(bench, 2)), ["a", "b"])
    let_wait(bench, "d", share="the last")
    same("one that lapsed beside a new one", names_of(claimed(bench, 1, now=LAPSES)), ["d"])


@benched
def what_has_been_due_for_longest_is_chosen(bench: Bench) -> None:
    """Where more are due than asked for, those are chosen that have been so for longest.

    Of the chosen, those that failed least come first, then the oldest.
    """
    let_wait(bench, "a", "b", "c", "d")
    _try_again(bench, {"a": 4, "b": 1, "c": 3, "d": 2})
    now = START + 5 * MINUTE
    same("one of four", names_of(claimed(bench, 1, now=now)), ["b"])
    same("the next two", names_of(claimed(bench, 2, now=now)), ["c", "d"])
    same("the last", names_of(claimed(bench, 1, now=now)), ["a"])


@benched
def how_often_it_failed_does_not_outweigh_how_long_it_has_been_due(bench: Bench) -> None:
    """A notice that failed more often is chosen first where it has been due for longer."""
    let_wait(bench, "a", "b")
    first, second = claims_of(2, bench)
    settle = bench.ports.outbox.settle
    settle(first, TryAgain(at=AT_ONCE, problem="Timeout"))
    (first,) = claims_of(1, bench)
    settle(first, TryAgain(at=START + MINUTE, problem="Timeout"))
    settle(second, TryAgain(at=START + 2 * MINUTE, problem="Timeout"))
    now = START + 3 * MINUTE
    same("one of two", names_of(claimed(bench, 1, now=now)), ["a"])
    lapsed = now + 5 * MINUTE
    same("both, once that claim lapsed", names_of(claimed(bench, 2, now=lapsed)), ["b", "a"])


def _try_again(bench: Bench, minutes: Mapping[str, int]) -> None:
    """Let all that is due fail once, and wait for so many minutes."""
    for claim in claims_of(len(minutes), bench):
        at = START + minutes[claim.notice.id.value] * MINUTE
        bench.ports.outbox.settle(claim, TryAgain(at=at, problem="Timeout"))


TURN_LAWS: Final[tuple[Callable[[StoreTrial], None], ...]] = (
    what_failed_stands_behind_what_did_not,
    a_new_notice_is_chosen_before_one_that_was_tried,
    what_has_been_due_for_longest_is_chosen,
    how_often_it_failed_does_not_outweigh_how_long_it_has_been_due,
)
