"""The laws of writing: `GrantWriter`, `AuditTrail` and the records of shares.

Specification: `#unsharing`, `#narrowing`, `#refusals`, `#nothing-is-forgotten`, `#share`.
"""

from time import monotonic
from typing import Final

import attrs

import exam_sharing as es
from exam_sharing.events import ActRefused, Event, ExamTransferred
from exam_sharing.policy.facts import ExamGrants
from exam_sharing.policy.plans import Attestation, Share
from exam_sharing.policy.retries import GivenUp
from exam_sharing.testing.edges import DAY, EDGES, HOSTILE, START, TICK
from exam_sharing.testing.laws.bench import ACTED, Bench, a_receipt, amended, laws_of_port
from exam_sharing.testing.laws.law import insist, same
from exam_sharing.testing.worlds import ANNA, BEN, CARLA, DOWNLOAD, NURSES, VIEW

law: Final = laws_of_port()


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
    grants = bench.grant(two, BEN), bench.grant(one, BEN)
    notice = bench.notice(exams=(one, two))
    stale = {
        "a share": bench.sharing(*grants, share="late", notices=(notice,)),
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
def an_unshared_or_unknown_exam_has_version_0(bench: Bench) -> None:
    """An exam that was never shared, or never uploaded, has version 0, also for `commit`."""
    one, alone = bench.upload("one", "alone")
    unknown = es.ExamId("unknown")
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
    one, two = bench.upload("one", "two")
    first, second = bench.share(bench.grant(one, BEN), bench.grant(two, BEN))
    bench.write(bench.sharing(bench.grant(one, CARLA), receipt=a_receipt()))
    bench.write(attrs.evolve(bench.ending(first), receipt=a_receipt("ending")))
    for used in ("request", "ending"):
        again = a_receipt(used, fingerprint="another digest")
        for act, changes in {
            "an ending": bench.ending(second),
            "a withdrawal": bench.withdrawal(two, second),
            "a share": bench.sharing(bench.grant(two, CARLA)),
        }.items():
            bench.conflicts(f"{act} under {used!r}", attrs.evolve(changes, receipt=again))
        kept = bench.ports.grants.receipt(ANNA, used)
        same(f"the receipt under {used!r}", kept, a_receipt(used))


@law
def an_id_that_is_taken_fails_and_writes_nothing(bench: Bench) -> None:
    """`commit` raises `StoreFailed` and writes nothing if a new id is taken."""
    one, two = bench.upload("one", "two")
    there, ended = bench.share(bench.grant(one, BEN), bench.grant(one, CARLA))
    bench.write(bench.ending(ended))
    grant = bench.grant(two, BEN)
    # Acts never give one id to grants on two exams.
    for taken in (there, ended):
        changes = bench.sharing(
            grant,
            bench.grant(one, BEN, DOWNLOAD),
            bench.grant(one, CARLA, named=taken.id.value),
            notices=(bench.notice(exams=(two,)),),
            receipt=a_receipt(),
        )
        bench.fails("a grant with a taken id", changes)
    bench.fails("a share with a taken id", bench.sharing(grant, share=there.share.value))
    notice = bench.notice(to=BEN, exams=(two,), named="notice")
    bench.write(bench.sharing(grant, notices=(notice,)))
    notices = bench.notice(to=CARLA, exams=(two,)), attrs.evolve(notice, to=CARLA)
    changes = bench.sharing(bench.grant(two, CARLA), notices=notices, receipt=a_receipt())
    bench.fails("a notice with a taken id", changes)
    (claim,) = bench.ports.outbox.claim(START, START + DAY, 1, None)
    bench.ports.outbox.settle(claim, GivenUp(at=START, problem="NoSuchMailbox"))
    bench.fails("a notice with the id of one that was given up", changes)
    insist(bench.commit(bench.sharing(bench.grant(two, BEN))) is True, "nothing else was written")


@law
def an_id_that_is_repeated_in_one_act_fails(bench: Bench) -> None:
    """`commit` raises `StoreFailed` and writes nothing if two grants or notices have one id."""
    one, two = bench.upload("one", "two")
    for name, exam in (("on two exams", two), ("on one exam", one)):
        twins = bench.grant(one, BEN, named=name), bench.grant(exam, CARLA, named=name)
        changes = bench.sharing(*twins, notices=(bench.notice(exams=(one,)),))
        bench.fails(f"an act with one id {name}", changes)
    notices = tuple(bench.notice(to=to, exams=(one,), named="notice") for to in (BEN, CARLA))
    bench.fails("notices of one id", bench.sharing(bench.grant(one, BEN), notices=notices))


@law
def the_next_question_sees_a_commit(bench: Bench) -> None:
    """Sharing and unsharing take effect at once, in every check and list."""
    exams = bench.upload("one", "two")
    for _ in range(3):
        made = bench.share(*(bench.grant(exam, BEN) for exam in exams))
        bench.require_held(BEN, (BEN,), dict.fromkeys(exams, VIEW))
        bench.write(bench.ending(*made))
        bench.require_held(BEN, (BEN,), {})


@law
def one_act_can_end_and_replace_a_grant(bench: Bench) -> None:
    """Narrowing ends a grant and replaces it by a narrower one in the same act."""
    (exam,) = bench.upload("exam")
    old, kept = bench.share(bench.grant(exam, BEN, DOWNLOAD), bench.grant(exam, CARLA, DOWNLOAD))
    (new,) = bench.write(bench.narrowing(old, bench.grant(exam, BEN, until=START + DAY)))
    same("the grants", frozenset(bench.read(exam).grants), frozenset({new, kept}))
    same("the version", bench.read(exam).version, 2)
    bench.require_held(BEN, (BEN,), {exam: VIEW})
    bench.require_held(BEN, (BEN,), {}, now=START + DAY)


@law
def a_withdrawn_exam_is_gone_for_everybody(bench: Bench) -> None:
    """A withdrawn exam is gone for its owner and everybody else, at any time."""
    gone, other = bench.upload("gone", "other")
    to_ben, to_carla, _ = bench.share(
        bench.grant(gone, BEN, until=START + DAY),
        bench.grant(gone, CARLA, DOWNLOAD),
        bench.grant(other, BEN),
    )
    bench.write(bench.withdrawal(gone, to_ben, to_carla))
    kept = bench.read(gone)
    same("withdrawn, version, grants", (kept.withdrawn, kept.version, kept.grants), (True, 2, ()))
    same("the number of ended grants", len(kept.ended), 2)
    same("whether the other exam is withdrawn", bench.read(other).withdrawn, False)
    for now in (START - DAY, START, START + 2 * DAY):
        bench.require_held(ANNA, (ANNA,), {other: DOWNLOAD}, now=now)
        bench.require_held(BEN, (BEN,), {other: VIEW}, now=now)
        bench.require_held(CARLA, (CARLA,), {}, now=now)
    (unshared,) = bench.upload("never shared")
    bench.write(bench.withdrawal(unshared))
    same("whether an unshared exam is withdrawn", bench.read(unshared).withdrawn, True)
    bench.require_held(ANNA, (ANNA,), {other: DOWNLOAD})


@law
def a_share_that_changes_nothing_keeps_its_receipt(bench: Bench) -> None:
    """An act may change no exam, and read none: no version moves, and its receipt is kept."""
    (exam,) = bench.upload("exam")
    made = bench.share(bench.grant(exam, BEN))
    for name, read in (("one read", {exam: 1}), ("none read", {})):
        share = amended(bench.sharing(bench.grant(exam, BEN), receipt=a_receipt(name)))
        bench.write(attrs.evolve(share, versions=read))
        same("the sharing", bench.read(exam), ExamGrants(version=1, grants=made))
        same("the receipt", bench.ports.grants.receipt(ANNA, name), a_receipt(name))


@law
def grants_count_once_their_exam_is_uploaded(bench: Bench) -> None:
    """If `commit` writes grants on an exam that is not there, they count once it is uploaded."""
    exam, keys = es.ExamId("exam"), frozenset({BEN.key})
    act = bench.sharing(bench.grant(exam, BEN))
    written = bench.commit(act)
    held = bench.ports.access.holding(BEN, keys, VIEW, (exam,), START)
    same("what is held before the upload", held, frozenset())
    bench.upload(exam.value)
    kept = ExamGrants(version=1, grants=act.made) if written else ExamGrants()
    same("the sharing", bench.read(exam), kept)
    bench.require_held(ANNA, (ANNA,), {exam: DOWNLOAD})
    bench.require_held(BEN, (BEN,), {exam: VIEW} if written else {})


@law
def stepping_aside_is_short(bench: Bench) -> None:
    """`step_aside` delays an act for a moment before it is decided again."""
    most_seconds = 10
    for lost in (1, 2, 10, 50):
        started = monotonic()
        bench.ports.writer.step_aside(lost)
        took = monotonic() - started
        insist(took < most_seconds, f"after {lost} lost races it took {took:.0f} seconds")


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
    bench.require_held(ANNA, (ANNA,), {})
    bench.require_held(BEN, (BEN,), {exam: DOWNLOAD})
    bench.require_held(CARLA, (CARLA,), {exam: VIEW})
    bench.conflicts("an act that read the former owner", stale)


def _refusal(exam: str) -> ActRefused:
    request = es.ShareRequest(actor=BEN, exam=es.ExamId(exam), recipients=(CARLA,))
    reasons = (es.Reason(code=es.ReasonCode.EXAM_NOT_FOUND),)
    return ActRefused(at=ACTED, request=request, reasons=reasons)


@law
def recording_a_refusal_changes_nothing_else(bench: Bench) -> None:
    """A refused act is recorded in the audit trail, and changes nothing else."""
    (exam,) = bench.upload("exam")
    bench.share(bench.grant(exam, BEN))
    before = bench.everything()
    for name in ("exam", "unknown", "exam"):
        bench.ports.audit.record(_refusal(name))
    after = bench.everything()
    for seen in (before, after):
        seen.pop("events", None)
    same("the store after refusals", after, before)


@law.needing("events")
def every_act_and_refusal_is_recorded_once_and_in_order(bench: Bench) -> None:
    """Nothing is forgotten: each act has one event, and each refusal has one."""
    exam, other = bench.upload("exam", "other")
    share = bench.sharing(bench.grant(exam, BEN), bench.grant(other, CARLA))
    (grant, _) = bench.write(share)
    ending, refusal = bench.ending(grant), _refusal("exam")
    bench.ports.audit.record(refusal)
    bench.write(ending)
    bench.ports.audit.record(refusal)
    same("the events", bench.events(), (share.event, refusal, ending.event, refusal))


@law.needing("events")
def events_are_in_the_order_of_commits(bench: Bench) -> None:
    """Events come in the order of their commits, also when the clock goes back."""
    (exam,) = bench.upload("exam")
    expected: list[Event] = []
    for number, at in enumerate((START + DAY, START, START - DAY, START)):
        act = bench.sharing(bench.grant(exam, es.UserId(f"user {number}")))
        expected.append(attrs.evolve(act.event, at=at))
        bench.write(attrs.evolve(act, event=expected[-1]))
    same("the events", bench.events(), tuple(expected))


@law.needing("transfer", "events")
def a_change_of_owner_is_recorded_also_of_an_unshared_exam(bench: Bench) -> None:
    """A change of owner adds one to the version and has an event, shared or not."""
    cd = es.UploadBatch(id=es.BatchId("cd"), uploader=ANNA, received_at=START)
    exam = es.Exam(id=es.ExamId("exam"), owner=ANNA, batch=cd.id, uploaded_at=START, subject="P-1")
    bench.add(cd, exam)
    stale = bench.sharing(bench.grant(exam.id, CARLA))
    bench.transfer(exam.id, BEN, START + DAY)
    versions = {exam.id: 1}
    same("the version", bench.versions(versions), versions)
    same("the exam", tuple(bench.ports.exams.find((exam.id,))), (attrs.evolve(exam, owner=BEN),))
    event = ExamTransferred(at=START + DAY, exam=exam.id, before=ANNA, after=BEN, versions=versions)
    same("the events", bench.events(), (event,))
    bench.conflicts("a share that read the former owner", stale)


_WORDINGS: Final = (
    *("I confirm that HIPAA permits this sharing.", "  Two lines,\n\tand space around them. "),
    *("J'en r\u00e9ponds: \u6f22\u5b57 \U0001f9b4 e\u0301", "'; -- \\ % ${HOME} {{ 7*7 }}"),
    *("x" * 5_000, ""),
)


@law.needing("share_record")
def records_of_shares_are_read_back_unchanged(bench: Bench) -> None:
    """The record of a share keeps the request, and who attested, when and in which wording."""
    exams = bench.upload("second", "first", "third")
    records = [_record(number, text, exams) for number, text in enumerate(HOSTILE)]
    for record in records:
        made = (
            bench.grant(exam, to, record.permission, until=record.until, grantor=record.actor)
            for exam in record.exams
            for to in record.recipients
        )
        bench.write(bench.sharing(*made, record=record))
    # An act without new grants has a record, too, and no ending deletes a record.
    idle = attrs.evolve(records[0], id=es.ShareId("idle"))
    bench.write(attrs.evolve(bench.sharing(bench.grant(idle.exam, BEN), record=idle), made=()))
    for exam in exams:
        bench.write(bench.withdrawal(exam, *bench.read(exam).grants))
    for record in (*records, idle):
        kept, name = bench.share_record(record.id), f"share {str(record.id)!a}"
        same(f"the attestation of {name}", kept and kept.attestation, record.attestation)
        same(f"the record of {name}", kept, record)
    same("the record of an unknown share", bench.share_record(es.ShareId("unknown")), None)


def _record(number: int, text: str, exams: tuple[es.ExamId, ...]) -> Share:
    actor, covered = es.UserId(text), exams[: 1 + number % len(exams)]
    at = EDGES[number % len(EDGES)]
    return Share(
        id=es.ShareId(text),
        at=at,
        actor=actor,
        performed_by=es.UserId(HOSTILE[-1 - number]) if number % 2 else None,
        exam=covered[0],
        exams=covered,
        recipients=(es.GroupId(text), CARLA, NURSES),
        permission=list(es.Permission)[number % len(es.Permission)],
        scope=es.Scope.EXAM if len(covered) == 1 else es.Scope.BATCH,
        until=at + TICK if number % 3 else None,
        attestation=Attestation(by=actor, at=at, wording=_WORDINGS[number % len(_WORDINGS)]),
    )
