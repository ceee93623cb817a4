"""The headers of the files of a medium, gathered into studies.

A study is identified by its UID and its patient: files of two patients under one UID must not
become one exam. Some files of a study contain less than others, as reports without the issuer of
the Patient ID. Such a file joins the only patient that it fits, if it contains nothing different.
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
    """The patient of a file; each text may be empty."""

    id: str
    issuer: str

    def may_be(self, other: "Patient") -> bool:
        """Return whether this contains less than the other, and nothing different."""
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
    """The header of one file; each text may be empty."""

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
        """Add a file; the first value of each detail counts."""
        self.places.append((number, place))
        self.modalities.update({header.modality} - {""})
        self._learn(header.details)

    def absorb(self, other: "StudyFiles") -> None:
        """Add the files of the same study that contain less of the patient."""
        self.places = sorted(self.places + other.places)
        self.modalities |= other.modalities
        self._learn(other.details)

    def _learn(self, details: Mapping[str, str]) -> None:
        for name, text in details.items():
            if text:
                self.details.setdefault(name, text)

    def study(self) -> Study:
        """Return the details of the study."""
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
    """The files of a medium, added one after another."""

    def __init__(self) -> None:
        self.left_out: list[LeftOut] = []
        self._studies: dict[str, dict[Patient, StudyFiles]] = {}

    def add(self, number: int, place: str, header: Header | LeftOutReason) -> None:
        """Add a file by its header, or by the reason why it is left out."""
        if isinstance(header, LeftOutReason):
            self.left_out.append(LeftOut(reason=header, file=PrivateText(place)))
            return
        patients = self._studies.setdefault(header.study_uid, {})
        if header.patient not in patients:
            patients[header.patient] = StudyFiles(header.study_uid, header.patient)
        patients[header.patient].add(number, place, header)

    def studies(self) -> list[StudyFiles]:
        """Return the studies, in their order on the medium."""
        settled = [
            study for patients in self._studies.values() for study in _settled(patients.values())
        ]
        return sorted(settled, key=lambda study: study.places[0])


def _settled(studies: Iterable[StudyFiles]) -> list[StudyFiles]:
    settled: list[StudyFiles] = []
    # Patients with most data come first, so that a file with less finds all that it may fit.
    for study in sorted(studies, key=lambda s: (not s.patient.id, not s.patient.issuer)):
        homes = [other for other in settled if study.patient.may_be(other.patient)]
        if len(homes) == 1:
            homes[0].absorb(study)
        else:
            settled.append(study)
    return settled
