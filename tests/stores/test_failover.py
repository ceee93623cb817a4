"""A primary that is killed under writers, and its standby that takes over.

> Nothing acknowledged is lost or undone, no notice is lost.

The engines name both servers. Whatever fails is asked again, with the same request id, until the
standby answers as the primary. By hand, `EXAM_SHARING_FAILOVERS=20` does it 20 times, each time
with new servers.
"""

import os
import time

import pytest
import sqlalchemy as sa
from lives import PATIENCE, Witness
from load import Load

import exam_sharing as es
from clinic_on_a_pair import BEN, CT, give
from exam_sharing.adapters.sqlalchemy import create_all, open_sharing
from test_serial_order import EXAMS, OWNER

FAILOVERS = int(os.environ.get("EXAM_SHARING_FAILOVERS", "1"))


def engine_at_any_of(servers, **options):
    """Return an engine that connects to the first server that suits."""
    first, *others = (sa.make_url(each.url) for each in servers)
    hosts = (first.query["host"], *(each.query["host"] for each in others))
    url = first.update_query_dict({"host": hosts})
    return sa.create_engine(url, connect_args={"connect_timeout": 2} | options)


def wait_until(happened):
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("_failover", range(FAILOVERS))
def test_what_was_acknowledged_survives_a_primary_that_is_killed(
    mortal_pair, tmp_path, caplog, _failover
):
    # It may answer so long after it has connected.
    mortal_pair.primary.configure(wal_sender_timeout="2s")
    servers = (mortal_pair.primary, mortal_pair.standby)
    engine = engine_at_any_of(servers, target_session_attrs="read-write")
    standby = engine_at_any_of(servers, target_session_attrs="prefer-standby")
    with standby.connect() as connection:
        assert connection.scalar(sa.text("SELECT pg_is_in_recovery()"))
    tables = create_all(engine)
    witness = Witness(engine, tables, tmp_path)
    directory = witness.kept.directory
    reader = open_sharing(engine, reading=standby, tables=tables, directory=directory)
    load = Load(witness, reader)
    with load.at_work():
        load.wait_for_more_answers()
        wait_until(lambda: "checks on a standby: it answers again" in caplog.messages)
        mortal_pair.primary.control("-m", "immediate", "stop")
        mortal_pair.standby.control("promote")
    assert load.failed["act"] >= 1
    # The promoted server is the primary of one engine, and no standby for the other.
    wait_until(
        lambda: (
            reader.can(OWNER, es.Permission.VIEW, EXAMS[0]) and "recovery" in caplog.messages[-1]
        )
    )
    load.assert_nothing_is_lost(witness)
    with engine.connect() as connection:
        log = connection.scalar(sa.text("SELECT pg_walfile_name(pg_current_wal_lsn())"))
    assert log.startswith("00000002"), "the standby is no primary of its own"
    engine.dispose()
    standby.dispose()


def cut_off(server, engine):
    """Let a standby receive nothing more."""
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.exec_driver_sql("ALTER SYSTEM SET primary_conninfo = ''")
        server.control("reload")
        receives = sa.text("SELECT count(*) FROM pg_stat_wal_receiver")
        wait_until(lambda: not connection.scalar(receives))


def test_a_standby_for_which_no_commit_waits_lacks_what_was_acknowledged(last_second, clinic):
    engine = clinic.at(sa.make_url(last_second.url).set(database=clinic.patient.url.database))
    cut_off(last_second, engine)
    assert not give(clinic.open(reading=None)).unconfirmed
    last_second.control("promote")
    taken_over = open_sharing(engine, tables=clinic.tables)
    assert not taken_over.can(BEN, es.Permission.VIEW, CT)
