"""What the store keeps and what it must record, compared with the model.

A record is what nobody is shown, and what somebody may have to prove one day: who asked for what,
when, on whose behalf, under which wording of the attestation, and with which result. The machine
compares it on its way to the store. That a store keeps it is a matter of laws.
"""

from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Final, TypeAlias, assert_never

import attrs

from exam_sharing.events import ActRefused, Event, ExamShared, ExamTransferred, GrantsEnded
from exam_sharing.exams import Exam
from exam_sharing.grants import OWNER, EndedAs, EndedGrant, Grant, HowEnded, ShownGrant
from exam_sharing.identifiers import ExamId, GrantId, UserId
from exam_sharing.policy.facts import ExamGrants
from exam_sharing.policy.plans import Share
from exam_sharing.policy.requests import Asked, ShareRequest, Withdrawal, without_message
from exam_sharing.ports import AuditTrail, Changes, GrantWriter
from exam_sharing.testing import model
from exam_sharing.testing.machine import answers
from exam_sharing.testing.opening import StorePorts
from exam_sharing.testing.story import GrantNumber, clock_time

UNEXPECTED: Final = "an unexpected grant"


@attrs.define
class Stored:
    """What the store keeps, and which of its grants are which of the model.

    Attributes:
        ports: the ports of the store.
        world: the facts of the model.
        numbers: the model's number of each grant in the store.
    """

    ports: StorePorts
    world: model.World
    numbers: dict[GrantId, int] = attrs.field(factory=dict, init=False)
    _read: dict[ExamId, tuple[Exam | None, ExamGrants]] = attrs.field(factory=dict, init=False)

    def read(self) -> None:
        """Read the store, and match its new grants with those of the model."""
        exams = tuple(self.world.exams)
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
        grants = [*sharing.grants, *(past.grant for past in sharing.ended)]
        new = [grant for grant in grants if grant.id not in self.numbers]
        if not new:
            return
        replaced = {
            new_id: self.numbers.get(past.grant.id)
            for past in sharing.ended
            for new_id in past.ending.replaced_by
        }
        replaced_in_model = {
            new_id: old
            for old, ending in self.world.endings.items()
            for new_id in ending.replaced_by
        }
        taken = set(self.numbers.values())
        free: dict[object, list[int]] = {}
        for number, expected in self.world.grants.items():
            if expected.exam == exam and number not in taken:
                origin = replaced_in_model.get(number)
                free.setdefault((_content(expected), origin), []).append(number)
        for grant in new:
            same = free.get((_content(grant), replaced.get(grant.id)))
            if same:
                self.numbers[grant.id] = same.pop(0)

    def number(self, grant: Grant) -> object:
        """Return the model's number of a grant, or words for it if the model has no such grant."""
        number = self.numbers.get(grant.id)
        if number is None or self._with_basis(grant) != _with_basis(self.world.grants[number]):
            return f"{_in_words(grant)}, of version {grant.version}, which is unexpected"
        return GrantNumber(number)

    def shown(self, grant: ShownGrant) -> tuple[object, object]:
        """Return the model's number of a grant that a person is shown, and its shown basis."""
        basis = "OWNER" if grant.basis is OWNER else _grants(map(self.numbers.get, grant.basis))
        number = self.numbers.get(grant.id)
        if number is None or _shown(grant) != _shown(self.world.grants[number]):
            return f"{_in_words(grant)}, which is unexpected", basis
        return GrantNumber(number), basis

    def _with_basis(self, grant: Grant) -> tuple[object, ...]:
        if grant.basis is OWNER:
            return _content(grant), "OWNER"
        return _content(grant), frozenset(self.numbers.get(each) for each in grant.basis)

    def in_store(self, exam: ExamId) -> Mapping[str, object]:
        """Return what the store keeps of an exam. A sweep of expired grants changes nothing."""
        found, sharing = self._read[exam]
        if sharing.withdrawn:
            found = None
        swept = [past.grant for past in sharing.ended if _is_swept(past)]
        return {
            "owner": "nobody" if found is None else found.owner,
            "uploaded": () if found is None else (found.batch, found.uploaded_at),
            "version": f"{sharing.version}",
            "standing or expired": frozenset(map(self.number, (*sharing.grants, *swept))),
            "ended": {
                self.number(past.grant): self._ending(past)
                for past in sharing.ended
                if not _is_swept(past)
            },
        }

    def _ending(self, past: EndedGrant) -> tuple[object, ...]:
        ending = past.ending
        by = None if ending.acting_as is EndedAs.HOST else ending.by
        return (
            ending.how.value,
            _ended_by(by, as_owner=ending.acting_as is EndedAs.OWNER),
            f"version {ending.version}",
            _grants(map(self.numbers.get, ending.replaced_by)),
        )

    def in_model(self, exam: ExamId) -> Mapping[str, object]:
        """Return what the model keeps of an exam."""
        world = self.world
        numbers = frozenset(n for n, grant in world.grants.items() if grant.exam == exam)
        kept, found = world.exams[exam], model.is_found(world, exam)
        return {
            "owner": kept.owner if found else "nobody",
            "uploaded": (kept.batch, kept.uploaded_at) if found else (),
            "version": f"{world.versions.get(exam, 0)}",
            "standing or expired": _grants(numbers - world.endings.keys()),
            "ended": {
                GrantNumber(number): _ending_in_model(world.endings[number])
                for number in numbers & world.endings.keys()
            },
        }


