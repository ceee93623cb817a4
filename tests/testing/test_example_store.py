"""The store of the docs, over plain `sqlite3`, keeps every law, and is as short as is said."""

import ast
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from exam_sharing.testing.laws import store_laws

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@contextmanager
def opened():
    from sqlite3_store import SqliteStore

    store = SqliteStore(":memory:")
    yield store
    store._db.close()


@contextmanager
def failing_at(store, step):
    """Let the statement of that number fail."""
    ask, asked = store._ask, 0

    def counted(*statement, **named):
        nonlocal asked
        asked += 1
        if asked == step:
            raise RuntimeError
        return ask(*statement, **named)

    store._ask = counted
    yield
    del store._ask


def events(store):
    return store._first("SELECT event FROM events ORDER BY number")


def keeps_text(store, text):
    return text in [str(each.message) for each in store._first("SELECT notice FROM notices")]


LAWS = store_laws(opened, events=events, fail_at=failing_at, keeps_text=keeps_text)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_the_store_of_the_docs_keeps_the_law(law, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(EXAMPLES), *sys.path])
    law.check()


def test_it_has_less_than_200_lines_of_code():
    tree = ast.parse((EXAMPLES / "sqlite3_store.py").read_text(encoding="utf-8"))
    lines = set()
    for node in ast.walk(tree):
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, ast.stmt) and not docstring:
            # Of what holds statements itself, those are counted by themselves.
            last = node.body[0].lineno - 1 if hasattr(node, "body") else node.end_lineno
            lines |= set(range(node.lineno, last + 1))
    assert 150 < len(lines) < 200
