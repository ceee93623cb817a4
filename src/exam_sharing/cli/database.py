"""The database of the commands: where it is, and opening it; this module needs SQLAlchemy.

What people type is a path, or a URL. What is printed of it tells no password: of a file its path,
of a database on a server its name and its host.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import attrs
from sqlalchemy import URL, Engine, MetaData, create_engine, make_url, select
from sqlalchemy.exc import ArgumentError

from exam_sharing.adapters.sqlalchemy import (
    SqlDirectory,
    Tables,
    create_all,
    define_tables,
    open_sharing,
    sqlite_engine,
)
from exam_sharing.adapters.sqlalchemy.database import check_schema, schema_found
from exam_sharing.adapters.sqlalchemy.tables import SCHEMA
from exam_sharing.cli.extras import need
from exam_sharing.cli.portal import Portal
from exam_sharing.cli.replies import TablesReady
from exam_sharing.cli.tour.stage import OpenSharing
from exam_sharing.directories import KeptDirectory
from exam_sharing.errors import ExamSharingError, InvalidInput, StoreBusy, StoreFailed
from exam_sharing.ports import Notifier
from exam_sharing.sharing import Sharing

__all__ = ["DEFAULT", "VARIABLE", "NotEmpty", "opened", "opened_for_a_tour", "prepared"]

VARIABLE: Final = "EXAM_SHARING_DB"
DEFAULT: Final = "exam-sharing.db"

_PATIENCE: Final = 10
"""For how many seconds a server is waited for."""


class NotEmpty(ExamSharingError):
    """A tour was to be kept in a database that something is kept in already.

    Args:
        place: where the database is.
    """

    def __init__(self, place: str) -> None:
        """Keep the place."""
        super().__init__(place)
        self.place = place

    def __str__(self) -> str:
        """Say what to do."""
        return (
            f"{self.place} holds people or exams already, perhaps of a tour before, and a tour "
            "needs a database of its own: name a new file, or look at what is there, as with: "
            "exam-sharing people"
        )


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

    def engine(self) -> Engine:
        """Return an engine; nothing is connected yet.

        Raises:
            MissingExtra: the driver is not installed.
        """
        if self.file is not None:
            return sqlite_engine(self.file)
        need(["psycopg"])
        # There may be a pooler, which mixes prepared statements of its clients.
        options: dict[str, int | None] = {"prepare_threshold": None}
        if "connect_timeout" not in self.url.query:
            options["connect_timeout"] = _PATIENCE
        # A relay keeps its connections for days: those that a server dropped are not handed out.
        return create_engine(self.url, connect_args=options, pool_pre_ping=True)


def _read(typed: str | None) -> _Address:
    """Return where the database is.

    Raises:
        InvalidValue: what was typed is neither a path nor a URL of a kind that is known here.
    """
    text = typed or os.environ.get(VARIABLE) or DEFAULT
    if "://" not in text:
        return _file(text)
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # What it says may quote a password.
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
        raise InvalidInput("--db", "must name a file: what is in memory is gone with the command")
    place = Path(path).absolute()
    return _Address(url=URL.create("sqlite", database=str(place)), place=str(place))


def _server(url: URL) -> _Address:
    host = url.host or url.query.get("host") or "this machine"
    port = f":{url.port}" if url.port else ""
    return _Address(url=url, place=f"the database {url.database or ''!r} on {host}{port}")


@contextmanager
def _engine_of(address: _Address) -> Iterator[Engine]:
    engine = address.engine()
    try:
        yield engine
    except StoreBusy as error:
        raise StoreBusy(f"{address.place}: {error}") from None
    except StoreFailed as error:
        raise StoreFailed(f"{address.place}: {error}") from None
    finally:
        engine.dispose()


def _tables() -> Tables:
    return define_tables(MetaData())


def _shape(engine: Engine, tables: Tables) -> int | None:
    """Return the number of the shape of the tables, or `None` where there are none.

    Raises:
        StoreBusy: another process keeps it locked.
        StoreFailed: the database does not answer; this is the first that is asked of it.
    """
    try:
        return schema_found(engine, tables)
    except StoreBusy:
        raise
    except StoreFailed as error:
        raise StoreFailed(f"{error}; is it there, is it ours, and may you use it?") from None


def _make_tables(address: _Address, engine: Engine) -> bool:
    """Create the tables where there are none, and say whether they were created.

    Raises:
        StoreFailed: there are tables of another shape, or the database cannot be written.
    """
    tables = _tables()
    if address.file is not None:
        try:
            # Letters that wait there may hold what is nobody else's business on this machine.
            address.file.touch(mode=0o600)
        except OSError as error:
            raise StoreFailed(error.strerror or type(error).__name__) from None
    if _shape(engine, tables) is None:
        create_all(engine, tables)
        return True
    check_schema(engine, tables)
    return False


def prepared(typed: str | None) -> TablesReady:
    """Create the tables of a database, unless they are there.

    Raises:
        InvalidValue: what was typed cannot be a database.
        MissingExtra: its driver is not installed.
        StoreFailed: it does not answer, cannot be written, or has tables of another shape.
    """
    address = _read(typed)
    with _engine_of(address) as engine:
        created = _make_tables(address, engine)
    return TablesReady(place=address.place, created=created, shape=SCHEMA)


@contextmanager
def opened(
    typed: str | None, notifier_for: Callable[[KeptDirectory], Notifier] | None = None
) -> Iterator[Portal]:
    """Open the portal in a database.

    Args:
        typed: a path or a URL; `None` for the default.
        notifier_for: makes, with the directory, what sends notices; by default they wait.

    Raises:
        InvalidValue: what was typed cannot be a database, or there can be no such notifier.
        MissingExtra: its driver is not installed.
        StoreFailed: it does not answer, or has not the tables of this version.
    """
    address, tables = _read(typed), _tables()
    with _engine_of(address) as engine:
        is_there = address.file is None or address.file.exists()
        if not is_there or _shape(engine, tables) is None:
            raise StoreFailed("there are no tables yet; create them with: exam-sharing init")
        directory = SqlDirectory(engine, tables.directory)
        notifier = None if notifier_for is None else notifier_for(directory)
        sharing = open_sharing(engine, tables=tables, directory=directory, notifier=notifier)
        yield Portal(place=address.place, sharing=sharing, directory=directory)


@contextmanager
def opened_for_a_tour(typed: str) -> Iterator[tuple[str, OpenSharing]]:
    """Open a database that holds nothing, and return its place and how to share in it.

    Raises:
        InvalidValue: what was typed cannot be a database.
        MissingExtra: its driver is not installed.
        StoreFailed: it does not answer, cannot be written, or has tables of another shape.
        NotEmpty: it holds people or exams.
    """
    address, tables = _read(typed), _tables()
    with _engine_of(address) as engine:
        _make_tables(address, engine)
        with engine.connect() as connection:
            people, exams = tables.directory.principals, tables.exams
            for column in (people.c.key, exams.c.id):
                if connection.execute(select(column).limit(1)).first() is not None:
                    raise NotEmpty(address.place)
        directory = SqlDirectory(engine, tables.directory)

        def open_kept(**settings: Any) -> tuple[Sharing, KeptDirectory]:  # noqa: ANN401  passed on
            return open_sharing(engine, tables=tables, directory=directory, **settings), directory

        yield address.place, open_kept
