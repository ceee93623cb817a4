"""What a store promises of writing: `GrantWriter`."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from time import monotonic
from typing import Final

import attrs

from exam_sharing.errors import StoreFailed
from exam_sharing.grants import Grant, HowEnded
from exam_sharing.identifiers import ExamId
from exam_sharing.policy.facts import ExamGrants
from exam_sharing.policy.plans import UnshareReceipt
from exam_sharing.ports import Changes, StoredReceipt
from exam_sharing.testing.laws.bench import (
    ANNA,
    BEN,
    CARLA,
    DOWNLOAD,
    VIEW,
    Bench,
    StoreTrial,
    benched,
)
from exam_sharing.testing.laws.law import insist, same
from exam_sharing.testing.moments import DAY, START

__all__ = ["COMMIT_LAWS", "FAILURE_LAWS", "LASTING_COMMIT_LAWS", "TRANSFER_LAWS"]

_PATIENCE: Final = 10
"""Seconds that one step aside may take at most."""


_MOST_STEPS: Final = 500
"""So many steps no commit of these laws has; a failure at a later one was never met."""


@benched
def the_version_counts_the_acts_that_change_an_exam(bench: Bench) -> None:
    """`commit` adds one to the version of each exam whose sharing changes, and to no other."""
    one, two, beside = bench.upload("one", "two", "beside")
    for number, shared in enumerate(((one, two), (one,), (two, one))):
        grants = [bench.grant(exam, BEN) for exam in shared]
        act = bench.sharing(*grants, beside=(one, two, beside))
        bench.write(act)
        expected = {exam: read + (exam in shared) for exam, read in act.versions.items()}
        same(f"the versions after act {number}", bench.versions(expected), expected)
        for grant in act.made:
            bench.write(bench.ending(grant))
    same("the version of an exam that was read only", bench.versions((beside,)), {beside: 0})


@benched
def a_moved_version_is_a_conflict_that_writes_nothing(bench: Bench) -> None:
    """`commit` returns `False`, with nothing written, when the version of an exam has moved."""
    one, two = bench.upload("one", "two")
    (given,) = bench.share(bench.grant(two, CARLA))
    notice = bench.notice(exams=(one, two))
    stale = {
        "a share": bench.sharing(
            bench.grant(two, BEN), bench.grant(one, BEN), share="late", notices=(notice,)
        ),
        "an ending": bench.ending(given),
        "a withdrawal": bench.ending(given, withdrawn=two, how=HowEnded.WITHDRAWN),
        "a share beside it": bench.sharing(bench.grant(one, BEN), beside=(two,)),
    }
    bench.share(bench.grant(two, BEN, grantor=CARLA))
    for act, changes in stale.items():
        with_receipt = attrs.evolve(changes, receipt=_receipt(act))
        _writes_nothing(bench, act, with_receipt)
    one_now = bench.sharing(bench.grant(one, BEN))
    ahead = attrs.evolve(one_now, versions={one: one_now.versions[one] + 1})
    _writes_nothing(bench, "a share that read a version that is still to come", ahead)
    insist(bench.commit(one_now), "an act could not be written after others had lost their races")


@benched
def an_exam_that_was_only_read_makes_a_conflict_too(bench: Bench) -> None:
    """`commit` compares the versions of all exams that were read, those left alone included."""
    one, two = bench.upload("one", "two")
    first = bench.sharing(bench.grant(one, BEN), beside=(two,))
    second = bench.sharing(bench.grant(two, BEN), beside=(one,))
    insist(bench.commit(first) is True, "the first of two acts was not written")
    _writes_nothing(bench, "the second act, which had read what the first one changed", second)


def _writes_nothing(bench: Bench, act: str, changes: Changes) -> None:
    before = _seen_with(bench, changes)
    answer = bench.commit(changes)
    insist(answer is False, f"{act}: commit returned {answer!r}, not False")
    same(f"{act}: what is there afterwards", bench.everything(), before)


def _seen_with(bench: Bench, changes: Changes) -> Mapping[str, object]:
    """Return what is there, having looked for what the changes would bring as well."""
    bench.look_for(changes)
    return bench.everything()


@benched
def an_exam_that_is_read_at_version_0_has_not_moved(bench: Bench) -> None:
    """An exam that was never shared, or never uploaded, is at version 0 for `commit` as well."""
    one, alone = bench.upload("one", "alone")
    unknown = ExamId("unknown")
    read = bench.versions((alone, unknown))
    same("the versions that are read", read, {alone: 0, unknown: 0})
    act = bench.sharing(bench.grant(one, BEN), beside=(alone, unknown))
    ahead = attrs.evolve(act, versions={**act.versions, unknown: 1})
    _writes_nothing(bench, "a share that read version 1 of an unknown exam", ahead)
    bench.write(act)
    same("the versions afterwards", bench.versions((one, alone, unknown)), {one: 1, **read})


@benched
def a_request_id_is_used_once(bench: Bench) -> None:
    """`commit` returns `False`, with nothing written, when the receipt's request id is taken."""
    one, two = bench.upload("one", "two")
    bench.write(attrs.evolve(bench.sharing(bench.grant(one, BEN)), receipt=_receipt()))
    again = bench.sharing(bench.grant(two, BEN), notices=(bench.notice(exams=(two,)),))
    changed = attrs.evolve(_receipt(), fingerprint="another digest")
    for receipt in (_receipt(), changed):
        _writes_nothing(bench, "the same id again", attrs.evolve(again, receipt=receipt))
    others = attrs.evolve(_receipt(), actor=BEN)
    insist(
        bench.commit(attrs.evolve(again, receipt=others)) is True,
        "a request id of another actor stood in the way",
    )


