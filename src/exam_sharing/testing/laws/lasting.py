"""What a store promises to keep for good: nothing is forgotten: SPEC 9.7."""

from collections.abc import Callable
from typing import Final

import attrs

from exam_sharing.errors import StoreFailed
from exam_sharing.events import Event, ExamTransferred
from exam_sharing.exams import Exam, UploadBatch
from exam_sharing.grants import HowEnded
from exam_sharing.identifiers import BatchId, ExamId, UserId
from exam_sharing.policy.plans import UnshareReceipt
from exam_sharing.ports import Changes, StoredReceipt
from exam_sharing.testing.laws.bench import (
    ANNA,
    BEN,
    CARLA,
    DOWNLOAD,
    Bench,
    StoreTrial,
    benched,
)
from exam_sharing.testing.laws.law import insist, same
from exam_sharing.testing.moments import DAY, START

__all__ = ["LASTING_EVENT_LAWS", "LASTING_LAWS", "TOLD_TRANSFER_LAWS"]


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
def a_receipt_of_an_act_that_is_no_share_is_kept(bench: Bench) -> None:
    """A receipt is kept under its request id with whatever act it is written, endings too."""
    (exam,) = bench.upload("exam")
    first, second = bench.share(bench.grant(exam, BEN), bench.grant(exam, CARLA, DOWNLOAD))
    unsharing, narrowing, withdrawal = map(_receipt, ("unsharing", "narrowing", "withdrawal"))
    bench.write(bench.ending(first, receipt=unsharing))
    cut = {second: bench.grant(exam, CARLA)}
    narrowed = bench.ending(second, replacements=cut, how=HowEnded.NARROWED, receipt=narrowing)
    (left,) = bench.write(narrowed)
    bench.write(bench.ending(left, withdrawn=exam, how=HowEnded.WITHDRAWN, receipt=withdrawal))
    for receipt in (unsharing, narrowing, withdrawal):
        kept = bench.ports.grants.receipt(ANNA, receipt.request_id)
        same(f"the receipt of the {receipt.request_id}", kept, receipt)


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
def a_replacement_is_found_by_its_id(bench: Bench) -> None:
    """`find_grants` returns what replaced a grant, and the grant that it replaced."""
    (exam,) = bench.upload("exam")
    grants = [*bench.share(bench.grant(exam, BEN, DOWNLOAD))]
    for cut in (bench.grant(exam, BEN), bench.grant(exam, BEN, until=START + DAY)):
        old = grants[-1]
        grants += bench.write(bench.ending(old, replacements={old: cut}, how=HowEnded.NARROWED))
    for ended in (False, True):
        for place, grant in enumerate(grants):
            found = bench.ports.grants.find_grants((grant.id,))
            same(f"grant {place} of a row, the last one ended: {ended}", found, (grant,))
        if not ended:
            bench.write(bench.ending(grants[-1]))


_AT_ONCE: Final = 40
_ONE_BY_ONE: Final = 30


@benched
def a_long_history_is_read_whole(bench: Bench) -> None:
    """Nothing is deleted, however long ago it was: neither endings nor receipts."""
    (exam,) = bench.upload("exam")
    made = bench.share(*(bench.grant(exam, UserId(f"user {n}")) for n in range(_AT_ONCE)))
    changes = bench.ending(*made)
    bench.write(changes)
    ended = [*changes.ended]
    for number in range(_ONE_BY_ONE):
        grant = bench.grant(exam, BEN)
        (given,) = bench.write(bench.sharing(grant, receipt=_receipt(f"share {number}")))
        changes = bench.ending(given, receipt=_receipt(f"ending {number}"))
        bench.write(changes)
        ended += changes.ended
    kept = bench.read(exam)
    same("the ended grants", frozenset(kept.ended), frozenset(ended))
    same("how many ended", len(kept.ended), len(ended))
    same("the version", kept.version, 2 + 2 * _ONE_BY_ONE)
    for act in ("share", "ending"):
        for number in range(_ONE_BY_ONE):
            asked = f"{act} {number}"
            same(
                f"the receipt of {asked}", bench.ports.grants.receipt(ANNA, asked), _receipt(asked)
            )


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


