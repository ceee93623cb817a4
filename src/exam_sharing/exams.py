"""Exams, upload batches, and the study details that a host may show beside them.

An exam holds no patient data, except the host's opaque reference to the patient. `Study` is patient
data and nothing else: decisions and stores never see it, and `repr`, `attrs.asdict` and `vars` of
it show nothing.
"""

from datetime import date, datetime
from functools import partial
from typing import Any

import attrs

from exam_sharing.errors import AlreadyExists, WrongBatch
from exam_sharing.identifiers import BatchId, ExamId, UserId
from exam_sharing.validation import (
    PrivateText,
    instant,
    is_a,
    plain_text,
    private_text,
    require_instance,
)

MAX_SOURCE_LENGTH = 500


def _uploaded_at(value: datetime) -> datetime:
    return instant("uploaded_at", value)


def _received_at(value: datetime) -> datetime:
    return instant("received_at", value)


def _subject(value: str | None) -> PrivateText | None:
    return private_text("subject", value)


def _source(value: str) -> str:
    return plain_text("source", value, max_length=MAX_SOURCE_LENGTH)


@attrs.frozen(kw_only=True)
class Exam:
    """One imaging study, reduced to what sharing needs.

    The same study uploaded twice is two exams. The active owner holds everything on it. The time is
    aware, and kept in UTC. The subject is the host's opaque reference to the patient: it is
    compared, and never shown.
    """

    id: ExamId = attrs.field(validator=is_a(ExamId))
    owner: UserId = attrs.field(validator=is_a(UserId))
    batch: BatchId = attrs.field(validator=is_a(BatchId))
    uploaded_at: datetime = attrs.field(converter=_uploaded_at)
    subject: PrivateText | None = attrs.field(default=None, converter=_subject)


@attrs.frozen(kw_only=True)
class UploadBatch:
    """The exams that arrived together: a CD, an upload, a transfer. Sealed, it takes no more.

    The host describes its source: at most 500 code points, no controls. The time is aware, and kept
    in UTC.
    """

    id: BatchId = attrs.field(validator=is_a(BatchId))
    uploader: UserId = attrs.field(validator=is_a(UserId))
    source: str = attrs.field(default="", converter=_source, repr=False)
    received_at: datetime = attrs.field(converter=_received_at)
    sealed: bool = attrs.field(default=False, validator=is_a(bool))


def require_fitting(batch: UploadBatch, exams: tuple[Exam, ...]) -> None:
    """Raise `WrongBatch` if an exam names another batch, `AlreadyExists` if one comes twice."""
    seen: set[ExamId] = set()
    for exam in exams:
        if exam.batch != batch.id:
            raise WrongBatch(str(batch.id), f"exam {str(exam.id)!r} names another batch")
        if exam.id in seen:
            raise AlreadyExists("exam", str(exam.id))
        seen.add(exam.id)


class Study:
    """The details of an imaging study: patient data, for hosts and importers only.

    It is no attrs class, since `attrs.asdict` ignores `repr=False` and would show the details.

    Args:
        study_instance_uid: DICOM (0020,000D).
        description: DICOM (0008,1030).
        modality: DICOM (0008,0060); an importer joins several.
        study_date: DICOM (0008,0020).
        accession_number: DICOM (0008,0050).
        patient_id: DICOM (0010,0020).
        patient_name: DICOM (0010,0010).

    Raises:
        WrongKind: a field is neither a `str` nor `None`, or the date is no `date`.
        InvalidInput: a text holds NUL or a lone surrogate.
    """

    __slots__ = (
        "accession_number",
        "description",
        "modality",
        "patient_id",
        "patient_name",
        "study_date",
        "study_instance_uid",
    )

    study_instance_uid: PrivateText | None
    description: PrivateText | None
    modality: PrivateText | None
    study_date: date | None
    accession_number: PrivateText | None
    patient_id: PrivateText | None
    patient_name: PrivateText | None

    def __init__(
        self,
        *,
        study_instance_uid: str,
        description: str | None = None,
        modality: str | None = None,
        study_date: date | None = None,
        accession_number: str | None = None,
        patient_id: str | None = None,
        patient_name: str | None = None,
    ) -> None:
        if study_date is not None:
            require_instance("study_date", study_date, date)
            study_date = date.fromordinal(date.toordinal(study_date))
        texts = {
            "study_instance_uid": study_instance_uid,
            "description": description,
            "modality": modality,
            "accession_number": accession_number,
            "patient_id": patient_id,
            "patient_name": patient_name,
        }
        object.__setattr__(self, "study_date", study_date)
        for name, text in texts.items():
            object.__setattr__(self, name, private_text(name, text))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(name, "cannot be changed: make a new Study")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(name, "cannot be deleted: make a new Study")

    def _details(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    def __reduce__(self) -> tuple["partial[Study]", tuple[()]]:
        return partial(Study, **dict(zip(self.__slots__, self._details(), strict=True))), ()

    def __eq__(self, other: object) -> bool:
        if type(other) is not Study:
            return NotImplemented
        return self._details() == other._details()

    def __hash__(self) -> int:
        return hash(self._details())

    def __repr__(self) -> str:
        return "Study(<withheld>)"
