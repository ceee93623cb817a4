"""A restore to a point in time, as the page on clusters describes it.

> A restore brings back access that was ended after its moment.

The samples and the settings of the page are those of this test: it takes them from the page.
"""

import re
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from doctest import DocTestParser, DocTestRunner
from itertools import product
from pathlib import Path
from textwrap import dedent

import sqlalchemy as sa

import exam_sharing as es
from exam_sharing.adapters.sqlalchemy import SqlDirectory, SqlStore, create_all, open_sharing
from exam_sharing.testing.servers import PATIENCE, new_server, programs_of

PAGE = Path(__file__).parents[2] / "docs/how-to/run-it-on-a-cluster.md"
ANNA, BEN, CARLA, DAN, EVA, FAY, GUS = map(
    es.UserId, ("anna", "ben", "carla", "dan", "eva", "fay", "gus")
)
WARD = es.GroupId("ward")
BROUGHT = tuple(map(es.ExamId, ("ct", "mr", "us", "xr", "nm", "pt", "cr")))
CT, MR, US, XR, NM, PT, CR = BROUGHT
LATE = es.ExamId("late")
PEOPLE = (ANNA, BEN, CARLA, DAN, EVA, FAY, GUS)


def section():
    return PAGE.read_text().partition("## Back up, and recover")[2].partition("\n## ")[0]


def run_sample(naming, namespace):
    """Run the sample of the page that gives something a name, and keep its names."""
    samples = re.findall(r"^( *)```python\n(.*?)^\1```", section(), re.DOTALL | re.MULTILINE)
    (found,) = (dedent(text) for _, text in samples if f">>> {naming}" in text)
    test = DocTestParser().get_doctest(found, namespace, naming, str(PAGE), 0)
    assert not DocTestRunner(verbose=False).run(test, clear_globs=False).failed
    namespace |= test.globs


def recovery_settings(**instead):
    block = re.search(r"```ini\n(.*?)```", section(), re.DOTALL)[1]
    settings = dict(re.findall(r"(\w+) = '(.*)'", block))
    assert instead.keys() < settings.keys()
    return "".join(f"{name} = '{value}'\n" for name, value in (settings | instead).items())


class Portal:
    """A portal over a server; its tables are those of this package."""

    def __init__(self, url):
        self.engine = sa.create_engine(url)
        self.tables = create_all(self.engine)
        self.directory = SqlDirectory(self.engine, self.tables.directory)
        self.store = SqlStore.over(self.engine, tables=self.tables)
        self.sharing = open_sharing(self.engine, tables=self.tables, directory=self.directory)

    def upload(self, name, *exams):
        now = datetime.now(UTC)
        batch = es.UploadBatch(id=es.BatchId(name), uploader=ANNA, received_at=now)
        brought = [es.Exam(id=each, owner=ANNA, batch=batch.id, uploaded_at=now) for each in exams]
        self.sharing.add_upload(batch, brought)

    def share(self, actor, exam, recipient, permission=es.Permission.VIEW):
        receipt = self.sharing.share(
            es.ShareRequest(
                actor=actor,
                exam=exam,
                recipients=(recipient,),
                permission=permission,
                attested=True,
            )
        )
        assert not receipt.unconfirmed

    def unshare(self, actor, exam, recipient):
        self.sharing.unshare(
            es.UnshareRequest(
                actor=actor, exam=exam, recipient=recipient, reshares=es.Reshares.CASCADE
            )
        )

    def set_members(self, *members):
        self.directory.add(es.Group(id=WARD, name="ward", members=frozenset(members)))

    def has(self):
        """Return who holds what on which exam."""
        can_many, exams = self.sharing.can_many, (*BROUGHT, LATE)
        return {
            (user, permission, exam)
            for user, permission in product(PEOPLE, es.Permission)
            for exam in can_many(user, permission, exams)
        }


def value(engine, statement, **asked):
    with engine.connect() as connection:
        return connection.scalar(sa.text(statement), asked)


def wait_until(engine, statement, **asked):
    deadline = time.monotonic() + PATIENCE
    while not value(engine, statement, **asked):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def archive_all(engine):
    log = value(engine, "SELECT pg_walfile_name(pg_switch_wal())")
    wait_until(engine, "SELECT last_archived_wal >= :log FROM pg_stat_archiver", log=log)


def give(portal):
    """What stands at the moment of the restore."""
    for user in PEOPLE[:-1]:
        portal.directory.add(es.User(id=user, name=str(user)))
    portal.set_members(DAN)
    portal.upload("cd", *BROUGHT)
    portal.share(ANNA, CT, BEN)
    portal.share(BEN, CT, CARLA)
    portal.share(ANNA, MR, WARD)
    portal.share(ANNA, US, BEN, es.Permission.DOWNLOAD)
    portal.share(ANNA, XR, EVA)
    portal.share(ANNA, PT, FAY)
    portal.share(ANNA, CR, CARLA)
    portal.share(ANNA, CR, EVA)


