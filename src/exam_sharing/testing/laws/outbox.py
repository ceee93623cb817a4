"""What a store promises of notices that wait: `Outbox`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import attrs

from exam_sharing.events import Claim, WaitingNotice
from exam_sharing.grants import Permission
from exam_sharing.identifiers import GroupId, NoticeId, ShareId, UserId
from exam_sharing.policy.retries import AT_ONCE, Done, GivenUp, Settlement, TryAgain
from exam_sharing.testing.laws.bench import DOWNLOAD, Bench, StoreTrial, benched
from exam_sharing.testing.laws.law import as_many, insist, same
from exam_sharing.testing.moments import DAY, EDGES, START, TICK
from exam_sharing.testing.texts import HOSTILE

__all__ = ["CLAIM_LAWS", "NOTICE_LAWS", "TEXT_LAWS", "TURN_LAWS"]

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
