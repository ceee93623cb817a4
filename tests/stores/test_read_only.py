"""A database that cannot be written, as a standby cannot, still says no to whom it must."""

import pytest
import sqlalchemy

from exam_sharing import (
    Conflict,
    ExamSharingError,
    ReasonCode,
    Refused,
    Reshares,
    Scope,
    StoreFailed,
    UnshareRequest,
)
from exam_sharing.adapters.sqlalchemy import create_all, joined, open_sharing
from exam_sharing.testing.performing import perform
from world import ANNA, BEN, CT, DAN, NO_EXAM, VIEW, World, codes, share_request


@pytest.fixture
def tables(postgresql):
    return create_all(postgresql)


@pytest.fixture
def world(postgresql, tables, open_store_on):
    world = World(store=open_store_on(postgresql, tables)())
    world.share(ANNA, CT, BEN)
    return world


@pytest.fixture
def standby(postgresql):
    """An engine for the same database that lets nobody write."""
    options = {"options": "-c default_transaction_read_only=on"}
    reader = sqlalchemy.create_engine(postgresql.url, connect_args=options)
    yield reader
    reader.dispose()


REFUSED = {
    "a share by a stranger": share_request(DAN, CT, BEN, message="dear Miller"),
    "a share of nothing": share_request(ANNA, NO_EXAM, BEN, scope=Scope.BATCH),
    "an unshare by a stranger": UnshareRequest(actor=DAN, exam=CT, recipient=BEN),
    "an unshare of nothing": UnshareRequest(
        actor=ANNA, exam=CT, recipient=DAN, reshares=Reshares.CASCADE
    ),
}


@pytest.mark.parametrize("request_of", REFUSED)
def test_a_refusal_is_the_answer_and_what_is_not_recorded_is_in_the_log(
    standby, tables, world, caplog, request_of
):
    asked = REFUSED[request_of]
    expected = world.reasons(asked)
    recorded = len(world.store.events())
    sharing = open_sharing(standby, tables=tables, directory=world.directory)
    with pytest.raises(Refused) as refused:
        perform(sharing, asked)
    assert codes(refused.value.reasons) == codes(expected)
    assert len(world.store.events()) == recorded
    told = [line for line in caplog.records if line.name == "exam_sharing"]
    assert [line.getMessage() for line in told] == ["a refusal could not be recorded: StoreFailed"]
    assert all(line.exc_info is None for line in told)


def test_a_stranger_is_refused_inside_of_the_hosts_transaction_as_well(
    standby, tables, world, caplog
):
    with standby.connect() as connection, connection.begin():
        inside = joined(connection, tables=tables, directory=world.directory)
        for name in ("a share by a stranger", "an unshare by a stranger"):
            with pytest.raises(Refused) as refused:
                perform(inside, REFUSED[name])
            assert codes(refused.value.reasons) == [ReasonCode.EXAM_NOT_FOUND]
    assert len([line for line in caplog.records if line.name == "exam_sharing"]) == 2


def test_the_host_is_refused_as_well(standby, tables, world, caplog):
    sharing = open_sharing(standby, tables=tables, directory=world.directory)
    with pytest.raises(Refused) as refused:
        sharing.admin.withdraw(NO_EXAM, performed_by="ops", why="gone")
    assert codes(refused.value.reasons) == [ReasonCode.EXAM_NOT_FOUND]
    with pytest.raises(Refused):
        sharing.admin.end_by_host(recipient=BEN, exam=NO_EXAM, performed_by="ops", why="gone")
    assert len(caplog.records) == 2


def test_what_would_be_permitted_fails_and_is_not_said_to_be_done(standby, tables, world):
    sharing = open_sharing(standby, tables=tables, directory=world.directory)
    with pytest.raises(StoreFailed) as failed:
        sharing.share(share_request(ANNA, CT, DAN))
    assert isinstance(failed.value, ExamSharingError)
    assert not isinstance(failed.value, Conflict)
    assert sharing.can(BEN, VIEW, CT)
    assert not sharing.can(DAN, VIEW, CT)
