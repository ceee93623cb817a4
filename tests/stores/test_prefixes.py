"""What the tables are called: names that a database would change or not take are refused."""

import string

import pytest
import sqlalchemy
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from exam_sharing import InvalidArgument, WrongKind
from exam_sharing.adapters.sqlalchemy import (
    SqlDirectory,
    SqlStore,
    create_all,
    define_directory_tables,
    define_tables,
)
from world import ANNA, BEN, CT, World

MOST = 63
"""How many bytes of a name PostgreSQL keeps."""

DEFINE = [define_tables, define_directory_tables]


def names_of(tables):
    return [each.name for table in tables.all() for each in (table, *table.indexes)]


def longest_of(define):
    """Return how many bytes of the longest name are no prefix."""
    return max(len(name) for name in names_of(define(sqlalchemy.MetaData(), prefix="")))


UNFIT = [
    "%",
    "50%_",
    "%(a)s",
    "a\x00",
    "a\n",
    "\ud800",
    '"',
    "'",
    "`",
    "a b",
    "a-",
    "a.",
    ":a",
    "?",
]


@pytest.mark.parametrize("define", DEFINE)
@pytest.mark.parametrize("prefix", [*UNFIT, "sqlite_", "SQLite_x"], ids=ascii)
def test_a_prefix_that_a_database_would_not_take_as_it_is_is_refused(define, prefix):
    metadata = sqlalchemy.MetaData()
    with pytest.raises(InvalidArgument) as refused:
        define(metadata, prefix=prefix)
    assert refused.value.field == "prefix"
    assert not metadata.tables


@pytest.mark.parametrize("define", DEFINE)
@pytest.mark.parametrize(
    "schema", ["", "%", "a\x00", "\udfff", '"', "'", "\\", "é" * 32], ids=ascii
)
def test_a_schema_that_a_database_would_not_take_as_it_is_is_refused(define, schema):
    with pytest.raises(InvalidArgument) as refused:
        define(sqlalchemy.MetaData(), schema=schema)
    assert refused.value.field == "schema"
    if schema:
        with pytest.raises(InvalidArgument):
            define(sqlalchemy.MetaData(schema=schema))


@pytest.mark.parametrize("define", DEFINE)
def test_what_is_no_text_is_no_prefix_and_no_schema(define):
    for wrong in ({"prefix": None}, {"prefix": b"a_"}, {"schema": 1}):
        with pytest.raises(WrongKind):
            define(sqlalchemy.MetaData(), **wrong)


@pytest.mark.parametrize("define", DEFINE)
@given(prefix=st.text(max_size=MOST))
@example(prefix="é" * 16)
@example(prefix="a" * 40)
def test_no_name_is_longer_than_postgresql_keeps(define, prefix):
    try:
        tables = define(sqlalchemy.MetaData(), prefix=prefix)
    except InvalidArgument:
        return
    assert all(len(name.encode()) <= MOST for name in names_of(tables))
    assert "%" not in "".join(names_of(tables))


@pytest.mark.parametrize("define", DEFINE)
def test_the_longest_prefix_is_counted_in_bytes(define):
    room = MOST - longest_of(define)
    for fits, does_not in (("a" * room, "a" * (room + 1)), ("é" * (room // 2), "é" * room)):
        define(sqlalchemy.MetaData(), prefix=fits)
        with pytest.raises(InvalidArgument, match=f"at most {room} bytes"):
            define(sqlalchemy.MetaData(), prefix=does_not)


LETTERS = st.sampled_from(f"{string.ascii_letters}{string.digits}_éßſKİ名前पа²")


@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.text(LETTERS, max_size=6))
@example(start="Größe_")
@example(start="")
def test_under_every_prefix_that_is_accepted_sharing_works(engine, start):
    room = MOST - longest_of(define_tables)
    prefix = start + "a" * (room - len(start.encode()))
    metadata = sqlalchemy.MetaData()
    tables = create_all(engine, define_tables(metadata, prefix=prefix))
    try:
        world = World(store=SqlStore.over(engine, tables=tables))
        world.share(ANNA, CT, BEN)
        assert world.can_view(BEN, CT)
        assert SqlDirectory(engine, tables.directory).user(BEN) is None
    finally:
        metadata.drop_all(engine)


def test_a_schema_of_an_odd_name_works(postgresql):
    with postgresql.begin() as connection:
        connection.exec_driver_sql('CREATE SCHEMA "our-portal.2 é"')
    tables = define_tables(sqlalchemy.MetaData(), schema="our-portal.2 é")
    world = World(store=SqlStore.over(postgresql, tables=create_all(postgresql, tables)))
    world.share(ANNA, CT, BEN)
    assert world.can_view(BEN, CT)
