"""Everything works under the database roles of the how-to page, and PostgreSQL refuses the rest."""

import re
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

import exam_sharing as es
from databases import created_database, engine_at
from exam_sharing.adapters.sqlalchemy import (
    SqlDirectory,
    SqlStore,
    create_all,
    define_tables,
    open_sharing,
    seal,
    sweep_expired,
    verify,
)
from exam_sharing.memory import MemoryNotifier
from exam_sharing.testing.worlds import ANNA, BEN, CARLA, CT, DAN, EVA, MR, NURSES, XRAY
from world import DAY, START, World

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "restrict-database-roles.md"
ROLES = "portal", "relay", "sweeper", "sealer", "eraser", "auditor", "archivist"
ZOE = es.UserId("zoe")


@pytest.fixture(scope="module")
def engines(postgresql_server):
    """The engine of each role of the page, over tables that another role owns."""
    (statements,) = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    # Roles belong to the whole server.
    mark = f"imaging_{uuid4().hex[:8]}_"
    with created_database(postgresql_server) as url:
        owner = engine_at(url)
        create_all(owner)
        with owner.begin() as connection:
            connection.exec_driver_sql(statements.replace("imaging_", mark))
        found = {
            role: engine_at(url, connect_args={"options": f"-c role={mark}{role}"})
            for role in ROLES
        }
        yield found | {"owner": owner}
        for engine in (*found.values(), owner):
            engine.dispose()
    server = sa.create_engine(postgresql_server, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        for role in ROLES:
            connection.exec_driver_sql(f"DROP ROLE {mark}{role}")
    server.dispose()


@pytest.fixture(scope="module")
def lived(engines):
    """What the portal's role has done: every kind of act, and its own directory."""
    people = SqlDirectory(engines["portal"], define_tables(sa.MetaData()).directory)
    world = World(store=SqlStore.over(engines["portal"]))
    for known in world.directory.known():
        people.add(*([known.user] if hasattr(known, "user") else [known]))
    people.add(es.User(id=ZOE, name="Zoe"))
    people.add(es.Group(id=NURSES, name="Nurses", members=frozenset({DAN})))
    people.remove(ZOE)
    assert [each.principal for each in people_found(engines, world)] == [BEN]
    world.share(ANNA, CT, BEN, NURSES, scope=es.Scope.BATCH, message="hello", request_id="r")
    world.share(BEN, CT, DAN, until=START + DAY)
    world.narrow(ANNA, MR, BEN, until=START + DAY)
    world.unshare(ANNA, CT, NURSES)
    world.share(ANNA, CT, NURSES)
    with pytest.raises(es.Refused):
        world.share(EVA, CT, CARLA, permission=es.Permission.DOWNLOAD)
    world.transfer(XRAY, CARLA)
    world.sharing.admin.end_by_host(recipient=BEN, exam=XRAY, performed_by="ops", why="left")
    world.sharing.admin.withdraw(XRAY, performed_by="ops", why="wrong patient")
    for user in (BEN, DAN, BEN):
        world.sharing.record_access(user, CT, es.Permission.VIEW, "TREATMENT")
    assert world.sharing.admin.flush_accesses() == 1
    return world


def people_found(engines, world):
    sharing = open_sharing(engines["portal"], clock=world.clock)
    return sharing.suggest(ANNA, CT, "ben")


def test_the_other_processes_do_their_work(lived, engines):
    notifier = MemoryNotifier()
    relay = open_sharing(engines["relay"], notifier=notifier, clock=lived.clock)
    assert relay.admin.deliver_notices() == len(notifier.sent) > 0
    assert sweep_expired(engines["sweeper"], now=START + 9 * DAY) == 2
    archive = open_sharing(engines["archivist"], clock=lambda: START + DAY).admin
    assert archive.purge_accesses(before=START + DAY, performed_by="ops", why="retention") == 2
    assert open_sharing(engines["auditor"]).admin.accesses(exams=[CT]).items == ()
    people = SqlDirectory(engines["eraser"], define_tables(sa.MetaData()).directory)
    eraser = open_sharing(engines["eraser"], directory=people)
    assert eraser.admin.replace_name(ZOE, "closed", performed_by="ops", why="request 17") == 1
    trusted = seal(engines["sealer"], now=START)
    found = verify(engines["auditor"], trusted=trusted, now=START + 9 * DAY)
    assert (found.whole, found.unsealed) == (True, 0)
    assert SqlStore.over(engines["auditor"]).events() == lived.store.events()


def test_the_auditor_reads_the_history_and_who_could_see_an_exam(lived, engines):
    admin = open_sharing(engines["auditor"], clock=lived.clock).admin
    happened = admin.history(exam=CT).items
    assert [type(each.what).__name__ for each in happened].count("ExamShared") == 3
    assert admin.history(user=DAN).items
    then = admin.access_at(CT, lived.now)
    assert (then.owner, then.certain) == (ANNA, True)


EVERYBODY = sorted({*ROLES})
NEVER = [
    "UPDATE exam_sharing_events SET kind = kind",
    "DELETE FROM exam_sharing_events",
    "TRUNCATE exam_sharing_events",
    "ALTER TABLE exam_sharing_events DISABLE TRIGGER ALL",
    "UPDATE exam_sharing_seals SET seal = seal",
    "DELETE FROM exam_sharing_seals",
    *(
        f"UPDATE exam_sharing_grants SET {column} = {column}"  # noqa: S608  its own
        for column in (
            *("id", "exam", "grantor", "recipient", "permission", "until", "version"),
            *("basis", "share", "made_at", "lines", "uploaded_at"),
        )
    ),
    "DELETE FROM exam_sharing_grants",
    "UPDATE exam_sharing_shares SET actor = actor",
    "DELETE FROM exam_sharing_shares",
    "UPDATE exam_sharing_receipts SET receipt = receipt",
    "DELETE FROM exam_sharing_receipts",
    "DELETE FROM exam_sharing_versions",
    "UPDATE exam_sharing_exams SET batch = batch",
    "DELETE FROM exam_sharing_exams",
    "DELETE FROM exam_sharing_removed_principals",
    "UPDATE exam_sharing_accesses SET reader = reader",
    "UPDATE exam_sharing_schema SET number = number",
]
CASES = [
    *((role, statement) for role in EVERYBODY for statement in NEVER),
    ("portal", "DELETE FROM exam_sharing_accesses"),
    *(("portal", f"{verb} exam_sharing_seals DEFAULT VALUES") for verb in ["INSERT INTO"]),
    # With the highest number, no later record would be sealed.
    ("portal", "INSERT INTO exam_sharing_events (number) VALUES (9223372036854775807)"),
    ("portal", "INSERT INTO exam_sharing_changes (number) VALUES (9223372036854775807)"),
    *(
        (role, f"INSERT INTO exam_sharing_{table} DEFAULT VALUES")
        for role in ("relay", "sweeper", "sealer", "eraser", "auditor", "archivist")
        for table in ("grants", "events", "exams", "principals", "accesses")
        if (role, table) != ("archivist", "events")
    ),
]


def test_no_role_may_edit_what_was_written(lived, engines):
    for role, statement in CASES:
        with engines[role].connect() as connection, pytest.raises(sa.exc.ProgrammingError) as error:
            connection.exec_driver_sql(statement)
        # 42501: insufficient privilege.
        assert error.value.orig.sqlstate == "42501", (role, statement)


def test_what_the_portal_may_write_does_not_escape_the_auditor(lived, engines):
    seal(engines["sealer"], now=START)
    undo = "UPDATE exam_sharing_grants SET closed_version = NULL, ended_how = NULL"
    with engines["portal"].begin() as connection:
        connection.exec_driver_sql(f"{undo} WHERE ended_how = 'UNSHARED'")
    assert "ending of grant" in verify(engines["auditor"]).first.row
