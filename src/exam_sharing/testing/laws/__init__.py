"""The laws of every port, as data: a name, a promise in words, and a check."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, Final

import exam_sharing as es
from exam_sharing.events import Event
from exam_sharing.policy.plans import Share
from exam_sharing.testing.laws import (
    access,
    accesses,
    commits,
    exams,
    failures,
    grants,
    histories,
    outbox,
    past,
    races,
)
from exam_sharing.testing.laws.bench import StoreTrial
from exam_sharing.testing.laws.directory import directory_laws
from exam_sharing.testing.laws.directory import law as of_directories
from exam_sharing.testing.laws.host_rules import host_rule_laws
from exam_sharing.testing.laws.law import Law, LawBroken
from exam_sharing.testing.laws.notifier import law as of_notifiers
from exam_sharing.testing.laws.notifier import notifier_laws
from exam_sharing.testing.laws.population import Population
from exam_sharing.testing.opening import Hide, OpenStore, Transfer, Upload

__all__ = ["Law", "LawBroken", "Population", "directory_laws", "host_rule_laws", "notifier_laws"]
__all__ += ["store_laws"]

_OF_STORES: Final = (
    *(exams, grants, commits, failures, access),
    *(outbox, histories, past, accesses, races),
)
"""The modules with laws of stores, in the order in which their laws are checked."""


def laws_not_asked(laws: Iterable[Law]) -> dict[str, tuple[str, ...]]:
    """Return the laws that these ones lack, with the capabilities that each needs."""
    asked = {law.name for law in laws}
    lacking: dict[str, tuple[str, ...]] = {}
    of_stores = [module.law for module in _OF_STORES]
    for port in (of_stores, [of_directories], [of_notifiers]):
        needs = dict(each for laws_of_port in port for each in laws_of_port.needs())
        if not asked.isdisjoint(needs):
            lacking |= {name: of for name, of in needs.items() if of and name not in asked}
    return lacking


def store_laws(  # noqa: PLR0913  one for each capability of a store
    open_store: OpenStore,
    *,
    threads: bool = True,
    upload: Upload | None = None,
    transfer: Transfer | None = None,
    events: Callable[[Any], Iterable[Event]] | None = None,
    share_record: Callable[[Any, es.ShareId], Share | None] | None = None,
    fail_at: Callable[[Any, int], AbstractContextManager[object]] | None = None,
    keeps_text: Callable[[Any, str], bool] | None = None,
    hide: Hide | None = None,
    examples: int = 25,
) -> tuple[Law, ...]:
    """Return the laws of a store, each to be checked by itself.

    Keywords declare what a store can do beyond its ports. Each is called with the store that
    `open_store` returned as its first argument. Without a keyword, the laws that need it are left
    out.

    Args:
        open_store: returns a new, empty store on each call, or a context manager around one, as
            `MemoryStore` does.
        threads: whether several threads may use the store at once.
        upload: records an upload in the host's own tables, instead of the port `uploads`. The laws
            of `ExamWriter` are then left out.
        transfer: gives an exam to another owner, at a time.
        events: returns everything in the audit trail, in the order of recording.
        share_record: returns the record of a share, with its attestation, or `None` for an unknown
            share.
        fail_at: returns a context in which the store fails at a step, counted from 1, with an error
            of its library. A step is anything that can fail by itself, such as a statement.
        keeps_text: whether a text is anywhere in what the store keeps.
        hide: removes an exam from the host if the last argument is true, and brings it back if it
            is false.
        examples: how many examples a law tries that tries random examples.

    Raises:
        StoreNotUsable: `open_store` is not callable.
        InvalidValue: a capability is not callable, or `examples` is less than 1.
        WrongKind: `threads` is not a `bool`, or `examples` is not an `int`.
    """
    trial = StoreTrial(
        open_store=open_store,
        threads=threads,
        upload=upload,
        transfer=transfer,
        events=events,
        share_record=share_record,
        fail_at=fail_at,
        keeps_text=keeps_text,
        hide=hide,
        examples=examples,
    )
    return tuple(law for module in _OF_STORES for law in module.law.of(trial))
