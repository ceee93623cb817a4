"""Checks and lists are one statement each, whoever asks."""

from contextlib import suppress

import pytest
import sqlalchemy

from exam_sharing import StoreFailed
from exam_sharing.identifiers import PrincipalKey
from world import (
    ANNA,
    BEN,
    CT,
    DOWNLOAD,
    EVA,
    MR,
    NO_EXAM,
    NURSES,
    START,
    VIEW,
    World,
)


@pytest.fixture
def statements(engine):
    """Every statement that is executed."""
    seen = []

    def note(connection, cursor, statement, *others):
        if not statement.startswith(("BEGIN", "PRAGMA")):
            seen.append(statement)

    sqlalchemy.event.listen(engine, "before_cursor_execute", note)
    yield seen
    sqlalchemy.event.remove(engine, "before_cursor_execute", note)


def test_a_check_and_a_page_are_one_statement_each(new_store, statements):
    world = World(store=new_store())
    world.share(ANNA, CT, NURSES)
    viewer = world.sharing.viewer(EVA)
    for ask in (
        lambda: world.sharing.can(EVA, VIEW, CT),
        lambda: world.sharing.can(EVA, DOWNLOAD, NO_EXAM),
        lambda: world.sharing.can_many(EVA, VIEW, (CT, MR, NO_EXAM)),
        lambda: world.sharing.visible_to(EVA),
        lambda: viewer.shared_with(world.sharing.visible_to(ANNA, limit=1).next),
        lambda: world.store.read((CT, MR, NO_EXAM), ended=True),
    ):
        ask()
        statements.clear()
        ask()
        assert len([each for each in statements if "LIMIT" not in each]) <= 1
        assert 1 <= len(statements) <= 2  # One page gave the cursor.


def test_nobody_asks_for_those_who_hold_nothing(new_store, statements):
    store = new_store()
    statements.clear()
    nobody = frozenset()
    assert store.holds(BEN, nobody, VIEW, CT, START) is False
    assert store.holding(BEN, nobody, VIEW, (CT,), START) == frozenset()
    assert store.visible(BEN, nobody, None, 9, START, own=True) == ()
    assert statements == []


def test_a_key_that_would_be_two_to_the_database_is_nobodys(new_store):
    """SPEC 9.1: whoever makes keys without the types for them gets an error, and never a yes."""
    world = World(store=new_store())
    world.share(ANNA, CT, NURSES)
    forged = frozenset({BEN.key, PrincipalKey(f"g:x\n{NURSES.key}")})
    for ask in (
        lambda: world.store.holds(BEN, forged, VIEW, CT, START),
        lambda: bool(world.store.holding(BEN, forged, VIEW, (CT,), START)),
        lambda: bool(world.store.visible(BEN, forged, None, 9, START, own=True)),
    ):
        with suppress(StoreFailed):
            assert ask() is False
