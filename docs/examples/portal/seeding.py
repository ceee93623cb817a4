"""The cast of the portal, and the CD that its first user brings. None of the people exists."""

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_sharing import BatchId
from exam_sharing.adapters.pydicom import Media, read_media, shipped_media
from portal.tables import Account, Image, Study, Team, TeamInTeam, TeamMember, Upload

PEOPLE = (
    ("Anna Kovács", "anna.kovacs", "family doctor, who brings the CD"),
    ("José Núñez", "jose.nunez", "surgeon"),
    ("Maëlle Lefèvre", "m.lefevre", "neurologist, in the tumour board"),
    ("Ingrid Sørensen", "ingrid.sorensen", "oncologist, in the tumour board"),
    ("Tomasz Łukasik", "tomasz.lukasik", "radiologist"),
    ("Chloé Dubois", "chloe.dubois", "radiologist on nights"),
    ("Priya Raman", "priya.raman", "radiologist, who wants no mail"),
    ("Samuel Okafor", "samuel.okafor", "physiotherapist, with a plan without sharing"),
    ("Radu Ionescu", "radu.ionescu", "has left: the account is closed"),
)
ANNA, JOSE, MAELLE, INGRID, TOMASZ, CHLOE, PRIYA, SAMUEL, RADU = range(len(PEOPLE))
TEAMS = {
    "Radiology": (TOMASZ, PRIYA),
    "Night shift": (CHLOE,),
    "Tumour board": (MAELLE, INGRID),
}


def seed(session: Session, medium: Path | None = None) -> None:
    """Add the cast, and the exams of a medium, to a database that has nobody yet.

    The medium is the folder of a CD; by default the one that pydicom ships.
    """
    if session.scalars(select(Account).limit(1)).first() is not None:
        return
    people = add_cast(session)
    add_upload(session, people[ANNA], shipped_media() if medium is None else medium)


def add_cast(session: Session) -> list[Account]:
    """Add people and teams, and return the people."""
    people = [
        Account(name=name, email=f"{mailbox}@clinic.example", role=role)
        for name, mailbox, role in PEOPLE
    ]
    people[PRIYA].wants_mail = False
    people[SAMUEL].plan = "basic"
    people[RADU].active = False
    teams = {name: Team(name=name) for name in TEAMS}
    # One by one, so that every database gives the same ids.
    for each in (*people, *teams.values()):
        session.add(each)
        session.flush()
    for name, members in TEAMS.items():
        for member in members:
            session.add(TeamMember(account_id=people[member].id, team_id=teams[name].id))
    inner, outer = teams["Night shift"], teams["Radiology"]
    session.add(TeamInTeam(inner_id=inner.id, outer_id=outer.id))
    session.flush()
    return people


def add_upload(session: Session, owner: Account, medium: Path) -> Media:
    """Add the exams of a medium, and return what was read.

    The files stay where they are; a real portal copies them into its archive.
    """
    upload = Upload(received_at=datetime.now(UTC))
    session.add(upload)
    session.flush()
    media = read_media(
        medium,
        batch=BatchId(str(upload.id)),
        uploader=owner.user,
        received_at=upload.received_at,
    )
    for exam in media.exams:
        found = media.studies[exam.id]
        files = enumerate(media.files[exam.id], start=1)
        study = Study(
            owner_id=owner.id,
            upload_id=upload.id,
            uploaded_at=upload.received_at,
            subject=exam.subject,
            patient=str(found.patient_name or "unknown").replace("^", " "),
            modality=str(found.modality or ""),
            description=str(found.description or ""),
            made_on=found.study_date,
            images=[Image(number=number, path=str(medium / file)) for number, file in files],
        )
        session.add(study)
        session.flush()
    return media
