"""A host that keeps each of its clinics in a schema of its own, by SQLAlchemy's translation."""

import pytest
import sqlalchemy
from sqlalchemy import MetaData

from exam_sharing.adapters.sqlalchemy import define_tables
from exam_sharing.adapters.sqlalchemy.joined import joined_store
from world import ANNA, BEN, CT, VIEW, World


@pytest.fixture
def tables():
    return define_tables(MetaData())


@pytest.fixture
def clinics(postgresql, tables):
    """The engines of two clinics, which differ in nothing but the schema."""
    engines = []
    for name in ("north", "south"):
        engine = postgresql.execution_options(schema_translate_map={None: name})
        with engine.begin() as connection:
            connection.execute(sqlalchemy.schema.CreateSchema(name))
            tables.metadata.create_all(connection)
        engines.append(engine)
    return engines


def test_inside_of_a_clinics_transaction_its_own_shares_are_seen_and_no_others(clinics, tables):
    for engine, shares in zip(clinics, (True, False), strict=True):
        with engine.connect() as connection, connection.begin():
            world = World(store=joined_store(connection, tables=tables))
            if shares:
                world.share(ANNA, CT, BEN)
            expected = [CT] if shares else []
            assert world.can_view(BEN, CT) is shares
            assert list(world.sharing.can_many(BEN, VIEW, [CT])) == expected
            assert [each.exam for each in world.sharing.shared_with(BEN).items] == expected
