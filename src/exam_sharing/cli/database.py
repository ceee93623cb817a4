"""The database of the commands: where it is, and how it is opened; this module needs SQLAlchemy.

People type a path or a URL. What is printed of it contains no password: the path of a file, or the
name and host of a database on a server.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import attrs
from sqlalchemy import URL, Engine, MetaData, create_engine, make_url, select
from sqlalchemy.exc import ArgumentError

from exam_sharing import Sharing
from exam_sharing.adapters import sqlalchemy as sql
from exam_sharing.adapters.sqlalchemy.database import check_schema, schema_found
from exam_sharing.adapters.sqlalchemy.engines import in_our_words
from exam_sharing.cli.commands import CommandFailed, OpenSharing, Portal, need
from exam_sharing.directories import KeptDirectory
from exam_sharing.errors import InvalidInput, StoreBusy, StoreFailed
from exam_sharing.ports import Notifier


@attrs.frozen
class _Database:
    """A database, not connected yet; its place contains no password, and a server has no file."""

    place: str
    file: Path | None
    engine: Engine = attrs.field(repr=False)
    tables: sql.Tables = attrs.field(repr=False, factory=lambda: sql.define_tables(MetaData()))

    def has_tables(self) -> bool:
        try:
            return schema_found(self.engine, self.tables) is not None
        except StoreBusy:
            raise
        except StoreFailed as error:
            # This is the first statement that it gets, so its place or its kind may be wrong.
            raise StoreFailed(
                f"{error}; is it there, is it a database of ours, and may you use it?"
            ) from None

    def require_tables(self) -> None:
        exists = self.file is None or self.file.exists()
        if not exists or not self.has_tables():
            raise StoreFailed("there are no tables yet; create them with: exam-sharing init")

    def make_tables(self) -> bool:
        """Create the tables unless they exist, and return whether they were created."""
        if self.file is not None:
            try:
                # It holds messages that wait to be sent, so only its owner may read it.
                self.file.touch(mode=0o600)
            except OSError as error:
                raise StoreFailed(error.strerror or type(error).__name__) from None
        if not self.has_tables():
            sql.create_all(self.engine, self.tables)
            return True
        check_schema(self.engine, self.tables)
        return False


def _located(typed: str | None) -> _Database:
    text = typed or os.environ.get("EXAM_SHARING_DB") or "exam-sharing.db"
    if "://" not in text:
        return _file(text)
    url = _url(text)
    if url is not None and url.drivername in {"sqlite", "sqlite+pysqlite"} and not url.query:
        return _file(url.database or "")
    if url is not None and url.drivername in _POSTGRESQL:
        return _server(url)
    raise InvalidInput(
        "--db", "must be a path, sqlite:///PATH or postgresql+psycopg://USER@HOST/NAME"
    )


_POSTGRESQL: Final = frozenset({"postgresql", "postgres", "postgresql+psycopg"})


def _url(text: str) -> URL | None:
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        # The message of this error may quote a password.
        return None


@contextmanager
def server_at(option: str, typed: str) -> Iterator[Engine]:
    """Yield an engine for the database on a server that was typed for an option."""
    url = _url(typed)
    if url is None or url.drivername not in _POSTGRESQL:
        raise InvalidInput(option, "must be postgresql+psycopg://USER@HOST/NAME")
    database = _server(url)
    try:
        with in_our_words(database.engine.connect)():
            pass
    except StoreFailed as error:
        raise StoreFailed(f"{database.place}: {error}; is it there, and may you use it?") from None
    try:
        yield database.engine
    finally:
        database.engine.dispose()


def _file(path: str) -> _Database:
    if "\0" in path:
        raise InvalidInput("--db", "must be a path that a file can have")
    if path in {"", ":memory:"}:
        raise InvalidInput("--db", "must name a file: memory is gone when the command ends")
    file = Path(path).absolute()
    return _Database(str(file), file, sql.sqlite_engine(file))


def _server(url: URL) -> _Database:
    need(["psycopg"])
    # A pooler may stand between, and mixes up prepared statements of its clients.
    options: dict[str, int | None] = {"prepare_threshold": None}
    if "connect_timeout" not in url.query:
        options["connect_timeout"] = 10
    # A relay keeps its connections for days: those that a server dropped are not handed out.
    url = url.set(drivername="postgresql+psycopg")
    engine = create_engine(url, connect_args=options, pool_pre_ping=True)
    host = url.host or url.query.get("host") or "this machine"
    port = f":{url.port}" if url.port else ""
    return _Database(f"the database {url.database or ''!r} on {host}{port}", None, engine)


@contextmanager
def _connectable(typed: str | None) -> Iterator[_Database]:
    """Yield the database that was typed; errors of it name its place."""
    database = _located(typed)
    try:
        yield database
    except StoreFailed as error:
        kind = StoreBusy if isinstance(error, StoreBusy) else StoreFailed
        raise kind(f"{database.place}: {error}") from None
    finally:
        database.engine.dispose()


def prepared(typed: str | None) -> tuple[str, bool]:
    """Create the tables of a database unless they exist; return its place, and if it was done."""
    with _connectable(typed) as database:
        return database.place, database.make_tables()


def upgraded(typed: str | None) -> tuple[str, int | None]:
    """Upgrade the tables of a database; return its place, and the shape that was found."""
    with _connectable(typed) as database:
        database.require_tables()
        found = schema_found(database.engine, database.tables)
        sql.upgrade(database.engine, tables=database.tables)
        return database.place, found


@contextmanager
def opened_tables(typed: str | None) -> Iterator[tuple[Engine, sql.Tables]]:
    """Open the tables of a database, without a portal."""
    with _connectable(typed) as database:
        database.require_tables()
        yield database.engine, database.tables


@contextmanager
def opened(
    typed: str | None, notifier_for: Callable[[KeptDirectory], Notifier] | None = None
) -> Iterator[Portal]:
    """Open the portal in a database; without a notifier, notices wait."""
    with _connectable(typed) as database:
        database.require_tables()
        directory = sql.SqlDirectory(database.engine, database.tables.directory)
        notifier = None if notifier_for is None else notifier_for(directory)
        sharing = sql.open_sharing(
            database.engine, tables=database.tables, directory=directory, notifier=notifier
        )
        yield Portal(place=database.place, sharing=sharing, directory=directory)


@contextmanager
def opened_for_a_tour(typed: str) -> Iterator[tuple[str, OpenSharing]]:
    """Open an empty database, and yield its place and how to open sharing in it."""
    with _connectable(typed) as database:
        engine, tables = database.engine, database.tables
        database.make_tables()
        with engine.connect() as connection:
            for column in (tables.directory.principals.c.key, tables.exams.c.id):
                if connection.execute(select(column).limit(1)).first() is not None:
                    raise CommandFailed(
                        f"{database.place} holds people or exams already, perhaps of an earlier "
                        "tour, and a tour needs a database of its own: name a new file, or look "
                        "at what is there, for example with: exam-sharing people"
                    )
        directory = sql.SqlDirectory(engine, tables.directory)

        def open_empty(**settings: Any) -> tuple[Sharing, KeptDirectory]:
            opened = sql.open_sharing(engine, tables=tables, directory=directory, **settings)
            return opened, directory

        yield database.place, open_empty
