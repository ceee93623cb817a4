"""The portal's own tables, and the columns of them that `exam_sharing` reads."""

from datetime import date, datetime

from sqlalchemy import DateTime, Engine, ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from exam_sharing import UserId
from exam_sharing.adapters.sqlalchemy import (
    GroupColumns,
    MemberColumns,
    TableDirectory,
    TableExams,
    UserColumns,
    define_tables,
)


class Base(DeclarativeBase):
    """The portal's own tables, and those of `exam_sharing`."""


class Account(Base):
    """A user of the portal."""

    __tablename__ = "accounts"
    # No id may ever be used again, or its next bearer would get what was shared with the last.
    __table_args__ = {"sqlite_autoincrement": True}
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str]
    role: Mapped[str]
    plan: Mapped[str] = mapped_column(default="enterprise")
    active: Mapped[bool] = mapped_column(default=True)
    wants_mail: Mapped[bool] = mapped_column(default=True)

    @property
    def user(self) -> UserId:
        """The id of this account for `exam_sharing`."""
        return UserId(str(self.id))


class Team(Base):
    """A team of users, and of other teams."""

    __tablename__ = "teams"
    __table_args__ = {"sqlite_autoincrement": True}
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class TeamMember(Base):
    """A user in a team."""

    __tablename__ = "team_members"
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"), primary_key=True, index=True)


class TeamInTeam(Base):
    """A team in another team."""

    __tablename__ = "teams_in_teams"
    inner_id: Mapped[int] = mapped_column(ForeignKey("teams.id"), primary_key=True)
    outer_id: Mapped[int] = mapped_column(ForeignKey("teams.id"), primary_key=True, index=True)


class Upload(Base):
    """A CD that somebody has uploaded."""

    __tablename__ = "uploads"
    id: Mapped[int] = mapped_column(primary_key=True)
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Study(Base):
    """An exam: a study on a CD. Its columns hold patient data; those of sharing hold none."""

    __tablename__ = "studies"
    __table_args__ = {"sqlite_autoincrement": True}
    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    upload_id: Mapped[int] = mapped_column(ForeignKey("uploads.id"))
    uploaded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    subject: Mapped[str | None]
    patient: Mapped[str]
    modality: Mapped[str]
    description: Mapped[str]
    made_on: Mapped[date | None]
    images: Mapped[list["Image"]] = relationship(order_by="Image.number")

    @property
    def title(self) -> str:
        """What a page calls this exam."""
        return self.description or f"{self.modality} exam".strip()


class Image(Base):
    """A DICOM file of an exam, counted from 1."""

    __tablename__ = "images"
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[str]


EXAMS = TableExams(
    id=Study.id,
    owner=Study.owner_id,
    batch=Study.upload_id,
    uploaded_at=Study.uploaded_at,
    subject=Study.subject,
)
EXAMS.define_indexes()
SHARING_TABLES = define_tables(Base.metadata)


def directory_of(engine: Engine) -> TableDirectory:
    """Return the users and teams of a database; everybody may see everybody."""
    return TableDirectory(
        engine,
        users=UserColumns(
            id=Account.id,
            name=Account.name,
            email=Account.email,
            active=Account.active,
            sharing_in_plan=Account.plan == "enterprise",
            notices=Account.wants_mail,
        ),
        groups=GroupColumns(id=Team.id, name=Team.name),
        users_in_groups=MemberColumns(member=TeamMember.account_id, group=TeamMember.team_id),
        groups_in_groups=MemberColumns(member=TeamInTeam.inner_id, group=TeamInTeam.outer_id),
    )