def end(portal):
    """Every way in which access ends, after the moment of the restore."""
    portal.unshare(ANNA, CT, BEN)  # and with it what Carla has from Ben
    portal.set_members()
    portal.sharing.narrow(
        es.NarrowRequest(actor=ANNA, exam=US, recipient=BEN, permission=es.Permission.VIEW)
    )
    portal.sharing.admin.withdraw(XR, performed_by="root", why="wrong patient")
    portal.store.transfer(NM, EVA, at=datetime.now(UTC))
    portal.directory.add(es.User(id=FAY, name="fay", active=False))
    portal.unshare(ANNA, CR, CARLA)
    # What was given and ended, by people and on exams that the restored database does not know.
    portal.directory.add(es.User(id=GUS, name="gus"))
    for recipient in (EVA, GUS):
        portal.share(ANNA, MR, recipient)
        portal.unshare(ANNA, MR, recipient)
    portal.upload("later", LATE)
    portal.share(ANNA, LATE, BEN)
    portal.unshare(ANNA, LATE, BEN)
    portal.sharing.admin.withdraw(LATE, performed_by="root", why="wrong patient")


@contextmanager
def archiving(programs):
    """A server that archives its log."""
    archive = programs.new_folder("archive", 0o700)
    with new_server(programs, "lost") as server:
        server.configure(archive_mode="on", archive_command=f"cp %p {archive}/%f")
        server.restart()
        yield server, archive


def base_backup(programs, server):
    # As of a primary in use, it has the name of a standby.
    server.configure(synchronous_standby_names="FIRST 1 (standby)")
    backup = programs.new_folder("backup", 0o700)
    sockets = sa.make_url(server.url).query["host"]
    programs.run("pg_basebackup", "-D", backup, "-h", sockets, "-U", "postgres", "-c", "fast", "-N")
    server.configure(synchronous_standby_names="")
    return backup


@contextmanager
def restored(programs, backup, settings):
    """The server of a backup, recovered as the settings have it."""
    (backup / "recovery.signal").touch()
    with (backup / "postgresql.auto.conf").open("a") as file:
        file.write(settings)
    sockets = programs.new_folder("restored-sockets", 0o755)
    options = (
        f"-k {sockets} -c listen_addresses= -c max_connections=200 -c fsync=off -c archive_mode=off"
    )
    control = ["-D", backup, "-w", "-t", str(PATIENCE), "-o", options]
    with programs.before_end("pg_ctl", *control, "-m", "immediate", "stop"):
        programs.run("pg_ctl", *control, "start")
        url = f"postgresql+psycopg://postgres@/postgres?host={sockets}"
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        wait_until(engine, "SELECT NOT pg_is_in_recovery()")
        yield url


def test_after_the_steps_of_the_page_nobody_has_what_was_ended_after_the_moment(
    postgresql_installation,
):
    with programs_of(postgresql_installation) as programs:
        with archiving(programs) as (server, archive):
            backup = base_backup(programs, server)
            lost = Portal(server.url)
            give(lost)
            before = lost.has()
            time.sleep(0.05)
            recovered_to = datetime.now(UTC)
            time.sleep(0.05)
            end(lost)
            after = lost.has()
            names = {"recovered_to": recovered_to, "primary": lost.engine, "tables": lost.tables}
            run_sample("trail", names)
            archive_all(lost.engine)
            lost.engine.dispose()
            server.control("stop", "-m", "immediate")
        settings = recovery_settings(
            restore_command=f"cp {archive}/%f %p", recovery_target_time=recovered_to.isoformat()
        )
        with restored(programs, backup, settings) as url:
            portal = Portal(url)
            assert portal.has() == before
            assert len(before - after) >= 9
            names |= {
                "primary": portal.engine,
                "sharing": portal.sharing,
                "datetime": datetime,
                "UTC": UTC,
            }
            run_sample("restored", names)
            assert not names["done"].unconfirmed
            portal.set_members()
            portal.directory.add(es.User(id=FAY, name="fay", active=False))
            assert portal.has() <= after
            # Eva keeps what was never ended, Ben lost also what was only narrowed.
            assert {
                (EVA, es.Permission.VIEW, CR),
                (EVA, es.Permission.DOWNLOAD, NM),
            } <= portal.has()
            for recipient in (*PEOPLE, WARD):
                portal.sharing.admin.end_by_host(
                    recipient=recipient,
                    reshares=es.Reshares.CASCADE,
                    performed_by="root",
                    why="no list",
                )
            owners = {each.owner for each in portal.store.find(BROUGHT)}
            assert {user for user, _, _ in portal.has()} <= owners
            portal.engine.dispose()
