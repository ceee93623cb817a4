"""`exam-sharing tour`: the whole story of sharing, on a real medium."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from exam_sharing import BatchId, Study
from exam_sharing.cli.commands import Command, ExitCode
from exam_sharing.cli.documents import tour_document, written
from exam_sharing.cli.extras import need
from exam_sharing.cli.replying import telling
from exam_sharing.cli.tour.cast import ANNA
from exam_sharing.cli.tour.stage import OpenSharing, open_in_memory
from exam_sharing.cli.tour.story import BEGINNING, tell
from exam_sharing.cli.uploads import add_reading
from exam_sharing.identifiers import ExamId

__all__ = ["TOUR"]

BATCH: Final = BatchId("cd")
EPILOG: Final = """\
The tour reads the headers of the medium and runs the library on its exams, in memory: the upload,
the share form, suggestions, sharing, notices, passing on, a refusal, the access list, narrowing and
unsharing, each answer with its reason. The medium is not changed, nothing is stored, and nothing
leaves this machine. People, ids and clock are the tour's own, so that a medium always gives the
same tour.

With --db, what the tour comes to stays in a database, which must be new or empty, and the other
commands can look at it. EXAM_SHARING_DB does not count here.

Of the studies, it shows modality, date and description to whoever is at the screen, never the name
or the id of a patient: they are "patient 1", "patient 2". Dates and descriptions are patient data
all the same; --no-details leaves them out.

examples:
  exam-sharing tour                       the CD that comes with pydicom
  exam-sharing tour /media/cdrom          a CD: a folder with a DICOMDIR
  exam-sharing tour ~/exports --loose     every DICOM file in a folder
  exam-sharing tour --db tour.db          stays; then: exam-sharing access exam-1 --as anna
  exam-sharing tour --json > tour.json    for machines
  exam-sharing tour | less                a screen at a time
"""


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "media",
        metavar="MEDIA",
        nargs="?",
        type=Path,
        help="the folder of a CD, its DICOMDIR, or any folder of DICOM files; "
        "by default the CD that comes with pydicom",
    )
    parser.add_argument(
        "--db",
        metavar="URL",
        help="keep it in this database: a path, sqlite:///PATH, or postgresql+psycopg://HOST/NAME",
    )
    add_reading(parser)


def _run(arguments: Namespace, version: str) -> ExitCode:
    packages = {"pydicom": True, "rich": not arguments.json, "sqlalchemy": arguments.db is not None}
    need([package for package, needed in packages.items() if needed])
    from exam_sharing.cli.medium import read_medium

    medium = read_medium(
        arguments.media,
        batch=BATCH,
        exam_id=_exam_id,
        uploader=ANNA,
        received_at=BEGINNING,
        loose=arguments.loose,
        details=arguments.details,
    )
    with _kept(arguments.db) as (place, open_kept):
        story = tell(medium, open_kept)
    with telling(None if place is None else f"the tour stays in {place}"):
        if arguments.json:
            print(written(tour_document(story, version)))
            return ExitCode.DONE
        from exam_sharing.cli.tour.printing import open_console, print_story

        print_story(story, open_console(), place)
    return ExitCode.DONE


def _exam_id(number: int, _study: Study) -> ExamId:
    return ExamId(f"exam-{number}")


@contextmanager
def _kept(typed: str | None) -> Iterator[tuple[str | None, OpenSharing]]:
    """Yield where what the tour comes to is kept, and how to share there."""
    if typed is None:
        yield None, open_in_memory
        return
    from exam_sharing.cli.database import opened_for_a_tour

    with opened_for_a_tour(typed) as kept:
        yield kept


TOUR: Final = Command(
    name="tour",
    help="tell the whole story of sharing, on a real CD",
    epilog=EPILOG,
    add_arguments=_add_arguments,
    run=_run,
)
