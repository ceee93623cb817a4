"""What must be recorded of a step, on its way to the store. That a store keeps it is for laws."""

from collections.abc import Collection, Mapping
from typing import Final, TypeAlias, assert_never

import attrs

import exam_sharing as es
from exam_sharing.events import (
    AccessesPurged,
    ActRefused,
    Event,
    ExamShared,
    ExamTransferred,
    GrantsEnded,
)
from exam_sharing.policy.plans import Share
from exam_sharing.policy.requests import Asked, Withdrawal, without_message
from exam_sharing.ports import Changes
from exam_sharing.testing import model
from exam_sharing.testing.machine.answers import Answers

Record: TypeAlias = Mapping[str, object]
Entry: TypeAlias = tuple[str, frozenset[es.ExamId | None]]
"""An entry of histories: what it is, and of which exams; of none, it is of all."""
NO_RECORD: Final[Record] = {"records": "0"}


def recorded(given: tuple[Changes | Event, ...], answers: Answers) -> Record:
    """Return what was recorded of a step; every act has one record, also a refused one."""
    counted = {"records": f"{len(given)}"}
    return counted | _record(given[0], answers) if len(given) == 1 else counted


def _record(given: Changes | Event, answers: Answers) -> dict[str, object]:
    event = given.event if isinstance(given, Changes) else given
    written = _written(given, answers) if isinstance(given, Changes) else {}
    match event:
        case ActRefused():
            refused = model.world.Refused(answers.value(event.reasons))
            return {**_asked(event.request), "at": event.at, "refused": refused, **written}
        case ExamShared() | GrantsEnded():
            versions = dict(event.versions)
            return {**_asked(event.request), "at": event.at, "versions": versions, **written}
        case ExamTransferred() | AccessesPurged():
            return {"act": type(event).__name__, **written}
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


def _share(share: Share, made: Collection[es.Grant]) -> Record:
    attested = share.attestation
    return {
        **_fields("share", share, leave_out={"id", "attestation"}),
        "share: exams": frozenset(share.exams),
        "attested": (attested.by, attested.at, attested.wording),
        "grants have the id of the share": all(grant.share == share.id for grant in made),
    }


def expected_record(
    world: model.world.World, asked: Asked, receipt: model.world.Receipt | model.world.Refused
) -> Record:
    """Return what must be recorded of an act, by the model."""
    record = {"records": "1", **_asked(without_message(asked)), "at": world.now}
    if isinstance(receipt, model.world.Refused):
        return {**record, "refused": receipt}
    made, ended = receipt.made, frozenset(getattr(receipt, "all_ended", ()))
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
        **(_share_in_model(world, asked, receipt) if isinstance(asked, es.ShareRequest) else {}),
    }


def entry_of(
    world: model.world.World, asked: Asked, receipt: model.world.Receipt | model.world.Refused
) -> Entry:
    """Return which entry an act makes in the histories of which exams, by the model."""
    exams = {getattr(asked, "exam", None)}
    if isinstance(asked, es.RevokeRequest) and str(asked.grant).isdecimal():
        grant = world.grants.get(model.world.GrantNumber(str(asked.grant)))
        exams |= {grant.exam} if grant else set()
    if isinstance(receipt, model.world.Refused):
        return "ActRefused", frozenset(exams)
    exams |= {each.exam for each in getattr(receipt, "outcomes", ())}
    exams |= {world.grants[each].exam for each in getattr(receipt, "all_ended", ())}
    shared = isinstance(asked, es.ShareRequest)
    return ("ExamShared" if shared else "GrantsEnded"), frozenset(exams)


def _share_in_model(
    world: model.world.World, asked: es.ShareRequest, receipt: model.world.Receipt
) -> Record:
    assert isinstance(receipt, model.world.ShareReceipt)
    not_kept = {"attested", "wording", "message", "expect", "request_id"}
    return {
        **_fields("share", asked, leave_out=not_kept),
        "share: at": world.now,
        "share: exams": frozenset(each.exam for each in receipt.outcomes),
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
