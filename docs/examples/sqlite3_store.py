"""A whole store over the `sqlite3` of the standard library, which keeps every law of stores.

It needs no more than these docs tell. One connection serves all threads, one at a time; processes
take turns by `BEGIN IMMEDIATE`. What is only read back as a whole is kept as a pickle.
"""

import json
import pickle
import sqlite3
from contextlib import contextmanager
from datetime import UTC, datetime
from operator import attrgetter
from threading import RLock
from typing import get_args
from uuid import uuid4

import attrs

import exam_sharing as es
from exam_sharing.events import Claim, Event, ListedNotice, WaitingNotice
from exam_sharing.grants import EndedGrant, Ending
from exam_sharing.policy.facts import ExamGrants
from exam_sharing.policy.retries import AT_ONCE, Done, GivenUp
from exam_sharing.ports import GrantWriter, StoredReceipt

TABLES = """
CREATE TABLE batches (id TEXT PRIMARY KEY, batch WHOLE);
CREATE TABLE exams (id TEXT PRIMARY KEY, batch TEXT, owner TEXT, at INSTANT, exam WHOLE);
CREATE TABLE versions (exam TEXT PRIMARY KEY, version INT, withdrawn INT);
CREATE TABLE grants (id TEXT PRIMARY KEY, exam TEXT, recipient TEXT, grantor TEXT, permission INT,
                     until INSTANT, facts WHOLE, ending WHOLE);
CREATE INDEX grants_on ON grants (exam, recipient);
CREATE TABLE shares (id TEXT PRIMARY KEY);
CREATE TABLE receipts (actor TEXT, request TEXT, receipt WHOLE, PRIMARY KEY (actor, request));
CREATE TABLE events (number INTEGER PRIMARY KEY, event WHOLE);
CREATE TABLE notices (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, share TEXT,
  attempts INT, due INSTANT, token TEXT, given_up_at INSTANT, problem TEXT, notice WHOLE);
"""
AMONG = "IN (SELECT value FROM json_each({}))"
GIVING = f"""FROM grants g WHERE g.exam = e.id AND g.grantor != :user AND g.ending IS NULL
    AND g.recipient {AMONG.format(":keys")} AND (g.until IS NULL OR g.until > :now)"""
THERE = "NOT EXISTS (SELECT 1 FROM versions v WHERE v.exam = e.id AND v.withdrawn)"
HOLDING = f"""SELECT id FROM exams e WHERE id {AMONG.format(":exams")} AND {THERE}
    AND (owner = :user OR EXISTS (SELECT 1 {GIVING} AND g.permission >= :permission))"""
VISIBLE = f"""SELECT * FROM (
    SELECT id, at, CASE owner WHEN :user THEN :own ELSE (SELECT max(permission) {GIVING}) END most
    FROM exams e WHERE {THERE} AND (:at IS NULL OR (at, id) < (:at, :id))
) WHERE most > 0 ORDER BY at DESC, id DESC LIMIT :limit"""
DUE = """SELECT attempts, number, notice FROM notices
    WHERE due <= ? AND (? IS NULL OR share = ?) ORDER BY due, attempts, number LIMIT ?"""
LISTED = """SELECT notice, number, attempts, due, token IS NOT NULL AS claimed, given_up_at, problem
    FROM notices WHERE number > ? AND (? IS NULL OR ? = (given_up_at IS NOT NULL))
    ORDER BY number LIMIT ?"""

for kind in (es.BatchId, es.ExamId, es.GrantId, es.NoticeId, es.ShareId):
    sqlite3.register_adapter(kind, str)
for kind in (es.UserId, es.GroupId):
    sqlite3.register_adapter(kind, attrgetter("key"))
WHOLE = es.UploadBatch, es.Exam, es.Grant, Ending, StoredReceipt, WaitingNotice, *get_args(Event)
for kind in WHOLE:
    sqlite3.register_adapter(kind, pickle.dumps)
