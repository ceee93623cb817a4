"""Every storing port in one class, over one file, for any number of threads and processes."""

import json
import pickle
import random
import sqlite3
import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import attrs

import exam_sharing as es
from exam_sharing.events import Claim
from exam_sharing.policy.facts import ExamGrants, Involvement
from exam_sharing.policy.retries import AT_ONCE, Done, GivenUp

# What is only ever read back is a pickle. Loading one can run code: mind who may write the file.
SCHEMA = """CREATE TABLE exams (id PRIMARY KEY, owner, batch, uploaded_at, whole);
CREATE TABLE batches (id PRIMARY KEY, whole); CREATE TABLE shares (id PRIMARY KEY, whole);
CREATE TABLE versions (exam PRIMARY KEY, version, withdrawn); CREATE INDEX owned ON exams (owner);
CREATE TABLE removed (exam, recipient, PRIMARY KEY (exam, recipient));
CREATE TABLE grants (id PRIMARY KEY, exam, grantor, recipient, permission, until, ended, whole);
CREATE TABLE receipts (actor, request_id, whole, PRIMARY KEY (actor, request_id));
CREATE TABLE notices (number INTEGER PRIMARY KEY AUTOINCREMENT, id UNIQUE, token UNIQUE, share, at,
    attempts DEFAULT 0, problem, given_up DEFAULT FALSE, whole); CREATE INDEX due ON notices (at);
CREATE TABLE events (id INTEGER PRIMARY KEY, whole); CREATE INDEX of_batch ON exams (batch);
CREATE INDEX made_to ON grants (recipient); CREATE INDEX made_by ON grants (exam, grantor);
CREATE INDEX standing ON grants (exam, recipient) WHERE ended = FALSE"""
REMOVED = es.HowEnded.UNSHARED, es.EndedAs.OWNER
AMONG = "IN (SELECT value FROM json_each(:ids))"
HELD = """(SELECT exams.*, 2 /* all */ AS permission FROM exams WHERE owner = :user AND {which}
    UNION ALL SELECT exams.*, permission FROM grants JOIN exams ON exams.id = grants.exam
        WHERE {which} AND recipient IN (SELECT value FROM json_each(:principals))
        AND grantor <> :user AND ended = FALSE AND (until IS NULL OR until > :now)) WHERE NOT EXISTS
    (SELECT 1 FROM versions WHERE exam = id AND withdrawn) AND json_array_length(:principals)"""


