"""Exams from a DICOM CD, a folder of DICOM files or a ZIP file, read with pydicom 3.

This needs the extra `dicom`.

`read_media` stores nothing. It returns a whole upload for `Sharing.add_upload`, or raises a
`MediaError`, so no upload is half made.

Media are hostile input, and everything on them may be patient data, names of files included (many
are exported as `DOE_JOHN/IM1`). Therefore:

* Every file is part of an exam, or in `Media.left_out` with a reason.
* Names of files are `PrivateText`: people may read them, and no `repr` and no error shows them.
* No error, warning or log line of pydicom leaves this package, since they quote values and names.
* Links are not followed, since a link on an uploaded medium can point at images of somebody else.
* Only headers are read. The lengths that they announce show whether a file is complete.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import attrs
import pydicom

from exam_sharing.adapters.pydicom.files import (
    Found,
    InFolder,
    InZip,
    Tree,
    is_directory,
    listed,
    walk,
)
from exam_sharing.adapters.pydicom.headers import read_directory, read_header
from exam_sharing.adapters.pydicom.media import (
    LeftOut,
    LeftOutReason,
    Media,
    MediaError,
    MediaProblem,
)
from exam_sharing.adapters.pydicom.studies import Gathering, Header, Patient, StudyFiles
from exam_sharing.errors import AlreadyExists, WrongKind
from exam_sharing.exams import Exam, Study, UploadBatch
from exam_sharing.identifiers import BatchId, ExamId, UserId
from exam_sharing.validation import PrivateText, require_kind

__all__ = ["LeftOut", "LeftOutReason", "Media", "MediaError", "MediaProblem", "read_media"]
__all__ += ["shipped_media"]


def shipped_media() -> Path:
    """Return the folder of the CD that pydicom's wheel ships: two patients, six studies.

    Raises:
        MediaError: this installation of pydicom lacks it.
    """
    folder = Path(pydicom.__file__).parent / "data" / "test_files" / "dicomdirtests"
    if not (folder / "DICOMDIR").is_file():
        raise MediaError(MediaProblem.NOT_SHIPPED)
    return folder


def read_media(  # noqa: PLR0913  named choices of the caller
    path: str | os.PathLike[str],
    *,
    batch: BatchId,
    uploader: UserId,
    received_at: datetime,
    owner: UserId | None = None,
    exam_id: Callable[[int, Study], ExamId] | None = None,
    subject: Callable[[str], str | None] | None = None,
    loose: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> Media:
    """Read a medium into an upload batch, its exams and their study details.

    With a DICOMDIR, the exams consist of the files that it lists. Without one, every file in the
    folder and below is read. The header of a file takes precedence over its DICOMDIR. The same
    medium gives the same result.

    Args:
        path: a folder, a DICOMDIR file, a DICOM file, or a ZIP file, which is not unpacked.
        batch: the id of the upload batch.
        uploader: who uploads the medium.
        received_at: when; aware. It is also the time of upload of each exam.
        owner: the owner of the exams; by default the uploader.
        exam_id: makes the id of an exam from its number, counted from 1, and its study details; by
            default the exams of batch `B1` are `B1-1`, `B1-2` and so on.
        subject: returns the host's reference to a patient for the Patient ID on the medium, which
            has its issuer, if any, behind it (`7^^^HOSPITAL`); called once for each patient. By
            default the patients of batch `B1` are `B1-patient-1`, `B1-patient-2` and so on, so no
            exam holds data of a patient.
        loose: ignore a DICOMDIR and read every file of the folder.
        on_progress: called after each file with the number of read files and of all files. Its
            exceptions end the reading and are raised.

    Raises:
        MediaError: the medium contains no readable exam.
        CallerError: an argument has a wrong type or is malformed, or `exam_id` returned an id
            twice.
    """
    require_kind("owner", owner, UserId, type(None))
    upload = UploadBatch(
        id=batch, uploader=uploader, source="DICOM media", received_at=received_at, sealed=True
    )
    with _medium(path, loose=loose) as medium:
        gathering = Gathering()
        for number, file in enumerate(medium.found, start=1):
            gathering.add(number, file.place, medium.header(file))
            if on_progress is not None:
                on_progress(number, len(medium.found))
    studies, left_out = gathering.studies(), tuple(gathering.left_out)
    if not studies:
        raise MediaError(medium.nothing_usable, left_out)
    subject_of = _subjects(upload.id, subject)
    owned_by = uploader if owner is None else owner
    return _media(upload, owned_by, studies, left_out, exam_id, subject_of)


def _media(
    upload: UploadBatch,
    owner: UserId,
    gathered: Sequence[StudyFiles],
    left_out: tuple[LeftOut, ...],
    exam_id: Callable[[int, Study], ExamId] | None,
    subject_of: Callable[[Patient], str | None],
) -> Media:
    exams: dict[ExamId, Exam] = {}
    studies: dict[ExamId, Study] = {}
    files: dict[ExamId, tuple[PrivateText, ...]] = {}
    for number, each in enumerate(gathered, start=1):
        study = each.study()
        name = ExamId(f"{upload.id}-{number}") if exam_id is None else exam_id(number, study)
        if name in exams:
            raise AlreadyExists(kind="exam", identifier=str(name))
        exams[name] = Exam(
            id=name,
            owner=owner,
            batch=upload.id,
            uploaded_at=upload.received_at,
            subject=subject_of(each.patient),
        )
        studies[name] = study
        files[name] = tuple(PrivateText(place) for _, place in each.places)
    return Media(
        batch=upload, exams=tuple(exams.values()), studies=studies, files=files, left_out=left_out
    )


def _subjects(
    batch: BatchId, name: Callable[[str], str | None] | None
) -> Callable[[Patient], str | None]:
    """Return a function that names the patients of a batch; without Patient ID there is no name."""
    named: dict[str, str | None] = {}

    def subject_of(patient: Patient) -> str | None:
        known_as = patient.reference()
        if known_as is None:
            return None
        if known_as not in named:
            numbered = f"{batch}-patient-{len(named) + 1}"
            named[known_as] = numbered if name is None else name(known_as)
        return named[known_as]

    return subject_of


@attrs.frozen
class _Medium:
    """A medium with its files.

    Attributes:
        nothing_usable: the problem if no exam can be read from it.
    """

    tree: Tree
    found: Sequence[Found]
    nothing_usable: MediaProblem = MediaProblem.NOTHING_USABLE

    def header(self, file: Found) -> Header | LeftOutReason:
        """Return the header of a file, or why it is left out."""
        if file.obstacle is not None:
            return file.obstacle
        try:
            source = self.tree.open(file.place)
            with source.stream:
                header = read_header(source)
        except OSError:
            return LeftOutReason.UNREADABLE
        is_image = isinstance(header, Header)
        return LeftOutReason.NOT_LISTED if is_image and not file.is_listed else header


@contextmanager
def _medium(path: object, *, loose: bool) -> Iterator[_Medium]:
    """Open a medium: a folder, a DICOMDIR, a ZIP file or a DICOM file."""
    if not isinstance(path, str | os.PathLike) or not isinstance(where := os.fspath(path), str):
        raise WrongKind(field="path", needed="str or PathLike", given=type(path).__name__)
    mode = _mode(where)
    if stat.S_ISDIR(mode):
        yield _files_in(InFolder(where), loose=loose)
    elif not stat.S_ISREG(mode):
        raise MediaError(MediaProblem.NOT_A_MEDIUM)
    elif _first_bytes(where).startswith((b"PK\3\4", b"PK\5\6")):
        zipped = InZip(where)
        try:
            yield _files_in(zipped, loose=loose)
        finally:
            zipped.close()
    else:
        yield _file(where, loose=loose)


def _files_in(tree: Tree, *, loose: bool) -> _Medium:
    folder = tree.folder("")
    if folder is None:
        raise MediaError(MediaProblem.NOT_READABLE)
    directory = None if loose else folder.directory()
    if directory is not None:
        return _listed(tree, directory)
    found = list(walk(tree))
    if not found:
        raise MediaError(MediaProblem.EMPTY)
    return _Medium(tree, found)


def _file(path: str, *, loose: bool) -> _Medium:
    """Return the medium of a DICOMDIR file, or of one DICOM file."""
    root, name = os.path.split(os.path.abspath(path))  # noqa: PTH100
    tree = InFolder(root)
    begin = _begin(tree, name)
    if is_directory(name) or begin is LeftOutReason.DIRECTORY:
        return _files_in(tree, loose=True) if loose else _listed(tree, name)
    if begin is LeftOutReason.NOT_DICOM:
        raise MediaError(MediaProblem.NOT_A_MEDIUM)
    return _Medium(tree, [Found(name)])


def _begin(tree: Tree, name: str) -> object:
    try:
        source = tree.open(name)
        with source.stream:
            return read_header(source)
    except OSError:
        raise MediaError(MediaProblem.NOT_READABLE) from None


def _listed(tree: Tree, directory: str) -> _Medium:
    try:
        source = tree.open(directory)
        with source.stream:
            file_ids = read_directory(source)
    except OSError:
        file_ids = LeftOutReason.UNREADABLE
    if isinstance(file_ids, LeftOutReason):
        raise MediaError(MediaProblem.DIRECTORY_UNREADABLE)
    if not file_ids:
        raise MediaError(MediaProblem.DIRECTORY_EMPTY)
    found = list(listed(tree, file_ids, directory))
    return _Medium(tree, found, MediaProblem.NOTHING_LISTED_USABLE)


def _mode(path: str) -> int:
    try:
        return os.stat(path).st_mode  # noqa: PTH116
    except PermissionError:
        raise MediaError(MediaProblem.NOT_READABLE) from None
    except OSError as error:
        is_loop = error.errno == errno.ELOOP
        problem = MediaProblem.LINK_LOOP if is_loop else MediaProblem.NOT_FOUND
        raise MediaError(problem) from None
    except ValueError:
        raise MediaError(MediaProblem.NOT_FOUND) from None


def _first_bytes(path: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return file.read(4)
    except OSError:
        raise MediaError(MediaProblem.NOT_READABLE) from None
