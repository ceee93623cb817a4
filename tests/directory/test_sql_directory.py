"""What a directory in a database owes its host beside the right answers."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from exam_sharing.adapters.sqlalchemy.directory import SqlDirectory
from exam_sharing.adapters.sqlalchemy.engines import sqlite_engine
from exam_sharing.adapters.sqlalchemy.name_search import NamePlace
from exam_sharing.adapters.sqlalchemy.tables import define_directory_tables
from exam_sharing.errors import AlreadyExists, InvalidValue, MembershipCycle, StoreFailed
from exam_sharing.identifiers import GroupId, UserId
from exam_sharing.principals import Group, User

ANN = User(id=UserId("ann"), name="Ann Secret", email="secret@b.example")
CT = Group(id=GroupId("ct"), name="Secret CT", members=frozenset({UserId("ann")}))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def new_engine(request, tmp_path_factory):
    """Makes engines for one database, as processes have each their own."""
    if request.param == "sqlite":
        file = tmp_path_factory.mktemp("directory") / "directory.db"
        return lambda: sqlite_engine(file)
    url = request.getfixturevalue("postgresql_url")
    return lambda: sqlalchemy.create_engine(url)


@pytest.fixture
def new_directory(new_engine):
    """Opens one directory again and again; there is nobody in it at first."""
    tables = define_directory_tables(sqlalchemy.MetaData())
    engines = [new_engine()]
    tables.metadata.drop_all(engines[0])
    tables.metadata.create_all(engines[0])

    def make():
        engines.append(new_engine())
        return SqlDirectory(engines[-1], tables)

    yield make
    for engine in engines:
        engine.dispose()


def test_another_process_sees_each_change_at_once(new_directory):
    one, other = new_directory(), new_directory()
    one.add(ANN)
    one.add(CT)
    assert other.principals_of(ANN.id) == {"u:ann", "g:ct"}
    one.remove(CT.id)
    assert other.principals_of(ANN.id) == {"u:ann"}


def test_one_of_two_groups_added_concurrently_as_a_cycle_is_refused(new_directory):
    directories = [new_directory(), new_directory()]
    for i in range(20):
        ids = GroupId(f"a{i}"), GroupId(f"b{i}")
        start = threading.Barrier(2)
        made = []

        def add(number, ids=ids, start=start, made=made):
            held = frozenset({ids[1 - number]})
            start.wait()
            try:
                directories[number].add(Group(id=ids[number], name="n", members=held))
            except MembershipCycle:
                return
            made.append(number)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(add, (0, 1)))
        assert len(made) == 1
        assert [each is not None for each in map(directories[0].group, ids)] == [
            number in made for number in (0, 1)
        ]


def test_a_user_added_concurrently_is_found_by_the_stored_name(new_directory):
    directories = [new_directory() for _ in range(4)]

    def add(number):
        for i in range(25):
            directories[number].add(User(id=UserId("1"), name=f"First{number} Last{i}"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(4)))
    directory = directories[0]
    kept = directory.user(UserId("1")).name
    for text in ("first", "last"):
        assert directory.suggest(UserId("x"), text, 9, frozenset()) == ((UserId("1"), kept),)


@pytest.mark.parametrize("kind", [User, Group])
def test_a_principal_removed_during_an_addition_does_not_come_back(new_directory, kind):
    adding, removing = new_directory(), new_directory()
    for i in range(20):
        principal = kind(id={User: UserId, Group: GroupId}[kind](f"x{i}"), name="n")
        adding.add(principal)
        start = threading.Barrier(2)

        def add(principal=principal, start=start):
            start.wait()
            with contextlib.suppress(AlreadyExists):
                adding.add(principal)

        with ThreadPoolExecutor(1) as pool:
            added = pool.submit(add)
            start.wait()
            removing.remove(principal.id)
            added.result()
        assert adding.names([principal.id]) == {}
        with pytest.raises(AlreadyExists):
            adding.add(principal)


@pytest.mark.parametrize(
    "ask",
    [
        lambda it: it.add(ANN),
        lambda it: it.add(CT),
        lambda it: it.remove(ANN.id),
        lambda it: it.user(ANN.id),
        lambda it: it.group(CT.id),
        lambda it: it.principals_of(ANN.id),
        lambda it: it.profiles([ANN.id]),
        lambda it: it.people_behind([CT.id]),
        lambda it: it.seen_by(ANN.id, [CT.id]),
        lambda it: it.members_seen_by(ANN.id, [CT.id]),
        lambda it: it.names([ANN.id]),
        lambda it: it.path(ANN.id, CT.id),
        lambda it: it.suggest(ANN.id, "secret", 9, frozenset()),
        lambda it: it.listed(ANN.id, ("secret", "u:secret"), 9, frozenset()),
    ],
)
def test_a_failing_database_is_an_error_of_ours_without_data(new_directory, ask):
    directory = new_directory()
    directory._tables.metadata.drop_all(directory._transactions._engine)
    with pytest.raises(StoreFailed) as raised:
        ask(directory)
    assert "ecret" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


def test_a_keystroke_and_a_page_read_indexes_only(tmp_path):
    engine = sqlite_engine(tmp_path / "directory.db")
    tables = define_directory_tables(sqlalchemy.MetaData())
    tables.metadata.create_all(engine)
    directory = SqlDirectory(engine, tables)
    asked = []
    sqlalchemy.event.listen(
        engine,
        "before_cursor_execute",
        lambda connection, cursor, statement, parameters, *rest: asked.append(
            (statement, parameters)
        ),
    )
    for text in ("a", "secret", "secret@b.example", "longer than that", "x y z", "x" * 200):
        directory.suggest(UserId("x"), text, 9, frozenset())
    directory.listed(UserId("x"), None, 9, frozenset())
    directory.listed(UserId("x"), ("Ann", "u:ann"), 9, frozenset())
    directory.principals_of(ANN.id)
    directory.profiles([ANN.id])
    directory.people_behind([CT.id])
    directory.members_seen_by(ANN.id, [CT.id])
    directory.path(ANN.id, CT.id)
    statements = [each for each in asked if not each[0].startswith("BEGIN")]
    with engine.connect() as connection:
        for statement, parameters in statements:
            plan = connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, parameters)
            scans = {line for *_, line in plan if line.startswith("SCAN exam_sharing_")}
            assert not scans, statement
    engine.dispose()
    assert len(statements) == 13


def test_an_engine_without_transactions_is_refused(tmp_path):
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'directory.db'}")
    with pytest.raises(InvalidValue, match="must begin transactions itself"):
        SqlDirectory(engine, define_directory_tables(sqlalchemy.MetaData()))
    engine.dispose()


def test_tables_have_the_names_of_the_host_and_compare_by_code_points():
    metadata = sqlalchemy.MetaData()
    tables = define_directory_tables(metadata, prefix="portal_", schema="sharing")
    assert set(metadata.tables) == {
        "sharing.portal_principals",
        "sharing.portal_memberships",
        "sharing.portal_search_keys",
        "sharing.portal_removed_principals",
        "sharing.portal_changes",
        "sharing.portal_change_keys",
        "sharing.portal_past_members",
    }
    for table in tables.all():
        written = str(CreateTable(table).compile(dialect=postgresql.dialect()))
        assert written.count("TEXT") == written.count('TEXT COLLATE "C"') > 0, table.name


def test_the_repr_of_a_place_shows_no_name():
    assert repr(NamePlace.named("ann secret", "u:ann")) == "NamePlace('u:ann')"
