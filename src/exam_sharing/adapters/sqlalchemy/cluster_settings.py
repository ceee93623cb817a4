"""The settings of a primary and a standby, and the conditions under which no read is stale."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from time import monotonic
from typing import Any, Final

import attrs
import sqlalchemy as sa
from sqlalchemy import Row

from exam_sharing.adapters.sqlalchemy.database import TRANSLATED, Transactions

_WHERE: Final = """
    pg_is_in_recovery() AS standby, current_database() AS database,
    current_schemas(false)::text AS schemas,
    (SELECT system_identifier::text FROM pg_control_system()) AS cluster"""
AT_PRIMARY: Final = sa.text(f"""
SELECT {_WHERE},
    CASE WHEN NOT pg_is_in_recovery()
        THEN pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0')::bigint END AS number,
    CASE WHEN NOT pg_is_in_recovery()
        THEN substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8) END AS timeline,
    current_setting('synchronous_standby_names') AS waits_for,
    extract(epoch FROM current_setting('wal_sender_timeout')::interval)::float8 AS lets_go,
    extract(epoch FROM current_setting('tcp_user_timeout')::interval)::float8 AS gives_up,
    EXISTS (SELECT FROM pg_db_role_setting, unnest(setconfig) AS each
        WHERE each LIKE 'wal_sender_timeout=%') AS differs,
    (SELECT reset_val = 'remote_apply' AND source NOT IN ('client', 'session')
        FROM pg_settings WHERE name = 'synchronous_commit')
    AND NOT EXISTS (SELECT FROM pg_db_role_setting, unnest(setconfig) AS each
        WHERE each LIKE 'synchronous_commit=%' AND each <> 'synchronous_commit=remote_apply'
        AND setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())))
        AS all_wait,
    (SELECT count(*) FROM pg_stat_replication WHERE state IS NULL) AS hidden,
    (SELECT extract(epoch FROM min(clock_timestamp() - backend_start))::float8
        FROM pg_stat_replication WHERE lower(application_name) = lower(:name)) AS connected,
    (SELECT count(*) FROM pg_stat_replication
        WHERE lower(application_name) = lower(:name)) AS named,
    (SELECT count(*) FROM pg_stat_replication
        WHERE lower(application_name) = lower(:name) AND state <> 'streaming') AS behind,
    (SELECT count(*) FROM pg_stat_replication
        WHERE lower(application_name) = lower(:name)
        AND state = 'streaming' AND sync_state IN ('sync', 'quorum')) AS awaited
""")  # noqa: S608  constants
# Where it receives nothing, the timeline is that of the data that it has last saved.
TIMELINE: Final = """
    upper(lpad(to_hex(coalesce(
        received.received_tli, (SELECT min_recovery_end_timeline FROM pg_control_recovery())
    )), 8, '0')) AS timeline"""
"""The timeline of a standby, as the primary writes it."""
_OF_STANDBY: Final = sa.text(f"""
SELECT {_WHERE}, {TIMELINE},
    extract(epoch FROM pg_postmaster_start_time())::float8 AS started,
    received.pid AS receiver, received.conninfo AS conninfo,
    extract(epoch FROM current_setting('wal_receiver_status_interval')::interval)::float8 AS reports
