"""`exam-sharing add-media`: the exams of a DICOM medium.

Of a study, its modality, date and description are kept for the screen; of patients, only which
exams belong to the same one: "patient 1" and "patient 2".
"""

import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime
from math import ceil
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import attrs

from exam_sharing import BatchId, Exam, ExamId, UploadBatch
from exam_sharing.cli import printing as out
from exam_sharing.cli.commands import Portal, Unread
from exam_sharing.cli.parsing import argument, flag, no_flag, read_as, user
from exam_sharing.cli.printing import Line, Reply, Shown, column, portal_command
from exam_sharing.cli.words import Words, count

if TYPE_CHECKING:
    from exam_sharing.adapters.pydicom import LeftOut

_LARGE: Final = 1_000
"""With this many files, reading takes long enough to show its progress."""


@attrs.frozen(kw_only=True)
class ExamShown:
    """An exam as it is shown to the person at the screen; no patient has a name here.

    Numbers of exams and patients count from 1. Details may be left out or missing on the medium.
    """

    id: ExamId
    number: int
    patient: int
    modality: str | None
    date: date | None
    description: str | None
    files: int


@attrs.frozen(kw_only=True)
class Medium:
    """A medium that was read: the upload, and how to show its exams."""

    batch: UploadBatch
    exams: tuple[Exam, ...] = attrs.field(repr=False)
    shown: tuple[ExamShown, ...] = attrs.field(repr=False)
    left_out: "tuple[LeftOut, ...]" = attrs.field(repr=False)
    verbose: bool


def read_medium(arguments: Namespace, **settings: Any) -> Medium:
    """Read a medium, or the one that pydicom ships, with its progress on standard error.

    This needs pydicom, and takes the settings of `read_media` beside those in the arguments.

    Raises:
        Unread: it has no exams.
    """
    from exam_sharing.adapters.pydicom import MediaError, read_media, shipped_media

    line, began = Line(sys.stderr), monotonic()

    def progress(done: int, total: int) -> None:
        percent = 100 * done // total
        if total >= _LARGE and percent > 100 * (done - 1) // total:
            left = time_left((monotonic() - began) / done * (total - done))
            shown = f"reading {total:,} files: {percent} %, {left} left"
            line.show(shown if done < total else "")

    try:
        path = arguments.media or shipped_media()
        media = read_media(path, loose=arguments.loose, on_progress=progress, **settings)
    except MediaError as error:
        line.show("")
        for each in error.files if arguments.verbose and not arguments.json else ():
            print(f"{_legible(each)}: {_why(each)}", file=sys.stderr)
        problem, files = error.problem, left_out_files(error.files)
        facts = {"problem": problem, "why": _as_option(problem.statement), "left_out": files}
        raise Unread(_as_option(str(error)), facts) from None
    patients: dict[str | ExamId, int] = {}
    shown = []
    for number, exam in enumerate(media.exams, start=1):
        # An exam without a subject is of a patient of its own.
        subject = exam.id if exam.subject is None else exam.subject
        modality = description = when = None
        if arguments.details:
            study = media.studies[exam.id]
            modality, description, when = study.modality, study.description, study.study_date
        shown.append(
            ExamShown(
                id=exam.id,
                number=number,
                patient=patients.setdefault(subject, len(patients) + 1),
                modality=modality and str(modality),
                date=when,
                description=description and str(description),
                files=len(media.files[exam.id]),
            )
        )
    return Medium(
        batch=media.batch,
        exams=media.exams,
        shown=tuple(shown),
        left_out=media.left_out,
        verbose=arguments.verbose,
    )


def left_out_files(files: "Iterable[LeftOut]") -> list[dict[str, str]]:
    """Return the files that belong to no exam for a document; their paths may name patients."""
    return [{"file": str(one.file), "reason": one.reason.value, "why": _why(one)} for one in files]


def _legible(left_out: "LeftOut") -> str:
    """Return the path of a file without characters that could harm a terminal."""
    return "".join(each if each.isprintable() else "\ufffd" for each in left_out.file)


