"""What a store promises of notices that wait: `Outbox`."""

from collections.abc import Callable
from typing import Final

import attrs

from exam_sharing.events import WaitingNotice
from exam_sharing.identifiers import GroupId, NoticeId, UserId
from exam_sharing.policy.retries import AT_ONCE, Done, GivenUp, Settlement, TryAgain
from exam_sharing.testing.laws.bench import Bench, StoreTrial, benched
from exam_sharing.testing.laws.law import as_many, insist, same
from exam_sharing.testing.laws.waiting import (
    LAPSES,
    MINUTE,
    PRIVATE,
    claimed,
    claims_of,
    ids_listed,
    let_wait,
    names_of,
)
from exam_sharing.testing.moments import DAY, START, TICK
from exam_sharing.testing.texts import HOSTILE

__all__ = ["NOTICE_LAWS", "TEXT_LAWS"]


@benched
def notices_are_claimed_as_they_were_written_oldest_first(bench: Bench) -> None:
    """`claim` returns notices that are due, no more than asked for: of new ones, the oldest."""
    same("what is claimed where none waits", claimed(bench), ())
    first = let_wait(bench, "z", "a", "m", message=PRIVATE)
    second = let_wait(bench, "b", share="other")
    claims = claimed(bench, 2)
    same("the first two", tuple(claim.notice for claim in claims), first[:2])
    same("when they lapse", {claim.until for claim in claims}, {LAPSES})
    rest = claimed(bench, 9)
    same("the rest", tuple(claim.notice for claim in rest), (*first[2:], *second))
    same("the rest again", claimed(bench), ())


@benched
def notices_of_one_share_can_be_claimed_alone(bench: Bench) -> None:
    """`claim` returns the notices of one share alone, where one is given."""
    let_wait(bench, "a", "b")
    let_wait(bench, "c", share="other")
    same("one of the first share", names_of(claimed(bench, 1, share="share")), ["a"])
    same("of the other share", names_of(claimed(bench, share="other")), ["c"])
    same("of no such share", claimed(bench, share="no such share"), ())
    same("of the other share, again", claimed(bench, share="other"), ())
    same("of all that are left", names_of(claimed(bench)), ["b"])


@benched
def a_claim_keeps_a_notice_until_it_lapses(bench: Bench) -> None:
    """A claim that is never settled, since its process died, lapses."""
    let_wait(bench, "a", "b")
    first = claimed(bench)
    same("just before the claims lapse", claimed(bench, now=LAPSES - TICK), ())
    again = claimed(bench, now=LAPSES)
    same("once they have lapsed", names_of(again), ["a", "b"])
    tokens = {claim.token for claim in (*first, *again)}
    insist(len(tokens) > 1, "a claim of a notice that was claimed before has the same token")
    same("tries that failed", {claim.notice.attempts for claim in again}, {0})


@benched
def whoever_lost_a_claim_settles_nothing(bench: Bench) -> None:
    """Where somebody else has claimed the notice since, settling does nothing."""
    let_wait(bench, "a")
    (late,) = claims_of(1, bench)
    (mine,) = claims_of(1, bench, now=LAPSES)
    settle = bench.ports.outbox.settle
    for settlement in (
        Done.SENT,
        TryAgain(at=AT_ONCE, problem="x"),
        GivenUp(at=START, problem="x"),
    ):
        settle(late, settlement)
        same("what is kept", ids_listed(bench), ["a"])
        same("what another may claim", claimed(bench, now=LAPSES), ())
    settle(mine, TryAgain(at=AT_ONCE, problem="Timeout"))
    settle(mine, Done.SENT)
    (again,) = claims_of(1, bench, now=LAPSES)
    same("tries that failed, after a claim was settled twice", again.notice.attempts, 1)
    settle(again, Done.DROPPED)
    settle(again, TryAgain(at=AT_ONCE, problem="Timeout"))
    same("what is kept once it is done", ids_listed(bench), [])


@benched
def what_is_done_is_forgotten(bench: Bench) -> None:
    """A notice that is `Done`, sent or dropped, is forgotten."""
    let_wait(bench, "a", "b", "c", message=PRIVATE)
    first, second, third = claims_of(3, bench)
    bench.ports.outbox.settle(first, Done.SENT)
    bench.ports.outbox.settle(second, Done.DROPPED)
    same("what is kept", ids_listed(bench), ["c"])
    bench.ports.outbox.settle(third, TryAgain(at=AT_ONCE, problem="Timeout"))
    same("what is claimed again", names_of(claimed(bench, now=LAPSES + DAY)), ["c"])
    same("what can be asked for again", bench.ports.outbox.requeue(None), 0)


