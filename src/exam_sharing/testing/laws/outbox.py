"""What a store promises of notices that wait: `Outbox`."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

import attrs

from exam_sharing.events import Claim, WaitingNotice
from exam_sharing.identifiers import GroupId, NoticeId, ShareId, UserId
from exam_sharing.policy.retries import AT_ONCE, Done, GivenUp, Settlement, TryAgain
from exam_sharing.testing.laws.bench import Bench, StoreTrial, benched
from exam_sharing.testing.laws.law import insist, same
from exam_sharing.testing.moments import DAY, EDGES, START, TICK
from exam_sharing.testing.texts import HOSTILE

__all__ = ["NOTICE_LAWS", "TEXT_LAWS"]

_MINUTE: Final = timedelta(minutes=1)
_LAPSES: Final = START + 5 * _MINUTE
_PRIVATE: Final = "the liver of Ms \u017bo\u0142\u0105d\u017a, born 1950"


def _waiting(
    bench: Bench, *names: str, share: str = "share", message: str | None = None
) -> tuple[WaitingNotice, ...]:
    """Let notices of a share of its own wait, and return them as they were written."""
    (exam,) = bench.upload(f"exam of {share}")
    notices = tuple(
        bench.notice(
            to=UserId(f"reader {name}"), exams=(exam,), message=message, named=name, until=EDGES[-1]
        )
        for name in names
    )
    grant = bench.grant(exam, GroupId("readers"))
    changes = bench.sharing(grant, share=share, notices=notices)
    bench.write(changes)
    return changes.notices


def _claimed(
    bench: Bench, limit: int = 9, *, now: datetime = START, share: str | None = None
) -> tuple[Claim, ...]:
    of_share = None if share is None else ShareId(share)
    return bench.ports.outbox.claim(now, max(_LAPSES, now + 5 * _MINUTE), limit, of_share)


def _names(claims: Iterable[Claim]) -> list[str]:
    return [claim.notice.id.value for claim in claims]


def _listed(bench: Bench, *, given_up: bool | None = None) -> list[str]:
    return [each.id.value for each in bench.ports.outbox.listed(None, 99, given_up=given_up)]


@benched
def notices_are_claimed_as_they_were_written_oldest_first(bench: Bench) -> None:
    """`claim` returns notices that are due, no more than asked for: of new ones, the oldest."""
    same("what is claimed where none waits", _claimed(bench), ())
    first = _waiting(bench, "z", "a", "m", message=_PRIVATE)
    second = _waiting(bench, "b", share="other")
    claims = _claimed(bench, 2)
    same("the first two", tuple(claim.notice for claim in claims), first[:2])
    same("when they lapse", {claim.until for claim in claims}, {_LAPSES})
    rest = _claimed(bench, 9)
    same("the rest", tuple(claim.notice for claim in rest), (*first[2:], *second))
    same("the rest again", _claimed(bench), ())


@benched
def notices_of_one_share_can_be_claimed_alone(bench: Bench) -> None:
    """`claim` returns the notices of one share alone, where one is given."""
    _waiting(bench, "a", "b")
    _waiting(bench, "c", share="other")
    same("one of the first share", _names(_claimed(bench, 1, share="share")), ["a"])
    same("of the other share", _names(_claimed(bench, share="other")), ["c"])
    same("of no such share", _claimed(bench, share="no such share"), ())
    same("of the other share, again", _claimed(bench, share="other"), ())
    same("of all that are left", _names(_claimed(bench)), ["b"])


@benched
def a_claim_keeps_a_notice_until_it_lapses(bench: Bench) -> None:
    """A claim that is never settled, since its process died, lapses."""
    _waiting(bench, "a", "b")
    first = _claimed(bench)
    same("just before the claims lapse", _claimed(bench, now=_LAPSES - TICK), ())
    again = _claimed(bench, now=_LAPSES)
    same("once they have lapsed", _names(again), ["a", "b"])
    tokens = {claim.token for claim in (*first, *again)}
    insist(len(tokens) > 1, "a claim of a notice that was claimed before has the same token")
    same("tries that failed", {claim.notice.attempts for claim in again}, {0})


@benched
def whoever_lost_a_claim_settles_nothing(bench: Bench) -> None:
    """Where somebody else has claimed the notice since, settling does nothing."""
    _waiting(bench, "a")
    (late,) = _claimed(bench)
    (mine,) = _claimed(bench, now=_LAPSES)
    settle = bench.ports.outbox.settle
    for settlement in (
        Done.SENT,
        TryAgain(at=AT_ONCE, problem="x"),
        GivenUp(at=START, problem="x"),
    ):
        settle(late, settlement)
        same("what is kept", _listed(bench), ["a"])
        same("what another may claim", _claimed(bench, now=_LAPSES), ())
    settle(mine, TryAgain(at=AT_ONCE, problem="Timeout"))
    settle(mine, Done.SENT)
    (again,) = _claimed(bench, now=_LAPSES)
    same("tries that failed, after a claim was settled twice", again.notice.attempts, 1)
    settle(again, Done.DROPPED)
    settle(again, TryAgain(at=AT_ONCE, problem="Timeout"))
    same("what is kept once it is done", _listed(bench), [])


@benched
def what_is_done_is_forgotten(bench: Bench) -> None:
    """A notice that is `Done`, sent or dropped, is forgotten."""
    _waiting(bench, "a", "b", "c", message=_PRIVATE)
    first, second, third = _claimed(bench)
    bench.ports.outbox.settle(first, Done.SENT)
    bench.ports.outbox.settle(second, Done.DROPPED)
    same("what is kept", _listed(bench), ["c"])
    bench.ports.outbox.settle(third, TryAgain(at=AT_ONCE, problem="Timeout"))
    same("what is claimed again", _names(_claimed(bench, now=_LAPSES + DAY)), ["c"])
    same("what can be asked for again", bench.ports.outbox.requeue(None), 0)


@benched
def what_failed_waits_for_its_time(bench: Bench) -> None:
    """A notice to be tried again has one attempt more, and is not due before its time."""
    _waiting(bench, "a", "b", message=_PRIVATE)
    later, at_once = _claimed(bench)
    at = START + 3 * _MINUTE
    bench.ports.outbox.settle(later, TryAgain(at=at, problem="Timeout"))
    bench.ports.outbox.settle(at_once, TryAgain(at=AT_ONCE, problem="Refused"))
    (again,) = _claimed(bench)
    expected = attrs.evolve(at_once.notice, attempts=1)
    same("what may be tried at once", again.notice, expected)
    same("just before its time", _claimed(bench, now=at - TICK), ())
    (third,) = _claimed(bench, now=at)
    same("at its time", third.notice, attrs.evolve(later.notice, attempts=1))


@benched
def what_failed_stands_behind_what_did_not(bench: Bench) -> None:
    """Those that failed least come first, then the oldest; new ones are chosen first.

    What fails again and again thus holds up nobody.
    """
    _waiting(bench, "a", "b", "c", "d")
    for claim in _claimed(bench, 2):
        bench.ports.outbox.settle(claim, TryAgain(at=START - _MINUTE, problem="Timeout"))
    same("two of four that are due", _names(_claimed(bench, 2)), ["c", "d"])
    _waiting(bench, "e", share="other")
    same("all that are due", _names(_claimed(bench)), ["e", "a", "b"])


@benched
def what_has_been_due_for_longest_is_chosen(bench: Bench) -> None:
    """Where more are due than asked for, those are chosen that have been so for longest."""
    _waiting(bench, "a", "b", "c")
    waits = {"a": 3, "b": 1, "c": 2}
    for claim in _claimed(bench):
        at = START + waits[claim.notice.id.value] * _MINUTE
        bench.ports.outbox.settle(claim, TryAgain(at=at, problem="Timeout"))
    now = START + 4 * _MINUTE
    same("one of three", _names(_claimed(bench, 1, now=now)), ["b"])
    same("the next", _names(_claimed(bench, 1, now=now)), ["c"])
    same("the last", _names(_claimed(bench, 1, now=now)), ["a"])


@benched
def what_is_given_up_loses_its_message_and_waits_for_an_operator(bench: Bench) -> None:
    """A notice that is given up is not due, and its message is erased; it may be requeued."""
    _waiting(bench, "a", "b", "c", message=_PRIVATE)
    first, second, third = _claimed(bench)
    outbox = bench.ports.outbox
    outbox.settle(first, GivenUp(at=START, problem="NoSuchMailbox"))
    outbox.settle(second, GivenUp(at=START, problem="NoSuchMailbox"))
    same("what is due a year later", _names(_claimed(bench, now=START + 365 * DAY)), ["c"])
    outbox.settle(third, Done.SENT)
    same("given up", _listed(bench, given_up=True), ["a", "b"])
    same("waiting", _listed(bench, given_up=False), ["c"])
    same("none of them", outbox.requeue(()), 0)
    same("of one that was not given up", outbox.requeue((NoticeId("c"), NoticeId("no such"))), 0)
    same("requeued by its id", outbox.requeue((NoticeId("b"), NoticeId("b"))), 1)
    shown = next(each for each in outbox.listed(None, 9, given_up=False) if each.id.value == "b")
    as_new = (0, False, None, None)
    stands = (shown.attempts, shown.claimed, shown.given_up_at, shown.problem)
    same("attempts, claimed, given up and problem of one that was requeued", stands, as_new)
    (again,) = _claimed(bench)
    same("what is due then", again.notice, attrs.evolve(second.notice, message=None, attempts=0))
    same("the rest, requeued", outbox.requeue(None), 1)
    same("what is due after that", _names(_claimed(bench)), ["a"])
    same("given up", _listed(bench, given_up=True), [])


@benched
def operators_are_shown_where_notices_stand(bench: Bench) -> None:
    """`listed` returns notices in the order in which they came, a page at a time."""
    _waiting(bench, "new", "claimed", "failed", "given up", message=_PRIVATE)
    (new, *others) = bench.ports.outbox.listed(None, 9, given_up=None)
    same(
        "a new one",
        (new.attempts, new.claimed, new.given_up_at, new.problem),
        (0, False, None, None),
    )
    claims = {claim.notice.id.value: claim for claim in _claimed(bench)}
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
        "claimed": (0, _LAPSES, True, None, None),
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
    pages, after = [], None
    while page := bench.ports.outbox.listed(after, limit, given_up=given_up):
        insist(len(page) <= limit, f"a page of at most {limit} held {len(page)}")
        pages += [each.id.value for each in page]
        after = page[-1].number
    return pages


@benched
def a_notice_waits_only_if_its_act_was_written(bench: Bench) -> None:
    """Notices leave after the share is committed: what was not written tells nobody: SPEC 7."""
    (exam,) = bench.upload("exam")
    notice = bench.notice(exams=(exam,), message=_PRIVATE)
    late = bench.sharing(bench.grant(exam, GroupId("g")), notices=(notice,))
    bench.share(bench.grant(exam, GroupId("first")))
    same("a share that lost its race", bench.commit(late), False)
    same("what waits", _listed(bench), [])


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
    came = {claim.notice.to: str(claim.notice.message) for claim in _claimed(bench, len(messages))}
    same("the messages", came, {UserId(f"u{n}"): each for n, each in enumerate(messages)})


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
        message = f"{_PRIVATE} {number}"
        _waiting(bench, f"n{number}", share=f"s{number}", message=message)
        same("whether a message that waits is found", keeps(store, message), True)
        (claim,) = _claimed(bench)
        bench.ports.outbox.settle(claim, settlement)
        same(f"whether it is found after {settlement!r}", keeps(store, message), False)


NOTICE_LAWS: Final[tuple[Callable[[StoreTrial], None], ...]] = (
    notices_are_claimed_as_they_were_written_oldest_first,
    notices_of_one_share_can_be_claimed_alone,
    a_claim_keeps_a_notice_until_it_lapses,
    whoever_lost_a_claim_settles_nothing,
    what_is_done_is_forgotten,
    what_failed_waits_for_its_time,
    what_failed_stands_behind_what_did_not,
    what_has_been_due_for_longest_is_chosen,
    what_is_given_up_loses_its_message_and_waits_for_an_operator,
    operators_are_shown_where_notices_stand,
    a_notice_waits_only_if_its_act_was_written,
    messages_are_kept_word_for_word,
)

TEXT_LAWS: Final[tuple[Callable[[StoreTrial], None], ...]] = (a_message_is_erased_with_its_notice,)
"""For stores that can be searched for a text."""