def _why(left_out: "LeftOut") -> str:
    return _as_option(left_out.reason.statement)


def _as_option(statement: str) -> str:
    """Return a statement with the option of the command for the argument of the library."""
    return statement.replace("loose=True", "--loose")


def time_left(seconds: float) -> str:
    whole = ceil(seconds)
    return f"{whole} s" if whole < 100 else f"{ceil(whole / 60)} min"  # noqa: PLR2004


def uploaded(medium: Medium, *, is_cut: bool = False) -> Reply:
    """Return a batch of exams that was added; no patient has a name there."""
    batch, left_out = medium.batch, medium.left_out

    def show(words: Words) -> Shown:
        exams, more = out.cut(medium.shown) if is_cut else (medium.shown, [])
        rows = [
            (
                words.label(exam.id),
                f"patient {exam.patient}",
                exam.modality or "",
                exam.date.isoformat() if exam.date else "",
                out.text(exam.description or "", whole=True),
                f"{exam.files:,}",
            )
            for exam in exams
        ]
        columns = (
            column("exam", no_wrap=True),
            column("patient", no_wrap=True),
            column("modality", no_wrap=True, max_width=12),
            column("date", no_wrap=True, min_width=10),
            column("description"),
            column("files", no_wrap=True, min_width=5, justify="right"),
        )
        owned = f"{count(len(medium.shown), 'exam')}, owned by {words.who(batch.uploader)}"
        table = out.table(*columns, rows=rows)
        table_of_files = _files_table(left_out) if medium.verbose and left_out else ()
        reasons = sorted(Counter((each.reason.value, _why(each)) for each in left_out).items())
        counts = (f"{count(number, 'file')} left out: {why}." for (_, why), number in reasons)
        return out.stacked(table, *more, *table_of_files, f"Batch {batch.id}: {owned}.", *counts)

    files = left_out_files(left_out)
    facts = {"batch": batch.id, "by": batch.uploader, "exams": medium.shown, "left_out": files}
    return Reply("uploaded", facts, show, done="the exams were added")


def _files_table(left_out: "Iterable[LeftOut]") -> tuple[Shown, ...]:
    rows = [(out.text(_legible(each)), out.text(_why(each))) for each in left_out]
    return "", out.table(column("file left out", overflow="fold"), column("why"), rows=rows), ""


READING: Final = (
    flag("--loose", "read every file, whatever a DICOMDIR lists"),
    flag("--verbose", "list the files that are left out, by path"),
    no_flag("--no-details", "leave out modality, date and description of the studies"),
)


@portal_command(
    "add-media",
    "add the exams of a CD or a folder of DICOM files",
    argument("media PATH", "the folder of a CD, its DICOMDIR, a ZIP file, or DICOM files", Path),
    argument("--owner USER", "who owns the exams", user, required=True),
    argument(
        "--batch ID",
        "the id of the batch, with which the ids of its exams begin; by default random",
        read_as(BatchId),
    ),
    *READING,
    epilog="""\
The command reads the headers of the medium. Each study becomes an exam of one upload batch, which
is then sealed. It stores the ids, the owner, the time, and which of the exams are of one patient,
and nothing else of patients or studies. Modality, date and description are only shown on the
screen, and patients are "patient 1", "patient 2"; --no-details leaves the details out.

examples:
  exam-sharing add-media /media/cdrom --owner anna
  exam-sharing add-media ~/exports --owner anna --loose --batch may-exports
""",
    needs=["pydicom"],
)
def add_media(arguments: Namespace, portal: Portal) -> Reply:
    portal.require_known("--owner", arguments.owner)
    medium = read_medium(
        arguments,
        batch=arguments.batch or BatchId(f"cd-{uuid4().hex[:10]}"),
        uploader=arguments.owner,
        received_at=datetime.now(UTC),
    )
    portal.sharing.add_upload(medium.batch, medium.exams)
    return uploaded(medium)