def _is_swept(past: EndedGrant) -> bool:
    """Return whether a sweep has recorded that a grant expired: at its own time, by nobody."""
    ending, until = past.ending, past.grant.until
    expired = until is not None and ending.at == until
    return ending.how is HowEnded.EXPIRED and expired and ending.by is None


def _ending_in_model(ending: model.Ending) -> tuple[object, ...]:
    return (
        ending.how.value,
        _ended_by(ending.by, as_owner=ending.as_owner),
        f"version {ending.version}",
        _grants(ending.replaced_by),
    )


def _ended_by(user: UserId | None, *, as_owner: bool) -> str:
    if user is None:
        return "by the host"
    return f"by {user} as the owner" if as_owner else f"by {user}"


def _grants(numbers: Iterable[int | None]) -> frozenset[object]:
    return frozenset(UNEXPECTED if number is None else GrantNumber(number) for number in numbers)


def _content(grant: Grant | model.Grant) -> tuple[object, ...]:
    return (*_shown(grant), grant.version)


def _with_basis(grant: model.Grant) -> tuple[object, ...]:
    return _content(grant), grant.basis


def _shown(grant: Grant | ShownGrant | model.Grant) -> tuple[object, ...]:
    return grant.exam, grant.grantor, grant.recipient, grant.permission, grant.until


def _in_words(grant: Grant | ShownGrant) -> str:
    until = f" until {clock_time(grant.until)}" if grant.until else ""
    to = f"{grant.recipient} for {grant.permission.name}{until}"
    return f"{grant.grantor}'s grant of {grant.exam} to {to}"


Record: TypeAlias = Mapping[str, object]
"""A record as plain values."""

NO_RECORD: Record = {"records": "0"}
AS_WRITTEN: Final = "the same as is written"


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


def recorded(given: tuple[Changes | Event, ...], stored: Stored) -> Record:
    """Return what was recorded of a step; every act has one record, also a refused one."""
    counted = {"records": f"{len(given)}"}
    return {**counted, **_record(given[0], stored)} if len(given) == 1 else counted


def _record(given: Changes | Event, stored: Stored) -> Record:
    match given:
        case Changes(event=ExamShared() | GrantsEnded() as event):
            written = _written(given, stored)
            return {**_of_event(event, stored), **written, "event": _event(event, given)}
        case Changes():
            return {"act": f"changes with the event {type(given.event).__name__}"}
        case _:
            return _of_event(given, stored)


