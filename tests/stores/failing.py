"""Statements of an engine that fail on purpose."""

from contextlib import contextmanager

import sqlalchemy

TRANSACTIONS = ("BEGIN", "COMMIT", "PRAGMA")


@contextmanager
def failing(engine, error, *, at=0, apart=TRANSACTIONS):
    """Let the statement of that number fail, and yield the statements that are executed.

    Args:
        engine: whose statements.
        error: raised by the statement, and by no other.
        at: counted from 0; `None` lets every statement fail, and -1 none.
        apart: how statements begin that are not counted.
    """
    seen = []

    def note(_connection, _cursor, statement, *_):
        if not statement.startswith(apart):
            seen.append(statement)
            if at is None or len(seen) == at + 1:
                raise error

    sqlalchemy.event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sqlalchemy.event.remove(engine, "before_cursor_execute", note)
