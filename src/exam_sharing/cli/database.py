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
from exam_sharing.adapters.sqlalchemy import (
    SqlDirectory,
    Tables,
    create_all,
    define_tables,
    open_sharing,
    sqlite_engine,
)
from exam_sharing.adapters.sqlalchemy.database import check_schema, schema_found
from exam_sharing.cli.commands import CommandFailed, OpenSharing, Portal, need
from exam_sharing.directories import KeptDirectory
from exam_sharing.errors import InvalidInput, StoreBusy, StoreFailed
from exam_sharing.ports import Notifier

_VARIABLE: Final = "EXAM_SHARING_DB"
_DEFAULT: Final = "exam-sharing.db"

_PATIENCE: Final = 10
"""The longest wait for a server, in seconds."""


@attrs.frozen(kw_only=True)
class _Address:
    """Where a database is; a URL may hold a password, so no `repr` shows it."""

    url: URL = attrs.field(repr=False)
    place: str

    @property
    def file(self) -> Path | None:
        """The file of a SQLite database; `None` for a server."""
        if self.url.get_backend_name() != "sqlite" or self.url.database is None:
            return None
        return Path(self.url.database)

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        """Yield an engine that is not connected yet; errors of its database name the place."""
        engine = self._engine()
        try:
            yield engine
        except StoreFailed as error:
            kind = StoreBusy if isinstance(error, StoreBusy) else StoreFailed
            raise kind(f"{self.place}: {error}") from None
        finally:
            engine.dispose()

    def _engine(self) -> Engine:
        if self.file is not None:
            return sqlite_engine(self.file)
        need(["psycopg"])
        # A pooler may stand between, and mixes up prepared statements of its clients.
        options: dict[str, int | None] = {"prepare_threshold": None}
        if "connect_timeout" not in self.url.query:
            options["connect_timeout"] = _PATIENCE
        # A relay keeps its connections for days: those that a server dropped are not handed out.
        return create_engine(self.url, connect_args=options, pool_pre_ping=True)


def _read(typed: str | None) -> _Address:
    """Return where the database is."""
    text = typed or os.environ.get(_VARIABLE) or _DEFAULT
    if "://" not in text:
        return _file(text)
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # The message of this error may quote a password.
        url = None
    if url is not None and url.drivername in {"sqlite", "sqlite+pysqlite"} and not url.query:
        return _file(url.database or "")
    if url is not None and url.drivername in {"postgresql", "postgres", "postgresql+psycopg"}:
        return _server(url.set(drivername="postgresql+psycopg"))
    raise InvalidInput(
        "--db", "must be a path, sqlite:///PATH or postgresql+psycopg://USER@HOST/NAME"
    )


def _file(path: str) -> _Address:
    if "\0" in path:
        raise InvalidInput("--db", "must be a path that a file can have")
    if path in {"", ":memory:"}:
        raise InvalidInput("--db", "must name a file: memory is gone when the command ends")
    place = Path(path).absolute()
    return _Address(url=URL.create("sqlite", database=str(place)), place=str(place))


def _server(url: URL) -> _Address:
    host = url.host or url.query.get("host") or "this machine"
    port = f":{url.port}" if url.port else ""
    return _Address(url=url, place=f"the database {url.database or ''!r} on {host}{port}")


def _tables() -> Tables:
    return define_tables(MetaData())


def _has_tables(engine: Engine, tables: Tables) -> bool:
    """Return whether there are tables of ours."""
    try:
        return schema_found(engine, tables) is not None
    except StoreBusy:
        raise
    except StoreFailed as error:
        # This is the first statement that it gets, so its place or its kind may be wrong.
        raise StoreFailed(
            f"{error}; is it there, is it a database of ours, and may you use it?"
        ) from None


def _make_tables(address: _Address, engine: Engine) -> bool:
    """Create the tables unless they exist, and return whether they were created."""
    tables = _tables()
    if address.file is not None:
        try:
            # It holds messages that wait to be sent, so only its owner may read it.
            address.file.touch(mode=0o600)
        except OSError as error:
            raise StoreFailed(error.strerror or type(error).__name__) from None
    if not _has_tables(engine, tables):
        create_all(engine, tables)
        return True
    check_schema(engine, tables)
    return False


def prepared(typed: str | None) -> tuple[str, bool]:
    """Create the tables of a database unless they exist; return its place, and if it was done."""
    address = _read(typed)
    with address.engine() as engine:
        return address.place, _make_tables(address, engine)


@contextmanager
def opened(
    typed: str | None, notifier_for: Callable[[KeptDirectory], Notifier] | None = None
) -> Iterator[Portal]:
    """Open the portal in a database; without a notifier, notices wait."""
    address, tables = _read(typed), _tables()
    with address.engine() as engine:
        exists = address.file is None or address.file.exists()
        if not exists or not _has_tables(engine, tables):
            raise StoreFailed("there are no tables yet; create them with: exam-sharing init")
        directory = SqlDirectory(engine, tables.directory)
        notifier = None if notifier_for is None else notifier_for(directory)
        sharing = open_sharing(engine, tables=tables, directory=directory, notifier=notifier)
        yield Portal(place=address.place, sharing=sharing, directory=directory)


@contextmanager
def opened_for_a_tour(typed: str) -> Iterator[tuple[str, OpenSharing]]:
    """Open an empty database, and yield its place and how to open sharing in it."""
    address, tables = _read(typed), _tables()
    with address.engine() as engine:
        _make_tables(address, engine)
        with engine.connect() as connection:
            people, exams = tables.directory.principals, tables.exams
            for column in (people.c.key, exams.c.id):
                if connection.execute(select(column).limit(1)).first() is not None:
                    raise CommandFailed(
                        f"{address.place} holds people or exams already, perhaps of an earlier "
                        "tour, and a tour needs a database of its own: name a new file, or look "
                        "at what is there, for example with: exam-sharing people"
                    )
        directory = SqlDirectory(engine, tables.directory)

        def open_empty(**settings: Any) -> tuple[Sharing, KeptDirectory]:
            return open_sharing(engine, tables=tables, directory=directory, **settings), directory

        yield address.place, open_empty