@benched
def an_id_that_is_taken_fails_and_writes_nothing(bench: Bench) -> None:
    """`commit` raises `StoreFailed`, with nothing written, when an id is taken.

    That is the id of a grant, ended or not, of a share, or of a notice that is kept.
    """
    one, two = bench.upload("one", "two")
    (there,) = bench.share(bench.grant(one, BEN))
    (ended,) = bench.share(bench.grant(one, CARLA))
    bench.write(bench.ending(ended))
    for taken in (there, ended):
        changes = bench.sharing(
            bench.grant(two, BEN),
            bench.grant(one, BEN, DOWNLOAD),
            bench.grant(two, CARLA, named=taken.id.value),
            notices=(bench.notice(exams=(two,)),),
            receipt=_receipt(),
        )
        before = _seen_with(bench, changes)
        _fails(bench, changes)
        same("what is there afterwards", bench.everything(), before)
    taken_share = bench.sharing(bench.grant(two, BEN), share=there.share.value)
    before = _seen_with(bench, taken_share)
    _fails(bench, taken_share)
    same("what is there after a share whose id is taken", bench.everything(), before)
    _an_id_of_a_notice_is_taken(bench, two)
    insist(bench.commit(bench.sharing(bench.grant(two, BEN))) is True, "nothing else was written")


def _an_id_of_a_notice_is_taken(bench: Bench, exam: ExamId) -> None:
    notice = bench.notice(to=BEN, exams=(exam,), named="notice")
    bench.write(bench.sharing(bench.grant(exam, BEN), notices=(notice,)))
    others = attrs.evolve(notice, to=CARLA)
    new = bench.notice(to=CARLA, exams=(exam,))
    changes = bench.sharing(bench.grant(exam, CARLA), notices=(new, others), receipt=_receipt())
    before = _seen_with(bench, changes)
    _fails(bench, changes)
    same("what is there after a notice whose id is taken", bench.everything(), before)


def _fails(bench: Bench, changes: Changes) -> None:
    try:
        answer = bench.ports.writer.commit(changes)
    except StoreFailed:
        return
    insist(holds=False, problem=f"StoreFailed was not raised; commit returned {answer!r}")


@benched
def what_was_written_counts_from_the_next_question_on(bench: Bench) -> None:
    """Unsharing takes effect at once: the next check says no: SPEC 3."""
    exams = bench.upload("one", "two")
    keys = frozenset({BEN.key})
    for _ in range(3):
        made = bench.share(*(bench.grant(exam, BEN) for exam in exams))
        answer = bench.ports.access.holding(BEN, keys, VIEW, exams, START)
        same("held after sharing", answer, frozenset(exams))
        same("listed after sharing", len(bench.pages(BEN, keys, 9)), 2)
        bench.write(bench.ending(*made))
        same("held after unsharing", bench.holds(BEN, VIEW, exams[0]), False)
        answer = bench.ports.access.holding(BEN, keys, VIEW, exams, START)
        same("held after unsharing", answer, frozenset())
        same("listed after unsharing", bench.pages(BEN, keys, 9), [])


