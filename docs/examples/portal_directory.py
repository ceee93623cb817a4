"""The users and teams of a portal, in tables of its own, as a directory.

Everybody may see everybody, and teams hold users alone. `python portal_directory.py` prints what
"oko" suggests.
"""

from sqlalchemy import Engine, ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from exam_sharing import UserId
from exam_sharing.adapters.sqlalchemy import (
    GroupColumns,
    MemberColumns,
    TableDirectory,
    UserColumns,
    sqlite_engine,
)


class Base(DeclarativeBase):
    """The portal's own tables."""


class Account(Base):
    """A user of the portal."""

    __tablename__ = "accounts"
    # SQLite would give the id of a deleted account to the next one.
    __table_args__ = {"sqlite_autoincrement": True}
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str | None] = mapped_column(default=None)
    plan: Mapped[str] = mapped_column(default="enterprise")
    active: Mapped[bool] = mapped_column(default=True)
    wants_mail: Mapped[bool] = mapped_column(default=True)


class Team(Base):
    """A team of the portal."""

    __tablename__ = "teams"
    __table_args__ = {"sqlite_autoincrement": True}
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class TeamMember(Base):
    """A user's membership in a team."""

    __tablename__ = "team_members"
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"), primary_key=True, index=True)


def portal_directory(engine: Engine) -> TableDirectory:
    """Return the directory of the portal."""
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
    )


def open_portal(path: str) -> tuple[Engine, TableDirectory]:
    """Create the tables with three users and a team, in a file of SQLite."""
    engine = sqlite_engine(path)
    Base.metadata.create_all(engine)
    with Session(engine) as session, session.begin():
        # Merged, since the file may be there from the time before.
        session.merge(Account(id=1, name="Anna Lindqvist"))
        session.merge(Account(id=2, name="Ben Okoye", email="ben@clinic.example", plan="basic"))
        session.merge(Account(id=3, name="Carla Reyes", active=False))
        session.merge(Team(id=7, name="Ward"))
        session.flush()
        for account in (2, 3):
            session.merge(TeamMember(account_id=account, team_id=7))
    return engine, portal_directory(engine)


if __name__ == "__main__":
    _, opened = open_portal("portal.db")
    for found, name in opened.suggest(UserId("1"), "oko", 10, frozenset()):
        print(found, name)
