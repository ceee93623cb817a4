"""Uploads: exams, the batches that they arrive in, and the studies of patients who never were."""

from datetime import date, datetime, timedelta
from typing import Final

from hypothesis import strategies as st

from exam_sharing.exams import Exam, Study, UploadBatch
from exam_sharing.identifiers import BatchId, ExamId, GrantId, NoticeId, ShareId, UserId
from exam_sharing.testing.moments import START
from exam_sharing.testing.strategies.people import user_ids
from exam_sharing.testing.strategies.texts import identifiers
from exam_sharing.testing.strategies.times import times

__all__ = [
    "batch_ids",
    "exam_ids",
    "exams",
    "grant_ids",
    "notice_ids",
    "share_ids",
    "studies",
    "upload_batches",
    "uploads",
]

_MODALITIES: Final = ("CT", "MR", "US", "DX", "MG", "PT", "NM")
_DESCRIPTIONS: Final = ("Chest PA and lateral", "Brain w/o contrast", "Knee left", "Abdomen")
_PATIENTS: Final = ("Doe^Jane", "Doe^John", "Muster^Erika", "Example^Émile", "Test^山田")


def exam_ids(*, texts: st.SearchStrategy[str] | None = None) -> st.SearchStrategy[ExamId]:
    """Draw ids of exams."""
    return st.builds(ExamId, identifiers() if texts is None else texts)


def batch_ids(*, texts: st.SearchStrategy[str] | None = None) -> st.SearchStrategy[BatchId]:
    """Draw ids of upload batches."""
    return st.builds(BatchId, identifiers() if texts is None else texts)


def grant_ids(*, texts: st.SearchStrategy[str] | None = None) -> st.SearchStrategy[GrantId]:
    """Draw ids of grants."""
    return st.builds(GrantId, identifiers() if texts is None else texts)


def share_ids(*, texts: st.SearchStrategy[str] | None = None) -> st.SearchStrategy[ShareId]:
    """Draw ids of shares."""
    return st.builds(ShareId, identifiers() if texts is None else texts)


def notice_ids(*, texts: st.SearchStrategy[str] | None = None) -> st.SearchStrategy[NoticeId]:
    """Draw ids of notices."""
    return st.builds(NoticeId, identifiers() if texts is None else texts)


def exams(
    *,
    ids: st.SearchStrategy[ExamId] | None = None,
    owners: st.SearchStrategy[UserId] | None = None,
    batches: st.SearchStrategy[BatchId] | None = None,
    uploaded_at: st.SearchStrategy[datetime] | None = None,
    subjects: st.SearchStrategy[str | None] | None = None,
) -> st.SearchStrategy[Exam]:
    """Draw exams, some without a subject."""
    return st.builds(
        Exam,
        id=exam_ids() if ids is None else ids,
        owner=user_ids() if owners is None else owners,
        batch=batch_ids() if batches is None else batches,
        uploaded_at=times() if uploaded_at is None else uploaded_at,
        subject=st.sampled_from((None, "P-1", "P-2")) if subjects is None else subjects,
    )


def upload_batches(
    *,
    ids: st.SearchStrategy[BatchId] | None = None,
    uploaders: st.SearchStrategy[UserId] | None = None,
    received_at: st.SearchStrategy[datetime] | None = None,
    sealed: st.SearchStrategy[bool] | None = None,
) -> st.SearchStrategy[UploadBatch]:
    """Draw upload batches, sealed ones among them."""
    return st.builds(
        UploadBatch,
        id=batch_ids() if ids is None else ids,
        uploader=user_ids() if uploaders is None else uploaders,
        source=st.sampled_from(("", "CD", "transfer from another hospital")),
        received_at=times() if received_at is None else received_at,
        sealed=st.booleans() if sealed is None else sealed,
    )


@st.composite
def uploads(
    draw: st.DrawFn,
    *,
    batches: st.SearchStrategy[UploadBatch] = upload_batches(),
    ids: st.SearchStrategy[ExamId] | None = None,
    owners: st.SearchStrategy[UserId] | None = None,
    max_size: int = 4,
) -> tuple[UploadBatch, tuple[Exam, ...]]:
    """Draw a batch together with the exams that arrived in it, as `add_upload` takes them.

    Several exams often have one time of upload, as those of a CD do.

    Args:
        draw: given by Hypothesis.
        batches: what the exams arrive in.
        ids: of the exams.
        owners: of the exams; by default whoever uploaded them.
        max_size: at most so many exams, and at least one.
    """
    batch = draw(batches)
    found = draw(
        st.lists(
            exams(
                ids=ids,
                owners=st.just(batch.uploader) if owners is None else owners,
                batches=st.just(batch.id),
                uploaded_at=st.sampled_from((START, START - timedelta(minutes=1))),
            ),
            min_size=1,
            max_size=max_size,
            unique_by=lambda exam: exam.id,
        )
    )
    return batch, tuple(found)


def studies() -> st.SearchStrategy[Study]:
    """Draw study details of invented patients; like all studies, no `repr` shows them."""
    return st.builds(
        Study,
        study_instance_uid=st.integers(1, 10**12).map("2.25.{}".format),
        description=st.none() | st.sampled_from(_DESCRIPTIONS),
        modality=st.none() | st.sampled_from(_MODALITIES),
        study_date=st.none() | st.dates(date(1990, 1, 1), date(2030, 1, 1)),
        accession_number=st.none() | st.integers(0, 10**8).map("A{}".format),
        patient_id=st.none() | st.integers(0, 10**6).map("TEST-{}".format),
        patient_name=st.none() | st.sampled_from(_PATIENTS),
    )
