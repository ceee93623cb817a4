"""The laws of concurrent acts: the result must be as if one act followed the other.

They use real threads, which start together and switch as often as Python can. A failure is always
a bug of the store. A bug may need several runs to show.

Specification: `#serial-order`.
"""

import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from time import monotonic, sleep
from typing import Final, TypeVar

import attrs

import exam_sharing as es
from exam_sharing.ports import Changes, GrantWriter
from exam_sharing.testing.edges import DAY, START
from exam_sharing.testing.laws.bench import Bench, a_receipt, keys_of, laws_of_port
from exam_sharing.testing.laws.law import insist, same
from exam_sharing.testing.worlds import BEN, VIEW

law: Final = laws_of_port()

ResultT = TypeVar("ResultT")

_THREADS: Final = 6
_ROUNDS: Final = 8
_PATIENCE: Final = 50
"""Seconds until concurrent acts must be done: fewer than `check-store` gives a law."""

_MOMENT: Final = 0.002
"""Seconds in which another thread can write, if nothing keeps it from that."""

_SWITCH_OFTEN: Final = 1e-6


def at_once(acts: Sequence[Callable[[], ResultT]]) -> list[ResultT]:
    """Run all acts at once, each in its own thread, and return their answers."""
    start = threading.Barrier(len(acts))
    results: dict[int, ResultT] = {}
    errors: list[Exception] = []

    def run(place: int, act: Callable[[], ResultT]) -> None:
        try:
            start.wait(_PATIENCE)
            results[place] = act()
        except Exception as error:  # noqa: BLE001  the calling thread raises it
            errors.append(error)

    # A thread that never ends must not keep the process alive.
    threads = [threading.Thread(target=run, args=each, daemon=True) for each in enumerate(acts)]
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_OFTEN)
    try:
        for thread in threads:
            thread.start()
        deadline = monotonic() + _PATIENCE
        for thread in threads:
            thread.join(max(0.0, deadline - monotonic()))
    finally:
        sys.setswitchinterval(usual)
    if errors:
        raise errors[0]
    waiting = f"concurrent acts were not done after {_PATIENCE} seconds; they wait for each other"
    insist(len(results) == len(acts), waiting)
    return [results[place] for place in range(len(acts))]


def _until_written(bench: Bench, decide: Callable[[], Changes | None]) -> bool:
    """Decide and write until there is no conflict; return `False` if there is nothing to change."""
    deadline, lost = monotonic() + _PATIENCE, 0
    while (changes := decide()) is not None:
        if _commits(bench.ports.writer, changes):
            return True
        lost += 1
        bench.ports.writer.step_aside(lost)
        insist(monotonic() < deadline, f"an act had {lost} conflicts and was never written")
    return False


def _commits(writer: GrantWriter, changes: Changes) -> bool:
    answer = writer.commit(changes)
    insist(isinstance(answer, bool), f"commit returned {answer!r}, neither True nor False")
    return answer


@law.needing("threads")
def concurrent_acts_are_all_written(bench: Bench) -> None:
    """Concurrent acts on one exam come one after the other: no version is skipped, no act is lost.

    An act that is decided inside `locked`, if the store has such a lock, never has a conflict.
    """
    (exam,) = bench.upload("exam")

    def share_often(thread: int) -> None:
        by = es.UserId(f"grantor {thread}")
        for number in range(_ROUNDS):
            grant = bench.grant(exam, es.UserId(f"u{number}"), grantor=by)
            if thread or not _written_in_turn(bench, grant):
                _until_written(bench, partial(bench.sharing, grant))

    at_once([partial(share_often, thread) for thread in range(_THREADS)])
    kept, total = bench.read(exam), _THREADS * _ROUNDS
    same("the version", kept.version, total)
    versions = sorted(grant.version for grant in kept.grants)
    same("the versions of the grants", versions, list(range(1, total + 1)))


def _written_in_turn(bench: Bench, grant: es.Grant) -> bool:
    """Decide and write inside the lock; return `False` if the store has none."""
    with bench.ports.writer.locked((grant.exam,)) as writer:
        if writer is None:
            return False
        changes = bench.sharing(grant)
        sleep(_MOMENT)  # Without a lock, others would write now.
        insist(_commits(writer, changes), "an act inside `locked` had a conflict")
    return True


