"""The laws of waiting notices: `Outbox`.

Specification: `#delivery`, `#personal-messages`, `#ids`.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import attrs

import exam_sharing as es
from exam_sharing.events import Claim, WaitingNotice
from exam_sharing.policy.retries import AT_ONCE, Done, GivenUp, TryAgain
from exam_sharing.testing.edges import DAY, HOSTILE, START, TICK
from exam_sharing.testing.laws.bench import Bench, laws_of_port
from exam_sharing.testing.laws.law import in_pages, insist, needed, same
from exam_sharing.testing.worlds import DOWNLOAD

law: Final = laws_of_port()

_MINUTE: Final = timedelta(minutes=1)
_LAPSES: Final = START + 5 * _MINUTE + TICK
"""When claims that are made at the start lapse."""
_PRIVATE: Final = "the liver of Ms \u017bo\u0142\u0105d\u017a, born 1950"
"""A message with patient data."""


def _let_wait(
    bench: Bench, *names: str, share: str = "share", message: str | None = None
) -> tuple[WaitingNotice, ...]:
    exams = bench.upload(*(f"{name} of {share}" for name in ("z", "a", "m")))
    notices = tuple(
        bench.notice(
            to=es.UserId(f"reader {name}"),
            exams=exams[place % 2 :],
            actor=es.UserId(f"actor {name}"),
            message=message,
            named=name,
        )
        for place, name in enumerate(names)
    )
    grants = (bench.grant(exam, es.GroupId("readers"), DOWNLOAD) for exam in exams)
    changes = bench.sharing(*grants, share=share, notices=notices)
    bench.write(changes)
    return changes.notices


def _claimed(
    bench: Bench,
    limit: int = 9,
    *,
    now: datetime = START,
    until: datetime | None = None,
    share: str | None = None,
    number: int | None = None,
) -> tuple[Claim, ...]:
    """Claim for five minutes what is due; break the law if it is another number than expected."""
    lapses = until or max(_LAPSES, now + 5 * _MINUTE)
    claims = bench.ports.outbox.claim(now, lapses, limit, es.ShareId(share) if share else None)
    expected = len(claims) if number is None else number
    insist(len(claims) == expected, f"{len(claims)} notices were due, expected {expected}")
    return claims


def _names(claims: Iterable[Claim]) -> list[str]:
    return [claim.notice.id.value for claim in claims]


def _listed(bench: Bench, limit: int = 99, *, given_up: bool | None = None) -> list[str]:
    listed = in_pages(
        "a notice",
        limit,
        partial(bench.ports.outbox.listed, given_up=given_up),
        lambda each: each.number,
    )
    return [each.id.value for each in listed]


def _states(bench: Bench) -> dict[str, tuple[object, ...]]:
    """Return attempts, claimed, given up, problem and due of each notice, by its name."""
    return {
        each.id.value: (each.attempts, each.claimed, each.given_up_at, each.problem, each.due)
        for each in bench.ports.outbox.listed(None, 99, given_up=None)
    }


def _fail(bench: Bench, claims: Iterable[Claim], at: datetime, problem: str = "Timeout") -> None:
    for claim in claims:
        bench.ports.outbox.settle(claim, TryAgain(at=at, problem=problem))


@law
def due_notices_are_claimed_oldest_first(bench: Bench) -> None:
    """`claim` returns due notices as they were written, and of new ones the oldest first."""
    same("claimed from an empty outbox", _claimed(bench), ())
    first = _let_wait(bench, "z", "a", "m", message=_PRIVATE)
    second = _let_wait(bench, "b", share="other")
    claims = _claimed(bench, 2)
    same("the first two", tuple(claim.notice for claim in claims), first[:2])
    same("when they lapse", {claim.until for claim in claims}, {_LAPSES})
    rest = tuple(claim.notice for claim in _claimed(bench))
    same("the rest", rest, (*first[2:], *second))
    same("the rest again", _claimed(bench), ())


@law
def a_claim_for_one_share_takes_only_due_notices(bench: Bench) -> None:
    """`claim` of one share returns its due notices alone, as it does of all shares."""
    _let_wait(bench, "elsewhere", share="other")
    _let_wait(bench, "claimed", "failed", "given up")
    same("one of the share", _names(_claimed(bench, 1, share="share")), ["claimed"])
    failed, given_up = _claimed(bench, share="share", number=2)
    same("of an unknown share", _claimed(bench, share="no such share"), ())
    same("of the other share", _names(_claimed(bench, share="other")), ["elsewhere"])
    at = START + DAY
    _fail(bench, [failed], at)
    bench.ports.outbox.settle(given_up, GivenUp(at=START, problem="NoSuchMailbox"))
    same("what is due of the share", _names(_claimed(bench, share="share")), [])
    same("a microsecond before a claim lapses", _claimed(bench, now=_LAPSES - TICK), ())
    lapsed = _claimed(bench, now=_LAPSES, until=START + 9 * DAY, share="share")
    same("when the claim has lapsed", _names(lapsed), ["claimed"])
    same("before its time", _claimed(bench, now=at - TICK, share="share"), ())
    same("at its time", _names(_claimed(bench, now=at, share="share")), ["failed"])


@law
def a_claim_lapses_to_the_microsecond(bench: Bench) -> None:
    """Each claim keeps a notice from others until it lapses; its process may have died."""
    _let_wait(bench, "a", "b")
    tokens, lapses, outbox = set[str](), START, bench.ports.outbox
    # Each kind of claim follows each kind; in the end the notices were requeued.
    for shares in ((None, "share", "share", None, None), ("share", "share", None)):
        for share in shares:
            now, lapses = lapses, lapses + 5 * _MINUTE + TICK
            claims = _claimed(bench, now=now, until=lapses, share=share)
            for each in (now, lapses - TICK):
                for of in (None, "share"):
                    same(f"before they lapse, at {each}", _claimed(bench, now=each, share=of), ())
            same("what is claimed when claims lapse", _names(claims), ["a", "b"])
            same("when the claims lapse", {claim.until for claim in claims}, {lapses})
            same("when they are due", {due for *_, due in _states(bench).values()}, {lapses})
            same("the failed attempts", {claim.notice.attempts for claim in claims}, {0})
            new = {claim.token for claim in claims}
            insist(new.isdisjoint(tokens), "a claim of a notice has the token of an earlier one")
            tokens |= new
        for claim in _claimed(bench, now=lapses, number=2):
            outbox.settle(claim, GivenUp(at=lapses, problem="NoSuchMailbox"))
        same("how many are requeued", outbox.requeue(None), 2)


@law
def a_lost_claim_settles_nothing(bench: Bench) -> None:
    """Settling does nothing if somebody else has claimed the notice since."""
    _let_wait(bench, "a")
    (late,) = _claimed(bench, number=1)
    (mine,) = _claimed(bench, now=_LAPSES, number=1)
    settle = bench.ports.outbox.settle
    again, given_up = TryAgain(at=AT_ONCE, problem="x"), GivenUp(at=START, problem="x")
    for settlement in (Done.SENT, again, given_up):
        settle(late, settlement)
        same("what is kept", _listed(bench), ["a"])
        same("what another may claim", _claimed(bench, now=_LAPSES), ())
    _fail(bench, [mine], AT_ONCE)
    settle(mine, Done.SENT)
    (last,) = _claimed(bench, now=_LAPSES, number=1)
    same("failed attempts, after a claim was settled twice", last.notice.attempts, 1)
    settle(last, Done.DROPPED)
    _fail(bench, [last], AT_ONCE)
    same("what is kept once it is done", _listed(bench), [])


@law
def a_notice_that_is_done_is_deleted(bench: Bench) -> None:
    """A notice that is `Done`, sent or dropped, is deleted."""
    _let_wait(bench, "a", "b", "c", message=_PRIVATE)
    first, second, third = _claimed(bench, number=3)
    bench.ports.outbox.settle(first, Done.SENT)
    bench.ports.outbox.settle(second, Done.DROPPED)
    same("what is kept", _listed(bench), ["c"])
    _fail(bench, [third], AT_ONCE)
    same("what is claimed again", _names(_claimed(bench, now=_LAPSES + DAY)), ["c"])
    same("what can be requeued", bench.ports.outbox.requeue(None), 0)


@law
def a_failed_notice_waits_for_its_next_attempt(bench: Bench) -> None:
    """A notice that failed has one attempt more and its problem, and is due at its new time."""
    _let_wait(bench, "a", "b", message=_PRIVATE)
    later, at_once = _claimed(bench, number=2)
    at = START + 3 * _MINUTE
    _fail(bench, [later], at)
    _fail(bench, [at_once], AT_ONCE, "Refused")
    (again,) = _claimed(bench, number=1)
    expected = attrs.evolve(at_once.notice, attempts=1, problem="Refused")
    same("what is due at once", again.notice, expected)
    same("just before its time", _claimed(bench, now=at - TICK), ())
    (third,) = _claimed(bench, now=at, number=1)
    expected = attrs.evolve(later.notice, attempts=1, problem="Timeout")
    same("at its time", third.notice, expected)


@law
def a_given_up_notice_loses_its_message_and_can_be_requeued(bench: Bench) -> None:
    """A given-up notice is not due, and its message is erased; an operator may requeue it."""
    _let_wait(bench, "a", "b", "c", message=_PRIVATE)
    new, outbox = _states(bench), bench.ports.outbox
    first, second, third = _claimed(bench, number=3)
    for claim in (first, second):
        outbox.settle(claim, GivenUp(at=START, problem="NoSuchMailbox"))
        outbox.settle(claim, Done.SENT)
    same("what is due a year later", _names(_claimed(bench, now=START + 365 * DAY)), ["c"])
    outbox.settle(third, Done.SENT)
    same("given up", _listed(bench, given_up=True), ["a", "b"])
    same("waiting", _listed(bench, given_up=False), ["c"])
    same("none of them", outbox.requeue(()), 0)
    same(
        "of one that was not given up",
        outbox.requeue((es.NoticeId("c"), es.NoticeId("no such"))),
        0,
    )
    same("requeued by its id", outbox.requeue((es.NoticeId("b"), es.NoticeId("b"))), 1)
    same("waiting, after one was requeued", _listed(bench, given_up=False), ["b", "c"])
    same("the state of that one", _states(bench)["b"], new["b"])
    (again,) = _claimed(bench, number=1)
    same("what is due then", again.notice, attrs.evolve(second.notice, message=None, attempts=0))
    same("the rest, requeued", outbox.requeue(None), 1)
    same("what is due after that", _names(_claimed(bench)), ["a"])
    same("given up", _listed(bench, given_up=True), [])


@law
def notices_are_listed_with_their_state(bench: Bench) -> None:
    """`listed` returns notices with their state, in the order of their writing, page by page."""
    names = ["new", "claimed", "failed", "given up"]
    _let_wait(bench, *names, message=_PRIVATE)
    new = {name: state[:4] for name, state in _states(bench).items()}
    same("the states of new ones", new, dict.fromkeys(names, (0, False, None, None)))
    first, _, failed, given_up = _claimed(bench, number=4)
    at = START + DAY + TICK
    _fail(bench, [first], AT_ONCE)
    _fail(bench, [failed], at, "Busy")
    bench.ports.outbox.settle(given_up, GivenUp(at=at, problem="NoSuchMailbox"))
    expected = {
        "new": (1, False, None, "Timeout", AT_ONCE),
        "claimed": (0, True, None, None, _LAPSES),
        "failed": (1, False, None, "Busy", at),
        "given up": (1, False, at, "NoSuchMailbox", None),
    }
    same("the states", _states(bench), expected)
    listed = bench.ports.outbox.listed(None, 9, given_up=None)
    zones = {at.utcoffset() for each in listed for at in (each.due, each.given_up_at) if at}
    same("the distance of their times from UTC", zones, {timedelta(0)})
    numbers = [each.number for each in listed]
    same("their numbers rise", numbers, sorted(set(numbers)))
    for only, of_kind in ((None, names), (False, names[:3]), (True, names[3:])):
        for limit in (1, 2, 3, 9):
            paged = _listed(bench, limit, given_up=only)
            same(f"those with given_up={only}, in pages of {limit}", paged, of_kind)


@law
def numbers_of_notices_are_never_reused(bench: Bench) -> None:
    """`listed` behind a number returns all later notices, also if that notice was deleted."""
    outbox = bench.ports.outbox
    seen: list[int] = []
    for number in range(3):
        _let_wait(bench, f"n{number}", share=f"share {number}")
        later = outbox.listed(seen[-1] if seen else None, 9, given_up=None)
        same("the later notices", [each.id.value for each in later], [f"n{number}"])
        seen += [each.number for each in later]
        (claim,) = _claimed(bench, number=1)
        outbox.settle(claim, Done.SENT)
    same("the numbers rise", seen, sorted(set(seen)))


@law
def messages_are_kept_word_for_word(bench: Bench) -> None:
    """The personal message travels in the notice, as it was written."""
    messages = ["", "\n\ttwo\nlines\n", *HOSTILE, "x" * 2_000, "\U0001f9b4" * 2_000]
    sent = {es.UserId(f"u{number}"): message for number, message in enumerate(messages)}
    (exam,) = bench.upload("exam")
    notices = (bench.notice(to=to, exams=(exam,), message=each) for to, each in sent.items())
    bench.write(bench.sharing(bench.grant(exam, es.GroupId("g")), notices=tuple(notices)))
    found = {claim.notice.to: str(claim.notice.message) for claim in _claimed(bench, len(sent))}
    same("the messages", found, sent)


@law
def ids_in_notices_are_compared_by_code_point(bench: Bench) -> None:
    """Ids of notices, of their shares and of people are compared code point by code point."""
    exams = bench.upload(*HOSTILE)
    written: dict[str, WaitingNotice] = {}
    for text, exam in zip(HOSTILE, exams, strict=True):
        user = es.UserId(text)
        notice = bench.notice(to=user, actor=user, exams=(exam,), message=text, named=text)
        act = bench.sharing(bench.grant(exam, user), share=text, notices=(notice,))
        bench.write(act)
        (written[text],) = act.notices
    listed = bench.ports.outbox.listed(None, len(HOSTILE), given_up=None)
    ids = [(each.id.value, each.share.value, each.to.value) for each in listed]
    same("the ids of notices, shares and readers", ids, [(text, text, text) for text in HOSTILE])
    for text, notice in written.items():
        claims = _claimed(bench, share=text)
        same(f"of share {text!a}", tuple(claim.notice for claim in claims), (notice,))
        bench.ports.outbox.settle(claims[0], GivenUp(at=START, problem="NoSuchMailbox"))
    for number, text in enumerate(HOSTILE, start=1):
        same(f"requeued by id {text!a}", bench.ports.outbox.requeue((es.NoticeId(text),)), 1)
        waiting = bench.ports.outbox.listed(None, len(HOSTILE), given_up=False)
        same(f"the number that wait after {text!a}", len(waiting), number)


@law.needing("keeps_text")
def a_message_is_erased_with_its_notice(bench: Bench) -> None:
    """A message is erased once its notice was sent or given up, as it may hold patient data."""
    keeps, store = needed(bench.trial.keeps_text), bench.ports.store
    for number, settlement in enumerate((*Done, GivenUp(at=START, problem="x"))):
        message = f"{_PRIVATE} {number}"
        _let_wait(bench, f"n{number}", share=f"s{number}", message=message)
        same("whether a waiting message is found", keeps(store, message), True)
        (claim,) = _claimed(bench, number=1)
        bench.ports.outbox.settle(claim, settlement)
        same(f"whether it is found after {settlement!r}", keeps(store, message), False)


@law
def notices_that_failed_less_come_first(bench: Bench) -> None:
    """The notices with the fewest failures come first, then the oldest."""
    _let_wait(bench, "a", "b", "c", "d")
    _fail(bench, _claimed(bench, 2, number=2), START - _MINUTE)
    same("two of four that are due", _names(_claimed(bench, 2)), ["c", "d"])
    _let_wait(bench, "e", share="other")
    same("all that are due", _names(_claimed(bench)), ["e", "a", "b"])


@law
def new_notices_are_claimed_before_failed_ones(bench: Bench) -> None:
    """A new notice counts as due for longer than one that failed, at any time."""
    _let_wait(bench, "a", "b")
    _fail(bench, _claimed(bench, number=2), AT_ONCE)
    _let_wait(bench, "c", share="other")
    same("one of three that are due at once", _names(_claimed(bench, 1)), ["c"])
    same("the next two", _names(_claimed(bench, 2)), ["a", "b"])
    _let_wait(bench, "d", share="the last")
    same("a new one beside lapsed ones", _names(_claimed(bench, 1, now=_LAPSES)), ["d"])


@law
def the_longest_due_notices_are_claimed(bench: Bench) -> None:
    """If more notices are due than the limit, `claim` takes the longest due.

    Of these, the ones with the fewest failures come first, then the oldest.
    """
    _let_wait(bench, "a", "b", "c", "d")
    for minutes, claim in zip((4, 1, 3, 2), _claimed(bench, number=4), strict=True):
        _fail(bench, [claim], START + minutes * _MINUTE)
    now = START + 5 * _MINUTE
    same("one of four", _names(_claimed(bench, 1, now=now)), ["b"])
    same("the next two", _names(_claimed(bench, 2, now=now)), ["c", "d"])
    same("the last", _names(_claimed(bench, 1, now=now)), ["a"])


@law
def time_due_outweighs_failures(bench: Bench) -> None:
    """A notice that failed more often is claimed first if it is due for longer."""
    _let_wait(bench, "a", "b")
    first, second = _claimed(bench, number=2)
    _fail(bench, [first], AT_ONCE)
    _fail(bench, _claimed(bench, number=1), START + _MINUTE)
    _fail(bench, [second], START + 2 * _MINUTE)
    now = START + 3 * _MINUTE
    same("one of two", _names(_claimed(bench, 1, now=now)), ["a"])
    lapsed = now + 5 * _MINUTE
    same("both, once that claim lapsed", _names(_claimed(bench, 2, now=lapsed)), ["b", "a"])
