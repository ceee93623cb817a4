"""A real medium, read for the tour; this module needs pydicom.

What leaves here of a study is its modality, date and description. Of patients, no more is told than
which exams are of the same one: "patient 1" and "patient 2".
"""

import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from exam_sharing import BatchId, Exam, ExamId, Study, UserId
from exam_sharing.adapters.pydicom import Media, read_media, shipped_media
from exam_sharing.cli.streams import Progress
from exam_sharing.cli.tour.facts import ExamShown, Medium

__all__ = ["read_medium"]


def read_medium(
    path: Path | None,
    *,
    batch: BatchId,
    exam_id: Callable[[int, Study], ExamId] | None = None,
    uploader: UserId,
    received_at: datetime,
    loose: bool,
    details: bool,
) -> Medium:
    """Read the medium, or the one that pydicom ships.

    Args:
        path: a folder or a DICOMDIR; `None` for the medium that pydicom ships.
        batch: the id of the upload batch.
        exam_id: names an exam; by default it is named after its batch.
        uploader: who brings it, and owns the exams.
        received_at: when; aware.
        loose: read every file, whatever a DICOMDIR says.
        details: keep modality, date and description.

    Raises:
        MediaError: the medium gives no exam.
    """
    media = read_media(
        shipped_media() if path is None else path,
        batch=batch,
        uploader=uploader,
        received_at=received_at,
        exam_id=exam_id,
        loose=loose,
        on_progress=Progress(sys.stderr),
    )
    patients = _numbered_patients(media.exams)
    return Medium(
        batch=media.batch,
        exams=media.exams,
        shown=_shown(media, patients, details=details),
        left_out={
            reason.statement: count for reason, count in sorted(media.left_out_counts().items())
        },
    )


def _shown(media: Media, patients: Mapping[ExamId, int], *, details: bool) -> tuple[ExamShown, ...]:
    return tuple(
        _one_shown(
            exam.id,
            number,
            patients[exam.id],
            media.studies[exam.id] if details else None,
            len(media.files[exam.id]),
        )
        for number, exam in enumerate(media.exams, start=1)
    )


def _one_shown(
    exam: ExamId, number: int, patient: int, study: Study | None, files: int
) -> ExamShown:
    modality = description = when = None
    if study is not None:
        modality, description, when = study.modality, study.description, study.study_date
    return ExamShown(
        id=exam,
        number=number,
        patient=patient,
        modality=modality and str(modality),
        date=when,
        description=description and str(description),
        files=files,
    )


def _numbered_patients(exams: tuple[Exam, ...]) -> Mapping[ExamId, int]:
    """Return which patient each exam is of; one without a subject is of a patient of its own."""
    numbers: dict[str | ExamId, int] = {}
    return {
        exam.id: numbers.setdefault(
            exam.id if exam.subject is None else exam.subject, len(numbers) + 1
        )
        for exam in exams
    }