@benched
def a_grant_can_be_ended_and_replaced_in_one_act(bench: Bench) -> None:
    """A grant beyond a bound ends and is replaced by one cut to it, in the same act: SPEC 3."""
    (exam,) = bench.upload("exam")
    old, kept = bench.share(bench.grant(exam, BEN, DOWNLOAD), bench.grant(exam, CARLA, DOWNLOAD))
    cut = bench.grant(exam, BEN, until=START + DAY)
    (new,) = bench.write(bench.ending(old, replacements={old: cut}, how=HowEnded.NARROWED))
    same("the grants", frozenset(bench.read(exam).grants), frozenset({new, kept}))
    same("the version", bench.read(exam).version, 2)
    same("download, after narrowing to view", bench.holds(BEN, DOWNLOAD, exam), False)
    same("view, after narrowing to view", bench.holds(BEN, VIEW, exam), True)
    same("view, after the bound", bench.holds(BEN, VIEW, exam, START + DAY), False)


@benched
def an_exam_is_withdrawn_with_the_commit_that_says_so(bench: Bench) -> None:
    """A withdrawn exam is no longer there, for its owner or anybody else, whatever the clock."""
    gone, other = bench.upload("gone", "other")
    made = bench.share(
        bench.grant(gone, BEN, until=START + DAY),
        bench.grant(gone, CARLA, DOWNLOAD),
        bench.grant(other, BEN),
    )
    mine = tuple(grant for grant in made if grant.exam == gone)
    bench.write(bench.ending(*mine, withdrawn=gone, how=HowEnded.WITHDRAWN))
    kept = bench.read(gone)
    same("withdrawn, version, grants", (kept.withdrawn, kept.version, kept.grants), (True, 2, ()))
    same("how many ended", len(kept.ended), 2)
    same("whether the other exam is withdrawn", bench.read(other).withdrawn, False)
    for now in (START - DAY, START, START + 2 * DAY):
        for user in (ANNA, BEN, CARLA):
            keys = frozenset({user.key})
            answer = bench.ports.access.holding(user, keys, VIEW, (gone,), now)
            same(f"held by {user!r}", answer, frozenset())
            same(f"a check of {user!r}", bench.holds(user, VIEW, gone, now), False)
            listed = {each.exam for each in bench.pages(user, keys, 1, now=now)}
            same(f"listed for {user!r}", listed, {other} if user != CARLA else set())
    (never_shared,) = bench.upload("never shared")
    bench.write(bench.ending(withdrawn=never_shared))
    same("an exam that nobody had", bench.read(never_shared).withdrawn, True)
    same("whether its owner holds it", bench.holds(ANNA, VIEW, never_shared), False)


@benched
def a_share_that_adds_nothing_is_kept_all_the_same(bench: Bench) -> None:
    """An act may change no exam: then no version moves, and its receipt is kept."""
    (exam,) = bench.upload("exam")
    made = bench.share(bench.grant(exam, BEN))
    share = bench.sharing(bench.grant(exam, BEN), receipt=_receipt())
    bench.write(attrs.evolve(share, made=()))
    same("the sharing", bench.read(exam), ExamGrants(version=1, grants=made))
    same("the receipt", bench.ports.grants.receipt(ANNA, "request"), _receipt())


@benched
def whoever_lost_a_race_waits_for_a_moment_only(bench: Bench) -> None:
    """`step_aside` holds an act back for a moment before it is decided again."""
    for lost in (1, 2, 10, 50):
        begun = monotonic()
        bench.ports.writer.step_aside(lost)
        took = monotonic() - begun
        insist(took < _PATIENCE, f"after {lost} lost races it took {took:.0f} seconds")


