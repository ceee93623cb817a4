"""Grants in a table of PostgreSQL that a host has partitioned by exam."""

import os
import re
from datetime import timedelta

import pytest
from sqlalchemy import MetaData

import exam_sharing as es
from benchmarks.sql_plans import SHORT, explained, the_one
from every_store import laws_by_name
from exam_sharing.adapters.sqlalchemy import SqlStore, create_all, define_tables, sweep_expired
from exam_sharing.memory import MemoryStore
from where_kept import delete_rows
from world import ANNA, BEN, CARLA, CT, DAN, DAY, DOWNLOAD, MR, START, VIEW, XRAY, World

PARTS = 3


@pytest.fixture(scope="module")
def tables(postgresql):
    tables = define_tables(MetaData(), prefix="parted_")
    tables.grants.dialect_options["postgresql"]["partition_by"] = "HASH (exam)"
    create_all(postgresql, tables)
    with postgresql.begin() as connection:
        for number in range(PARTS):
            connection.exec_driver_sql(
                f"CREATE TABLE part_{number} PARTITION OF {tables.grants.name} "
                f"FOR VALUES WITH (MODULUS {PARTS}, REMAINDER {number})"
            )
    return tables


@pytest.fixture(scope="module")
def new_store(postgresql, tables):
    def empty():
        delete_rows(postgresql, tables)
        return SqlStore.over(postgresql, tables=tables)

    return empty


@pytest.fixture
def world(new_store):
    return World(store=new_store())


ALL_LAWS = laws_by_name(MemoryStore, examples=1)
OF_PARTITIONS = {
    "a-withdrawn-exam-is-gone-for-everybody",
    "an-id-that-is-repeated-in-one-act-fails",
    "an-id-that-is-taken-fails-and-writes-nothing",
    "checks-and-lists-agree-after-random-acts",
    "exams-granted-to-a-principal-are-in-id-order",
    "grants-are-found-by-id-also-when-ended",
    "lists-are-newest-first-at-every-page-size",
    "many-checks-return-exactly-the-exams-held",
    "standing-grants-of-a-share-are-found",
    "users-with-access-and-past-grantors-are-involved",
}
CHECKED = ALL_LAWS.keys() if os.environ.get("EXAM_SHARING_ALL_LAWS") else OF_PARTITIONS


@pytest.mark.parametrize("name", sorted(CHECKED))
def test_a_store_over_partitioned_grants_keeps_the_law(name, new_store):
    laws_by_name(new_store, examples=1)[name].check()


def test_a_check_reads_the_partition_of_its_exam_alone(postgresql, world):
    world.share(ANNA, CT, BEN)
    viewer = world.sharing.viewer(BEN)
    for ask in (lambda: viewer.can(VIEW, CT), lambda: world.sharing.access_list(BEN, CT)):
        asked = the_one(postgresql, ask)
        for mode in ("force_custom_plan", "force_generic_plan"):
            plan = "\n".join(explained(postgresql, asked, SHORT, mode))
            read = re.findall(r"on (part_\d).*\(actual", plan)
            assert len(set(read)) == 1, plan


def test_grants_in_all_partitions_are_revoked_and_swept_by_id(postgresql, tables, world):
    exams = (CT, MR, XRAY)
    for exam in exams:
        world.share(ANNA, exam, BEN, permission=DOWNLOAD)
        world.share(ANNA, exam, CARLA, until=START + DAY)
        world.share(ANNA, exam, DAN)
    with postgresql.connect() as connection:
        parts = "SELECT count(DISTINCT tableoid) FROM parted_grants"
        assert connection.exec_driver_sql(parts).scalar() > 1
    for exam in exams:
        world.sharing.revoke(es.RevokeRequest(actor=ANNA, grant=world.grant_to(BEN, exam).id))
    later = START + 2 * DAY
    assert sweep_expired(postgresql, tables=tables, now=later, margin=timedelta(0)) == len(exams)
    for exam in exams:
        sharing = world.store.read((exam,), ended=True)[exam]
        assert [grant.recipient for grant in sharing.grants] == [DAN]
        assert {past.grant.recipient for past in sharing.ended} == {BEN, CARLA}
