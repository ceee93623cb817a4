"""The laws of a store that fails at a step: nothing is half written, and the errors are ours.

Specification: `#silence-denies`, `#nothing-is-forgotten`.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

import attrs

import exam_sharing as es
from exam_sharing.policy.retries import Done
from exam_sharing.testing.edges import DAY, START
from exam_sharing.testing.laws.bench import Bench, StoreTrial, a_receipt, keys_of, laws_of_port
from exam_sharing.testing.laws.law import insist, needed, same, same_members
from exam_sharing.testing.worlds import ANNA, BEN, CARLA, DOWNLOAD, VIEW

law: Final = laws_of_port()

_MOST_STEPS: Final = 500
"""More steps than any act of a law has."""

Steps: TypeAlias = tuple[Callable[[], object], Callable[[object], None]]
"""An act that can fail at each of its steps, and what is required of its answer once it is done."""


def require_atomic_steps(trial: StoreTrial, prepare: Callable[[Bench], Steps]) -> None:
    """Let an act fail at each step, in a new store, until it is done before the step."""
    for step in range(1, _MOST_STEPS):
        with trial.bench() as bench:
            act, require_done = prepare(bench)
            before, failed = bench.everything(), False
            try:
                with needed(trial.fail_at)(bench.ports.store, step):
                    answer = act()
            except Exception:  # noqa: BLE001  after any error nothing may be written
                failed = True
                same(f"the store after a failure at step {step}", bench.everything(), before)
                answer = act()
            require_done(answer)
            if not failed:
                insist(step > 1, "no step failed: `fail_at` must let the store fail there")
                return
    insist(holds=False, problem=f"it still failed at step {_MOST_STEPS}")


@law.of_trial("fail_at")
def a_commit_that_fails_at_any_step_writes_nothing(trial: StoreTrial) -> None:
    """`commit` writes all of the changes or none, whichever step fails."""

    def prepare(bench: Bench) -> Steps:
        one, two = bench.upload("one", "two")
        old, kept = bench.share(bench.grant(one, BEN, DOWNLOAD), bench.grant(one, CARLA))
        # The act ends a grant, replaces it, and shares another exam, with notices.
        ending = bench.narrowing(old, bench.grant(one, BEN))
        grants = bench.grant(two, BEN), bench.grant(two, CARLA)
        notices = tuple(bench.notice(to=each, exams=(two,)) for each in (BEN, CARLA))
        share = bench.sharing(*grants, notices=notices, receipt=a_receipt())
        versions, made = {**ending.versions, **share.versions}, (*ending.made, *share.made)
        changes = attrs.evolve(share, versions=versions, made=made, ended=ending.ended)
        bench.everything(changes)

        def require_done(answer: object) -> None:
            insist(answer is True, f"a commit at or after a failure returned {answer!r}")
            same_members("grants, once written", bench.read(one).grants, {kept, *ending.made})
            same_members("grants on the other exam", bench.read(two).grants, share.made)
            same("the versions, once written", bench.versions((one, two)), {one: 2, two: 1})
            listed = bench.ports.outbox.listed(None, 9, given_up=None)
            same("the number of notices, once written", len(listed), 2)
            receipt = bench.ports.grants.receipt(ANNA, "request")
            same("the receipt, once written", receipt, a_receipt())

        return lambda: bench.commit(changes), require_done

    require_atomic_steps(trial, prepare)


@law.needing("fail_at")
def errors_of_a_library_are_translated(bench: Bench) -> None:
    """A port turns the errors of the library beneath it into `StoreFailed`, in every method."""
    (exam,) = bench.upload("exam")
    notices = bench.notice(exams=(exam,)), bench.notice(exams=(exam,))
    (grant,) = bench.write(bench.sharing(bench.grant(exam, BEN), notices=notices))
    share = bench.sharing(bench.grant(exam, CARLA), receipt=a_receipt())
    grants, access, outbox = bench.ports.grants, bench.ports.access, bench.ports.outbox
    (claim,) = outbox.claim(START, START + DAY, 1, None)
    ben = BEN, keys_of(BEN)
    methods: tuple[Callable[[], object], ...] = (
        lambda: bench.ports.exams.find((exam,)),
        lambda: bench.ports.exams.batch_of(exam),
        lambda: bench.trial.upload or bench.upload(bench.new_id()),
        lambda: grants.read((exam,), ended=True),
        lambda: grants.find_grants((grant.id,)),
        lambda: grants.removed((exam,), (BEN,)),
        lambda: grants.grants_of_share(grant.share, (exam,), (BEN.key,)),
        lambda: grants.exams_granted_to(BEN),
        lambda: grants.receipt(ANNA, "request"),
        lambda: access.involved(*ben, exam, START),
        lambda: access.holds(*ben, VIEW, exam, START),
        lambda: access.holding(*ben, VIEW, (exam,), START),
        lambda: access.visible(*ben, None, 9, START, own=True),
        lambda: outbox.claim(START, START + DAY, 1, None),
        lambda: outbox.settle(claim, Done.SENT),
        lambda: outbox.listed(None, 9, given_up=None),
        lambda: outbox.requeue(None),
        lambda: bench.ports.audit.record(share.event),
        lambda: bench.commit(share),
    )
    for method in methods:
        for step in range(1, _MOST_STEPS):
            try:
                with needed(bench.trial.fail_at)(bench.ports.store, step):
                    method()
            except es.StoreFailed:
                continue
            break
