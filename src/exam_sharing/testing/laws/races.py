"""What a store promises of two things at once: as if one came after the other: SPEC 9.5.

Real threads, started together and switched between as often as Python does it. A race that is lost
here may be won the next time: what these laws find is broken, what they do not find may be.
"""

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from time import monotonic, sleep
from typing import Final, TypeVar

import attrs

from exam_sharing.errors import StoreFailed
from exam_sharing.grants import Grant
from exam_sharing.identifiers import ExamId, GroupId, UserId
from exam_sharing.policy.plans import UnshareReceipt
from exam_sharing.ports import Changes, StoredReceipt
from exam_sharing.testing.laws.bench import ANNA, BEN, VIEW, Bench, StoreTrial, benched
from exam_sharing.testing.laws.law import insist, same
from exam_sharing.testing.moments import DAY, START

__all__ = ["RACE_LAWS"]

ResultT = TypeVar("ResultT")

_THREADS: Final = 6
_ROUNDS: Final = 8
_PATIENCE: Final = 50
"""Seconds until what threads do together must be done: less than `check-store` gives a law."""

_MOMENT: Final = 0.002
"""Seconds in which a thread that can write has written."""

_SWITCH_OFTEN: Final = 1e-6


@contextmanager
def _switching_often() -> Iterator[None]:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_OFTEN)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


def _together(acts: Sequence[Callable[[], ResultT]]) -> list[ResultT]:
    """Do all of it at once, each in a thread of its own, and return what each returned."""
    start = threading.Barrier(len(acts))
    results: dict[int, ResultT] = {}
    errors: list[Exception] = []

    def run(place: int, act: Callable[[], ResultT]) -> None:
        try:
            start.wait(_PATIENCE)
            results[place] = act()
        except Exception as error:  # noqa: BLE001  it is raised again where it is seen
            errors.append(error)

    # What never ends must not keep the process from ending.
    threads = [threading.Thread(target=run, args=each, daemon=True) for each in enumerate(acts)]
    with _switching_often():
        for thread in threads:
            thread.start()
        deadline = monotonic() + _PATIENCE
        for thread in threads:
            thread.join(max(0.0, deadline - monotonic()))
    if errors:
        raise errors[0]
    insist(
        len(results) == len(acts),
        f"acts that ran at once were not done after {_PATIENCE} seconds; they wait for each other",
    )
    return [results[place] for place in range(len(acts))]


def _until_written(bench: Bench, decide: Callable[[], Changes | None]) -> bool:
    """Decide and write as an act does: again from fresh facts, for as long as the race is lost.

    Returns:
        Whether anything was written; False where there was no longer anything to decide.
    """
    deadline, lost = monotonic() + _PATIENCE, 0
    while (changes := decide()) is not None:
        answer = bench.ports.writer.commit(changes)
        insist(isinstance(answer, bool), f"commit returned {answer!r}, neither True nor False")
        if answer:
            return True
        lost += 1
        bench.ports.writer.step_aside(lost)
        insist(monotonic() < deadline, f"an act lost {lost} races, and never had its turn")
    return False


@benched
def no_act_is_lost_among_others(bench: Bench) -> None:
    """Acts on one exam come one after the other: versions without gaps, and nothing lost.

    One that is decided inside of `locked`, where the store has such a lock, is written at once.
    """
    (exam,) = bench.upload("exam")

    def share_often(thread: int) -> None:
        grantor = UserId(f"grantor {thread}")
        for number in range(_ROUNDS):
            grant = bench.grant(
                exam, UserId(f"u{number}"), grantor=grantor, named=f"{thread}.{number}"
            )
            if thread or not _written_in_turn(bench, grant):
                _until_written(bench, partial(bench.sharing, grant))

    _together([partial(share_often, thread) for thread in range(_THREADS)])
    kept, total = bench.read(exam), _THREADS * _ROUNDS
    same("the version", kept.version, total)
    versions = sorted(grant.version for grant in kept.grants)
    same("the versions of the grants", versions, list(range(1, total + 1)))


def _written_in_turn(bench: Bench, grant: Grant) -> bool:
    """Decide and write inside of the lock; False where the store has none."""
    with bench.ports.writer.locked((grant.exam,)) as writer:
        if writer is None:
            return False
        changes = bench.sharing(grant)
        sleep(_MOMENT)  # Others would be faster now, if they could.
        insist(writer.commit(changes) is True, "an act inside of `locked` lost a race")
    return True


