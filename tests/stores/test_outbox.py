"""SPEC 7: notices leave at least once each, and what every outbox does for it.

Nothing is sent by two at a time while a claim lasts; what failed waits for its time and holds up
nobody; what was given up is seen by operators without its message, and waits again when they ask.
"""

from datetime import UTC, datetime, timedelta

import attrs
import pytest

from exam_sharing import NoticeId, ShareId
from exam_sharing.events import ActRefused, WaitingNotice
from exam_sharing.policy.retries import AT_ONCE, Done, GivenUp, TryAgain
from exam_sharing.ports import Changes
from world import ANNA, BEN, CT, share_request

NOW = datetime(2030, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LAPSE = NOW + 5 * MINUTE
AGAIN = TryAgain(at=AT_ONCE, problem="OSError")
GIVEN_UP = GivenUp(at=NOW, problem="NO_ADDRESS")


def waiting(number, share="s"):
    return WaitingNotice(
        id=NoticeId(f"n{number}"),
        share=ShareId(share),
        to=BEN,
        actor=ANNA,
        exam_ids=(CT,),
        message="Please look at the left lung.",
    )


@pytest.fixture
def store(open_store):
    return open_store()


@pytest.fixture
def outbox(store):
    """Two notices of one share, and one of another."""
    put(store, waiting(1), waiting(2))
    put(store, waiting(3, share="other"))
    return store.outbox


def put(store, *notices):
    event = ActRefused(at=NOW, request=share_request(ANNA, CT, BEN), reasons=())
    assert store.commit(Changes(versions={}, notices=notices, event=event))


def claimed(outbox, limit=9, now=NOW, *, until=None, share=None):
    return outbox.claim(now, LAPSE if until is None else until, limit, share)


def ids(claims):
    return [str(claim.notice.id) for claim in claims]


def listed(outbox, **which):
    return outbox.listed(None, 99, **{"given_up": None, **which})


# Claiming.


def test_notices_are_claimed_oldest_first_and_no_more_than_asked_for(outbox):
    assert ids(claimed(outbox, 2)) == ["n1", "n2"]
    assert ids(claimed(outbox, 2)) == ["n3"]


def test_the_notices_of_one_share_can_be_claimed_alone(outbox):
    assert ids(claimed(outbox, share=ShareId("other"))) == ["n3"]
    assert ids(claimed(outbox, share=ShareId("no such share"))) == []


def test_a_claim_says_what_is_to_be_sent_and_when_it_lapses(outbox):
    (claim,) = claimed(outbox, 1)
    assert claim.notice == waiting(1)
    assert claim.notice.message == "Please look at the left lung."
    assert claim.until == LAPSE


def test_a_claim_that_is_never_settled_lapses(outbox):
    claimed(outbox)
    assert claimed(outbox, now=LAPSE - timedelta(microseconds=1)) == ()
    again = claimed(outbox, now=LAPSE, until=LAPSE + MINUTE)
    assert ids(again) == ["n1", "n2", "n3"]
    assert claimed(outbox, now=LAPSE) == ()


# Settling.


def test_a_notice_that_is_done_is_forgotten_with_its_message(outbox):
    for claim, done in zip(claimed(outbox, 2), Done, strict=True):
        outbox.settle(claim, done)
    assert [each.id for each in outbox.waiting()] == [NoticeId("n3")]
    assert [each.id for each in listed(outbox)] == [NoticeId("n3")]
    assert claimed(outbox, share=ShareId("s")) == ()


def test_a_notice_to_be_tried_at_once_waits_behind_those_that_did_not_fail(outbox):
    (claim,) = claimed(outbox, 1)
    outbox.settle(claim, AGAIN)
    again = claimed(outbox)
    assert ids(again) == ["n2", "n3", "n1"]
    assert [each.notice.attempts for each in again] == [0, 0, 1]


def test_a_notice_to_be_tried_later_is_not_had_before_and_holds_up_nobody(outbox):
    (claim,) = claimed(outbox, 1)
    outbox.settle(claim, TryAgain(at=NOW + MINUTE, problem="OSError"))
    assert ids(claimed(outbox, 1)) == ["n2"]
    assert ids(claimed(outbox, now=NOW + MINUTE - timedelta(microseconds=1))) == ["n3"]
    (again,) = claimed(outbox, now=NOW + MINUTE, until=LAPSE + MINUTE)
    assert (again.notice.id, again.notice.attempts) == (NoticeId("n1"), 1)
    assert again.notice == attrs.evolve(waiting(1), attempts=1, problem="OSError")


def test_of_those_to_be_tried_later_the_one_that_was_due_first_comes_first(outbox):
    for claim, minutes in zip(claimed(outbox), (3, 1, 2), strict=True):
        outbox.settle(claim, TryAgain(at=NOW + minutes * MINUTE, problem="OSError"))
    later = NOW + 3 * MINUTE
    assert [ids(claimed(outbox, 1, now=later)) for _ in range(4)] == [["n2"], ["n3"], ["n1"], []]


@pytest.mark.parametrize("settlement", [Done.SENT, Done.DROPPED, AGAIN, GIVEN_UP], ids=str)
def test_settling_twice_does_nothing_the_second_time(outbox, settlement):
    (claim,) = claimed(outbox, 1)
    outbox.settle(claim, settlement)
    once = listed(outbox)
    outbox.settle(claim, settlement)
    assert listed(outbox) == once


@pytest.mark.parametrize("settlement", [Done.SENT, AGAIN, GIVEN_UP], ids=str)
def test_whoever_was_too_slow_settles_nothing_that_another_has_claimed(outbox, settlement):
    (slow,) = claimed(outbox, share=ShareId("other"))
    (fast,) = claimed(outbox, now=LAPSE, until=LAPSE + MINUTE, share=ShareId("other"))
    before = listed(outbox)

    outbox.settle(slow, settlement)

    assert listed(outbox) == before
    outbox.settle(fast, AGAIN)
    assert listed(outbox)[-1].attempts == 1


def test_whoever_was_too_slow_may_settle_what_nobody_has_claimed_since(outbox):
    (claim,) = claimed(outbox, 1, now=NOW - MINUTE, until=NOW)
    outbox.settle(claim, Done.SENT)
    assert ids(claimed(outbox)) == ["n2", "n3"]


# What operators see.


def test_a_new_notice_is_listed_as_waiting_for_the_next_delivery(outbox):
    first = listed(outbox)[0]
    assert (first.id, first.share, first.to) == (NoticeId("n1"), ShareId("s"), BEN)
    assert (first.attempts, first.problem) == (0, None)
    assert (first.next_attempt, first.claimed_until, first.given_up_at) == (None, None, None)


def test_a_claimed_notice_is_listed_with_the_end_of_the_claim(outbox):
    claimed(outbox, 1)
    first = listed(outbox)[0]
    assert (first.next_attempt, first.claimed_until, first.given_up_at) == (None, LAPSE, None)


def test_a_notice_that_failed_is_listed_with_its_next_attempt_and_why(outbox):
    (claim,) = claimed(outbox, 1)
    outbox.settle(claim, TryAgain(at=NOW + MINUTE, problem="UNREACHABLE"))
    first = listed(outbox)[0]
    assert (first.attempts, first.problem) == (1, "UNREACHABLE")
    assert (first.next_attempt, first.claimed_until) == (NOW + MINUTE, None)
    assert first.given_up_at is None


def test_a_notice_that_was_given_up_is_listed_with_when_and_why_and_tried_no_more(outbox):
    (claim,) = claimed(outbox, 1)
    outbox.settle(claim, GIVEN_UP)
    first = listed(outbox)[0]
    assert (first.id, first.attempts, first.problem) == (NoticeId("n1"), 1, "NO_ADDRESS")
    assert (first.next_attempt, first.claimed_until, first.given_up_at) == (None, None, NOW)
    assert ids(claimed(outbox, now=NOW + timedelta(days=9999))) == ["n2", "n3"]
    assert NoticeId("n1") not in [each.id for each in outbox.waiting()]


def test_those_that_wait_and_those_that_were_given_up_can_be_listed_apart(outbox):
    (claim,) = claimed(outbox, 1)
    outbox.settle(claim, GIVEN_UP)
    assert [str(each.id) for each in listed(outbox, given_up=True)] == ["n1"]
    assert [str(each.id) for each in listed(outbox, given_up=False)] == ["n2", "n3"]
    assert [str(each.id) for each in listed(outbox)] == ["n1", "n2", "n3"]


def test_a_list_goes_on_behind_a_number_and_is_no_longer_than_asked_for(outbox):
    first, second = outbox.listed(None, 2, given_up=None)
    assert first.number < second.number
    (third,) = outbox.listed(second.number, 2, given_up=None)
    assert [str(each.id) for each in (first, second, third)] == ["n1", "n2", "n3"]
    assert outbox.listed(third.number, 2, given_up=None) == ()


# Letting given-up notices wait again.


def give_up(outbox, count):
    for claim in claimed(outbox, count):
        outbox.settle(claim, GIVEN_UP)


def test_a_notice_that_was_given_up_waits_again_as_if_new_but_without_its_message(outbox):
    give_up(outbox, 1)
    assert outbox.requeue((NoticeId("n1"),)) == 1
    first = listed(outbox)[0]
    assert (first.attempts, first.problem, first.given_up_at) == (0, None, None)
    again = claimed(outbox)
    assert ids(again) == ["n1", "n2", "n3"]
    assert again[0].notice == attrs.evolve(waiting(1), message=None)


def test_all_that_were_given_up_wait_again_together(outbox):
    give_up(outbox, 2)
    assert outbox.requeue(None) == 2
    assert outbox.requeue(None) == 0
    assert ids(claimed(outbox)) == ["n1", "n2", "n3"]


def test_what_was_not_given_up_is_left_alone(outbox):
    give_up(outbox, 1)
    (claim,) = claimed(outbox, 1)
    before = listed(outbox, given_up=False)
    named = tuple(NoticeId(name) for name in ("n2", "n3", "no such notice"))
    assert outbox.requeue(named) == 0
    assert outbox.requeue(()) == 0
    assert listed(outbox, given_up=False) == before
    assert outbox.requeue((NoticeId("n1"), NoticeId("n1"), *named)) == 1
    outbox.settle(claim, Done.SENT)
    assert ids(claimed(outbox)) == ["n1", "n3"]


def test_the_message_of_a_notice_that_was_given_up_is_kept_nowhere(outbox, store):
    give_up(outbox, 3)
    assert outbox.requeue(None) == 3
    assert [claim.notice.message for claim in claimed(outbox)] == [None] * 3
