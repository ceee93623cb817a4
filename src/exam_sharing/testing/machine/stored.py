"""What the store keeps and what it must record, compared with the model.

A record is what nobody is shown, and what somebody may have to prove one day: who asked for what,
when, on whose behalf, under which wording of the attestation, and with which result. The machine
compares it on its way to the store. That a store keeps it is a matter of laws.
"""

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TypeAlias, assert_never

import attrs

from exam_sharing.events import ActRefused, Event, ExamShared, ExamTransferred, GrantsEnded
from exam_sharing.exams import Exam
from exam_sharing.grants import EndedGrant, Grant, HowEnded
from exam_sharing.identifiers import ExamId
from exam_sharing.policy.facts import ExamGrants
from exam_sharing.policy.plans import Share
from exam_sharing.policy.requests import Asked, ShareRequest, Withdrawal, without_message
from exam_sharing.ports import AuditTrail, Changes, GrantWriter
from exam_sharing.testing import model
from exam_sharing.testing.machine.answers import Answers, terms
from exam_sharing.testing.opening import StorePorts


@attrs.define
class Stored:
    """What the store keeps, and which of its grants are which of the model."""

    ports: StorePorts
    answers: Answers
    _read: dict[ExamId, tuple[Exam | None, ExamGrants]] = attrs.field(factory=dict, init=False)

    def read(self) -> None:
        """Read the store, and match its new grants with those of the model."""
        exams = tuple(self.answers.world.exams)
        sharing = self.ports.grants.read(exams, ended=True)
        found = {exam.id: exam for exam in self.ports.exams.find(exams)}
        self._read = {exam: (found.get(exam), sharing[exam]) for exam in exams}
        for exam in exams:
            self._match(exam, sharing[exam])

    def _match(self, exam: ExamId, sharing: ExamGrants) -> None:
        """Number each new grant like a grant of the model with the same fields and the same past.

        Two grants have the same fields if two others were narrowed to one bound. They then differ
        in what they replaced.
        """
        world, numbers = self.answers.world, self.answers.numbers
        grants = [*sharing.grants, *(past.grant for past in sharing.ended)]
        new = [grant for grant in grants if grant.id not in numbers]
        if not new:
            return
        replaced = {
            new_id: numbers.get(past.grant.id)
            for past in sharing.ended
            for new_id in past.ending.replaced_by
        }
        replaced_in_model = {
            new_id: old for old, ending in world.endings.items() for new_id in ending.replaced_by
        }
        taken = set(numbers.values())
        free: dict[object, list[model.GrantNumber]] = {}
        for number, expected in world.grants.items():
            if expected.exam == exam and number not in taken:
                key = terms(expected), expected.version, replaced_in_model.get(number)
                free.setdefault(key, []).append(number)
        for grant in new:
            same = free.get((terms(grant), grant.version, replaced.get(grant.id)))
            if same:
                numbers[grant.id] = same.pop(0)

    def in_store(self, exam: ExamId) -> Mapping[str, object]:
        """Return what the store keeps of an exam. A sweep of expired grants changes nothing."""
        found, sharing = self._read[exam]
        if sharing.withdrawn:
            found = None
        number = self.answers.number
        swept = [past.grant for past in sharing.ended if _is_swept(past)]
        return {
            "owner": "nobody" if found is None else found.owner,
            "uploaded": () if found is None else (found.batch, found.uploaded_at),
            "version": f"{sharing.version}",
            "standing or expired": frozenset(map(number, (*sharing.grants, *swept))),
            "ended": {
                number(past.grant): self.answers.ending(past)
                for past in sharing.ended
                if not _is_swept(past)
            },
        }

    def in_model(self, exam: ExamId) -> Mapping[str, object]:
        """Return what the model keeps of an exam."""
        world = self.answers.world
        grants = frozenset(n for n, grant in world.grants.items() if grant.exam == exam)
        kept, found = world.exams[exam], model.is_found(world, exam)
        return {
            "owner": kept.owner if found else "nobody",
            "uploaded": (kept.batch, kept.uploaded_at) if found else (),
            "version": f"{world.versions.get(exam, 0)}",
            "standing or expired": grants - world.endings.keys(),
            "ended": {each: world.endings[each] for each in grants & world.endings.keys()},
        }


def _is_swept(past: EndedGrant) -> bool:
    """Return whether a sweep has recorded that a grant expired: at its own time, by nobody."""
    ending, until = past.ending, past.grant.until
    expired = until is not None and ending.at == until
    return ending.how is HowEnded.EXPIRED and expired and ending.by is None