@law.needing("threads")
def a_lock_is_released_without_a_commit(bench: Bench) -> None:
    """The end of `locked` releases the lock, also after an error or without a commit."""
    (exam,) = bench.upload("exam")
    for error in (None, LookupError()):
        with suppress(LookupError), bench.ports.writer.locked((exam,)):
            if error is not None:
                raise error
        acts = [bench.sharing(bench.grant(exam, BEN)) for _ in range(2)]
        written = at_once([partial(_commits, bench.ports.writer, act) for act in acts])
        same("the acts of others that were written afterwards", written.count(True), 1)


def _require_one_written(
    bench: Bench, exams: Iterable[es.ExamId], acts: Iterable[Changes], *, others_fail: bool = False
) -> None:
    """Write acts at once; break the law unless one is written, and changes one exam."""

    def attempt(act: Changes) -> bool:
        try:
            return bench.ports.writer.commit(act)
        except es.StoreFailed:
            if others_fail:
                return False
            raise

    written = at_once([partial(attempt, act) for act in acts])
    same("the number of acts that were written", written.count(True), 1)
    same("the sum of the versions", sum(bench.versions(exams).values()), 1)


@law.needing("threads")
def one_concurrent_first_act_is_written(bench: Bench) -> None:
    """Of concurrent acts that read version 0 of an unshared exam, one is written."""
    for number in range(_ROUNDS):
        (exam,) = bench.upload(f"exam {number}")
        acts = [bench.sharing(bench.grant(exam, es.UserId(f"u{n}"))) for n in range(_THREADS)]
        _require_one_written(bench, (exam,), acts)
        same("the number of grants", len(bench.read(exam).grants), 1)


@law.needing("threads")
def write_skew_is_a_conflict(bench: Bench) -> None:
    """Two acts that each change what the other one read cannot both be written."""
    for number in range(_ROUNDS * 2):
        exams = bench.upload(f"left {number}", f"right {number}")
        acts = [bench.sharing(bench.grant(exam, BEN), beside=exams) for exam in exams]
        _require_one_written(bench, exams, acts)


