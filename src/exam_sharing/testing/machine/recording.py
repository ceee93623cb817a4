"""What the package hands to a store to be recorded of an act, and what has to be.

A record is what nobody is shown, and what somebody may have to prove one day: who asked for what,
when and on whose behalf, in which wording it was attested, what came of it. It is looked at on its
way to the store, whatever the store is; that stores keep it is asked by laws.
"""

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Final, TypeAlias, assert_never

import attrs

from exam_sharing.events import ActRefused, Event, ExamShared, ExamTransferred, GrantsEnded
from exam_sharing.grants import Grant
from exam_sharing.identifiers import ExamId
from exam_sharing.policy.plans import Share
from exam_sharing.policy.requests import Asked, ShareRequest, Withdrawal
from exam_sharing.ports import AuditTrail, Changes, GrantWriter
from exam_sharing.testing import model
from exam_sharing.testing.machine import answers
from exam_sharing.testing.machine.kept import Kept
from exam_sharing.testing.machine.words import GrantNumber

__all__ = ["NOTHING_RECORDED", "Record", "Recorder", "record", "record_in_model"]

Record: TypeAlias = Mapping[str, object]
"""A record as plain values."""

NOTHING_RECORDED: Record = {"records": "0"}
AS_WRITTEN: Final = "as it is written"


@attrs.define
class Recorder:
    """Stands before a store's writer and audit trail, and remembers what they were told."""

    writer: GrantWriter
    audit: AuditTrail
    _told: list[Changes | Event] = attrs.field(factory=list, init=False)

    def commit(self, changes: Changes) -> bool:
        """Write the changes; those that are written are remembered."""
        written = self.writer.commit(changes)
        if written:
            self._told.append(changes)
        return written

    def step_aside(self, lost: int) -> None:
        """Hold an act back as the store does."""
        self.writer.step_aside(lost)

    def locked(
        self,
        exams: tuple[ExamId, ...],  # noqa: ARG002  there is nothing to lock
    ) -> AbstractContextManager[None]:
        """Let acts race: of acts that come one by one, none loses."""
        return nullcontext()

    def record(self, event: Event) -> None:
        """Record an event, and remember it."""
        self.audit.record(event)
        self._told.append(event)

    def take(self) -> tuple[Changes | Event, ...]:
        """Return what was told since this was asked last."""
        told = tuple(self._told)
        self._told.clear()
        return told


def record(told: tuple[Changes | Event, ...], kept: Kept) -> Record:
    """Return what was recorded of a step; an act has one record, whatever comes of it."""
    counted = {"records": f"{len(told)}"}
    return {**counted, **_of(told[0], kept)} if len(told) == 1 else counted


def _of(told: Changes | Event, kept: Kept) -> Record:
    match told:
        case Changes(event=ExamShared() | GrantsEnded() as event):
            return {**_of_event(event, kept), **_written(told, kept), "told": _told(event, told)}
        case Changes():
            return {"act": f"{type(told.event).__name__}, of changes"}
        case _:
            return _of_event(told, kept)


def _of_event(event: Event, kept: Kept) -> Record:
    match event:
        case ActRefused():
            refused = answers.refusal(event.reasons, kept.numbers)
            return {**_asked(event.request, event.at), "refused": refused}
        case ExamShared() | GrantsEnded():
            return {**_asked(event.request, event.at), "versions": dict(event.versions)}
        case ExamTransferred():
            return {"act": "ExamTransferred"}
        case other:
            assert_never(other)


def _told(event: ExamShared | GrantsEnded, changes: Changes) -> str:
    """Say whether the audit trail is told the same as is written."""
    if isinstance(event, ExamShared):
        told = attrs.evolve(changes, made=event.made, share=event.share, ended=())
    else:
        told = attrs.evolve(changes, made=event.made, share=None, ended=event.ended)
    return AS_WRITTEN if told == changes else "otherwise than it is written"


def _written(changes: Changes, kept: Kept) -> Record:
    return {
        "made": frozenset(map(kept.number, changes.made)),
        "made at": frozenset(grant.made_at for grant in changes.made),
        "ended": frozenset(kept.number(past.grant) for past in changes.ended),
        "ended at": frozenset(past.ending.at for past in changes.ended),
        "withdrawn": changes.withdrawn or "nothing",
        **({} if changes.share is None else _shared(changes.share, changes.made)),
    }


def _shared(share: Share, made: Collection[Grant]) -> Record:
    attested = share.attestation
    return {
        **_fields("of the share", share, leave_out={"id", "attestation"}),
        "of the share: exams": frozenset(share.exams),
        "attested": (attested.by, attested.at, attested.wording),
        "made by the share": all(grant.share == share.id for grant in made),
    }


def record_in_model(
    world: model.World, asked: Asked, receipt: model.Receipt | model.Refused, now: datetime
) -> Record:
    """Return what has to be recorded of an act, by what the model says of it."""
    kept = attrs.evolve(asked, message=None) if isinstance(asked, ShareRequest) else asked
    return {"records": "1", **_asked(kept, now), **_outcome_in_model(world, asked, receipt, now)}


def _outcome_in_model(
    world: model.World, asked: Asked, receipt: model.Receipt | model.Refused, now: datetime
) -> Record:
    match receipt:
        case model.Refused():
            return {"refused": answers.refusal_in_model(receipt)}
        case model.Shared():
            assert isinstance(asked, ShareRequest)
            return {
                **_written_in_model(world, now, made=receipt.made),
                **_shared_in_model(world, now, asked, {exam for exam, _ in receipt.outcomes}),
            }
        case model.Ended():
            return _written_in_model(
                world,
                now,
                made=frozenset[int]().union(*receipt.replacements.values()),
                ended=frozenset(receipt.ended),
                withdrawn=asked.exam if isinstance(asked, Withdrawal) else None,
            )


def _written_in_model(
    world: model.World,
    now: datetime,
    *,
    made: frozenset[int],
    ended: frozenset[int] = frozenset(),
    withdrawn: ExamId | None = None,
) -> Record:
    moved = {world.grants[number].exam for number in made | ended}
    moved |= set() if withdrawn is None else {withdrawn}
    return {
        "made": frozenset(map(GrantNumber, made)),
        "made at": frozenset({now} if made else ()),
        "ended": frozenset(map(GrantNumber, ended)),
        "ended at": frozenset({now} if ended else ()),
        "withdrawn": withdrawn or "nothing",
        "versions": {exam: world.versions[exam] for exam in moved},
        "told": AS_WRITTEN,
    }


def _shared_in_model(
    world: model.World, now: datetime, asked: ShareRequest, exams: set[ExamId]
) -> Record:
    not_kept = {"attested", "wording", "message", "expect", "request_id"}
    return {
        **_fields("of the share", asked, leave_out=not_kept),
        "of the share: at": now,
        "of the share: exams": frozenset(exams),
        "attested": (asked.actor, now, world.settings.attestation_wording),
        "made by the share": True,
    }


def _asked(request: Asked, at: datetime) -> Record:
    return {"act": type(request).__name__, "at": at, **_fields("asked", request)}


def _fields(of: str, value: attrs.AttrsInstance, *, leave_out: Collection[str] = ()) -> Record:
    """Return the fields of a value that are not `None`, by their names."""
    names = [each.name for each in attrs.fields(type(value)) if each.name not in leave_out]
    said = {name: getattr(value, name) for name in names}
    return {
        f"{of}: {name.replace('_', ' ')}": each for name, each in said.items() if each is not None
    }
