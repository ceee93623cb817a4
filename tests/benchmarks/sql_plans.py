"""How PostgreSQL carries a statement out: the rows and the buffers that it reads."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import attrs
import sqlalchemy
from psycopg import sql
from sqlalchemy import Engine

ANALYZED: Final = "ANALYZE, BUFFERS"
"""Carry it out, and tell what was read."""
SHORT: Final = f"{ANALYZED}, COSTS OFF, TIMING OFF, SUMMARY OFF"
"""For people to read."""


@attrs.frozen
class Statement:
    """What was sent to a database: the text, and its parameters by name or by place."""

    text: str
    parameters: Any


@contextmanager
def noted(engine: Engine) -> Iterator[list[Statement]]:
    """Note every statement that is executed, but those that begin and end transactions."""
    statements: list[Statement] = []

    def note(_connection, _cursor, text, parameters, _context, _many) -> None:
        if not text.startswith(("BEGIN", "COMMIT", "ROLLBACK")):
            statements.append(Statement(text, parameters))

    sqlalchemy.event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        sqlalchemy.event.remove(engine, "before_cursor_execute", note)


def second_time(engine: Engine, ask: Callable[[], object]) -> list[Statement]:
    """Return the statements by which something is asked, once everything was prepared."""
    ask()
    with noted(engine) as statements:
        ask()
    return statements


def the_one(engine: Engine, ask: Callable[[], object]) -> Statement:
    """Return the statement by which something is asked, and see that it is no more than one."""
    (statement,) = second_time(engine, ask)
    return statement


@attrs.frozen
class Cost:
    """The rows of grants that a statement reads, also if filtered out, and all its buffers."""

    rows: int
    buffers: int


def cost_of(engine: Engine, statement: Statement, table: str) -> Cost:
    """Return what a statement reads at most, whichever way its plan is made."""
    costs = [
        _cost(explained(engine, statement, f"{ANALYZED}, FORMAT JSON", mode)[0][0]["Plan"], table)
        for mode in ("force_custom_plan", "force_generic_plan")
    ]
    return Cost(max(each.rows for each in costs), max(each.buffers for each in costs))


def buffers_of(engine: Engine, ask: Callable[[], object]) -> int:
    """Return the buffers that all statements of a question read."""
    return sum(cost_of(engine, each, "").buffers for each in second_time(engine, ask))


def explained(
    engine: Engine, statement: Statement, options: str, mode: str = "force_generic_plan"
) -> list[Any]:
    """Return what PostgreSQL says of a prepared statement, carried out once before.

    The mode says whether the plan is made for these parameters or for any.
    """
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", statement.text)))
    numbers = {name: f"${number}" for number, name in enumerate(names, start=1)}
    text = re.sub(r"%\((\w+)\)s", lambda found: numbers[found[1]], statement.text)
    values = sql.SQL(", ").join(sql.Literal(statement.parameters[name]) for name in names)
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        driver.execute(f"SET LOCAL plan_cache_mode = {mode}")
        driver.execute(f"PREPARE asked AS {text}")
        asked = sql.SQL("EXECUTE asked ({})").format(values)
        driver.execute(asked)
        lines = driver.execute(sql.SQL(f"EXPLAIN ({options}) ") + asked).fetchall()
        driver.execute("DEALLOCATE asked")
        return [line[0] for line in lines]


def _cost(plan: Mapping[str, Any], table: str) -> Cost:
    scans = [node for node in _nodes(plan) if node.get("Relation Name") == table]
    rows = sum(_read(node) for node in scans)
    return Cost(rows, plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for each in plan.get("Plans", ()):
        yield from _nodes(each)


def _read(scan: Mapping[str, Any]) -> int:
    """Return how many rows a scan read; PostgreSQL rounds the mean of its loops."""
    loops = scan["Actual Loops"]
    kinds = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
    return round(sum(scan.get(kind, 0) for kind in kinds) * loops)


def sqlite_plan(engine: Engine, statement: Statement) -> list[str]:
    """Return the steps in which SQLite carries a statement out."""
    with engine.connect() as connection:
        steps = connection.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {statement.text}", statement.parameters
        )
        return [step[-1] for step in steps]
