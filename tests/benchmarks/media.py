"""How long reading media takes beside `pydicom.dcmread`, as ratios of one run.

Run it as `python -m tests.benchmarks.media`. It copies the CT image that pydicom ships, whose
header is an ordinary one, and a file with the few elements that an exam needs. It reads the headers
of all copies by `read_media`, and by `dcmread(stop_before_pixels=True)`. Both take turns; the best
of five counts, in time of the processor.
"""

import argparse
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import process_time
from typing import Final

from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid
from tests.benchmarks.harness import Row, at_most, progress, report, uncollected

from exam_sharing.adapters.pydicom import read_media
from exam_sharing.identifiers import BatchId, UserId

ROUNDS: Final = 5
BUDGET: Final = 1.25


def small(path: Path) -> None:
    """Write a file with the few elements that an exam needs."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=["image"])
    dataset.StudyInstanceUID = generate_uid(entropy_srcs=["study"])
    dataset.PatientID = "7"
    dataset.PatientName = "Doe^John"
    dataset.Modality = "OT"
    dataset.save_as(path, enforce_file_format=True)


def measured(what: str, original: Path, copies: int) -> Row:
    """Return how long reading copies of a file takes, relative to pydicom."""
    progress(f"{copies:,} times {what}")
    with tempfile.TemporaryDirectory() as folder:
        content = original.read_bytes()
        paths = [Path(folder) / f"IM{number:06}" for number in range(copies)]
        for path in paths:
            path.write_bytes(content)

        def by_pydicom() -> None:
            for path in paths:
                dcmread(path, stop_before_pixels=True)

        def by_read_media() -> None:
            read_media(
                folder,
                batch=BatchId("B1"),
                uploader=UserId("anna"),
                received_at=datetime(2024, 5, 1, tzinfo=UTC),
            )

        best = {by_pydicom: float("inf"), by_read_media: float("inf")}
        with uncollected():
            for _ in range(ROUNDS):
                for reading, known in best.items():
                    best[reading] = min(known, _time_of(reading))
    ratio = best[by_read_media] / best[by_pydicom]
    return at_most(f"reading {what} / dcmread", copies, ratio, BUDGET)


def _time_of(work: Callable[[], object]) -> float:
    began = process_time()
    work()
    return process_time() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Reading media beside pydicom.")
    parser.add_argument("--files", type=int, default=2_000, help="how many copies of each file")
    files = parser.parse_args().files
    with tempfile.TemporaryDirectory() as folder:
        tiny = Path(folder) / "tiny"
        small(tiny)
        ct = Path(str(get_testdata_file("CT_small.dcm", download=False)))
        rows = [measured("CT headers", ct, files), measured("small files", tiny, files)]
    report(rows, as_json=False, judges=False)


if __name__ == "__main__":
    main()
