"""The laws that every store keeps: whatever the docstrings of its ports promise."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from exam_sharing.events import Event
from exam_sharing.exams import Exam, UploadBatch
from exam_sharing.identifiers import ExamId, ShareId, UserId
from exam_sharing.policy.plans import Share
from exam_sharing.testing.laws.access import ACCESS_LAWS, LASTING_ACCESS_LAWS
from exam_sharing.testing.laws.bench import StoreTrial
from exam_sharing.testing.laws.commits import (
    COMMIT_LAWS,
    FAILURE_LAWS,
    LASTING_COMMIT_LAWS,
    TRANSFER_LAWS,
)
from exam_sharing.testing.laws.exams import (
    ARRIVAL_LAWS,
    EXAM_LAWS,
    FAILED_UPLOAD_LAWS,
    HIDING_LAWS,
    SEALING_LAWS,
    UPLOAD_LAWS,
)
from exam_sharing.testing.laws.grants import (
    GRANT_LAWS,
    LASTING_GRANT_LAWS,
    RECEIPT_LAWS,
    SIZE_LAWS,
)
from exam_sharing.testing.laws.histories import HISTORY_LAWS
from exam_sharing.testing.laws.law import Law, laws_of
from exam_sharing.testing.laws.outbox import CLAIM_LAWS, NOTICE_LAWS, TEXT_LAWS, TURN_LAWS
from exam_sharing.testing.laws.races import RACE_LAWS
from exam_sharing.testing.laws.trail import (
    EVENT_LAWS,
    LASTING_EVENT_LAWS,
    RECORD_LAWS,
    TOLD_TRANSFER_LAWS,
    TRAIL_LAWS,
)
from exam_sharing.testing.opening import OpenStore

__all__ = ["store_laws"]


def store_laws(  # noqa: PLR0913  one for each thing that a store may be capable of
    open_store: OpenStore,
    *,
    threads: bool = True,
    upload: Callable[[Any, UploadBatch, tuple[Exam, ...]], None] | None = None,
    transfer: Callable[[Any, ExamId, UserId, datetime], None] | None = None,
    events: Callable[[Any], Iterable[Event]] | None = None,
    share_record: Callable[[Any, ShareId], Share | None] | None = None,
    fail_at: Callable[[Any, int], AbstractContextManager[object]] | None = None,
    keeps_text: Callable[[Any, str], bool] | None = None,
    hide: Callable[[Any, ExamId, bool], object] | None = None,
    examples: int = 25,
) -> tuple[Law, ...]:
    """Return the laws of a store, each to be checked by itself.

    What a store is capable of beyond its ports is said by keywords; each gets, first, what
    `open_store` gave. Where one is not given, its laws are left out.

    Args:
        open_store: gives an empty store each time, apart from all others, or a context manager
            around one; `MemoryStore` is such a callable.
        threads: whether the store may be used by several threads at once.
        upload: records an upload, where that is not what the port `uploads` does: for a host that
            has tables of its own for exams. The laws of `ExamWriter` are then left out.
        transfer: gives an exam to another owner, at a time.
        events: returns everything that the audit trail was told, in the order in which it was.
        share_record: returns the record of a share, with its attestation, or `None` where there is
            no share of that id.
        fail_at: makes the store fail at a step, from 1, of what is done within the context that it
            returns; a step is whatever can fail by itself, such as a statement.
        keeps_text: says whether a text is anywhere in what the store keeps.
        hide: lets the host have an exam no longer where the last argument is true, and again where
            it is false.
        examples: how many examples a law looks at that looks for examples.

    Raises:
        StoreNotUsable: `open_store` cannot be called.
        InvalidValue: a capability cannot be called, or `examples` is less than 1.
        WrongKind: `threads` is no truth value, or `examples` no number.
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
    books = [
        (EXAM_LAWS, True),
        (UPLOAD_LAWS, trial.upload is None),
        (GRANT_LAWS, True),
        (RECEIPT_LAWS, True),
        (COMMIT_LAWS, True),
        (TRANSFER_LAWS, trial.transfer is not None),
        (HIDING_LAWS, trial.hide is not None),
        (ACCESS_LAWS, True),
        (NOTICE_LAWS, True),
        (TURN_LAWS, True),
        (TEXT_LAWS, trial.keeps_text is not None),
        (TRAIL_LAWS, True),
        (EVENT_LAWS, trial.events is not None),
        (RECORD_LAWS, trial.share_record is not None),
        (HISTORY_LAWS, True),
        (FAILURE_LAWS, trial.fail_at is not None),
        (RACE_LAWS, trial.threads),
        (SIZE_LAWS, True),
        (LASTING_GRANT_LAWS, True),
        (LASTING_COMMIT_LAWS, True),
        (LASTING_ACCESS_LAWS, True),
        (LASTING_EVENT_LAWS, trial.events is not None),
        (TOLD_TRANSFER_LAWS, trial.transfer is not None and trial.events is not None),
        (CLAIM_LAWS, True),
        (SEALING_LAWS, trial.upload is None),
        (FAILED_UPLOAD_LAWS, trial.upload is None and trial.fail_at is not None),
        (ARRIVAL_LAWS, True),
    ]
    checks = (check for book, applies in books if applies for check in book)
    return laws_of(trial, checks)