@law.needing("threads")
def acts_in_opposite_orders_do_not_deadlock(bench: Bench) -> None:
    """Concurrent acts that name the same exams in opposite orders are all written."""
    exams = bench.upload(*(f"e{number}" for number in range(6)))

    def share_in_order(order: tuple[es.ExamId, ...], by: es.UserId) -> Changes:
        changes = bench.sharing(*(bench.grant(exam, BEN, grantor=by) for exam in order))
        return attrs.evolve(changes, versions={exam: changes.versions[exam] for exam in order})

    def share_often(thread: int) -> None:
        order = exams if thread % 2 else exams[::-1]
        for number in range(_ROUNDS // 2):
            grantor = es.UserId(f"grantor {thread}.{number}")
            _until_written(bench, partial(share_in_order, order, grantor))

    at_once([partial(share_often, thread) for thread in range(_THREADS)])
    expected = dict.fromkeys(exams, _THREADS * (_ROUNDS // 2))
    same("the versions", bench.versions(exams), expected)


@law.needing("threads")
def one_concurrent_act_uses_a_request_id(bench: Bench) -> None:
    """Of concurrent acts with one request id, one is written, whatever they change."""
    for number in range(_ROUNDS):
        exams = bench.upload(*(f"e{number}.{place}" for place in range(_THREADS)))
        receipt = a_receipt(f"request {number}")
        acts = [bench.sharing(bench.grant(exam, BEN), receipt=receipt) for exam in exams]
        _require_one_written(bench, exams, acts)


@law.needing("threads")
def one_concurrent_act_uses_an_id(bench: Bench) -> None:
    """Of concurrent acts with one id of a share or notice, one is written; others raise."""
    for number in range(_ROUNDS):
        exams = bench.upload(*(f"e{number}.{place}" for place in range(_THREADS)))
        share, notice = (f"{number}" if number % 2 == kind else None for kind in range(2))
        acts = [
            bench.sharing(
                bench.grant(exam, BEN),
                share=share,
                notices=(bench.notice(exams=(exam,), named=notice),),
            )
            for exam in exams
        ]
        _require_one_written(bench, exams, acts, others_fail=True)


@law.needing("threads")
def notices_of_concurrent_acts_have_different_numbers(bench: Bench) -> None:
    """Each notice has a number of its own, also if notices come at once."""
    exams = bench.upload(*(f"e{place}" for place in range(_THREADS)))

    def share_often(exam: es.ExamId) -> None:
        for number in range(_ROUNDS):
            grant, notice = bench.grant(exam, es.UserId(f"u{number}")), bench.notice(exams=(exam,))
            _until_written(bench, partial(bench.sharing, grant, notices=(notice,)))

    at_once([partial(share_often, exam) for exam in exams])
    total = _THREADS * _ROUNDS
    listed = bench.ports.outbox.listed(None, 2 * total, given_up=None)
    same("the number of notices", len(listed), total)
    same("how many numbers they have", len({each.number for each in listed}), total)


@law.needing("threads")
def one_concurrent_act_ends_a_grant(bench: Bench) -> None:
    """Of concurrent acts that end one grant, one is written, and the others decide again."""
    (exam,) = bench.upload("exam")

    def ended_if_standing(grant: es.Grant) -> Changes | None:
        # The version is read first, so that any later change makes a conflict.
        changes = bench.ending(grant)
        return changes if grant in bench.read(exam, ended=False).grants else None

    for number in range(1, _ROUNDS + 1):
        (grant,) = bench.share(bench.grant(exam, BEN))
        decide = partial(ended_if_standing, grant)
        written = at_once([partial(_until_written, bench, decide)] * _THREADS)
        same("how many ended it", written.count(True), 1)
        kept = bench.read(exam)
        ended = (len(kept.ended), kept.grants, kept.version)
        same("ended, standing, version", ended, (number, (), 2 * number))


@law.needing("threads")
def many_exams_are_read_at_one_moment(bench: Bench) -> None:
    """Each question about many exams is answered for one moment."""
    exams, keys = bench.upload("one", "two", "three"), keys_of(BEN)
    what = "versions, grants and ended grants of exams that change together"
    done = threading.Event()

    def change() -> None:
        try:
            # A store in memory changes so fast that few reads fall between two changes.
            for _ in range(5 * _ROUNDS):
                made = bench.share(*(bench.grant(exam, BEN) for exam in exams))
                bench.write(bench.ending(*made))
        finally:
            done.set()

    def look() -> None:
        while not done.is_set():
            kept = bench.ports.grants.read(exams, ended=True)
            seen = {(each.version, len(each.grants), len(each.ended)) for each in kept.values()}
            insist(len(seen) == 1, f"{what}: {sorted(seen)}")
            ((version, standing, ended),) = seen
            same("one exam at one moment", (version % 2, version // 2), (standing, ended))
            held = bench.ports.access.holding(BEN, keys, VIEW, exams, START)
            insist(len(held) in {0, 3}, f"held at one moment: {sorted(held)} of {len(exams)}")
            listed = bench.ports.access.visible(BEN, keys, None, 9, START, own=True)
            insist(len(listed) in {0, 3}, f"listed at one moment: {len(listed)} of {len(exams)}")
            granted = bench.ports.grants.exams_granted_to(BEN)
            insist(len(granted) in {0, 3}, f"granted at one moment: {len(granted)} of {len(exams)}")
            removed = set(bench.ports.grants.removed(exams, (BEN,)).values())
            same("answers of `removed` at one moment", len(removed), 1)

    at_once([change, look, look, look])


@law.needing("threads")
def one_concurrent_claim_takes_a_notice(bench: Bench) -> None:
    """A claim keeps a notice from all others, also from concurrent claims."""
    (exam,) = bench.upload("exam")

    def claim() -> list[str]:
        mine: list[str] = []
        while claims := bench.ports.outbox.claim(START, START + DAY, 3, None):
            mine += [each.notice.id.value for each in claims]
            insist(len(mine) == len(set(mine)), f"one relay claimed a notice twice: {mine}")
        return mine

    for number in range(_ROUNDS):
        notices = tuple(bench.notice(to=es.UserId(f"u{n}"), exams=(exam,)) for n in range(20))
        bench.write(bench.sharing(bench.grant(exam, es.GroupId(f"{number}")), notices=notices))
        claimed = [each for mine in at_once([claim] * _THREADS) for each in mine]
        expected = sorted(notice.id.value for notice in notices)
        same("what was claimed, by all together", sorted(claimed), expected)


@law.needing("threads")
def one_concurrent_upload_of_an_exam_is_recorded(bench: Bench) -> None:
    """Of concurrent uploads of one exam, one is recorded, and the others raise."""

    def attempt(*exams: str) -> bool:
        try:
            bench.upload(*exams)
        except Exception:  # noqa: BLE001  any error is fine if nothing is recorded
            return False
        return True

    for number in range(_ROUNDS):
        others = [f"{number}.{place}" for place in range(_THREADS)]
        recorded = at_once([partial(attempt, f"exam {number}", other) for other in others])
        same("how many were recorded", recorded.count(True), 1)
        found = bench.ports.exams.find(tuple(map(es.ExamId, others)))
        same("the exams beside it", len(found), 1)
