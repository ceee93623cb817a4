"""Acts of a bench, made to write something else than they would."""

import attrs

from exam_sharing.events import ExamShared, GrantsEnded
from exam_sharing.grants import EndedGrant, Grant
from exam_sharing.ports import Changes

__all__ = ["amended"]


def amended(
    act: Changes, *, made: tuple[Grant, ...], ended: tuple[EndedGrant, ...] = ()
) -> Changes:
    """Return an act that makes and ends just these grants, and whose event says so."""
    event = act.event
    if isinstance(event, ExamShared):
        event = attrs.evolve(event, made=made)
    elif isinstance(event, GrantsEnded):
        event = attrs.evolve(event, made=made, ended=ended)
    return attrs.evolve(act, made=made, ended=ended, event=event)
