"""The laws of writing: `GrantWriter`.

Specification: `#unsharing`, `#narrowing`.
"""

from time import monotonic
from typing import Final

import attrs

from exam_sharing.grants import Grant
from exam_sharing.identifiers import ExamId
from exam_sharing.policy.facts import ExamGrants
from exam_sharing.ports import Changes
from exam_sharing.testing.edges import DAY, START
from exam_sharing.testing.laws.bench import (
    ANNA,
    BEN,
    CARLA,
    DOWNLOAD,
    VIEW,
    Bench,
    StoreTrial,
    a_receipt,
    keys_of,
    laws_of_port,
    requires_atomic_steps,
)
from exam_sharing.testing.laws.law import insist, same, same_members

__all__ = ["law"]

law: Final = laws_of_port()

_PATIENCE: Final = 10
"""The most seconds that one call of `step_aside` may take."""


@law
def each_act_adds_one_to_the_version_of_each_changed_exam(bench: Bench) -> None:
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
    same("the version of an exam that was only read", bench.versions((beside,)), {beside: 0})


@law
def a_moved_version_is_a_conflict_and_writes_nothing(bench: Bench) -> None:
    """`commit` returns `False` and writes nothing if the version of an exam has moved."""
    one, two = bench.upload("one", "two")
    (given,) = bench.share(bench.grant(two, CARLA))
    notice = bench.notice(exams=(one, two))
    stale = {
        "a share": bench.sharing(
            bench.grant(two, BEN), bench.grant(one, BEN), share="late", notices=(notice,)
        ),
        "an ending": bench.ending(given),
        "a withdrawal": bench.withdrawal(two, given),
        "a share of another exam": bench.sharing(bench.grant(one, BEN), beside=(two,)),
    }
    bench.share(bench.grant(two, BEN, grantor=CARLA))
    for act, changes in stale.items():
        bench.conflicts(act, attrs.evolve(changes, receipt=a_receipt(act)))
    current = bench.sharing(bench.grant(one, BEN))
    ahead = attrs.evolve(current, versions={one: current.versions[one] + 1})
    bench.conflicts("a share that read a future version", ahead)
    insist(bench.commit(current), "an act could not be written after conflicts of others")


@law
def an_exam_that_was_only_read_can_conflict(bench: Bench) -> None:
    """`commit` compares the version of every exam that was read, also of unchanged ones."""
    one, two = bench.upload("one", "two")
    first = bench.sharing(bench.grant(one, BEN), beside=(two,))
    second = bench.sharing(bench.grant(two, BEN), beside=(one,))
    insist(bench.commit(first) is True, "the first of two acts was not written")
    bench.conflicts("the second act, which read what the first one changed", second)


@law
def an_unshared_or_unknown_exam_has_version_0(bench: Bench) -> None:
    """An exam that was never shared, or never uploaded, has version 0, also for `commit`."""
    one, alone = bench.upload("one", "alone")
    unknown = ExamId("unknown")
    read = bench.versions((alone, unknown))
    same("the versions", read, {alone: 0, unknown: 0})
    act = bench.sharing(bench.grant(one, BEN), beside=(alone, unknown))
    ahead = attrs.evolve(act, versions={**act.versions, unknown: 1})
    bench.conflicts("a share that read version 1 of an unknown exam", ahead)
    bench.write(act)
    same("the versions afterwards", bench.versions((one, alone, unknown)), {one: 1, **read})


@law
def a_request_id_is_used_once(bench: Bench) -> None:
    """`commit` returns `False` and writes nothing if the actor has used the request id before."""
    one, two = bench.upload("one", "two")
    bench.write(bench.sharing(bench.grant(one, BEN), receipt=a_receipt()))
    again = bench.sharing(bench.grant(two, BEN), notices=(bench.notice(exams=(two,)),))
    for receipt in (a_receipt(), a_receipt(fingerprint="another digest")):
        bench.conflicts("the same id again", attrs.evolve(again, receipt=receipt))
    others = attrs.evolve(again, receipt=a_receipt(actor=BEN))
    insist(bench.commit(others) is True, "the same request id of another actor was a conflict")


@law
def an_ending_cannot_reuse_a_request_id(bench: Bench) -> None:
    """`commit` overwrites no receipt: an ending with a used request id returns `False`, too."""
    exams = bench.upload("one", "two")
    first, second = bench.share(*(bench.grant(exam, BEN) for exam in exams))
    bench.write(bench.sharing(bench.grant(exams[0], CARLA), receipt=a_receipt()))
    bench.write(bench.ending(first, receipt=a_receipt("ending")))
    for used in ("request", "ending"):
        again = a_receipt(used, fingerprint="another digest")
        share = bench.sharing(bench.grant(exams[1], CARLA), receipt=again)
        bench.conflicts(f"an ending under {used!r}", bench.ending(second, receipt=again))
        gone = bench.withdrawal(exams[1], second, receipt=again)
        bench.conflicts(f"a withdrawal under {used!r}", gone)
        bench.conflicts(f"a share under {used!r}", share)
        kept = bench.ports.grants.receipt(ANNA, used)
        same(f"the receipt under {used!r}", kept, a_receipt(used))