@benched
def a_page_goes_on_behind_an_exam_that_is_gone(bench: Bench) -> None:
    """A page begins behind a place, whether or not an exam still stands there."""
    exams = bench.upload("a", "b", "c", "d", "e")
    made = bench.share(*(bench.grant(exam, BEN) for exam in exams))
    unshared, withdrawn = exams[3], exams[1]
    bench.write(bench.ending(made[3]))
    bench.write(bench.ending(made[1], withdrawn=withdrawn, how=HowEnded.WITHDRAWN))

    def behind(user: UserId, name: str) -> list[str]:
        place, keys = (START, name), frozenset({user.key})
        page = bench.ports.access.visible(user, keys, place, 9, START, own=True)
        return [each.exam.value for each in page]

    same("behind one that was unshared", behind(BEN, unshared.value), ["c", "a"])
    same("behind one that was withdrawn", behind(BEN, withdrawn.value), ["a"])
    same("for its owner", behind(ANNA, withdrawn.value), ["a"])
    same("behind one that never was", behind(BEN, "cc"), ["c", "a"])


def _events(bench: Bench) -> tuple[Event, ...]:
    return () if bench.trial.events is None else tuple(bench.trial.events(bench.ports.store))


@benched
def events_come_in_the_order_of_what_happened(bench: Bench) -> None:
    """Clocks order nothing: events come as they were written, though the clock goes back."""
    (exam,) = bench.upload("exam")
    expected: list[Event] = []
    for number, at in enumerate((START + DAY, START, START - DAY, START)):
        act = bench.sharing(bench.grant(exam, UserId(f"user {number}")))
        act = attrs.evolve(act, event=attrs.evolve(act.event, at=at))
        bench.write(act)
        expected.append(act.event)
    same("the events", _events(bench), tuple(expected))


@benched
def a_change_of_owner_is_told_though_nothing_was_shared(bench: Bench) -> None:
    """A change of owner counts and is told, of an exam that was never shared as of any other."""
    transfer = bench.trial.transfer
    if transfer is None:
        return
    cd = UploadBatch(id=BatchId("cd"), uploader=ANNA, received_at=START)
    exam = Exam(id=ExamId("exam"), owner=ANNA, batch=cd.id, uploaded_at=START, subject="P-1")
    bench.add(cd, exam)
    stale = bench.sharing(bench.grant(exam.id, CARLA))
    transfer(bench.ports.store, exam.id, BEN, START + DAY)
    versions = {exam.id: 1}
    same("the version", bench.versions(versions), versions)
    same("the exam", tuple(bench.ports.exams.find((exam.id,))), (attrs.evolve(exam, owner=BEN),))
    told = ExamTransferred(at=START + DAY, exam=exam.id, before=ANNA, after=BEN, versions=versions)
    same("the events", _events(bench), (told,))
    _conflicts(bench, "a share that had read the former owner", stale)


LASTING_LAWS: Final[tuple[Callable[[StoreTrial], None], ...]] = (
    a_receipt_of_an_act_that_is_no_share_is_kept,
    a_request_id_is_used_once_by_endings_too,
    an_id_that_comes_twice_in_one_act_fails,
    a_replacement_is_found_by_its_id,
    a_long_history_is_read_whole,
    withdrawing_keeps_the_endings_that_were_there,
    a_page_goes_on_behind_an_exam_that_is_gone,
)

LASTING_EVENT_LAWS: Final[tuple[Callable[[StoreTrial], None], ...]] = (
    events_come_in_the_order_of_what_happened,
)
"""For stores whose audit trail can be read."""

TOLD_TRANSFER_LAWS: Final[tuple[Callable[[StoreTrial], None], ...]] = (
    a_change_of_owner_is_told_though_nothing_was_shared,
)
"""For stores in which exams change owners, and whose audit trail can be read."""