def a_failure_at_any_step_writes_nothing(trial: StoreTrial) -> None:
    """`commit` writes all of the changes, or none, at whichever step writing fails."""
    for step in range(1, _MOST_STEPS):
        with trial.bench() as bench:
            if _written_before(step, bench):
                insist(step > 1, "no step failed: `fail_at` must make the store fail at its step")
                return
    insist(holds=False, problem=f"it still failed at step {_MOST_STEPS}")


def _written_before(step: int, bench: Bench) -> bool:
    """Let writing fail at the step, and return whether it was over before that."""
    one, two = bench.upload("one", "two")
    old, kept = bench.share(bench.grant(one, BEN, DOWNLOAD), bench.grant(one, CARLA))
    changes = _of_every_kind(bench, old, two)
    before = _seen_with(bench, changes)
    try:
        with _failing_at(step, bench):
            answer = bench.commit(changes)
    except Exception:  # noqa: BLE001  whatever the failure is, nothing may be written
        same(f"what is there after a failure at step {step}", bench.everything(), before)
        insist(
            bench.commit(changes) is True, f"after a failure at step {step} nothing can be written"
        )
        written = False
    else:
        insist(answer is True, f"a commit that was to fail at step {step} returned {answer!r}")
        written = True
    expected = frozenset({kept, *(grant for grant in changes.made if grant.exam == one)})
    same("the grants, once written", frozenset(bench.read(one).grants), expected)
    same("the grants on the other exam, once written", len(bench.read(two).grants), 2)
    same("the versions, once written", bench.versions((one, two)), {one: 2, two: 1})
    same("the notices, once written", len(bench.ports.outbox.listed(None, 9, given_up=None)), 2)
    same("the receipt, once written", bench.ports.grants.receipt(ANNA, "request"), _receipt())
    return written


def _of_every_kind(bench: Bench, old: Grant, exam: ExamId) -> Changes:
    """Return changes that end a grant, replace it, and share another exam, with all that can be."""
    cut = bench.grant(old.exam, old.recipient, VIEW)
    ending = bench.ending(old, replacements={old: cut})
    grants = bench.grant(exam, BEN), bench.grant(exam, CARLA)
    notices = tuple(bench.notice(to=each, exams=(exam,)) for each in (BEN, CARLA))
    share = bench.sharing(*grants, notices=notices, receipt=_receipt())
    return attrs.evolve(
        share,
        versions={**ending.versions, **share.versions},
        made=(*ending.made, *share.made),
        ended=ending.ended,
    )


def _failing_at(step: int, bench: Bench) -> AbstractContextManager[object]:
    fail_at = bench.trial.fail_at
    return nullcontext() if fail_at is None else fail_at(bench.ports.store, step)


@benched
def a_change_of_owner_counts_as_a_version(bench: Bench) -> None:
    """A change of owner counts as a version; grants stay as they are, and so does everything."""
    (exam,) = bench.upload("exam")
    transfer = bench.trial.transfer
    if transfer is None:
        return
    made = bench.share(bench.grant(exam, CARLA))
    stale = bench.sharing(bench.grant(exam, BEN))
    transfer(bench.ports.store, exam, BEN, START)
    same("the version", bench.versions((exam,)), {exam: 2})
    same("the owner", [each.owner for each in bench.ports.exams.find((exam,))], [BEN])
    same("the grants", frozenset(bench.read(exam).grants), frozenset(made))
    for user, holds in ((ANNA, False), (BEN, True), (CARLA, True)):
        keys = frozenset({user.key})
        same(f"a check of {user!r}", bench.holds(user, VIEW, exam), holds)
        listed = [each.exam for each in bench.pages(user, keys, 9)]
        same(f"listed for {user!r}", listed, [exam] if holds else [])
    _writes_nothing(bench, "an act that had read the former owner", stale)


COMMIT_LAWS: Final[tuple[Callable[[StoreTrial], None], ...]] = (
    the_version_counts_the_acts_that_change_an_exam,
    a_moved_version_is_a_conflict_that_writes_nothing,
    an_exam_that_was_only_read_makes_a_conflict_too,
    an_exam_that_is_read_at_version_0_has_not_moved,
    a_request_id_is_used_once,
    an_id_that_is_taken_fails_and_writes_nothing,
    what_was_written_counts_from_the_next_question_on,
    a_grant_can_be_ended_and_replaced_in_one_act,
    an_exam_is_withdrawn_with_the_commit_that_says_so,
    a_share_that_adds_nothing_is_kept_all_the_same,
    whoever_lost_a_race_waits_for_a_moment_only,
)