@law
def an_id_that_is_taken_fails_and_writes_nothing(bench: Bench) -> None:
    """`commit` raises `StoreFailed` and writes nothing if a new id is taken.

    This holds for the id of a grant, standing or ended, of a share, and of a notice that is kept.
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
            receipt=a_receipt(),
        )
        bench.fails("a grant with a taken id", changes)
    share = bench.sharing(bench.grant(two, BEN), share=there.share.value)
    bench.fails("a share with a taken id", share)
    notice = bench.notice(to=BEN, exams=(two,), named="notice")
    bench.write(bench.sharing(bench.grant(two, BEN), notices=(notice,)))
    notices = bench.notice(to=CARLA, exams=(two,)), attrs.evolve(notice, to=CARLA)
    changes = bench.sharing(bench.grant(two, CARLA), notices=notices, receipt=a_receipt())
    bench.fails("a notice with a taken id", changes)
    insist(bench.commit(bench.sharing(bench.grant(two, BEN))) is True, "nothing else was written")


@law
def an_id_that_is_repeated_in_one_act_fails(bench: Bench) -> None:
    """`commit` raises `StoreFailed` and writes nothing if two new grants have one id."""
    one, two = bench.upload("one", "two")
    for name, exam in (("on two exams", two), ("on one exam", one)):
        twins = bench.grant(one, BEN, named=name), bench.grant(exam, CARLA, named=name)
        changes = bench.sharing(*twins, notices=(bench.notice(exams=(one,)),))
        bench.fails(f"an act with one id {name}", changes)


@law
def the_next_question_sees_a_commit(bench: Bench) -> None:
    """Sharing and unsharing take effect at once, in every check and list."""
    exams = bench.upload("one", "two")
    keys = keys_of(BEN)
    for _ in range(3):
        made = bench.share(*(bench.grant(exam, BEN) for exam in exams))
        held = bench.ports.access.holding(BEN, keys, VIEW, exams, START)
        same("held after sharing", held, frozenset(exams))
        same("the number of exams listed after sharing", len(bench.pages(BEN, keys, 9)), 2)
        bench.write(bench.ending(*made))
        same("a check after unsharing", bench.holds(BEN, VIEW, exams[0]), False)
        held = bench.ports.access.holding(BEN, keys, VIEW, exams, START)
        same("held after unsharing", held, frozenset())
        same("listed after unsharing", bench.pages(BEN, keys, 9), [])


@law
def one_act_can_end_and_replace_a_grant(bench: Bench) -> None:
    """Narrowing ends a grant and replaces it by a narrower one in the same act."""
    (exam,) = bench.upload("exam")
    old, kept = bench.share(bench.grant(exam, BEN, DOWNLOAD), bench.grant(exam, CARLA, DOWNLOAD))
    cut = bench.grant(exam, BEN, until=START + DAY)
    (new,) = bench.write(bench.narrowing(old, cut))
    same("the grants", frozenset(bench.read(exam).grants), frozenset({new, kept}))
    same("the version", bench.read(exam).version, 2)
    same("download, after narrowing to view", bench.holds(BEN, DOWNLOAD, exam), False)
    same("view, after narrowing to view", bench.holds(BEN, VIEW, exam), True)
    same("view, after the end of the grant", bench.holds(BEN, VIEW, exam, START + DAY), False)


@law
def a_withdrawn_exam_is_gone_for_everybody(bench: Bench) -> None:
    """A withdrawn exam is gone for its owner and everybody else, at any time."""
    gone, other = bench.upload("gone", "other")
    made = bench.share(
        bench.grant(gone, BEN, until=START + DAY),
        bench.grant(gone, CARLA, DOWNLOAD),
        bench.grant(other, BEN),
    )
    bench.write(bench.withdrawal(gone, *(grant for grant in made if grant.exam == gone)))
    kept = bench.read(gone)
    same("withdrawn, version, grants", (kept.withdrawn, kept.version, kept.grants), (True, 2, ()))
    same("the number of ended grants", len(kept.ended), 2)
    same("whether the other exam is withdrawn", bench.read(other).withdrawn, False)
    for now in (START - DAY, START, START + 2 * DAY):
        for user in (ANNA, BEN, CARLA):
            held = bench.ports.access.holding(user, keys_of(user), VIEW, (gone,), now)
            same(f"held by {user!r}", held, frozenset())
            same(f"a check of {user!r}", bench.holds(user, VIEW, gone, now), False)
            listed = set(bench.listed(user, keys_of(user), 1, now=now))
            same(f"listed for {user!r}", listed, {other} if user != CARLA else set())
    (unshared,) = bench.upload("never shared")
    bench.write(bench.withdrawal(unshared))
    same("whether an unshared exam is withdrawn", bench.read(unshared).withdrawn, True)
    same("whether its owner holds it", bench.holds(ANNA, VIEW, unshared), False)


@law
def a_withdrawal_keeps_earlier_endings(bench: Bench) -> None:
    """A withdrawal ends the standing grants, and keeps the endings before it."""
    (exam,) = bench.upload("exam")
    before, last = bench.share(bench.grant(exam, BEN), bench.grant(exam, CARLA))
    unsharing = bench.ending(before)
    bench.write(unsharing)
    withdrawal = bench.withdrawal(exam, last)
    bench.write(withdrawal)
    ended = (*unsharing.ended, *withdrawal.ended)
    same_members("ended grants", bench.read(exam).ended, ended)


@law
def a_share_that_changes_nothing_keeps_its_receipt(bench: Bench) -> None:
    """An act may change no exam: then no version moves, and its receipt is kept."""
    (exam,) = bench.upload("exam")
    made = bench.share(bench.grant(exam, BEN))
    share = bench.sharing(bench.grant(exam, BEN), receipt=a_receipt())
    bench.write(attrs.evolve(share, made=()))
    same("the sharing", bench.read(exam), ExamGrants(version=1, grants=made))
    same("the receipt", bench.ports.grants.receipt(ANNA, "request"), a_receipt())


@law
def stepping_aside_is_short(bench: Bench) -> None:
    """`step_aside` delays an act for a moment before it is decided again."""
    for lost in (1, 2, 10, 50):
        started = monotonic()
        bench.ports.writer.step_aside(lost)
        took = monotonic() - started
        insist(took < _PATIENCE, f"after {lost} lost races it took {took:.0f} seconds")


@law.of_trial("fail_at")
def a_commit_that_fails_at_any_step_writes_nothing(trial: StoreTrial) -> None:
    """`commit` writes all of the changes or none, whichever step fails."""
    requires_atomic_steps(trial, _commit_fails_at)


def _commit_fails_at(bench: Bench, step: int) -> bool:
    one, two = bench.upload("one", "two")
    old, kept = bench.share(bench.grant(one, BEN, DOWNLOAD), bench.grant(one, CARLA))
    changes = _changes_of_every_kind(bench, old, two)
    before = bench.everything_with(changes)
    try:
        with bench.failing_at(step):
            answer = bench.commit(changes)
    except Exception:  # noqa: BLE001  after any error nothing may be written
        same(f"the store after a failure at step {step}", bench.everything(), before)
        again = bench.commit(changes)
        insist(again is True, f"after a failure at step {step} nothing can be written")
        failed = True
    else:
        insist(answer is True, f"a commit with a failure at step {step} returned {answer!r}")
        failed = False
    expected = frozenset({kept, *(grant for grant in changes.made if grant.exam == one)})
    same("the grants, once written", frozenset(bench.read(one).grants), expected)
    same("the grants on the other exam, once written", len(bench.read(two).grants), 2)
    same("the versions, once written", bench.versions((one, two)), {one: 2, two: 1})
    same("the notices, once written", len(bench.ports.outbox.listed(None, 9, given_up=None)), 2)
    same("the receipt, once written", bench.ports.grants.receipt(ANNA, "request"), a_receipt())
    return failed


def _changes_of_every_kind(bench: Bench, old: Grant, exam: ExamId) -> Changes:
    """Return changes that end a grant, replace it, and share another exam, with notices."""
    ending = bench.ending(old, replacements={old: bench.grant(old.exam, old.recipient, VIEW)})
    grants = bench.grant(exam, BEN), bench.grant(exam, CARLA)
    notices = tuple(bench.notice(to=each, exams=(exam,)) for each in (BEN, CARLA))
    share = bench.sharing(*grants, notices=notices, receipt=a_receipt())
    return attrs.evolve(
        share,
        versions={**ending.versions, **share.versions},
        made=(*ending.made, *share.made),
        ended=ending.ended,
    )


@law.needing("transfer")
def a_change_of_owner_adds_one_to_the_version(bench: Bench) -> None:
    """A change of owner adds one to the version, and leaves every grant as it is."""
    (exam,) = bench.upload("exam")
    made = bench.share(bench.grant(exam, CARLA))
    stale = bench.sharing(bench.grant(exam, BEN))
    bench.transfer(exam, BEN, START)
    same("the version", bench.versions((exam,)), {exam: 2})
    same("the owner", [each.owner for each in bench.ports.exams.find((exam,))], [BEN])
    same("the grants", frozenset(bench.read(exam).grants), frozenset(made))
    for user, holds in ((ANNA, False), (BEN, True), (CARLA, True)):
        same(f"a check of {user!r}", bench.holds(user, VIEW, exam), holds)
        listed = bench.listed(user, keys_of(user))
        same(f"listed for {user!r}", listed, [exam] if holds else [])
    bench.conflicts("an act that read the former owner", stale)