@benched
def the_first_act_on_an_exam_is_one(bench: Bench) -> None:
    """Of acts that all read version 0, one is written: an exam never shared is at version 0."""
    for number in range(_ROUNDS):
        (exam,) = bench.upload(f"exam {number}")
        acts = [bench.sharing(bench.grant(exam, UserId(f"u{place}"))) for place in range(_THREADS)]
        written = _together([partial(bench.ports.writer.commit, act) for act in acts])
        same("how many were written", written.count(True), 1)
        kept = bench.read(exam)
        same("the version and the number of grants", (kept.version, len(kept.grants)), (1, 1))


@benched
def an_act_sees_what_it_did_not_change(bench: Bench) -> None:
    """Two acts that each change what the other has read cannot both be written (write skew)."""
    for number in range(_ROUNDS * 2):
        exams = bench.upload(f"left {number}", f"right {number}")
        acts = [bench.sharing(bench.grant(exam, BEN), beside=exams) for exam in exams]
        written = _together([partial(bench.ports.writer.commit, act) for act in acts])
        same("how many of the two were written", written.count(True), 1)
        same("the versions together", sum(bench.versions(exams).values()), 1)


@benched
def acts_on_the_same_exams_in_any_order_do_not_block_each_other(bench: Bench) -> None:
    """Acts that name the same exams in opposite orders all have their turn: no deadlock."""
    exams = bench.upload(*(f"e{number}" for number in range(6)))

    def share_often(thread: int) -> None:
        order = exams if thread % 2 else exams[::-1]
        for number in range(_ROUNDS // 2):
            _until_written(bench, partial(_shuffled, bench, order, f"{thread}.{number}"))

    _together([partial(share_often, thread) for thread in range(_THREADS)])
    expected = dict.fromkeys(exams, _THREADS * (_ROUNDS // 2))
    same("the versions", bench.versions(exams), expected)


def _shuffled(bench: Bench, order: tuple[ExamId, ...], name: str) -> Changes:
    grantor = UserId(f"grantor {name}")
    changes = bench.sharing(*(bench.grant(exam, BEN, grantor=grantor) for exam in order))
    return attrs.evolve(changes, versions={exam: changes.versions[exam] for exam in order})


@benched
def a_request_id_is_used_once_by_all_at_once(bench: Bench) -> None:
    """Of acts under one request id that run at once, one is written, whatever they change."""
    for number in range(_ROUNDS):
        exams = bench.upload(*(f"e{number}.{place}" for place in range(_THREADS)))
        receipt = StoredReceipt(
            actor=ANNA,
            request_id=f"request {number}",
            fingerprint="digest",
            receipt=UnshareReceipt(at=START),
        )
        acts = [bench.sharing(bench.grant(exam, BEN), receipt=receipt) for exam in exams]
        written = _together([partial(bench.ports.writer.commit, act) for act in acts])
        same("how many were written", written.count(True), 1)
        same("the versions together", sum(bench.versions(exams).values()), 1)


@benched
def an_id_is_taken_once_by_all_at_once(bench: Bench) -> None:
    """Of acts that make a grant of one id at once, one is written, and the others raise."""

    def attempt(act: Changes) -> bool:
        try:
            return bench.ports.writer.commit(act)
        except StoreFailed:
            return False

    for number in range(_ROUNDS):
        exams = bench.upload(*(f"e{number}.{place}" for place in range(_THREADS)))
        acts = [bench.sharing(bench.grant(exam, BEN, named=f"g{number}")) for exam in exams]
        written = _together([partial(attempt, act) for act in acts])
        same("how many were written", written.count(True), 1)
        same("the versions together", sum(bench.versions(exams).values()), 1)


@benched
def a_grant_is_ended_once_by_all_at_once(bench: Bench) -> None:
    """Of acts that end one grant at once, one is written; the others decide again."""
    (exam,) = bench.upload("exam")
    for number in range(_ROUNDS):
        (grant,) = bench.share(bench.grant(exam, BEN))
        decide = partial(_ended_if_standing, bench, grant)
        written = _together([partial(_until_written, bench, decide)] * _THREADS)
        same("how many ended it", written.count(True), 1)
        kept = bench.read(exam)
        ended = (len(kept.ended), kept.grants, kept.version)
        same("ended, standing, version", ended, (number + 1, (), 2 * (number + 1)))


def _ended_if_standing(bench: Bench, grant: Grant) -> Changes | None:
    # The version is read first: what changes after that makes a conflict.
    changes = bench.ending(grant)
    standing = bench.standing(grant.exam).grants
    return changes if grant in standing else None


@benched
def many_exams_are_read_at_one_moment(bench: Bench) -> None:
    """`read`, `holding` and `visible` each answer for one moment, over all the exams asked for."""
    exams = bench.upload("one", "two", "three")
    keys = frozenset({BEN.key})
    done = threading.Event()

    def change() -> int:
        try:
            # A store in memory changes in no time, and is seldom looked at meanwhile.
            for _ in range(5 * _ROUNDS):
                made = bench.share(*(bench.grant(exam, BEN) for exam in exams))
                bench.write(bench.ending(*made))
        finally:
            done.set()
        return 0

    def look() -> int:
        looks = 0
        while not done.is_set():
            kept = bench.ports.grants.read(exams, ended=True)
            seen = {(each.version, len(each.grants), len(each.ended)) for each in kept.values()}
            told = "versions, grants and ended ones of exams that change together"
            insist(len(seen) == 1, f"{told}: {sorted(seen)}")
            ((version, standing, ended),) = seen
            same("one exam at one moment", (version % 2, version // 2), (standing, ended))
            held = bench.ports.access.holding(BEN, keys, VIEW, exams, START)
            insist(len(held) in {0, 3}, f"held at one moment: {sorted(held)} of {len(exams)}")
            listed = bench.ports.access.visible(BEN, keys, None, 9, START, own=True)
            insist(len(listed) in {0, 3}, f"listed at one moment: {len(listed)} of {len(exams)}")
            looks += 1
        return looks

    _together([change, look, look, look])


@benched
def a_notice_is_claimed_by_one(bench: Bench) -> None:
    """A claim keeps a notice from everybody else, also from those who claim at once."""
    (exam,) = bench.upload("exam")
    for number in range(_ROUNDS):
        group = GroupId(f"group {number}")
        notices = tuple(bench.notice(to=UserId(f"u{n}"), exams=(exam,)) for n in range(20))
        bench.write(bench.sharing(bench.grant(exam, group), notices=notices))

        def claim() -> list[str]:
            mine: list[str] = []
            while claims := bench.ports.outbox.claim(START, START + DAY, 3, None):
                mine += [each.notice.id.value for each in claims]
                insist(len(mine) == len(set(mine)), f"one claimed a notice twice: {mine}")
            return mine

        claimed = [each for mine in _together([claim] * _THREADS) for each in mine]
        expected = sorted(notice.id.value for notice in notices)
        same("what was claimed, by all together", sorted(claimed), expected)


@benched
def an_upload_happens_once(bench: Bench) -> None:
    """Of uploads of one exam at once, one is recorded, and the others raise."""
    for number in range(_ROUNDS):

        def attempt(place: int, number: int = number) -> bool:
            try:
                bench.upload(f"exam {number}", f"own {number}.{place}", batch=f"b{number}.{place}")
            except Exception:  # noqa: BLE001  it must not be recorded, whatever is raised
                return False
            return True

        recorded = _together([partial(attempt, place) for place in range(_THREADS)])
        same("how many were recorded", recorded.count(True), 1)
        others = tuple(ExamId(f"own {number}.{place}") for place in range(_THREADS))
        same("the exams beside it", len(bench.ports.exams.find(others)), 1)


RACE_LAWS: Final[tuple[Callable[[StoreTrial], None], ...]] = (
    no_act_is_lost_among_others,
    the_first_act_on_an_exam_is_one,
    an_act_sees_what_it_did_not_change,
    acts_on_the_same_exams_in_any_order_do_not_block_each_other,
    a_request_id_is_used_once_by_all_at_once,
    an_id_is_taken_once_by_all_at_once,
    a_grant_is_ended_once_by_all_at_once,
    many_exams_are_read_at_one_moment,
    a_notice_is_claimed_by_one,
    an_upload_happens_once,
)
