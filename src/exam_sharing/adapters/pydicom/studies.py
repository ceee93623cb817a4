"""What the headers of a medium's files say, gathered into studies.

A study is known by its UID and its patient, since files of two patients under one UID must not
become one exam. Some files say less than others of one study, as reports without the issuer of the
patient's id do: a file that says less, and nothing else, goes with the only patient that it fits.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

import attrs

from exam_sharing.adapters.pydicom.media import LeftOut, LeftOutReason
from exam_sharing.exams import Study
from exam_sharing.validation import PrivateText

__all__ = ["Gathering", "Header", "Patient", "StudyFiles"]

DATE: Final = re.compile(r"([0-9]{4})\.?([0-9]{2})\.?([0-9]{2})")


@attrs.frozen(repr=False)
class Patient:
    """Whom a file is of, as far as it says: either text may be empty."""

    id: str
    issuer: str

    def may_be(self, other: "Patient") -> bool:
        """Tell whether this says less than the other, and nothing else."""
        return self != other and self.id in {"", other.id} and self.issuer in {"", other.issuer}

    def reference(self) -> str | None:
        """Return the id, with its issuer behind it as HL7 writes and escapes them."""
        if not self.id:
            return None
        return _escaped(self.id) + (f"^^^{_escaped(self.issuer)}" if self.issuer else "")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\E\\").replace("^", "\\S\\")


@attrs.frozen(kw_only=True, repr=False)
class Header:
    """What one file says of its study; each text may be empty."""

    study_uid: str
    patient: Patient
    modality: str
    details: Mapping[str, str]


@attrs.define(repr=False)
class StudyFiles:
    """The files of one study and one patient."""

    study_uid: str
    patient: Patient
    places: list[tuple[int, str]] = attrs.field(factory=list)
    modalities: set[str] = attrs.field(factory=set)
    details: dict[str, str] = attrs.field(factory=dict)

    def add(self, number: int, place: str, header: Header) -> None:
        """Take in a file; of each detail, what was said first counts."""
        self.places.append((number, place))
        self.modalities.update({header.modality} - {""})
        self._learn(header.details)

    def absorb(self, other: "StudyFiles") -> None:
        """Take in the files of the same study that say less of the patient."""
        self.places = sorted(self.places + other.places)
        self.modalities |= other.modalities
        self._learn(other.details)

    def _learn(self, details: Mapping[str, str]) -> None:
        for name, text in details.items():
            if text:
                self.details.setdefault(name, text)

    def study(self) -> Study:
        """Return what a person reads of the study."""
        return Study(
            study_instance_uid=self.study_uid,
            description=self.details.get("description"),
            modality="/".join(sorted(self.modalities)) or None,
            study_date=_date(self.details.get("study_date", "")),
            accession_number=self.details.get("accession_number"),
            patient_id=self.patient.id or None,
            patient_name=self.details.get("patient_name"),
        )


def _date(text: str) -> date | None:
    match = DATE.fullmatch(text)
    if match is None:
        return None
    try:
        return date(*map(int, match.groups()))
    except ValueError:
        return None


class Gathering:
    """The files of a medium, taken in one after another."""

    def __init__(self) -> None:
        self.left_out: list[LeftOut] = []
        self._studies: dict[str, dict[Patient, StudyFiles]] = {}

    def add(self, number: int, place: str, said: Header | LeftOutReason) -> None:
        """Take in a file: what it says, or why it is left out."""
        if isinstance(said, LeftOutReason):
            self.left_out.append(LeftOut(reason=said, file=PrivateText(place)))
            return
        patients = self._studies.setdefault(said.study_uid, {})
        if said.patient not in patients:
            patients[said.patient] = StudyFiles(said.study_uid, said.patient)
        patients[said.patient].add(number, place, said)

    def studies(self) -> list[StudyFiles]:
        """Return the studies, in the order in which the medium first names them."""
        settled = [
            study for patients in self._studies.values() for study in _settled(patients.values())
        ]
        return sorted(settled, key=lambda study: study.places[0])


def _settled(studies: Iterable[StudyFiles]) -> list[StudyFiles]:
    settled: list[StudyFiles] = []
    # Who says most comes first, so that what says less finds all that it may belong to.
    for study in sorted(studies, key=lambda s: (not s.patient.id, not s.patient.issuer)):
        homes = [other for other in settled if study.patient.may_be(other.patient)]
        if len(homes) == 1:
            homes[0].absorb(study)
        else:
            settled.append(study)
    return settled
