"""`exam-sharing tour`: the whole story of sharing, on a real medium."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Final

from exam_sharing.cli.cast import ANNA
from exam_sharing.cli.documents import tour_document, written
from exam_sharing.cli.extras import need
from exam_sharing.cli.story import BEGINNING, tell

__all__ = ["HELP", "NAME", "add_arguments", "run"]

NAME: Final = "tour"
HELP: Final = "tell the whole story of sharing, on a real CD"
EPILOG: Final = """\
The tour reads the headers of the medium and runs the library on its exams, in memory: the upload,
the share form, suggestions, sharing, notices, passing on, a refusal, the access list, narrowing and
unsharing, each answer with its reason. The medium is not changed, nothing is stored, and nothing
leaves this machine. People, ids and clock are the tour's own, so that a medium always gives the
same tour.

Of the studies, it shows modality, date and description to whoever is at the screen, never the name
or the id of a patient: they are "patient 1", "patient 2". Dates and descriptions are patient data
all the same; --no-details leaves them out.

examples:
  exam-sharing tour                       the CD that comes with pydicom
  exam-sharing tour /media/cdrom          a CD: a folder with a DICOMDIR
  exam-sharing tour ~/exports --loose     every DICOM file in a folder
  exam-sharing tour --json > tour.json    for machines
  exam-sharing tour | less                a screen at a time
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the command takes."""
    parser.epilog = EPILOG
    parser.add_argument(
        "media",
        metavar="MEDIA",
        nargs="?",
        type=Path,
        help="the folder of a CD, its DICOMDIR, or any folder of DICOM files; "
        "by default the CD that comes with pydicom",
    )
    parser.add_argument("--json", action="store_true", help="write one JSON document instead")
    parser.add_argument(
        "--loose", action="store_true", help="read every file, whatever a DICOMDIR says"
    )
    parser.add_argument(
        "--no-details",
        dest="details",
        action="store_false",
        help="leave out modality, date and description of the studies",
    )


def run(arguments: Namespace, version: str) -> int:
    """Tell the story.

    Raises:
        MissingExtra: what it needs is not installed.
        MediaError: the medium gives no exam.
    """
    need(["pydicom"] if arguments.json else ["pydicom", "rich"])
    from exam_sharing.cli.medium import read_medium

    medium = read_medium(
        arguments.media,
        uploader=ANNA,
        received_at=BEGINNING,
        loose=arguments.loose,
        details=arguments.details,
    )
    story = tell(medium)
    if arguments.json:
        print(written(tour_document(story, version)))
        return 0
    from exam_sharing.cli.printing import open_console, print_story

    print_story(story, open_console())
    return 0