@benched
def what_failed_waits_for_its_time(bench: Bench) -> None:
    """A notice to be tried again has one attempt more and its problem, and waits for its time."""
    let_wait(bench, "a", "b", message=PRIVATE)
    later, at_once = claims_of(2, bench)
    at = START + 3 * MINUTE
    bench.ports.outbox.settle(later, TryAgain(at=at, problem="Timeout"))
    bench.ports.outbox.settle(at_once, TryAgain(at=AT_ONCE, problem="Refused"))
    (again,) = claims_of(1, bench)
    expected = attrs.evolve(at_once.notice, attempts=1, problem="Refused")
    same("what may be tried at once", again.notice, expected)
    same("just before its time", claimed(bench, now=at - TICK), ())
    (third,) = claims_of(1, bench, now=at)
    expected = attrs.evolve(later.notice, attempts=1, problem="Timeout")
    same("at its time", third.notice, expected)


@benched
def what_is_given_up_loses_its_message_and_waits_for_an_operator(bench: Bench) -> None:
    """A notice that is given up is not due, and its message is erased; it may be requeued."""
    let_wait(bench, "a", "b", "c", message=PRIVATE)
    first, second, third = claims_of(3, bench)
    outbox = bench.ports.outbox
    outbox.settle(first, GivenUp(at=START, problem="NoSuchMailbox"))
    outbox.settle(second, GivenUp(at=START, problem="NoSuchMailbox"))
    same("what is due a year later", names_of(claimed(bench, now=START + 365 * DAY)), ["c"])
    outbox.settle(third, Done.SENT)
    same("given up", ids_listed(bench, given_up=True), ["a", "b"])
    same("waiting", ids_listed(bench, given_up=False), ["c"])
    same("none of them", outbox.requeue(()), 0)
    same("of one that was not given up", outbox.requeue((NoticeId("c"), NoticeId("no such"))), 0)
    same("requeued by its id", outbox.requeue((NoticeId("b"), NoticeId("b"))), 1)
    (shown, _) = as_many(2, "notices were listed", outbox.listed(None, 9, given_up=False))
    as_new = (0, False, None, None)
    stands = (shown.attempts, shown.claimed, shown.given_up_at, shown.problem)
    same("attempts, claimed, given up and problem of one that was requeued", stands, as_new)
    (again,) = claims_of(1, bench)
    same("what is due then", again.notice, attrs.evolve(second.notice, message=None, attempts=0))
    same("the rest, requeued", outbox.requeue(None), 1)
    same("what is due after that", names_of(claimed(bench)), ["a"])
    same("given up", ids_listed(bench, given_up=True), [])


@benched
def operators_are_shown_where_notices_stand(bench: Bench) -> None:
    """`listed` returns notices in the order in which they came, a page at a time."""
    let_wait(bench, "new", "claimed", "failed", "given up", message=PRIVATE)
    (new, *others) = as_many(
        4, "notices were listed", bench.ports.outbox.listed(None, 9, given_up=None)
    )
    same(
        "a new one",
        (new.attempts, new.claimed, new.given_up_at, new.problem),
        (0, False, None, None),
    )
    claims = {claim.notice.id.value: claim for claim in claims_of(4, bench)}
    at = START + DAY + TICK
    settle = bench.ports.outbox.settle
    settle(claims["new"], TryAgain(at=AT_ONCE, problem="Timeout"))
    settle(claims["failed"], TryAgain(at=at, problem="Busy"))
    settle(claims["given up"], GivenUp(at=at, problem="NoSuchMailbox"))
    shown = {each.id.value: each for each in bench.ports.outbox.listed(None, 9, given_up=None)}
    came = {
        name: (each.attempts, each.due, each.claimed, each.given_up_at, each.problem)
        for name, each in shown.items()
    }
    expected = {
        "new": (1, AT_ONCE, False, None, "Timeout"),
        "claimed": (0, LAPSES, True, None, None),
        "failed": (1, at, False, None, "Busy"),
        "given up": (1, None, False, at, "NoSuchMailbox"),
    }
    same("what is shown", came, expected)
    same("the order", list(shown), ["new", "claimed", "failed", "given up"])
    numbers = [each.number for each in (new, *others)]
    same("their numbers rise", numbers, sorted(set(numbers)))
    waiting, given_up = list(expected)[:3], list(expected)[3:]
    for limit in (1, 2, 3, 9):
        same(
            f"all of them, in pages of {limit}", _paged(bench, limit, given_up=None), list(expected)
        )
        same(f"those that wait, in pages of {limit}", _paged(bench, limit, given_up=False), waiting)
        same(f"those given up, in pages of {limit}", _paged(bench, limit, given_up=True), given_up)


