"""`check-store --primary URL --standby URL`: checks a cluster, and the laws over both servers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from statistics import median
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import attrs
import sqlalchemy as sa

import exam_sharing as es
from exam_sharing.adapters import sqlalchemy as sql
from exam_sharing.adapters.sqlalchemy.cluster_settings import AtStandby, Condition, Settings
from exam_sharing.adapters.sqlalchemy.database import Database, OwnTransactions, own_database
from exam_sharing.adapters.sqlalchemy.engines import in_our_words, quiet_engine
from exam_sharing.adapters.sqlalchemy.standbys import standby_reading
from exam_sharing.cli.database import server_at
from exam_sharing.ports import AccessReader

if TYPE_CHECKING:
    from exam_sharing.testing.opening import StorePorts

_ROUNDS: Final = 50
_GLANCE: Final = 0.5
_OWNER, _OTHER = es.UserId("check-owner"), es.UserId("check-other")
_EXAM: Final = es.ExamId("check-exam")


@attrs.frozen
class FirstChecks:
    """How many first checks after an act there were, and how many of them were stale.

    `on_standby` is how many the standby answered; `wait` is the median time of a revocation in
    milliseconds.
    """

    checks: int
    stale: int
    on_standby: int
    wait: float


@attrs.frozen
class Report:
    """Whether a cluster is safe, and which setting is not.

    `writers_wait` is whether all writers wait for the standby by default, also those of the host.
    """

    conditions: tuple[Condition, ...]
    writers_wait: bool
    first: FirstChecks | None = None

    @property
    def safe(self) -> bool:
        kept = all(each.problem is None or each.passes for each in self.conditions)
        return kept and (self.first is None or not self.first.stale)

    def as_data(self) -> dict[str, object]:
        return {"safe": self.safe, **attrs.asdict(self)}

    def text(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        if self.safe:
            yield "SAFE: the standby may answer checks"
        else:
            yield "NOT SAFE: the standby must not answer checks"
        width = max(len(each.subject) for each in self.conditions)
        for each in self.conditions:
            mark = "ok " if each.problem is None else "NOT"
            yield f"  {mark} {each.subject:{width}}  {each.found}"
            if each.problem is not None:
                yield f"      {each.problem}"
        if not self.writers_wait:
            yield (
                "  What your own tables hold is read on the primary: synchronous_commit = "
                "remote_apply is not the default of every role."
            )
        if self.first is not None:
            yield (
                f"  {self.first.stale} of {self.first.checks} first checks after an act were "
                f"stale; the standby answered {self.first.on_standby} of them; "
                f"a revocation took {self.first.wait:g} ms."
            )


class Cluster:
    """A primary and a standby, with tables that are dropped in the end."""

    def __init__(self, primary: sa.Engine, standby: sa.Engine) -> None:
        self._primary, self._standby = primary, standby
        self._tables = sql.define_tables(sa.MetaData(), prefix=f"check_{uuid4().hex[:8]}_")

    def report(self, show: Callable[[str], None]) -> Report:
        """Return whether the settings are such that no answer of the standby is stale."""
        report = self._report()
        while any(each.problem is not None for each in report.conditions) and report.safe:
            show("; ".join(each.problem for each in report.conditions if each.problem))
            sleep(_GLANCE)
            report = self._report()
        return report

    @in_our_words
    def _report(self) -> Report:
        both = (self._primary, self._standby)
        primary, standby = (OwnTransactions(quiet_engine(each)) for each in both)
        asked = Settings.asked(primary, AtStandby.asked(standby))
        return Report(tuple(asked.all()), writers_wait=bool(asked.primary.all_wait))

    @contextmanager
    def tables(self) -> Iterator[None]:
        """Create the tables, and drop them in the end."""
        sql.create_all(self._primary, self._tables)
        try:
            yield
        finally:
            in_our_words(self._tables.metadata.drop_all)(self._primary)

    def empty_store(self) -> "StorePorts":
        """Return an empty store: its checks are answered by the standby."""
        from exam_sharing.testing.opening import StorePorts

        database = own_database(self._primary, self._tables)
        self._empty(database)
        store = sql.SqlStore(database)
        same: Mapping[str, Any] = dict.fromkeys(_SAME, store)
        return StorePorts(**same, outbox=store.outbox, access=self._access(database, store))

    def _access(self, database: Database, store: sql.SqlStore) -> AccessReader:
        ports = sql.sql_ports(store, directory=self._directory())
        reading = standby_reading(self._standby, database, ports, None, None)
        return store if reading is None else reading.readers(None).access

    def _directory(self) -> sql.SqlDirectory:
        return sql.SqlDirectory(self._primary, self._tables.directory)

    @in_our_words
    def _empty(self, database: Database) -> None:
        with database.transactions.writing() as connection:
            for table in self._tables.all():
                if table is not self._tables.schema:
                    connection.execute(table.delete())

    def first_checks(self) -> FirstChecks:
        """Revoke access many times, and count the first checks that do not know of it."""
        self._empty(own_database(self._primary, self._tables))
        directory, now = self._directory(), datetime.now(UTC)
        for user in (_OWNER, _OTHER):
            directory.add(es.User(id=user, name=str(user)))
        sharing = sql.open_sharing(
            self._primary, tables=self._tables, directory=directory, reading=self._standby
        )
        batch = es.UploadBatch(id=es.BatchId("check"), uploader=_OWNER, received_at=now)
        exam = es.Exam(id=_EXAM, owner=_OWNER, batch=batch.id, uploaded_at=now)
        sharing.add_upload(batch, [exam])
        with ExitStack() as until_counted:
            answered = self._counted(until_counted)
            waits, stale = [], 0
            for _ in range(_ROUNDS):
                sharing.share(
                    es.ShareRequest(actor=_OWNER, exam=_EXAM, recipients=(_OTHER,), attested=True)
                )
                stale += not sharing.can(_OTHER, es.Permission.VIEW, _EXAM)
                began = monotonic()
                sharing.unshare(es.UnshareRequest(actor=_OWNER, exam=_EXAM, recipient=_OTHER))
                waits.append(monotonic() - began)
                stale += sharing.can(_OTHER, es.Permission.VIEW, _EXAM)
        return FirstChecks(2 * _ROUNDS, stale, len(answered), round(median(waits) * 1000, 1))

    def _counted(self, until: ExitStack) -> Sequence[None]:
        """Return a list that gets an item for each check on the standby."""
        answered: list[None] = []
        grants = self._tables.grants.name

        def executed(*executing: Any) -> None:
            answered.extend([None] if grants in executing[2] else [])

        event = (self._standby, "after_cursor_execute", executed)
        sa.event.listen(*event)
        until.callback(sa.event.remove, *event)
        return answered


_SAME: Final = ("exams", "uploads", "grants", "writer", "audit")


@contextmanager
def opened_cluster(primary: str, standby: str) -> Iterator[Cluster]:
    """Open the servers that were typed."""
    with server_at("--primary", primary) as one, server_at("--standby", standby) as other:
        yield Cluster(one, other)
