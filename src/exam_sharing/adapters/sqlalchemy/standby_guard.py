"""Whether a standby of PostgreSQL may answer a read, so that no answer is a stale yes.

A standby may answer while every commit waits until this standby has applied it. Three statements
follow one another, so that each sees a later moment than the one before:

1. The primary is asked, at least every two seconds, for the position that it has reached, and
   whether commits wait for this standby in any case, even while it is gone.
2. The standby is asked, before each read, whether it has reached that position, and for the age of
   the last message of the primary.
3. The read itself. Its answer counts only if it comes in time.

The age has a limit, the lease. The primary may let a standby go once it has not heard it for
`wal_sender_timeout`, and hears it every `wal_receiver_status_interval`. The lease is shorter than
the difference. So a standby that is cut off stops answering before commits stop waiting for it.
"""

import re
from collections import deque
from contextlib import AbstractContextManager
from logging import getLogger
from math import inf
from threading import Lock
from time import monotonic
from typing import Any, Final, NamedTuple

import attrs
from sqlalchemy import URL, Engine, Row
from sqlalchemy.engine import Connection

from exam_sharing.adapters.sqlalchemy import engines
from exam_sharing.adapters.sqlalchemy.cluster_settings import (
    AT_PRIMARY,
    TIMELINE,
    AtStandby,
    Condition,
    Settings,
)
from exam_sharing.adapters.sqlalchemy.database import (
    Database,
    OwnTransactions,
    require_schema,
    schema_over,
)
from exam_sharing.adapters.sqlalchemy.direct import OneRow
from exam_sharing.adapters.sqlalchemy.engines import in_our_words
from exam_sharing.adapters.sqlalchemy.hanging import ended_after
from exam_sharing.errors import InvalidArgument, InvalidInput, StoreFailed

_LOG: Final = getLogger("exam_sharing")
# After how many seconds the primary is asked again, and for how many its answer counts.
_RENEWED, _COUNTS = 1.0, 2.0
# The parts of the time until the primary lets a standby go that the lease and one read may take.
_LEASE, _SLACK = 0.8, 0.1
# How many positions of the primary are remembered where the host accepts staleness.
_REMEMBERED: Final = 32

_FOLLOWS: Final = f"""
SELECT pg_is_in_recovery() AS standby, {TIMELINE},
    pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint AS number,
    coalesce(received.status = 'streaming', false) AS streams, received.pid AS receiver,
    extract(epoch FROM pg_postmaster_start_time())::float8 AS started,
    coalesce(extract(epoch FROM clock_timestamp() - received.last_msg_receipt_time), -1)::float8
        AS age
FROM (SELECT) AS one LEFT JOIN pg_stat_wal_receiver AS received ON true
"""  # noqa: S608  constants

_TOKEN: Final = re.compile(r"(\d{1,20})\.([0-9A-F]{8})\.(\d{1,19})", re.ASCII)


_SILENT: Final = "the standby does not answer"
# An attempt to reach a standby that is away is followed by a pause of so many times its length, and
# of so many seconds at most.
_SPARED, _LONGEST = 10, 30


class NotFollowing(StoreFailed):
    """The standby must not answer."""


@attrs.frozen
class Position:
    """A position in the log of a cluster: every commit before it is part of it."""

    cluster: str
    timeline: str
    number: int

    def __str__(self) -> str:
        return f"{self.cluster}.{self.timeline}.{self.number}"

    @classmethod
    def of(cls, token: str) -> "Position":
        """Return the position that a token names."""
        found = _TOKEN.fullmatch(token)
        if found is None:
            raise InvalidInput("token", "must be the token of a receipt")
        return cls(found[1], found[2], int(found[3]))


@attrs.frozen
class _Word:
    """What the primary said, and when, before it was asked.

    `lets_go` is after how many seconds without a word the primary may let the standby go, and
    `receiver` the start of the standby for which it waited, with the process that receives there.
    `refuses` is whether a problem refuses the standby when sharing is opened.
    """

    at: float
    position: Position | None = None
    lets_go: float = 0
    receiver: tuple[float, int | None] | None = None
    all_wait: bool = False
    problem: str | None = None
    refuses: bool = False


