"""The shape of the tables is pinned: databases of former releases have it.

The folder `shapes` holds, for each number of `SCHEMA` and each database, the statements that create
its tables. Write those of today's number by

    PYTHONPATH=src:tests python tests/stores/test_shape.py
"""

import pytest

from exam_sharing.adapters import sqlalchemy as sql
from exam_sharing.adapters.sqlalchemy.upgrading import STEPS
from shapes import DRIVERS, create_from, found_shape, golden, statements_for

CHANGED = f"""
The tables differ from those of shape {sql.SCHEMA}. Before its first release, write the file again:

    PYTHONPATH=src:tests python tests/stores/test_shape.py

Once a release has this shape, leave its files as they are: raise `SCHEMA` by one, add the step
from {sql.SCHEMA} to `STEPS` in adapters/sqlalchemy/upgrading.py, and write the files of the new
number."""


def written(dialect):
    return "".join(f"{each};\n" for each in statements_for(dialect))


@pytest.mark.parametrize("dialect", DRIVERS)
def test_the_shape_of_the_tables_has_not_changed(dialect):
    assert written(dialect) == golden(sql.SCHEMA, dialect).read_text(), CHANGED


def test_a_step_begins_at_each_earlier_shape():
    assert [*STEPS] == [*range(1, sql.SCHEMA)]


@pytest.mark.parametrize("number", range(1, sql.SCHEMA + 1))
def test_each_shape_becomes_that_of_today(empty_engine, another_empty_engine, number):
    create_from(empty_engine, number)
    sql.upgrade(empty_engine)
    sql.create_all(another_empty_engine)
    assert found_shape(empty_engine) == found_shape(another_empty_engine)


if __name__ == "__main__":
    for each in DRIVERS:
        golden(sql.SCHEMA, each).write_text(written(each))