FROM (SELECT) AS one LEFT JOIN pg_stat_wal_receiver AS received ON true
""")  # noqa: S608  constants
_LIST: Final = re.compile(r"(?:(FIRST\s+|ANY\s+)?(\d+)\s*)?\((.*)\)", re.IGNORECASE | re.DOTALL)
_NAME: Final = re.compile(r'"((?:[^"]|"")*)"|([^\s,"]+)')
LEAVING: Final = "exam_sharing_leaving"
"""The name of no standby, by which a standby that is to leave the list stops answering."""
_OWN_NAME: Final = re.compile(r"(?<!\S)(?:fallback_)?application_name=('(?:[^'\\]|\\.)*'|\S+)")


@attrs.frozen
class Waiting:
    """A value of `synchronous_standby_names`: how many of which standbys commits wait for."""

    method: str
    wanted: int
    names: tuple[str, ...]

    @classmethod
    def of(cls, setting: str) -> "Waiting":
        """Read a value of the setting."""
        found = _LIST.fullmatch(setting.strip())
        method, wanted, listed = found.groups() if found else (None, None, setting)
        names = (
            quoted.replace('""', '"') or bare.lower() for quoted, bare in _NAME.findall(listed)
        )
        return cls((method or "FIRST").strip().upper(), int(wanted or 1), tuple(names))

    def __str__(self) -> str:
        if not self.names:
            return ""
        names = ", ".join('"{}"'.format(each.replace('"', '""')) for each in self.names)
        return f"{self.method} {self.wanted} ({names})"

    def for_all(self, name: str) -> bool:
        """Return whether each commit waits for a standby, even while the standby is gone.

        If it waits for fewer standbys than it names, another one can confirm a commit instead.
        """
        return self._has(name) and "*" not in self.names and self.wanted >= len(self.names)

    def for_others(self, name: str) -> bool:
        """Return whether each commit waits for standbys, of which this one is none."""
        return not self._has(name) and any(self.for_all(each) for each in self.names)

    def _has(self, name: str) -> bool:
        return name.lower() in [each.lower() for each in self.names]

    def letting_go(self) -> "Waiting":
        """Return a value under which commits wait as before, and no standby may answer checks."""
        return self if self._has(LEAVING) else attrs.evolve(self, names=(*self.names, LEAVING))

    def without(self, name: str) -> "Waiting":
        """Return a value under which no commit waits for a standby."""
        left = tuple(each for each in self.names if each.lower() not in {name.lower(), LEAVING})
        return attrs.evolve(self, names=left, wanted=min(self.wanted, len(left)))


@attrs.frozen
class Condition:
    """A condition, what was found of it, and the problem with that, if there is one."""

    subject: str
    found: str
    problem: str | None
    passes: bool = False
    """Whether the problem solves itself."""
    is_away: bool = False
    """Whether the problem is that the standby is away from the primary, and no setting is wrong."""
    is_of_another: bool = False
    """Whether another standby of the cluster does not have the problem."""


@attrs.frozen
class AtStandby:
    """What a standby answered; `translated` is how names of tables are translated there."""

    row: Row[Any]
    translated: Any

    @classmethod
    def asked(
        cls,
        standby: Transactions,
        within: Callable[[Any], AbstractContextManager[None]] = nullcontext,
    ) -> "AtStandby":
        """Ask the standby, within a context for the driver's connection."""
        with standby.reading() as connection, within(connection.connection.driver_connection):
            translated = connection.get_execution_options().get(TRANSLATED)
            return cls(connection.execute(_OF_STANDBY).one(), translated)


