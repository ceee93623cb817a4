"""A database that cannot be used is told apart at the start, and is never a yes."""

import pytest
import sqlalchemy
from sqlalchemy.exc import OperationalError

from exam_sharing import ExamSharingError, Outcome, StoreFailed
from exam_sharing.adapters.sqlalchemy import create_all, open_sharing, sqlite_engine
from exam_sharing.errors import InvalidValue
from world import ANNA, BEN, CT, VIEW, World, share_request


def test_a_database_without_our_tables_is_refused_at_the_start(tmp_path):
    with pytest.raises(StoreFailed):
        open_sharing(sqlite_engine(tmp_path / "empty.db"))


def test_a_database_that_is_not_there_is_refused_at_the_start(tmp_path):
    with pytest.raises(StoreFailed):
        open_sharing(sqlite_engine(tmp_path / "no such folder" / "sharing.db"))


def test_an_engine_of_sqlite_whose_transactions_are_none_is_refused_at_the_start(tmp_path):
    create_all(sqlite_engine(tmp_path / "sharing.db"))
    with pytest.raises(InvalidValue, match="sqlite_engine"):
        open_sharing(sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'sharing.db'}"))


def test_an_address_is_not_taken_for_an_engine():
    with pytest.raises(InvalidValue, match="must be an engine of SQLAlchemy"):
        open_sharing("sqlite:///sharing.db")


def test_a_database_in_memory_is_refused_at_the_start():
    engine = sqlite_engine(":memory:")
    with pytest.raises(InvalidValue, match="must be for a file"):
        open_sharing(engine)


def statements_of(engine, act):
    """Return the statements that an act executes."""
    seen = []

    def note(connection, cursor, statement, *others):
        seen.append(statement)

    sqlalchemy.event.listen(engine, "before_cursor_execute", note)
    try:
        act()
    finally:
        sqlalchemy.event.remove(engine, "before_cursor_execute", note)
    return seen


def test_whichever_statement_of_a_share_fails_nothing_of_it_is_kept(engine, tables, new_store):
    def share(world):
        sharing = open_sharing(engine, tables=tables, directory=world.directory, clock=world.clock)
        return sharing.share(
            share_request(ANNA, CT, BEN, message="Please look.", request_id="once")
        )

    healthy = World(store=new_store())
    statements = statements_of(engine, lambda: share(healthy))
    assert len(statements) > 5
    for number in range(len(statements)):
        world = World(store=new_store())
        before = world.store.events()
        seen = 0

        def fail(connection, cursor, statement, *others, at=number):
            nonlocal seen
            seen += 1
            if seen == at + 1:
                raise OperationalError(statement, {}, Exception("disk is full"))

        sqlalchemy.event.listen(engine, "before_cursor_execute", fail)
        try:
            with pytest.raises(ExamSharingError) as caught:
                share(world)
        finally:
            sqlalchemy.event.remove(engine, "before_cursor_execute", fail)
        assert "Please look" not in str(caught.value)
        assert world.store.events() == before
        assert not world.sharing.can(BEN, VIEW, CT)
        assert world.store.outbox.waiting() == ()
        assert [each.outcome for each in share(world).outcomes] == [Outcome.GRANTED]


def test_a_check_on_a_database_that_fails_is_an_error_of_ours_and_never_a_yes(engine, new_store):
    world = World(store=new_store())
    world.sharing.share(share_request(ANNA, CT, BEN))

    def fail(connection, cursor, statement, *others):
        raise OperationalError(statement, {}, Exception("disk is full"))

    sqlalchemy.event.listen(engine, "before_cursor_execute", fail)
    try:
        with pytest.raises(StoreFailed):
            world.sharing.can(BEN, VIEW, CT)
    finally:
        sqlalchemy.event.remove(engine, "before_cursor_execute", fail)
    assert world.sharing.can(BEN, VIEW, CT)
