"""The log of an engine has our statements, and no text that people wrote."""

import io
import logging

import pytest
import sqlalchemy

from databases import engine_of_tokyo, quick_sqlite_engine
from exam_sharing import BatchId, ExamId, Refused, User
from exam_sharing.adapters import sqlalchemy as sql
from exam_sharing.memory import MemoryNotifier
from world import ANNA, BEN, CARLA, CT, DAN, MR, VIEW, World, share_request

MESSAGE = "Please look at Mrs Miller"
WHY = "asked for by Mr Smith"
SUBJECT = "record 048213"
NAME = "Benjamin Jones"
PRIVATE = (MESSAGE, WHY, SUBJECT, NAME)


@pytest.fixture
def log():
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
    root = logging.getLogger()
    before = root.level
    # The streams of earlier engines are closed; SQLAlchemy adds a handler where there is none.
    for name in [each for each in root.manager.loggerDict if each.startswith("sqlalchemy")]:
        logging.getLogger(name).handlers.clear()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield written
    root.removeHandler(handler)
    root.setLevel(before)


LOUD = {
    "echo": {"echo": True},
    "debug": {"echo": "debug"},
    "debug_by_name": {"echo": "debug", "logging_name": "portal"},
    "level": {},
}


@pytest.fixture(params=LOUD.values(), ids=LOUD)
def loud(request, kind_of_engine):
    """Return an engine whose log is turned on in one of the ways, with more options if need be."""
    engines = []

    def new(**options):
        engines.append(kind_of_engine(**request.param, **options))
        return engines[-1]

    if not request.param:
        logging.getLogger("sqlalchemy.engine").setLevel(logging.DEBUG)
    yield new
    logging.getLogger("sqlalchemy.engine").setLevel(logging.NOTSET)
    for engine in engines:
        engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def kind_of_engine(request, tmp_path):
    """Return an engine for an empty database, with some options."""
    if request.param == "sqlite":
        return lambda **options: quick_sqlite_engine(tmp_path / "sharing.db", **options)
    url = request.getfixturevalue("postgresql_url")
    quiet = sqlalchemy.create_engine(url)
    tables = sql.create_all(quiet)
    tables.metadata.drop_all(quiet)
    quiet.dispose()
    return lambda **options: engine_of_tokyo(url, **options)


def live(world, sharing):
    """Let people and operators do everything that writes or reads a private text."""
    sharing.share(share_request(ANNA, CT, BEN, message=MESSAGE, request_id="once"))
    sharing.share(share_request(ANNA, CT, BEN, message=MESSAGE, request_id="once"))
    with pytest.raises(Refused):
        sharing.share(share_request(CARLA, CT, DAN, message=MESSAGE))
    sharing.access_list(ANNA, CT)
    sharing.visible_to(BEN)
    sharing.admin.end_by_host(recipient=BEN, exam=CT, performed_by="desk", why=WHY)
    sharing.admin.withdraw(CT, performed_by="desk", why=WHY)


def tells_nothing(written):
    assert [each for each in PRIVATE if each in written] == []
    # SQLAlchemy cuts long values, and may have cut this one.
    assert "Mrs Mill" not in written


def test_no_engine_logs_private_texts(loud, log, capsys):
    engine = loud()
    tables = sql.create_all(engine)
    world = World()
    notifier = MemoryNotifier()
    options = {"tables": tables, "clock": world.clock, "notifier": notifier}
    sharing = sql.open_sharing(engine, directory=world.directory, **options)
    store = sql.SqlStore.over(engine, tables=tables)
    kept = World(store=store)
    kept.upload(BatchId("next"), ANNA, ExamId("next"), subject=SUBJECT)
    people = sql.SqlDirectory(engine, tables.directory)
    people.add(User(id=BEN, name=NAME))
    assert people.user(BEN).name == NAME
    people.suggest(ANNA, "benj", 10, frozenset())
    sharing.share(share_request(ANNA, MR, BEN, message=MESSAGE))
    assert sharing.admin.deliver_notices() == 1
    assert notifier.sent[0].message == MESSAGE
    live(world, sharing)
    sharing.admin.list_notices()
    sql.sweep_expired(engine, tables=tables)
    whys = [each.request.why for each in store.events() if hasattr(each.request, "why")]
    assert whys == [WHY, WHY]
    assert store.find((ExamId("next"),))[0].subject == SUBJECT
    written = log.getvalue() + "".join(capsys.readouterr())
    tells_nothing(written)
    assert "INSERT INTO exam_sharing_grants" in written


def test_hidden_parameters_suffice_inside_the_hosts_transaction(loud, log, capsys):
    engine = loud(hide_parameters=True)
    tables = sql.create_all(engine)
    world = World(store=sql.SqlStore.over(engine, tables=tables))
    with engine.begin() as connection:
        inside = sql.joined(connection, tables=tables, **world.people)
        live(world, inside)
    written = log.getvalue() + "".join(capsys.readouterr())
    tells_nothing(written)
    assert "INSERT INTO exam_sharing_grants" in written


def test_the_hosts_own_statements_are_still_logged_and_each_line_once(kind_of_engine, log, capsys):
    engine = kind_of_engine(echo="debug")
    tables = sql.create_all(engine)
    sharing = sql.open_sharing(engine, tables=tables, directory=World().directory)
    assert not sharing.can(BEN, VIEW, CT)
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("SELECT 'a row of the host'")).all()
    printed, logged = capsys.readouterr().out, log.getvalue()
    for line in ("SELECT 'a row of the host'", "SELECT exam_sharing_schema.number"):
        assert printed.count(line) == logged.count(line) > 0
    assert "Row ('a row of the host',)" in logged
    engine.dispose()