sqlite3.register_converter("WHOLE", pickle.loads)
# Times sort as their texts do.
sqlite3.register_adapter(datetime, lambda at: at.astimezone(UTC).isoformat(timespec="microseconds"))
sqlite3.register_converter("INSTANT", lambda text: datetime.fromisoformat(text.decode()))


def listing(values):
    """Return identifiers or keys as one parameter, however many there are."""
    return json.dumps([str(each) for each in values], ensure_ascii=False)


class SqliteStore(GrantWriter):
    """Every port of a store; `step_aside` need do nothing, since whoever writes waits anyhow."""

    def __init__(self, path):
        options = {"check_same_thread": False, "detect_types": sqlite3.PARSE_DECLTYPES}
        self._db = sqlite3.connect(path, isolation_level=None, **options)
        self._db.executescript(TABLES)
        self._lock = RLock()

    @contextmanager
    def _transaction(self):
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                raise es.StoreFailed(f"sqlite3 raised {type(error).__name__}") from error
            finally:
                self._db.rollback()  # Does nothing after a commit.

    def _ask(self, statement, *values, **named):
        with self._transaction():
            return self._db.execute(statement, named or values).fetchall()

    def _first(self, statement, *values):
        return tuple(row[0] for row in self._ask(statement, *values))

    def find(self, exams):
        return self._first(f"SELECT exam FROM exams WHERE id {AMONG.format('?')}", listing(exams))

    def batch_of(self, exam):
        batch = "(SELECT batch FROM exams WHERE id = ?)"
        return self._first(f"SELECT exam FROM exams WHERE batch = {batch} ORDER BY at DESC", exam)

    def add(self, batch, exams):
        with self._transaction():
            for known in self._first("SELECT batch FROM batches WHERE id = ?", batch.id):
                if attrs.evolve(known, sealed=batch.sealed) != batch:
                    raise es.WrongBatch(str(batch.id), "is there already, with other details")
                if known.sealed and (exams or not batch.sealed):
                    raise es.BatchSealed(str(batch.id))
            self._ask("REPLACE INTO batches VALUES (?, ?)", batch.id, batch)
            for exam in exams:
                if self.find((exam.id,)):
                    raise es.AlreadyExists("exam", str(exam.id))
                row = exam.id, exam.batch, exam.owner, exam.uploaded_at, exam
                self._ask("INSERT INTO exams VALUES (?, ?, ?, ?, ?)", *row)

    def read(self, exams, *, ended):
        found, those = {exam: ExamGrants() for exam in exams}, AMONG.format("?")
        with self._transaction():
            versions = f"SELECT * FROM versions WHERE exam {those}"
            for exam, version, withdrawn in self._ask(versions, listing(exams)):
                found[es.ExamId(exam)] = ExamGrants(version=version, withdrawn=bool(withdrawn))
            grants = (
                f"SELECT facts, ending FROM grants WHERE (? OR ending IS NULL) AND exam {those}"
            )
            for grant, ending in self._ask(grants, ended, listing(exams)):
                kept, past = found[grant.exam], ending and EndedGrant(grant=grant, ending=ending)
                more = {"ended": (*kept.ended, past)} if past else {"grants": (*kept.grants, grant)}
                found[grant.exam] = attrs.evolve(kept, **more)
        return found

    def exam_of(self, grant):
        return next(
            map(es.ExamId, self._first("SELECT exam FROM grants WHERE id = ?", grant)), None
        )

    def exams_granted_to(self, recipient):
        asked = "SELECT DISTINCT exam FROM grants WHERE recipient = ? AND ending IS NULL ORDER BY 1"
        return tuple(map(es.ExamId, self._first(asked, recipient)))

    def receipt(self, actor, request_id):
        asked = "SELECT receipt FROM receipts WHERE actor = ? AND request = ?"
        return next(iter(self._first(asked, actor, request_id)), None)

    def commit(self, changes):
        new = changes.receipt
        with self._transaction():
            kept = self.read(changes.versions, ended=False)
            if any(kept[exam].version != read for exam, read in changes.versions.items()):
                return False
            if new and self.receipt(new.actor, new.request_id):
                return False
            for made in changes.made:
                row = made.id, made.exam, made.recipient, made.grantor, made.permission, made.until
                self._ask("INSERT INTO grants VALUES (?, ?, ?, ?, ?, ?, ?, NULL)", *row, made)
            for past in changes.ended:
                self._ask("UPDATE grants SET ending = ? WHERE id = ?", past.ending, past.grant.id)
            for exam in changes.moved:
                again = "UPDATE SET version = version + 1, withdrawn = excluded.withdrawn"
                moved = f"INSERT INTO versions VALUES (?, 1, ?) ON CONFLICT DO {again}"
                self._ask(moved, exam, exam == changes.withdrawn)
            if changes.share:
                self._ask("INSERT INTO shares VALUES (?)", changes.share.id)
            if new:
                self._ask("INSERT INTO receipts VALUES (?, ?, ?)", new.actor, new.request_id, new)
            for each in changes.notices:
                columns = "(id, share, attempts, due, notice) VALUES (?, ?, 0, ?, ?)"
                self._ask(f"INSERT INTO notices {columns}", each.id, each.share, AT_ONCE, each)
            self.record(changes.event)
        return True

    def record(self, event):
        self._ask("INSERT INTO events (event) VALUES (?)", event)

    def holds(self, user, principals, permission, exam, now):
        return bool(self.holding(user, principals, permission, (exam,), now))

    def holding(self, user, principals, permission, exams, now):
        asked = {"user": user, "keys": listing(principals), "permission": permission, "now": now}
        found = self._ask(HOLDING, **asked, exams=listing(exams)) if principals else ()
        return frozenset(es.ExamId(exam) for (exam,) in found)

    def visible(self, user, principals, after, limit, now, *, own):
        at, exam = after or (None, None)
        asked = {"user": user, "keys": listing(principals), "now": now, "own": 2 * own, "at": at}
        page = self._ask(VISIBLE, **asked, id=exam, limit=limit) if principals else ()
        return tuple(
            es.VisibleExam(exam=es.ExamId(exam), permission=es.Permission(most), uploaded_at=at)
            for exam, at, most in page
        )

    def claim(self, now, until, limit, share):
        token, taken = str(uuid4()), "UPDATE notices SET due = ?, token = ? WHERE number = ?"
        with self._transaction():
            chosen = sorted(self._ask(DUE, now, share, share, limit))
            for _, number, _ in chosen:
                self._ask(taken, until, token, number)
        notices = [attrs.evolve(notice, attempts=attempts) for attempts, _, notice in chosen]
        return tuple(Claim(notice=notice, token=token, until=until) for notice in notices)

    def settle(self, claim, settlement):
        notice, mine = claim.notice, "WHERE id = ? AND token = ?"
        if isinstance(settlement, Done):
            self._ask(f"DELETE FROM notices {mine}", notice.id, claim.token)
            return
        times = settlement.at, None
        if isinstance(settlement, GivenUp):
            times, notice = (None, settlement.at), attrs.evolve(notice, message=None)
        failed = "attempts = attempts + 1, token = NULL, due = ?, given_up_at = ?, problem = ?"
        row = *times, settlement.problem, notice, notice.id, claim.token
        self._ask(f"UPDATE notices SET {failed}, notice = ? {mine}", *row)

    def listed(self, after, limit, *, given_up):
        names = "number", "attempts", "due", "claimed", "given_up_at", "problem"
        return tuple(
            ListedNotice(
                id=each.id, share=each.share, to=each.to, **dict(zip(names, row, strict=True))
            )
            for each, *row in self._ask(LISTED, after or 0, given_up, given_up, limit)
        )

    def requeue(self, notices):
        anew = "attempts = 0, due = ?, given_up_at = NULL, problem = NULL"
        which = f"given_up_at IS NOT NULL AND (? OR id {AMONG.format('?')})"
        asked = f"UPDATE notices SET {anew} WHERE {which} RETURNING 1"
        return len(self._ask(asked, AT_ONCE, notices is None, listing(notices or ())))
