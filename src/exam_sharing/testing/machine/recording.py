"""What must be recorded of an act, on its way to a store; that it is kept is a matter of laws."""

from collections.abc import Callable, Collection
from typing import Any, TypeAlias, assert_never

import attrs

import exam_sharing as es
from exam_sharing.events import ActRefused, Event, ExamShared, ExamTransferred, GrantsEnded
from exam_sharing.policy.plans import Share
from exam_sharing.policy.requests import Asked, Withdrawal, without_message
from exam_sharing.ports import Changes
from exam_sharing.testing import model
from exam_sharing.testing.story import grant_in_words

Record: TypeAlias = dict[str, Any]
Reasons: TypeAlias = Callable[[es.Refused], object]
"""Puts the reasons of a refusal into words that the model has as well."""
NO_RECORD: Record = {"records": "0"}


def recorded(given: tuple[Changes | Event, ...], reasons: Reasons) -> Record:
    """Return what was recorded of a step; every act has one record, also a refused one."""
    counted = {"records": f"{len(given)}"}
    return counted | _record(given[0], reasons) if len(given) == 1 else counted


def _record(given: Changes | Event, reasons: Reasons) -> Record:
    event = given.event if isinstance(given, Changes) else given
    written = _written(given) if isinstance(given, Changes) else {}
    match event:
        case ActRefused():
            refused = reasons(es.Refused(event.reasons))
            return {**_asked(event.request), "at": event.at, "refused": refused, **written}
        case ExamShared() | GrantsEnded():
            versions = dict(event.versions)
            return {**_asked(event.request), "at": event.at, "versions": versions, **written}
        case ExamTransferred():
            return {"act": "ExamTransferred", **written}
        case other:
            assert_never(other)


def _written(changes: Changes) -> Record:
    made, ended, share = changes.made, changes.ended, changes.share
    event = changes.event
    told = getattr(event, "made", ()), getattr(event, "ended", ()), getattr(event, "share", None)
    return {
        "made": frozenset(map(grant_in_words, made)),
        "made at": frozenset(grant.made_at for grant in made),
        "ended": frozenset(grant_in_words(past.grant) for past in ended),
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
    world: model.world.World,
    asked: Asked,
    receipt: model.world.Receipt | model.world.Refused,
    why: object = (),
) -> Record:
    """Return what must be recorded of an act, by the model; `why` it was refused, in words."""
    record = {"records": "1", **_asked(without_message(asked)), "at": world.now}
    if isinstance(receipt, model.world.Refused):
        return {**record, "refused": why}
    made, ended = receipt.made, frozenset(getattr(receipt, "all_ended", ()))
    withdrawn = asked.exam if isinstance(asked, Withdrawal) else None
    changed = {world.grants[number].exam for number in made | ended}
    changed |= {withdrawn} if withdrawn else set()
    return {
        **record,
        "made": frozenset(grant_in_words(world.grants[each]) for each in made),
        "made at": frozenset({world.now} if made else ()),
        "ended": frozenset(grant_in_words(world.grants[each]) for each in ended),
        "ended at": frozenset({world.now} if ended else ()),
        "withdrawn": withdrawn or "nothing",
        "versions": {exam: world.versions[exam] for exam in changed},
        "the event agrees": True,
        **(_share_in_model(world, asked, receipt) if isinstance(asked, es.ShareRequest) else {}),
    }


def _share_in_model(
    world: model.world.World, asked: es.ShareRequest, receipt: model.world.Receipt
) -> Record:
    assert isinstance(receipt, model.world.Shared)
    not_kept = {"attested", "wording", "message", "expect", "request_id"}
    return {
        **_fields("share", asked, leave_out=not_kept),
        "share: at": world.now,
        "share: exams": frozenset(exam for exam, _ in receipt.outcomes),
        "attested": (asked.actor, world.now, world.policy.attestation_wording),
        "grants have the id of the share": True,
    }


def _asked(request: Asked) -> Record:
    # The store and the model have other ids of grants.
    return {"act": type(request).__name__, **_fields("request", request, leave_out={"grant"})}


def _fields(of: str, value: attrs.AttrsInstance, *, leave_out: Collection[str] = ()) -> Record:
    """Return the fields of a value that are not `None`, by their names."""
    fields = attrs.asdict(value, recurse=False)
    return {
        f"{of}: {name.replace('_', ' ')}": each
        for name, each in fields.items()
        if name not in leave_out and each is not None
    }
