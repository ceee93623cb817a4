"""The shape of the tables: as statements that create them, and as a database reports it."""

from pathlib import Path

import sqlalchemy

from exam_sharing.adapters import sqlalchemy as sql

DRIVERS = {"postgresql": "postgresql+psycopg://", "sqlite": "sqlite://"}
IN_SQLITE = (
    """SELECT m.name, c.name, c.type, c."notnull", c.dflt_value, c.pk
    FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'""",
    """SELECT m.name, i."unique", group_concat(c.name) FROM sqlite_master m,
    pragma_index_list(m.name) i, pragma_index_info(i.name) c WHERE m.type = 'table'
    GROUP BY m.name, i.name, i."unique" """,
    "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    """SELECT t.name, t.wr, m.sql LIKE '%AUTOINCREMENT%' FROM pragma_table_list t
    JOIN sqlite_master m ON m.name = t.name""",
)
IN_POSTGRESQL = (
    """SELECT table_name, column_name, data_type, is_nullable, column_default,
    character_maximum_length, collation_name FROM information_schema.columns
    WHERE table_schema = %s""",
    "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = %s",
    """SELECT conrelid::regclass, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = %s::regnamespace""",
    """SELECT c.relname, a.attname, description FROM pg_description
    JOIN pg_class c ON c.oid = objoid
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = objsubid
    WHERE relnamespace = %s::regnamespace""",
)


def found_shape(engine, prefix="exam_sharing_", schema="public"):
    """Return all that a database reports of our tables, but for the order of columns."""
    is_sqlite = engine.dialect.name == "sqlite"
    found = set()
    with engine.begin() as connection:
        for query in IN_SQLITE if is_sqlite else IN_POSTGRESQL:
            rows = connection.exec_driver_sql(query, () if is_sqlite else (schema,)).all()
            texts = (" ".join(map(str, row)).replace(f"{schema}.", "") for row in rows)
            found.update(text for text in texts if prefix in text)
    return found


def golden(number, dialect):
    """Return the file with the statements that create a shape."""
    return Path(__file__).parent / "stores" / "shapes" / f"{number}.{dialect}.sql"


def statements_for(dialect):
    """Return the statements that create the tables, in an order of their own."""
    made = []

    def keep(statement, *_args, **_options):
        made.append(str(statement.compile(dialect=engine.dialect)).strip())

    engine = sqlalchemy.create_mock_engine(DRIVERS[dialect], keep)
    sql.define_tables(sqlalchemy.MetaData()).metadata.create_all(engine, checkfirst=False)
    tidy = ("\n".join(map(str.rstrip, each.splitlines())) for each in made)
    return sorted(tidy, key=lambda each: (not each.startswith("CREATE TABLE"), each))


def create_from(engine, number):
    """Create the tables of a shape, whatever the tables of this release are, with their number."""
    with engine.begin() as connection:
        for statement in golden(number, engine.dialect.name).read_text().split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement)
        connection.exec_driver_sql(
            f"INSERT INTO exam_sharing_schema (number) VALUES ({number})"  # noqa: S608  ours
        )
