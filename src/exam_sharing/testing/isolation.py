"""The probe whether a new store is empty, whatever was written to the one before."""

import contextlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from exam_sharing.exams import Exam, UploadBatch
from exam_sharing.identifiers import BatchId, ExamId, ShareId, UserId
from exam_sharing.memory import MemoryDirectory, MemoryNotifier
from exam_sharing.policy.facts import ExamGrants
from exam_sharing.policy.requests import ShareRequest, UnshareRequest
from exam_sharing.policy.settings import Policy
from exam_sharing.principals import User
from exam_sharing.sharing import Sharing
from exam_sharing.testing.moments import START
from exam_sharing.testing.opening import OpenStore, StoreNotUsable, StorePorts, Upload, opened

__all__ = ["PROBE", "Trace", "require_isolated"]

Trace: TypeAlias = Callable[[StorePorts], bool]
"""Returns whether a store holds something that was written to the one before."""

_NO_TRACES: Final[Mapping[str, Trace]] = MappingProxyType({})

PROBE: Final = ShareId("exam-sharing-probe")
"""The share that the probe writes."""


def require_isolated(
    open_store: OpenStore,
    beside: Mapping[str, Trace] = _NO_TRACES,
    upload: Upload | None = None,
) -> None:
    """Raise `StoreNotUsable` unless a second store is empty after writing to a first one.

    A store that raises on writing or reading is left to the laws.

    Args:
        open_store: opens the stores.
        beside: for everything that only a capability reads, whether a store holds it.
        upload: records an upload, instead of the port `uploads`.

    Raises:
        StoreNotUsable: the second store holds what was written to the first; or as for `opened`.
    """
    with opened(open_store) as first, contextlib.suppress(Exception):
        _let_exams_arrive(first, upload)
        _leave_traces(first)
    with opened(open_store) as second:
        traces = {**_TRACES, **beside}
        found = [what for what, asked in traces.items() if _finds(asked, second)]
    if found:
        raise StoreNotUsable(
            "must return a new, empty store on each call; "
            f"a new store held, from the one before: {', '.join(found)}"
        )


_OLGA: Final = UserId("exam-sharing-probe-olga")
_BEN: Final = UserId("exam-sharing-probe-ben")
_CLEO: Final = UserId("exam-sharing-probe-cleo")
_EXAM: Final = ExamId("exam-sharing-probe")
_GONE: Final = ExamId("exam-sharing-probe-gone")
_NEVER: Final = ExamId("exam-sharing-probe-never")
"""In no store, so that an answer about it is no trace."""
_BATCH: Final = BatchId("exam-sharing-probe")
_REQUEST: Final = "exam-sharing-probe"


def _let_exams_arrive(store: StorePorts, upload: Upload | None) -> None:
    batch = UploadBatch(id=_BATCH, uploader=_OLGA, received_at=START)
    exams = tuple(
        Exam(id=each, owner=_OLGA, batch=_BATCH, uploaded_at=START) for each in (_EXAM, _GONE)
    )
    if upload is None:
        store.uploads.add(batch, exams)
    else:
        upload(store.store, batch, exams)


def _leave_traces(store: StorePorts) -> None:
    """Leave a trace of each kind: standing, ended and withdrawn."""
    directory = MemoryDirectory()
    acts = iter((str(PROBE), "exam-sharing-probe-2", "exam-sharing-probe-3"))
    for user in (_OLGA, _BEN, _CLEO):
        directory.add(User(id=user, name=str(user)))
    sharing = Sharing(
        policy=Policy(),
        ports=store.with_people(directory, notifier=MemoryNotifier()),
        clock=lambda: START,
        new_id=acts.__next__,
        sends_at_once=False,
    )
    sharing.share(
        ShareRequest(
            actor=_OLGA, exam=_EXAM, recipients=(_BEN, _CLEO), attested=True, request_id=_REQUEST
        )
    )
    sharing.unshare(UnshareRequest(actor=_OLGA, exam=_EXAM, recipient=_CLEO))
    sharing.admin.withdraw(
        _GONE, performed_by=_OLGA, why="to see whether it is gone from the next store"
    )


_TRACES: Final[Mapping[str, Trace]] = MappingProxyType(
    {
        "exams": lambda store: bool(store.exams.find((_EXAM,))),
        "versions": lambda store: _sharing(store, _EXAM).version != _sharing(store, _NEVER).version,
        "grants": lambda store: bool(
            _sharing(store, _EXAM).grants or store.grants.exams_granted_to(_BEN)
        ),
        "ended grants": lambda store: bool(_sharing(store, _EXAM).ended),
        "withdrawn exams": lambda store: (
            _sharing(store, _GONE).withdrawn != _sharing(store, _NEVER).withdrawn
        ),
        "receipts": lambda store: store.grants.receipt(_OLGA, _REQUEST) is not None,
        "notices": lambda store: bool(store.outbox.listed(None, 1, given_up=None)),
    }
)


def _sharing(store: StorePorts, exam: ExamId) -> ExamGrants:
    return store.grants.read((exam,), ended=True)[exam]


def _finds(asked: Trace, store: StorePorts) -> bool:
    try:
        return asked(store)
    except Exception:  # noqa: BLE001  a law will report it
        return False
