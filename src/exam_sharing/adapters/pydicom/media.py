"""The result of reading a medium: an upload, the files left out, or an error."""

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
    """Why a file of the medium is part of no exam: a code with a `statement`."""

    NOT_DICOM = "NOT_DICOM", "not a DICOM file, but other software or a document"
    UNREADABLE = "UNREADABLE", "cannot be read"
    DAMAGED = "DAMAGED", "its header is damaged"
    TRUNCATED = "TRUNCATED", "ends before its data end"
    NO_STUDY_UID = "NO_STUDY_UID", "has no Study Instance UID, so it belongs to no study"
    MALFORMED_STUDY_UID = "MALFORMED_STUDY_UID", "its Study Instance UID is not a UID"
    MISSING = "MISSING", "listed by the DICOMDIR, but not on the medium"
    NOT_LISTED = ("NOT_LISTED", "an image that the DICOMDIR does not list; read it with loose=True")
    LINK = "LINK", "a link, which is not followed"
    SPECIAL_FILE = "SPECIAL_FILE", "neither a file nor a folder"
    DIRECTORY = "DIRECTORY", "a DICOMDIR, which only lists images"
    ENCRYPTED = "ENCRYPTED", "encrypted in the ZIP file; unpack it with its password"
    UNSAFE_NAME = "UNSAFE_NAME", "its name leads out of the medium"
    AMBIGUOUS = "AMBIGUOUS", "the ZIP file has another entry of this name"


_READ_LOOSE: Final = "read the files without it: give their folder, with loose=True"


class MediaProblem(_Coded):
    """Why a medium gives no upload: a code with a `statement`."""

    NOT_FOUND = "NOT_FOUND", "there is nothing at the path of the medium"
    LINK_LOOP = "LINK_LOOP", "the path of the medium is a circle of links"
    NOT_READABLE = "NOT_READABLE", "the medium cannot be opened; check who may read it"
    NOT_A_MEDIUM = (
        "NOT_A_MEDIUM",
        "the path leads to neither a folder, a DICOMDIR, a DICOM file nor a ZIP file",
    )
    EMPTY = "EMPTY", "there is no file on the medium"
    DIRECTORY_UNREADABLE = "DIRECTORY_UNREADABLE", f"the DICOMDIR cannot be read; {_READ_LOOSE}"
    DIRECTORY_IS_NO_FILE = (
        "DIRECTORY_IS_NO_FILE",
        f"DICOMDIR is the name of a folder, a link or a special file there; {_READ_LOOSE}",
    )
    DIRECTORY_EMPTY = "DIRECTORY_EMPTY", f"the DICOMDIR lists no files; {_READ_LOOSE}"
    NOTHING_LISTED_USABLE = (
        "NOTHING_LISTED_USABLE",
        f"no exam could be read from the files that the DICOMDIR lists; {_READ_LOOSE}",
    )
    NOTHING_USABLE = "NOTHING_USABLE", "no exam could be read from the medium"
    ZIP_UNREADABLE = "ZIP_UNREADABLE", "the ZIP file is damaged or incomplete; copy it again"
    ZIP_TOO_LARGE = (
        "ZIP_TOO_LARGE",
        "the ZIP file announces more files or data than media have; unpack it, if you trust it",
    )
    NOT_SHIPPED = (
        "NOT_SHIPPED",
        "the installed pydicom has no example CD; give a medium of your own",
    )


@attrs.define(slots=False, repr=False)
class MediaError(InputError):
    """A medium gives no upload, and nothing was done.

    It does not contain the path, which the caller knows, and which may name a patient.

    Attributes:
        problem: what is wrong.
        files: the files that were found, each with the reason why it is of no use.
    """

    problem: MediaProblem
    files: "tuple[LeftOut, ...]" = ()

    @property
    def left_out(self) -> dict[LeftOutReason, int]:
        """The number of files left out, by reason."""
        return dict(Counter(item.reason for item in self.files))

    @override
    def __str__(self) -> str:
        reasons = [
            f"{number:,} {'file' if number == 1 else 'files'}: {reason.statement}"
            for reason, number in self.left_out.items()
        ]
        return ". ".join([self.problem.statement, *reasons])


@attrs.frozen(kw_only=True)
class LeftOut:
    """A file of the medium, or a folder that cannot be opened, that is part of no exam.

    Attributes:
        reason: why.
        file: its path on the medium, with `/` between the parts; it may name a patient.
    """

    reason: LeftOutReason
    file: PrivateText


def _count(items: tuple[object, ...] | Mapping[ExamId, object]) -> str:
    return str(len(items))


@attrs.frozen(kw_only=True)
class Media:
    """A whole upload, read from a medium and not stored.

    Attributes:
        batch: the upload batch; sealed, since it is complete.
        exams: one for each study, in their order on the medium. If files of two patients claim one
            study, each patient gets an exam: no exam has two subjects.
        studies: the study details of each exam; patient data.
        files: the paths of the files of each exam; they may name a patient.
        left_out: the files that are part of no exam, in the order of the medium.
    """

    batch: UploadBatch
    exams: tuple[Exam, ...] = attrs.field(repr=_count)
    studies: Mapping[ExamId, Study] = attrs.field(repr=_count)
    files: Mapping[ExamId, tuple[PrivateText, ...]] = attrs.field(repr=_count)
    left_out: tuple[LeftOut, ...] = attrs.field(repr=_count)

    def left_out_counts(self) -> dict[LeftOutReason, int]:
        """Return the number of files left out, by reason."""
        return dict(Counter(item.reason for item in self.left_out))
