"""What comes of reading a medium: an upload, what it lacks, or why there is none."""

import enum
from collections import Counter
from collections.abc import Mapping
from typing import Final, Self

import attrs
from typing_extensions import override

from exam_sharing.errors import InputError
from exam_sharing.exams import Exam, Study, UploadBatch
from exam_sharing.identifiers import ExamId
from exam_sharing.validation import PrivateText

__all__ = ["LeftOut", "LeftOutReason", "Media", "MediaError", "MediaProblem"]


class _Coded(enum.StrEnum):
    statement: str

    def __new__(cls, code: str, statement: str) -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.statement = statement
        return member


class LeftOutReason(_Coded):
    """Why a file of the medium is behind no exam: a code, and a `statement` in words."""

    NOT_DICOM = "NOT_DICOM", "not a DICOM file"
    UNREADABLE = "UNREADABLE", "cannot be read, or its header is damaged"
    TRUNCATED = "TRUNCATED", "ends before its data do"
    NO_STUDY_UID = "NO_STUDY_UID", "belongs to no study: it has no Study Instance UID"
    MALFORMED_STUDY_UID = "MALFORMED_STUDY_UID", "its Study Instance UID is not a UID"
    MISSING = "MISSING", "listed by the DICOMDIR, but not on the medium"
    LINK = "LINK", "a link, which is not followed"
    SPECIAL_FILE = "SPECIAL_FILE", "neither a file nor a folder"
    DIRECTORY = "DIRECTORY", "a DICOMDIR: it lists images and is none"


_READ_LOOSE: Final = "read the files without it: give their folder, with loose=True"


class MediaProblem(_Coded):
    """Why a medium gives no upload at all: a code, and a `statement` in words."""

    NOT_FOUND = "NOT_FOUND", "there is nothing at the path of the medium"
    NOT_READABLE = "NOT_READABLE", "the folder of the medium cannot be opened"
    NOT_A_MEDIUM = "NOT_A_MEDIUM", "the path leads to neither a folder nor a DICOMDIR file"
    EMPTY = "EMPTY", "there is no file on the medium"
    DIRECTORY_UNREADABLE = "DIRECTORY_UNREADABLE", f"the DICOMDIR cannot be read; {_READ_LOOSE}"
    DIRECTORY_EMPTY = "DIRECTORY_EMPTY", f"the DICOMDIR lists no files; {_READ_LOOSE}"
    NOTHING_USABLE = "NOTHING_USABLE", "no exam could be read from the medium"
    NOT_SHIPPED = "NOT_SHIPPED", "the installed pydicom carries no CD; give a medium of your own"


class MediaError(InputError):
    """A medium gives no upload, and nothing was done.

    The path is not told: the caller knows it, and it may name a patient.

    Args:
        problem: what is wrong.
        left_out: how many files were left out, by reason.
    """

    def __init__(
        self, problem: MediaProblem, left_out: Mapping[LeftOutReason, int] | None = None
    ) -> None:
        """Keep the problem and the counts."""
        counts = dict(left_out or {})
        super().__init__(problem, counts)
        self.problem = problem
        self.left_out: Mapping[LeftOutReason, int] = counts

    @override
    def __str__(self) -> str:
        """Say what is wrong, and how many files were left out for which reasons."""
        counted = ", ".join(f"{count} {reason}" for reason, count in self.left_out.items())
        return self.problem.statement + (f" (files left out: {counted})" if counted else "")


@attrs.frozen(kw_only=True)
class LeftOut:
    """One file of the medium, or a folder that cannot be opened, that is behind no exam.

    Attributes:
        reason: why.
        file: its place on the medium, with `/` between the parts; it may name a patient.
    """

    reason: LeftOutReason
    file: PrivateText


def _count(items: tuple[object, ...] | Mapping[ExamId, object]) -> str:
    return str(len(items))


@attrs.frozen(kw_only=True)
class Media:
    """What was read from a medium: the whole of an upload, and nothing stored yet.

    Attributes:
        batch: the upload batch; sealed, since it is complete.
        exams: one a study, in the order in which the medium first names them. Where files of two
            patients claim one study, each patient's part is an exam of its own: no exam has two
            subjects.
        studies: for each exam, what a person reads of it; patient data.
        files: for each exam, the places on the medium of its files; they may name a patient.
        left_out: the files that are behind no exam, in the order of the medium.
    """

    batch: UploadBatch
    exams: tuple[Exam, ...] = attrs.field(repr=_count)
    studies: Mapping[ExamId, Study] = attrs.field(repr=_count)
    files: Mapping[ExamId, tuple[PrivateText, ...]] = attrs.field(repr=_count)
    left_out: tuple[LeftOut, ...] = attrs.field(repr=_count)

    def left_out_counts(self) -> dict[LeftOutReason, int]:
        """Return how many files were left out, by reason."""
        return dict(Counter(item.reason for item in self.left_out))