FAILURE_LAWS: Final[tuple[Callable[[StoreTrial], None], ...]] = (
    a_failure_at_any_step_writes_nothing,
)
"""For stores that can be made to fail at a step."""


TRANSFER_LAWS: Final[tuple[Callable[[StoreTrial], None], ...]] = (
    a_change_of_owner_counts_as_a_version,
)
"""For stores in which exams change owners."""


def _receipt(request_id: str = "request", fingerprint: str = "digest") -> StoredReceipt:
    return StoredReceipt(
        actor=ANNA,
        request_id=request_id,
        fingerprint=fingerprint,
        receipt=UnshareReceipt(at=START),
    )


def _conflicts(bench: Bench, act: str, changes: Changes) -> None:
    bench.look_for(changes)
    before = bench.everything()
    same(f"what commit said of {act}", bench.commit(changes), False)
    same(f"what is there after {act}", bench.everything(), before)


@benched
def a_request_id_is_used_once_by_endings_too(bench: Bench) -> None:
    """`commit` overwrites no receipt: an ending under a taken id returns `False` as well."""
    exams = bench.upload("one", "two")
    first, second = bench.share(*(bench.grant(exam, BEN) for exam in exams))
    bench.write(attrs.evolve(bench.sharing(bench.grant(exams[0], CARLA)), receipt=_receipt()))
    bench.write(bench.ending(first, receipt=_receipt("ending")))
    for taken in ("request", "ending"):
        again = _receipt(taken, "another digest")
        _conflicts(bench, f"an ending under {taken!r}", bench.ending(second, receipt=again))
        gone = bench.ending(second, withdrawn=exams[1], how=HowEnded.WITHDRAWN, receipt=again)
        _conflicts(bench, f"a withdrawal under {taken!r}", gone)
        share = bench.sharing(bench.grant(exams[1], CARLA), receipt=again)
        _conflicts(bench, f"a share under {taken!r}", share)
        kept = bench.ports.grants.receipt(ANNA, taken)
        same(f"the receipt under {taken!r}", kept, _receipt(taken))


@benched
def an_id_that_comes_twice_in_one_act_fails(bench: Bench) -> None:
    """`commit` raises `StoreFailed`, with nothing written, when two grants of it have one id."""
    one, two = bench.upload("one", "two")
    for name, exam in (("on two exams", two), ("on one exam", one)):
        twins = bench.grant(one, BEN, named=name), bench.grant(exam, CARLA, named=name)
        changes = bench.sharing(*twins, notices=(bench.notice(exams=(one,)),))
        bench.look_for(changes)
        before = bench.everything()
        try:
            answer = bench.commit(changes)
        except StoreFailed:
            same(f"what is there after an act with one id {name}", bench.everything(), before)
        else:
            insist(holds=False, problem=f"with one id {name}, commit returned {answer!r}")


@benched
def withdrawing_keeps_the_endings_that_were_there(bench: Bench) -> None:
    """A withdrawal ends what stands, and takes nothing away of what had ended before it."""
    (exam,) = bench.upload("exam")
    before, last = bench.share(bench.grant(exam, BEN), bench.grant(exam, CARLA))
    unsharing = bench.ending(before)
    bench.write(unsharing)
    withdrawal = bench.ending(last, withdrawn=exam, how=HowEnded.WITHDRAWN)
    bench.write(withdrawal)
    ended = (*unsharing.ended, *withdrawal.ended)
    kept = bench.read(exam)
    same("the ended grants", frozenset(kept.ended), frozenset(ended))
    same("how many ended", len(kept.ended), len(ended))


LASTING_COMMIT_LAWS: Final[tuple[Callable[[StoreTrial], None], ...]] = (
    a_request_id_is_used_once_by_endings_too,
    an_id_that_comes_twice_in_one_act_fails,
    withdrawing_keeps_the_endings_that_were_there,
)
