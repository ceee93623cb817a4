"""What every law of checks verifies of a `FactReader`: its answers are those of the other ports."""

from collections.abc import Mapping
from datetime import datetime
from typing import cast

import exam_sharing as es
from exam_sharing.conformance import answers_at_once
from exam_sharing.identifiers import Keys
from exam_sharing.policy.facts import ExamFacts, Involvement
from exam_sharing.ports import READ_AT_ONCE, FactReader
from exam_sharing.testing.laws.law import same
from exam_sharing.testing.opening import StorePorts


def require_same_facts(
    ports: StorePorts,
    exams: Mapping[es.ExamId, es.Exam],
    held: Mapping[es.ExamId, es.Permission],
    user: es.UserId,
    keys: Keys,
    now: datetime,
) -> None:
    """Break the law unless a store that answers at once answers as its other methods do.

    `held` is the highest permission of the user on each of the exams; there is none on the others.
    """
    at_once = _fact_reader(ports)
    if at_once is None:
        return
    who = f"{user!r} as {sorted(keys)} at {now}"
    passed: set[tuple[es.BatchId, bool]] = set()
    for named, exam in exams.items():
        highest = at_once.permission_held(user, keys, named, now)
        same(f"the highest permission of {who} on {named!r}", highest, held.get(named))
        # A large batch is read twice: by an exam that the user sees, and by one that is hidden.
        of_batch = exam.batch, named in held
        for batch in (False, True) if of_batch not in passed else (False,):
            found = at_once.facts_seen(user, keys, named, now, batch=batch)
            expected = _facts(ports, named, batch=batch) if named in held else []
            same(f"the facts for {who} of {named!r}, {batch=}", [*map(_in_order, found)], expected)
        passed.add(of_batch)


def require_same_involvement(
    ports: StorePorts,
    involved: Involvement | None,
    user: es.UserId,
    keys: Keys,
    named: es.ExamId | es.GrantId,
    now: datetime,
) -> None:
    """Break the law unless a store that answers at once finds the same involvement of a user."""
    at_once = _fact_reader(ports)
    if at_once is None:
        return
    for own in (False, True):
        found = at_once.facts_involved(user, keys, named, now, own=own)
        expected: object = None
        if involved is not None and (involved.own or not own):
            expected = involved, *_facts(ports, involved.exam, batch=False)
        answer = None if found is None else (found[0], _in_order(found[1]))
        same(f"the facts for {user!r} of {named!r}, {own=}", answer, expected)


def _fact_reader(ports: StorePorts) -> FactReader | None:
    access = ports.access
    at_once = answers_at_once(access, FactReader, READ_AT_ONCE)
    return cast("FactReader", access) if at_once else None


def _facts(ports: StorePorts, exam: es.ExamId, *, batch: bool) -> list[object]:
    exams = ports.exams.batch_of(exam) if batch else ports.exams.find((exam,))
    kept = ports.grants.read(tuple(sorted(each.id for each in exams)), ended=False)
    facts = [ExamFacts(exam=each, sharing=kept[each.id]) for each in exams]
    return [_in_order(each) for each in facts if not each.sharing.withdrawn]


def _in_order(facts: ExamFacts) -> object:
    """Return facts without the order of grants, which a store may choose."""
    sharing = facts.sharing
    grants = sorted(sharing.grants, key=lambda grant: grant.id)
    return facts.exam, sharing.version, sharing.withdrawn, grants, sharing.ended