class Guard:
    """Decides whether a standby may answer; safe for threads."""

    def __init__(self, primary: Database, standby: Engine, *, accepted: float | None) -> None:
        """Ask both; a standby that is away is checked before it answers the first read.

        `accepted` is the staleness that the host accepts, in seconds.

        Raises:
            InvalidArgument: the standby is there, and must not answer.
            StoreFailed: the primary does not answer, or the standby has other tables.
        """
        self._primary, self._tables, self._accepted = primary.transactions, primary.tables, accepted
        self._engine, self._standby = standby, OwnTransactions(standby)
        self._is_proven = False
        self._asking = Lock()
        self._renewed_after = min(_RENEWED, _RENEWED if accepted is None else accepted / 4)
        self._seen: deque[tuple[float, Position]] = deque(maxlen=_REMEMBERED)
        self._word = word = self._asked()
        if word.problem is not None:
            if word.refuses:
                raise InvalidArgument("reading", word.problem)
            _warn(word)

    @in_our_words
    def position(self) -> Position:
        """Return the position that the primary has reached, and let no read be of an earlier one.

        With accepted staleness, reads may be of an earlier one all the same.
        """
        with self._primary.reading() as connection:
            reached = _position(connection.execute(AT_PRIMARY, {"name": ""}).one())
        word = self._word
        if word.position is not None and _is_reached(word.position, reached):
            self._word = attrs.evolve(word, position=reached)
        return reached

    def position_of(self, token: str) -> Position:
        """Return the position of a token of this cluster, which the primary has reached."""
        wanted, known = Position.of(token), self._word.position
        if known is None or not _is_reached(wanted, known):
            known = self.position()
        if wanted.cluster != known.cluster:
            raise InvalidInput("token", "is of another cluster")
        if not _is_reached(wanted, known):
            raise InvalidInput("token", "names a position that the cluster has not reached")
        return wanted

    def require_word(self) -> None:
        """Raise `NotFollowing` unless the primary has lately said that the standby may answer."""
        # Nobody waits for the one who asks: the others take the last answer, or go to the primary.
        is_old = monotonic() - self._word.at > self._renewed_after
        if is_old and self._asking.acquire(blocking=False):
            try:
                self._say(self._renewed())
            finally:
                self._asking.release()
        word = self._word
        if word.problem is not None:
            raise NotFollowing(word.problem)
        if self._accepted is None and monotonic() - word.at > _COUNTS:
            raise NotFollowing("the primary has not said lately that commits wait for the standby")

    def require_following(self, ask: OneRow, after: Position | None, *, all_wait: bool) -> float:
        """Return until when, by `time.monotonic`, a read of the standby counts.

        `ask` asks the standby, and `all_wait` is whether others than this package write what is
        read.

        Raises:
            NotFollowing: the standby must not answer.
        """
        word, asked = self._word, monotonic()
        found = _Follows(*ask(_FOLLOWS))
        if not found.standby:
            raise NotFollowing("the standby was promoted")
        known = word.position
        if known is None or (after is not None and after.timeline != known.timeline):
            raise NotFollowing("the standby cannot know the position of the token")
        if found.timeline != known.timeline:
            # Its log is another one, in which the numbers mean something else.
            raise NotFollowing("the standby is of another timeline than the primary")
        if after is not None and found.number < after.number:
            raise NotFollowing("the standby has not reached the position of the token")
        if self._accepted is not None:
            return self._until_too_stale(attrs.evolve(known, number=found.number), asked)
        if all_wait and not word.all_wait:
            raise NotFollowing("the writes of others do not wait for the standby")
        if (found.started, found.receiver) != word.receiver:
            raise NotFollowing("it is another standby, or it has lost the primary since")
        if not (found.streams and 0 <= found.age < _LEASE * word.lets_go):
            raise NotFollowing("the standby has not heard the primary for too long")
        if found.number < known.number:
            raise NotFollowing("the standby is behind the primary")
        return min(asked + _SLACK * word.lets_go, word.at + _COUNTS)

    def _until_too_stale(self, position: Position, now: float) -> float:
        """Return until when what a standby has at a position is no staler than accepted."""
        reached = [
            at
            for at, seen in tuple(self._seen)
            if seen.timeline == position.timeline and seen.number <= position.number
        ]
        until = max(reached, default=-inf) + (self._accepted or 0)
        if until < now:
            raise NotFollowing("the standby is staler than the host accepts")
        return until

    def bounded(self, driver: Any) -> AbstractContextManager[None]:  # noqa: ANN401  of psycopg
        """Open a context in which a read of the standby fails once its answer cannot count."""
        return ended_after(max(_COUNTS, self._accepted or 0), driver)

    def failed(self) -> None:
        """Leave the standby alone for a while, since it did not answer."""
        self._say(_silent(monotonic()))

    def _say(self, word: _Word) -> None:
        if word.problem != self._word.problem:
            _warn(word)
        self._word = word

    def _renewed(self) -> _Word:
        try:
            return self._asked()
        except StoreFailed as error:
            if self._accepted is not None and self._word.problem is None:
                # What was known stays known, and becomes older.
                return attrs.evolve(self._word, at=monotonic())
            return _Word(monotonic(), problem=str(error))

    @in_our_words
    def _asked(self) -> _Word:
        began = monotonic()
        try:
            problem = None if self._is_proven else self._problem_of_engine()
            if problem is not None:
                return _Word(monotonic(), problem=problem, refuses=True)
            at_standby = AtStandby.asked(self._standby, self.bounded)
        except engines.FAILURES:
            return _silent(began)
        if not at_standby.row.standby:
            # It was promoted: the next connection of several addresses leads to a standby.
            self._engine.dispose()
        asked = Settings.asked(self._primary, at_standby)
        conditions = asked.of_data() if self._accepted is not None else asked.all()
        unmet = [
            _Word(asked.at, problem=each.problem, refuses=self._refuses(each))
            for each in conditions
            if each.problem is not None
        ]
        unmet.sort(key=lambda word: not word.refuses)
        if not self._is_proven and not (unmet and unmet[0].refuses):
            try:
                found = self._schema_found()
            except engines.FAILURES:
                return _silent(began)
            _require_schema_of_standby(found)
            self._is_proven = True
        if unmet:
            return unmet[0]
        primary, position = asked.primary, _position(asked.primary)
        self._remember(asked.at, position)
        lets_go = min(primary.lets_go, primary.gives_up or primary.lets_go) - asked.standby.reports
        return _Word(
            asked.at,
            position,
            lets_go,
            receiver=(asked.standby.started, asked.standby.receiver),
            all_wait=primary.all_wait,
        )

    def _remember(self, at: float, position: Position) -> None:
        if self._seen:
            before, seen = self._seen[-1]
            is_soon = at - before < (self._accepted or 0) / _REMEMBERED
            if is_soon and seen.timeline == position.timeline:
                return
        self._seen.append((at, position))

    def _refuses(self, problem: Condition) -> bool:
        """Return whether a problem is that of a setting."""
        is_another = problem.is_of_another and _has_several_addresses(self._engine.url)
        return not (problem.passes or problem.is_away or is_another)

    def _problem_of_engine(self) -> str | None:
        with self._engine.connect() as connection, self._bounded_on(connection):
            if engines.is_pooled(connection):
                return (
                    "must reach one standby without a pooler, which can send the question whether "
                    "it follows to one server and the read to another"
                )
            return engines.autocommit_problem(connection)

    def _schema_found(self) -> int | None:
        with self._standby.reading() as connection, self._bounded_on(connection):
            return schema_over(connection, self._tables)

    def _bounded_on(self, connection: Connection) -> AbstractContextManager[None]:
        return self.bounded(connection.connection.driver_connection)


class _Follows(NamedTuple):
    """What a standby said of itself."""

    standby: bool
    timeline: str
    number: int
    streams: bool
    receiver: int | None
    started: float
    age: float


def _has_several_addresses(url: URL) -> bool:
    hosts = url.query.get("host", url.host or "")
    return not isinstance(hosts, str) or "," in hosts


def _silent(began: float) -> _Word:
    # A machine that is off lets each attempt, and so one check, wait for `connect_timeout`.
    now = monotonic()
    return _Word(now + min(_SPARED * (now - began), _LONGEST), problem=_SILENT)


def _warn(word: _Word) -> None:
    _LOG.warning("checks on a standby: %s", word.problem or "it answers again")


def _require_schema_of_standby(found: int | None) -> None:
    try:
        require_schema(found)
    except StoreFailed as error:
        raise StoreFailed(f"the standby: {error}") from None


def _position(primary: Row[Any]) -> Position:
    if primary.number is None:
        raise StoreFailed("the primary has become a standby")
    return Position(primary.cluster, primary.timeline, primary.number)


def _is_reached(wanted: Position, known: Position) -> bool:
    same = wanted.cluster == known.cluster
    return same and (wanted.timeline, wanted.number) <= (known.timeline, known.number)
