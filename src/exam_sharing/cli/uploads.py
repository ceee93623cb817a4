"""`exam-sharing add-media`: the exams of a DICOM medium."""

from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import uuid4

from exam_sharing import BatchId
from exam_sharing.cli import arguments as typed
from exam_sharing.cli.commands import Command
from exam_sharing.cli.portal import Portal
from exam_sharing.cli.replying import over_portal
from exam_sharing.cli.tour.facts import Uploaded

__all__ = ["ADD_MEDIA", "add_reading"]

EPILOG: Final = """\
The headers of the medium are read, and each study on it becomes an exam of one upload batch, which
is then sealed. Kept are the ids, the owner, the time, and which of the exams are of one patient;
nothing that the medium says of a patient or a study is. Modality, date and description are shown,
once, to whoever is at the screen, and patients are "patient 1", "patient 2"; --no-details leaves
them out.

examples:
  exam-sharing add-media /media/cdrom --owner anna
  exam-sharing add-media ~/exports --owner anna --loose --batch may-exports
"""


def add_reading(parser: ArgumentParser) -> None:
    """Let a command take how a medium is to be read and shown."""
    parser.add_argument(
        "--loose", action="store_true", help="read every file, whatever a DICOMDIR says"
    )
    parser.add_argument(
        "--no-details",
        dest="details",
        action="store_false",
        help="leave out modality, date and description of the studies",
    )


def _add_arguments(parser: ArgumentParser) -> None:
    typed.add_database(parser)
    parser.add_argument(
        "media",
        metavar="PATH",
        type=Path,
        help="the folder of a CD, its DICOMDIR, or any folder of DICOM files",
    )
    parser.add_argument(
        "--owner", metavar="USER", type=typed.user, required=True, help="who owns the exams"
    )
    parser.add_argument(
        "--batch",
        metavar="ID",
        type=typed.batch,
        help="the id of the batch, from which its exams have theirs; by default one of chance",
    )
    add_reading(parser)


def _add(arguments: Namespace, portal: Portal) -> Uploaded:
    from exam_sharing.cli.medium import read_medium

    portal.require_known("--owner", arguments.owner)
    medium = read_medium(
        arguments.media,
        batch=arguments.batch or BatchId(f"cd-{uuid4().hex[:10]}"),
        uploader=arguments.owner,
        received_at=datetime.now(UTC),
        loose=arguments.loose,
        details=arguments.details,
    )
    portal.sharing.add_upload(medium.batch, medium.exams)
    return Uploaded(
        batch=medium.batch.id,
        by=medium.batch.uploader,
        exams=medium.shown,
        left_out=medium.left_out,
    )


ADD_MEDIA: Final = Command(
    name="add-media",
    help="add the exams of a CD or a folder of DICOM files",
    epilog=EPILOG,
    add_arguments=_add_arguments,
    run=over_portal(_add, needs=["pydicom"]),
)