@attrs.define
class Recorder:
    """Stands in front of a store's writer and audit trail, and keeps what they are given."""

    writer: GrantWriter
    audit: AuditTrail
    _given: list[Changes | Event] = attrs.field(factory=list, init=False)

    def commit(self, changes: Changes) -> bool:
        """Commit the changes, and keep them if they were written."""
        written = self.writer.commit(changes)
        if written:
            self._given.append(changes)
        return written

    def step_aside(self, lost: int) -> None:
        """Delay an act as the store does."""
        self.writer.step_aside(lost)

    def locked(
        self,
        exams: tuple[ExamId, ...],  # noqa: ARG002  there is nothing to lock
    ) -> AbstractContextManager[None]:
        """Lock nothing: of acts one after another, none loses a race."""
        return nullcontext()

    def record(self, event: Event) -> None:
        """Record an event, and keep it."""
        self.audit.record(event)
        self._given.append(event)

    def take(self) -> tuple[Changes | Event, ...]:
        """Return what was given since the last call."""
        given = tuple(self._given)
        self._given.clear()
        return given


Record: TypeAlias = Mapping[str, object]
"""A record as plain values, each with a name."""

NO_RECORD: Record = {"records": "0"}


def recorded(given: tuple[Changes | Event, ...], answers: Answers) -> Record:
    """Return what was recorded of a step; every act has one record, also a refused one."""
    counted = {"records": f"{len(given)}"}
    return counted | _record(given[0], answers) if len(given) == 1 else counted


def _record(given: Changes | Event, answers: Answers) -> dict[str, object]:
    event = given.event if isinstance(given, Changes) else given
    written = _written(given, answers) if isinstance(given, Changes) else {}
    match event:
        case ActRefused():
            refused = answers.refusal(event.reasons)
            return {**_asked(event.request), "at": event.at, "refused": refused, **written}
        case ExamShared() | GrantsEnded():
            versions = dict(event.versions)
            return {**_asked(event.request), "at": event.at, "versions": versions, **written}
        case ExamTransferred():
            return {"act": "ExamTransferred", **written}
        case other:
            assert_never(other)


def _written(changes: Changes, answers: Answers) -> Record:
    made, ended, share = changes.made, changes.ended, changes.share
    event = changes.event
    told = getattr(event, "made", ()), getattr(event, "ended", ()), getattr(event, "share", None)
    return {
        "made": frozenset(map(answers.number, made)),
        "made at": frozenset(grant.made_at for grant in made),
        "ended": frozenset(answers.number(past.grant) for past in ended),
        "ended at": frozenset(past.ending.at for past in ended),
        "withdrawn": changes.withdrawn or "nothing",
        "the event agrees": told == (made, ended, share),
        **({} if share is None else _share(share, made)),
    }


def _share(share: Share, made: Collection[Grant]) -> Record:
    attested = share.attestation
    return {
        **_fields("share", share, leave_out={"id", "attestation"}),
        "share: exams": frozenset(share.exams),
        "attested": (attested.by, attested.at, attested.wording),
        "grants have the id of the share": all(grant.share == share.id for grant in made),
    }


def expected_record(
    world: model.World, asked: Asked, receipt: model.Receipt | model.Refused
) -> Record:
    """Return what must be recorded of an act, by the model."""
    record = {"records": "1", **_asked(without_message(asked)), "at": world.now}
    if isinstance(receipt, model.Refused):
        return {**record, "refused": receipt}
    if isinstance(receipt, model.Shared):
        made, ended = receipt.made, frozenset[model.GrantNumber]()
    else:
        made = frozenset(new for each in receipt.all_replacements.values() for new in each)
        ended = frozenset(receipt.all_ended)
    withdrawn = asked.exam if isinstance(asked, Withdrawal) else None
    changed = {world.grants[number].exam for number in made | ended}
    changed |= {withdrawn} if withdrawn else set()
    return {
        **record,
        "made": made,
        "made at": frozenset({world.now} if made else ()),
        "ended": ended,
        "ended at": frozenset({world.now} if ended else ()),
        "withdrawn": withdrawn or "nothing",
        "versions": {exam: world.versions[exam] for exam in changed},
        "the event agrees": True,
        **(_share_in_model(world, asked, receipt) if isinstance(asked, ShareRequest) else {}),
    }


def _share_in_model(world: model.World, asked: ShareRequest, receipt: model.Receipt) -> Record:
    assert isinstance(receipt, model.Shared)
    not_kept = {"attested", "wording", "message", "expect", "request_id"}
    return {
        **_fields("share", asked, leave_out=not_kept),
        "share: at": world.now,
        "share: exams": frozenset(exam for exam, _ in receipt.outcomes),
        "attested": (asked.actor, world.now, world.policy.attestation_wording),
        "grants have the id of the share": True,
    }


def _asked(request: Asked) -> Record:
    return {"act": type(request).__name__, **_fields("request", request)}


def _fields(of: str, value: attrs.AttrsInstance, *, leave_out: Collection[str] = ()) -> Record:
    """Return the fields of a value that are not `None`, by their names."""
    fields = attrs.asdict(value, recurse=False)
    return {
        f"{of}: {name.replace('_', ' ')}": each
        for name, each in fields.items()
        if name not in leave_out and each is not None
    }