@attrs.frozen
class Settings:
    """What both servers answered; `at` is the time just before the primary was asked.

    `alike` is whether statements for both name the same tables.
    """

    at: float
    primary: Row[Any]
    standby: Row[Any]
    name: str
    alike: bool

    @classmethod
    def asked(cls, primary: Transactions, standby: AtStandby) -> "Settings":
        """Ask the primary, after the standby has answered."""
        found = _OWN_NAME.search(standby.row.conninfo or "")
        name = "" if found is None else found[1].strip("'")
        at = monotonic()
        with primary.reading() as connection:
            alike = standby.translated == connection.get_execution_options().get(TRANSLATED)
            of_primary = connection.execute(AT_PRIMARY, {"name": name}).one()
        return cls(at, of_primary, standby.row, name, alike)

    def all(self) -> Iterator[Condition]:
        """Yield every condition under which no read of the standby is stale."""
        of_data = tuple(self.of_data())
        yield from of_data
        if all(each.problem is None for each in of_data):
            yield from self.of_waiting()

    def of_data(self) -> Iterator[Condition]:
        """Yield the conditions under which both have the same data."""
        primary, standby = self.primary, self.standby
        yield Condition(
            "cluster",
            standby.cluster,
            None
            if primary.cluster == standby.cluster
            else "must be of a standby of the same cluster as the primary",
        )
        problem = None
        if not standby.standby:
            swapped = "; the primary is, so the two are swapped" if primary.standby else ""
            problem = f"must be of a standby, and this server is not in recovery{swapped}"
        elif primary.standby:
            problem = "needs a primary beside it, and the other server is in recovery too"
        yield Condition("in recovery", _yes(standby.standby), problem)
        if problem is None:
            at, of_primary = (int(each.timeline, 16) for each in (standby, primary))
            # After a failover, it is there once it follows the new primary.
            other = f"is of timeline {at} of the log, and the primary of timeline {of_primary}"
            differs = other if at != of_primary else None
            yield Condition("timeline", str(at), differs, is_away=True)
        yield Condition(
            "database",
            standby.database,
            None
            if primary.database == standby.database
            else "must be of the same database as the primary",
        )
        alike = self.alike and primary.schemas == standby.schemas
        yield Condition(
            "search_path",
            standby.schemas,
            None
            if alike
            else "must read the same schemas as the primary: its search path or its names differ",
        )

    def of_waiting(self) -> Iterator[Condition]:
        """Yield the conditions under which every commit waits for the standby."""
        primary, standby, name = self.primary, self.standby, self.name
        blind = None
        if standby.receiver is not None and standby.conninfo is None:
            blind = "standby"
        elif primary.hidden:
            blind = "primary"
        yield Condition(
            "pg_read_all_stats",
            _yes(blind is None),
            blind and f"cannot be checked: grant pg_read_all_stats to its role at the {blind}",
        )
        if blind is not None:
            return
        if standby.receiver is None:
            cut_off = "receives nothing from the primary"
            yield Condition("name of the standby", "unknown", cut_off, is_away=True)
            return
        problem = None
        if primary.named > 1:
            problem = f"is not the only standby called {name}: give each a name of its own"
        yield Condition("name of the standby", name or "none", problem)
        if primary.behind:
            # Patroni lists it only later.
            yield Condition("streams", "no", "has not yet received what it missed", is_away=True)
            return
        waiting = Waiting.of(primary.waits_for)
        awaited = waiting.for_all(name)
        yield Condition(
            "synchronous_standby_names",
            primary.waits_for or "empty",
            None
            if awaited
            else f"may be stale, since commits can pass it: synchronous_standby_names must name "
            f"{name} and wait for all that it names, as 'FIRST 1 ({name})'",
            is_of_another=waiting.for_others(name),
        )
        yield Condition(
            "commits wait for it now",
            _yes(primary.awaited),
            None if primary.awaited else "may be stale: the primary does not wait for it yet",
            is_away=True,
        )
        problem = None
        if primary.differs or "wal_sender_timeout" in (standby.conninfo or ""):
            problem = "may be stale: set wal_sender_timeout for the whole primary, and for no role"
        elif not standby.reports or primary.lets_go <= standby.reports:
            problem = (
                "may be stale: wal_sender_timeout of the primary must be longer than "
                "wal_receiver_status_interval of the standby, and neither 0"
            )
        # Somebody who saw that it was gone may only now stop to wait for it, as Patroni does.
        since = primary.connected or 0
        yield Condition(
            "connected for",
            f"{since:.0f} s",
            None
            if since > primary.lets_go
            else f"connected just now: it may answer after {primary.lets_go:g} s",
            passes=True,
        )
        times = f"{primary.lets_go:g} s, and {standby.reports:g} s"
        yield Condition("wal_sender_timeout, and status interval", times, problem)


def _yes(truth: object) -> str:
    return "yes" if truth else "no"
