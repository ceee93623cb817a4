"""Opens the portal: its database, its sharing, its mail."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread

import attrs
from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.orm import Session

from exam_sharing import Policy, Sharing, UserId
from exam_sharing.adapters.smtp import Invitation, MailServer, Security, Sender, SmtpNotifier
from exam_sharing.adapters.sqlalchemy import (
    TableDirectory,
    create_all,
    open_sharing,
    set_up_sqlite,
)
from exam_sharing.relay import watch
from portal.mailbox import Mailbox
from portal.seeding import seed
from portal.tables import EXAMS, SHARING_TABLES, Base, directory_of


@attrs.frozen(kw_only=True)
class Portal:
    """What the pages work with."""

    engine: Engine
    sharing: Sharing
    mailbox: Mailbox

    def close(self) -> None:
        """Give back the connections and the port."""
        self.engine.dispose()
        self.mailbox.close()

    @asynccontextmanager
    async def running(self, pause: timedelta = timedelta(seconds=1)) -> AsyncIterator[None]:
        """Receive mails, and send what is due from a thread."""
        stop = Event()
        relay = Thread(target=watch, args=(self.sharing,), kwargs={"stop": stop, "pause": pause})
        async with self.mailbox.serving():
            relay.start()
            try:
                yield
            finally:
                stop.set()
                await asyncio.to_thread(relay.join)


def open_portal(
    database: str, *, medium: Path | None = None, policy: Policy | None = None
) -> Portal:
    """Open the portal over a database, which gets its tables, cast and exams if it has none.

    Args:
        database: a URL of SQLAlchemy, as `sqlite:///portal.db` or `postgresql+psycopg://…`.
        medium: the folder of a CD for a new database.
        policy: of `exam_sharing`.
    """
    url = make_url(database)
    engine = create_engine(url)
    if url.get_backend_name() == "sqlite":
        set_up_sqlite(engine)
    Base.metadata.create_all(engine)
    create_all(engine, SHARING_TABLES)
    with Session(engine) as session, session.begin():
        seed(session, medium)
    directory, mailbox = directory_of(engine), Mailbox()
    sharing = open_sharing(
        engine,
        policy=policy,
        tables=SHARING_TABLES,
        directory=directory,
        exams=EXAMS,
        notifier=notifier(directory, mailbox.port),
    )
    return Portal(engine=engine, sharing=sharing, mailbox=mailbox)


def notifier(directory: TableDirectory, port: int) -> SmtpNotifier:
    """Return what sends the mails of shares, to the server of this machine."""

    def name_of(user: UserId) -> str | None:
        return directory.names((user,)).get(user)

    return SmtpNotifier(
        server=MailServer(host="127.0.0.1", port=port, security=Security.NONE),
        sender=Sender(address="portal@clinic.example", name="Clinic portal"),
        template=Invitation(name_of=name_of),
    )