def to_sqlite(value):
    """Make times and ids text that compares as they do, many ids one list, the rest a pickle."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, tuple | frozenset):
        return json.dumps([to_sqlite(each) for each in value], ensure_ascii=False)
    value = getattr(value, "key", getattr(value, "value", value))
    return value if value is None or isinstance(value, str | int) else pickle.dumps(value)


class SqliteStore(es.ports.GrantWriter):  # its acts race: there is no lock to decide in
    def __init__(self, path):
        self._path = path
        with self._transaction("IMMEDIATE") as run:
            if not run("SELECT name FROM sqlite_master").fetchall():
                for statement in SCHEMA.split(";"):
                    run(statement)

    @contextmanager
    def _transaction(self, kind):
        """Give what runs statements, on a connection of its own; commit unless that raises."""
        try:
            with closing(sqlite3.connect(self._path, timeout=60, isolation_level=None)) as db:
                db.row_factory = lambda _, row: tuple(
                    pickle.loads(each) if isinstance(each, bytes) else each for each in row)
                db.execute("PRAGMA synchronous = EXTRA")  # a commit outlives a loss of power
                db.execute("PRAGMA secure_delete = ON")  # an erased message is overwritten
                db.execute(f"BEGIN {kind}")
                yield lambda statement, **values: db.execute(
                    statement, {name: to_sqlite(value) for name, value in values.items()})
                db.execute("COMMIT")
        except sqlite3.Error as error:
            raise es.StoreFailed(f"sqlite3 raised {type(error).__name__}") from error

    def _ask(self, statement, **values):
        with self._transaction("DEFERRED") as run:
            return run(statement, **values).fetchall()

    def find(self, exams):
        rows = self._ask(f"SELECT whole FROM exams WHERE id {AMONG}", ids=exams)
        return tuple(exam for (exam,) in rows)

    def batch_of(self, exam):
        return tuple(each for (each,) in self._ask("""SELECT whole FROM exams WHERE batch = (
            SELECT batch FROM exams WHERE id = :id) ORDER BY uploaded_at DESC, id DESC""", id=exam))

    def add(self, batch, exams):
        with self._transaction("IMMEDIATE") as run:
            for (kept,) in run("SELECT whole FROM batches WHERE id = :id", id=batch.id).fetchall():
                if kept != attrs.evolve(batch, sealed=kept.sealed):
                    raise es.WrongBatch(str(batch.id), "is there with other details")
                if kept.sealed and (exams or not batch.sealed):
                    raise es.BatchSealed(str(batch.id))
            run("REPLACE INTO batches VALUES (:id, :whole)", id=batch.id, whole=batch)
            for exam in exams:
                if run("SELECT 1 FROM exams WHERE id = :id", id=exam.id).fetchone():
                    raise es.AlreadyExists("exam", str(exam.id))
                run("INSERT INTO exams VALUES (:id, :owner, :batch, :uploaded_at, :whole)",
                    whole=exam, **attrs.asdict(exam, recurse=False))

    def read(self, exams, *, ended):
        facts = {}
        for exam, version, gone, over, grant in self._ask("""SELECT value, version, withdrawn,
                ended, whole FROM json_each(:ids) LEFT JOIN versions ON versions.exam = value
                LEFT JOIN grants ON grants.exam = value AND ended <= :ended""",
                ids=frozenset(exams), ended=ended):
            *_, grants, past = facts.setdefault(es.ExamId(exam), (version or 0, bool(gone), [], []))
            (past if over else grants).extend([grant] if grant else [])
        return {exam: ExamGrants(version=version, withdrawn=gone, grants=tuple(grants),
            ended=tuple(past)) for exam, (version, gone, grants, past) in facts.items()}

    def find_grants(self, ids):
        rows = self._ask(f"SELECT ended, whole FROM grants WHERE id {AMONG}", ids=tuple(ids))
        return tuple(each.grant if ended else each for ended, each in rows)

    def grants_of_share(self, share, exams, recipients):
        rows = self._ask(f"""SELECT whole FROM grants WHERE exam {AMONG} AND ended = FALSE AND
            recipient IN (SELECT value FROM json_each(:recipients))""", ids=tuple(exams),
            recipients=tuple(recipients))
        return tuple(grant for (grant,) in rows if grant.share == share)

    def removed(self, exams, recipients):
        rows = self._ask(f"SELECT exam, recipient FROM removed WHERE exam {AMONG}", ids=exams)
        return {exam: frozenset(each for each in recipients if (str(exam), each.key) in rows)
            for exam in exams}

    def exams_granted_to(self, recipient):
        return tuple(es.ExamId(exam) for (exam,) in self._ask("""SELECT DISTINCT exam FROM grants
            WHERE recipient = :recipient AND ended = FALSE ORDER BY exam""", recipient=recipient))

    def receipt(self, actor, request_id):
        rows = self._ask("SELECT whole FROM receipts WHERE actor = :actor AND request_id = :id",
                         actor=actor, id=request_id)
        return rows[0][0] if rows else None

    def commit(self, changes):
        with self._transaction("IMMEDIATE") as run:  # from here on nobody else writes
            known = dict(run(f"SELECT exam, version FROM versions WHERE exam {AMONG}",
                             ids=tuple(changes.versions)).fetchall())
            lost = any(known.get(str(exam), 0) != read for exam, read in changes.versions.items())
            if lost or ((receipt := changes.receipt) and not run(
                    "INSERT INTO receipts VALUES (:actor, :id, :whole) ON CONFLICT DO NOTHING",
                    actor=receipt.actor, id=receipt.request_id, whole=receipt).rowcount):
                return False
            for grant in changes.made:
                run("""INSERT INTO grants VALUES (:id, :exam, :grantor, :recipient, :permission,
                    :until, FALSE, :whole)""", whole=grant, **attrs.asdict(grant, recurse=False))
                if changes.share and grant.basis is es.OWNER:
                    run("DELETE FROM removed WHERE exam = :exam AND recipient = :recipient",
                        exam=grant.exam, recipient=grant.recipient)
            for end in changes.ended:
                run("UPDATE grants SET ended = TRUE, whole = :whole WHERE id = :id",
                    id=end.grant.id, whole=end)
                if (end.ending.how, end.ending.acting_as) == REMOVED:
                    run("INSERT OR IGNORE INTO removed VALUES (:exam, :recipient)",
                        exam=end.grant.exam, recipient=end.grant.recipient)
            run("""INSERT INTO versions SELECT value, 1, value IS :gone FROM json_each(:moved)
                WHERE TRUE ON CONFLICT DO UPDATE SET version = version + 1, withdrawn = withdrawn
                OR excluded.withdrawn""", moved=changes.moved, gone=changes.withdrawn)
            if share := changes.share:
                run("INSERT INTO shares VALUES (:id, :whole)", id=share.id, whole=share)
            for notice in changes.notices:
                run("INSERT INTO notices (id, share, at, whole) VALUES (:id, :share, :at, :whole)",
                    id=notice.id, share=notice.share, at=AT_ONCE, whole=notice)
            run("INSERT INTO events (whole) VALUES (:event)", event=changes.event)
        return True

    def step_aside(self, lost):
        time.sleep(random.uniform(0, min(0.5, 0.01 * 2**lost)))

    def involved(self, user, principals, named, now):
        column = "id" if isinstance(named, es.GrantId) else "exam"
        ((exam, granted, own),) = self._ask(f"""SELECT max(exam), max(grantor = :user),
            max(grantor = :user OR recipient = :key OR exam IN (SELECT id FROM exams WHERE
            owner = :user)) FROM grants WHERE {column} = :named""", user=user, key=user.key,
            named=named)
        exam = named if column == "exam" else exam and es.ExamId(exam)
        if not (exam and principals) or self.read((exam,), ended=False)[exam].withdrawn:
            return None
        sees = granted or self.holds(user, principals, es.Permission.VIEW, exam, now)
        own = column == "exam" or bool(own)
        return Involvement(exam=exam, granted=bool(granted), own=own) if sees else None

    def holds(self, user, principals, permission, exam, now):
        return exam in self.holding(user, principals, permission, (exam,), now)

    def holding(self, user, principals, permission, exams, now):
        return frozenset(es.ExamId(exam) for (exam,) in self._ask(
            f"SELECT id FROM {HELD.format(which=f'exams.id {AMONG}')} AND permission >= :least",
            user=user, principals=principals, least=permission, ids=tuple(exams), now=now))

    def visible(self, user, principals, after, limit, now, *, own):
        at, last = after or (None, None)
        held = HELD.format(which="(:last IS NULL OR (uploaded_at, exams.id) < (:at, :last))")
        rows = self._ask(f"""SELECT whole, max(permission) FROM {held} AND (:own OR owner <> :user)
            GROUP BY id ORDER BY uploaded_at DESC, id DESC LIMIT :limit""", user=user, now=now,
            principals=principals, at=at, last=last, limit=limit, own=own)
        return tuple(es.VisibleExam(exam=exam.id, permission=es.Permission(permission),
                                    uploaded_at=exam.uploaded_at) for exam, permission in rows)

    def claim(self, now, until, limit, share):
        rows = self._ask("""UPDATE notices SET at = :until, token = hex(randomblob(16)) WHERE number
            IN (SELECT number FROM notices WHERE given_up = FALSE AND at <= :now AND
                ifnull(share = :of, TRUE) ORDER BY at, attempts, number LIMIT :limit) RETURNING
            attempts, number, whole, token, problem""", now=now, until=until, limit=limit, of=share)
        return tuple(Claim(notice=attrs.evolve(notice, attempts=tried, problem=why), token=token,
                           until=until) for tried, _, notice, token, why in sorted(rows))

    def settle(self, claim, settlement):
        if isinstance(settlement, Done):
            self._ask("DELETE FROM notices WHERE token = :token", token=claim.token)
        else:
            self._ask("""UPDATE notices SET attempts = attempts + 1, token = NULL, at = :at,
                problem = :problem, given_up = :over, whole = iif(:over, :erased, whole)
                WHERE token = :token""", token=claim.token, over=isinstance(settlement, GivenUp),
                erased=attrs.evolve(claim.notice, message=None), **attrs.asdict(settlement))

    def listed(self, after, limit, *, given_up):
        rows = self._ask("""SELECT number, whole, attempts, token, problem, given_up, at
            FROM notices WHERE number > :after AND ifnull(given_up = :given_up, TRUE)
            ORDER BY number LIMIT :limit""", after=after or 0, limit=limit, given_up=given_up)
        return tuple(es.ListedNotice(
            number=number, id=notice.id, share=notice.share, to=notice.to, attempts=attempts,
            due=None if over else datetime.fromisoformat(at), claimed=token is not None,
            given_up_at=datetime.fromisoformat(at) if over else None, problem=problem)
            for number, notice, attempts, token, problem, over, at in rows)

    def requeue(self, notices):
        return len(self._ask(f"""UPDATE notices SET attempts = 0, given_up = FALSE, at = :at,
            problem = NULL WHERE given_up AND (:ids IS NULL OR id {AMONG}) RETURNING number""",
            at=AT_ONCE, ids=notices))

    def record(self, event):
        self._ask("INSERT INTO events (whole) VALUES (:event)", event=event)