def _of_event(event: Event, stored: Stored) -> Record:
    match event:
        case ActRefused():
            refused = answers.refusal(event.reasons, stored.numbers)
            return {**_asked(event.request), "at": event.at, "refused": refused}
        case ExamShared() | GrantsEnded():
            return {**_asked(event.request), "at": event.at, "versions": dict(event.versions)}
        case ExamTransferred():
            return {"act": "ExamTransferred"}
        case other:
            assert_never(other)


def _event(event: ExamShared | GrantsEnded, changes: Changes) -> str:
    """Return whether the event contains the same as is written."""
    if isinstance(event, ExamShared):
        same = attrs.evolve(changes, made=event.made, share=event.share, ended=())
    else:
        same = attrs.evolve(changes, made=event.made, share=None, ended=event.ended)
    return AS_WRITTEN if same == changes else "different from what is written"


def _written(changes: Changes, stored: Stored) -> Record:
    return {
        "made": frozenset(map(stored.number, changes.made)),
        "made at": frozenset(grant.made_at for grant in changes.made),
        "ended": frozenset(stored.number(past.grant) for past in changes.ended),
        "ended at": frozenset(past.ending.at for past in changes.ended),
        "withdrawn": changes.withdrawn or "nothing",
        **({} if changes.share is None else _share(changes.share, changes.made)),
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
    kept = without_message(asked)
    return {"records": "1", **_asked(kept), "at": world.now, **_result(world, asked, receipt)}


def _result(world: model.World, asked: Asked, receipt: model.Receipt | model.Refused) -> Record:
    match receipt:
        case model.Refused():
            return {"refused": answers.refusal_in_model(receipt)}
        case model.Shared():
            assert isinstance(asked, ShareRequest)
            exams = frozenset(exam for exam, _ in receipt.outcomes)
            return {
                **_written_in_model(world, made=receipt.made),
                **_share_in_model(world, asked, exams),
            }
        case model.Ended():
            return _written_in_model(
                world,
                made=frozenset[int]().union(*receipt.replacements.values()),
                ended=frozenset(receipt.ended),
                withdrawn=asked.exam if isinstance(asked, Withdrawal) else None,
            )


def _written_in_model(
    world: model.World,
    *,
    made: frozenset[int],
    ended: frozenset[int] = frozenset(),
    withdrawn: ExamId | None = None,
) -> Record:
    changed = {world.grants[number].exam for number in made | ended}
    changed |= set() if withdrawn is None else {withdrawn}
    return {
        "made": _grants(made),
        "made at": frozenset({world.now} if made else ()),
        "ended": _grants(ended),
        "ended at": frozenset({world.now} if ended else ()),
        "withdrawn": withdrawn or "nothing",
        "versions": {exam: world.versions[exam] for exam in changed},
        "event": AS_WRITTEN,
    }


def _share_in_model(world: model.World, asked: ShareRequest, exams: frozenset[ExamId]) -> Record:
    not_kept = {"attested", "wording", "message", "expect", "request_id"}
    return {
        **_fields("share", asked, leave_out=not_kept),
        "share: at": world.now,
        "share: exams": exams,
        "attested": (asked.actor, world.now, world.policy.attestation_wording),
        "grants have the id of the share": True,
    }


def _asked(request: Asked) -> Record:
    return {"act": type(request).__name__, **_fields("request", request)}


def _fields(of: str, value: attrs.AttrsInstance, *, leave_out: Collection[str] = ()) -> Record:
    """Return the fields of a value that are not `None`, by their names."""
    names = [each.name for each in attrs.fields(type(value)) if each.name not in leave_out]
    fields = {f"{of}: {name.replace('_', ' ')}": getattr(value, name) for name in names}
    return {name: each for name, each in fields.items() if each is not None}