def _paged(bench: Bench, limit: int, *, given_up: bool | None) -> list[str]:
    names: list[str] = []
    after: int | None = None
    while page := bench.ports.outbox.listed(after, limit, given_up=given_up):
        insist(len(page) <= limit, f"a page of at most {limit} held {len(page)}")
        before = len(names)
        names += [each.id.value for each in page]
        insist(
            len(set(names)) == len(names),
            f"a notice was listed twice, in pages of {limit}: {names[before:]} after {before}"
            f" notices, behind number {after}",
        )
        after = page[-1].number
    return names


@benched
def a_notice_waits_only_if_its_act_was_written(bench: Bench) -> None:
    """Notices leave after the share is committed: what was not written tells nobody: SPEC 7."""
    (exam,) = bench.upload("exam")
    notice = bench.notice(exams=(exam,), message=PRIVATE)
    late = bench.sharing(bench.grant(exam, GroupId("g")), notices=(notice,))
    bench.share(bench.grant(exam, GroupId("first")))
    same("a share that lost its race", bench.commit(late), False)
    same("what waits", ids_listed(bench), [])


@benched
def messages_are_kept_word_for_word(bench: Bench) -> None:
    """The personal message travels in the notice, as it was written: SPEC 7."""
    messages = ["", "\n\ttwo\nlines\n", *HOSTILE, "x" * 2_000, "\U0001f9b4" * 2_000]
    (exam,) = bench.upload("exam")
    notices = tuple(
        bench.notice(to=UserId(f"u{n}"), exams=(exam,), message=message)
        for n, message in enumerate(messages)
    )
    bench.write(bench.sharing(bench.grant(exam, GroupId("g")), notices=notices))
    came = {claim.notice.to: str(claim.notice.message) for claim in claimed(bench, len(messages))}
    same("the messages", came, {UserId(f"u{n}"): each for n, each in enumerate(messages)})


@benched
def ids_in_notices_are_compared_code_point_by_code_point(bench: Bench) -> None:
    """Ids of notices, of their shares and of people are compared code point by code point."""
    exams = bench.upload(*HOSTILE)
    written: dict[str, WaitingNotice] = {}
    for text, exam in zip(HOSTILE, exams, strict=True):
        user = UserId(text)
        notice = bench.notice(to=user, actor=user, exams=(exam,), message=text, named=text)
        act = bench.sharing(bench.grant(exam, user), share=text, notices=(notice,))
        bench.write(act)
        (written[text],) = act.notices
    listed = bench.ports.outbox.listed(None, len(HOSTILE), given_up=None)
    came = [(each.id.value, each.share.value, each.to.value) for each in listed]
    same("what is listed", came, [(text, text, text) for text in HOSTILE])
    for text, notice in written.items():
        claims = claimed(bench, share=text)
        same(f"of share {text!a}", tuple(claim.notice for claim in claims), (notice,))
        for claim in claims:
            bench.ports.outbox.settle(claim, GivenUp(at=START, problem="NoSuchMailbox"))
    for number, text in enumerate(HOSTILE, start=1):
        same(f"requeued by id {text!a}", bench.ports.outbox.requeue((NoticeId(text),)), 1)
        waiting = bench.ports.outbox.listed(None, len(HOSTILE), given_up=False)
        same(f"what waits after {text!a}", len(waiting), number)


@benched
def a_message_is_erased_with_its_notice(bench: Bench) -> None:
    """A message may hold patient data, and is erased once it was sent or given up: SPEC 7."""
    keeps = bench.trial.keeps_text
    if keeps is None:
        return
    store = bench.ports.store
    settlements: tuple[Settlement, ...] = (
        Done.SENT,
        Done.DROPPED,
        GivenUp(at=START, problem="x"),
    )
    for number, settlement in enumerate(settlements):
        message = f"{PRIVATE} {number}"
        let_wait(bench, f"n{number}", share=f"s{number}", message=message)
        same("whether a message that waits is found", keeps(store, message), True)
        (claim,) = claims_of(1, bench)
        bench.ports.outbox.settle(claim, settlement)
        same(f"whether it is found after {settlement!r}", keeps(store, message), False)


NOTICE_LAWS: Final[tuple[Callable[[StoreTrial], None], ...]] = (
    notices_are_claimed_as_they_were_written_oldest_first,
    notices_of_one_share_can_be_claimed_alone,
    a_claim_keeps_a_notice_until_it_lapses,
    whoever_lost_a_claim_settles_nothing,
    what_is_done_is_forgotten,
    what_failed_waits_for_its_time,
    what_is_given_up_loses_its_message_and_waits_for_an_operator,
    operators_are_shown_where_notices_stand,
    a_notice_waits_only_if_its_act_was_written,
    messages_are_kept_word_for_word,
    ids_in_notices_are_compared_code_point_by_code_point,
)

TEXT_LAWS: Final[tuple[Callable[[StoreTrial], None], ...]] = (a_message_is_erased_with_its_notice,)
"""For stores that can be searched for a text."""
