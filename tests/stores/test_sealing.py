"""What somebody edits behind the package's back is named by `verify`."""

import os
import threading
import time
from datetime import timedelta

import attrs
import pytest
import sqlalchemy as sa

import exam_sharing as es
from databases import quick_sqlite_engine
from exam_sharing.adapters.sqlalchemy import (
    SqlDirectory,
    create_all,
    logs,
    seal,
    sealing,
    sweep_expired,
    verify,
    verifying,
)
from exam_sharing.events import ActRefused
from exam_sharing.seals import Edit, Finding, Seal
from exam_sharing.testing.worlds import ANNA, BEN, CARLA, CT, DAN, EVA, MR, NURSES, XRAY
from world import DAY, START, share_request


def refused(number):
    """Return the event of a refusal that differs from all others."""
    request = share_request(ANNA, es.ExamId(f"exam-{number}"), BEN)
    reason = es.Reason(code=es.ReasonCode.EXAM_NOT_FOUND)
    return ActRefused(at=START + timedelta(seconds=number), request=request, reasons=(reason,))


def row_of(number):
    return {"number": number, **logs.event_row(refused(number))}


class Records:
    """A thousand sealed records with even numbers, and ways to edit them and to undo it."""

    def __init__(self, engine):
        self.engine, self.tables = engine, create_all(engine)
        self.events = self.tables.events
        self.rows = [row_of(2 * place) for place in range(1, 1001)]
        for start in range(0, 1000, 250):
            self.run(self.events.insert(), self.rows[start : start + 250])
            self.seal = seal(engine, tables=self.tables, now=START)

    def run(self, *statement):
        with self.engine.begin() as connection:
            return connection.execute(*statement)

    def at(self, number):
        return self.events.c.number == number

    def first(self, trusted=None):
        return verify(self.engine, trusted=trusted, tables=self.tables).first

    def change(self, place):
        row = self.rows[place]
        document = row["event"].replace("exam-", "exam+")
        self.run(self.events.update().where(self.at(row["number"])).values(event=document))
        return found(row["number"], Edit.CHANGED)

    def change_all(self, place):
        """Change a record, and compute its leaf again."""
        number, other = self.rows[place]["number"], row_of(99_999)
        del other["number"]
        self.run(self.events.update().where(self.at(number)).values(other))
        return found(number, Edit.CHANGED)

    def remove(self, place):
        number = self.rows[place]["number"]
        self.run(self.events.delete().where(self.at(number)))
        return found(number, Edit.REMOVED)

    def insert(self, place):
        number = self.rows[place]["number"] - 1
        self.run(self.events.insert(), row_of(number))
        return found(number, Edit.INSERTED)

    def swap(self, place):
        one, other = sorted(self.rows[each]["number"] for each in (place, (place + 500) % 1000))
        for number, becomes in ((one, -1), (other, one), (-1, other)):
            self.run(self.events.update().where(self.at(number)).values(number=becomes))
        return found(one, Edit.REORDERED, moved=other)

    def truncate(self, place):
        number = self.rows[place]["number"]
        self.run(self.events.delete().where(self.events.c.number >= number))
        return found(number, Edit.REMOVED)

    def undo(self, place):
        kept, number = {row["number"]: row for row in self.rows}, self.events.c.number
        with self.engine.begin() as connection:
            there = dict(connection.execute(sa.select(number, self.events.c.leaf)).all())
            wrong = {each for each in there if there[each] != kept.get(each, {}).get("leaf")}
            wrong.add(self.rows[place]["number"])
            connection.execute(self.events.delete().where(number.in_(wrong)))
            gone = [row for each, row in kept.items() if each in wrong or each not in there]
            connection.execute(self.events.insert(), gone)


def found(number, edit, **more):
    return Finding(log="events", number=number, edit=edit, **more)


SEAMS = 0, 249, 250, 299, 300, 499, 500, 599, 600, 999
"""Places where seals, or the parts that are read at a time, begin and end."""
EDITS = "change", "change_all", "remove", "insert", "swap", "truncate"


@pytest.fixture(scope="module")
def thousand(tmp_path_factory):
    engine = quick_sqlite_engine(tmp_path_factory.mktemp("thousand") / "sharing.db")
    yield Records(engine)
    engine.dispose()


def test_a_record_of_a_fraction_of_a_microsecond_later_is_named(thousand):
    for moved in (0.5, -0.5):
        thousand.run(
            thousand.events.update().where(thousand.at(2)).values(at=sa.text(f"at + {moved}"))
        )
        assert thousand.first() == (found(2, Edit.CHANGED) if moved > 0 else None)


# A run that explores takes each of a thousand places; `tests/test_seals.py` always does, without a
# database.
STEP = 1 if os.environ.get("HYPOTHESIS_PROFILE") == "explore" else 7


def test_every_edit_is_named_wherever_it_is(thousand, monkeypatch):
    monkeypatch.setattr(verifying, "_MANY", 300)
    assert thousand.first() is None
    for place in sorted({*range(0, 1000, STEP), *SEAMS}):
        edit = EDITS[place % len(EDITS)]
        expected = getattr(thousand, edit)(place)
        assert thousand.first() == expected, (place, edit)
        thousand.undo(place)
    assert thousand.first(thousand.seal) is None


def test_a_seal_that_was_kept_elsewhere_shows_that_the_tail_was_cut(thousand):
    """Even together with its seals, so that what is left is a whole chain."""
    seals = thousand.tables.seals
    with thousand.engine.begin() as connection:
        kept = connection.execute(sa.select(seals).where(seals.c.number > 2)).mappings().all()
        connection.execute(seals.delete().where(seals.c.number > 2))
        connection.execute(thousand.events.delete().where(thousand.events.c.number > 1000))
    assert thousand.first() is None
    assert thousand.first(thousand.seal) == Finding(log="seals", number=3, edit=Edit.REMOVED)
    thousand.undo(999)
    thousand.run(seals.insert(), kept)
    assert thousand.first(thousand.seal) is None


def test_a_seal_that_was_kept_elsewhere_shows_that_all_hashes_were_computed_again(thousand):
    seals = thousand.tables.seals
    kept = [dict(row) for row in thousand.run(sa.select(seals)).mappings()]
    thousand.change_all(600)
    thousand.run(seals.delete())
    assert seal(thousand.engine, tables=thousand.tables, now=START).number == 1
    assert thousand.first() is None
    assert thousand.first(thousand.seal) == Finding(log="seals", number=2, edit=Edit.REMOVED)
    thousand.run(seals.delete())
    thousand.run(seals.insert(), kept)
    thousand.undo(600)
    assert thousand.first(thousand.seal) is None


def swapped(rows):
    (one, other, *_) = rows
    one["seal"], other["seal"] = other["seal"], one["seal"]
    return [one, other, *rows[2:]]


def with_later_time(row):
    known = Seal.from_json(row["seal"])
    return row | {"seal": attrs.evolve(known, at=START + DAY).as_json()}


@pytest.mark.parametrize(
    ("edited", "number", "edit"),
    [
        (lambda rows: rows[1:], 1, Edit.REMOVED),
        (lambda rows: [rows[0], *rows[2:]], 2, Edit.REMOVED),
        (lambda rows: [*rows, rows[0] | {"number": 0}], 0, Edit.INSERTED),
        (swapped, 1, Edit.REORDERED),
        (lambda rows: [rows[0], rows[1] | {"seal": "{}"}, *rows[2:]], 2, Edit.CHANGED),
        (lambda rows: [rows[0], with_later_time(rows[1]), *rows[2:]], 2, Edit.CHANGED),
        (lambda rows: [rows[0] | {"entries": rows[1]["entries"]}, *rows[1:]], 1, Edit.CHANGED),
        (
            lambda rows: [rows[0] | {"entries": rows[0]["entries"] + b"1"}, *rows[1:]],
            1,
            Edit.CHANGED,
        ),
    ],
)
def test_every_edit_of_a_seal_is_named(thousand, edited, number, edit):
    seals = thousand.tables.seals
    kept = [dict(row) for row in thousand.run(sa.select(seals).order_by(seals.c.number)).mappings()]
    thousand.run(seals.delete())
    thousand.run(seals.insert(), edited([dict(row) for row in kept]))
    assert thousand.first() == Finding(log="seals", number=number, edit=edit)
    thousand.run(seals.delete())
    thousand.run(seals.insert(), kept)


@pytest.fixture
def lived(world, engine, tables):
    """A world with acts of every kind, sealed."""
    world.share(ANNA, CT, BEN, CARLA, scope=es.Scope.BATCH, permission=es.Permission.DOWNLOAD)
    world.share(BEN, CT, DAN, until=START + DAY)
    world.narrow(ANNA, CT, BEN, permission=es.Permission.VIEW)
    world.unshare(ANNA, MR, CARLA)
    with pytest.raises(es.Refused):
        world.share(DAN, CT, EVA, permission=es.Permission.DOWNLOAD)
    world.transfer(XRAY, CARLA)
    world.sharing.admin.withdraw(XRAY, performed_by="ops", why="wrong patient")
    seal(engine, tables=tables, now=START)
    return world


def test_what_the_package_wrote_is_whole(lived, engine, tables):
    found = verify(engine, tables=tables)
    assert found.whole
    assert (found.records, found.sealed, found.unsealed) == (7, 7, 0)
    shares, made, ended = 2, 6 + 1 + 1, 1 + 1 + 2
    assert found.rows == shares + made + ended
    assert found.last.number == 1


def test_a_sweep_of_expired_grants_edits_nothing(lived, engine, tables):
    assert sweep_expired(engine, tables=tables, now=START + 9 * DAY) == 1
    assert verify(engine, tables=tables, now=START + 9 * DAY).whole


@pytest.mark.parametrize(
    "edit", [{"ended_as": "OWNER"}, {"ended_by": "anna"}, {"replaced_by": '["act1"]'}]
)
def test_an_edited_ending_of_a_sweep_is_found(lived, engine, tables, edit):
    grants, grant = tables.grants, lived.grant_to(DAN, CT)
    it = grants.update().where(grants.c.id == grant.id.value)
    inserted = found(None, Edit.INSERTED, row=f"ending of grant {str(grant.id)!r}")
    run(engine, it.values(edit))
    assert verify(engine, tables=tables).first == inserted
    run(engine, it.values(dict.fromkeys(edit)))
    assert sweep_expired(engine, tables=tables, now=START + 9 * DAY) == 1
    assert verify(engine, tables=tables, now=START + 9 * DAY).whole
    run(engine, it.values(edit))
    assert verify(engine, tables=tables, now=START + 9 * DAY).first == inserted


def run(engine, statement):
    with engine.begin() as connection:
        connection.execute(statement)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("recipient", "u:eva"),
        ("grantor", "eva"),
        ("permission", 2),
        ("until", START + 99 * DAY),
        ("basis", None),
        ("exam", "mr"),
        ("share", "act1"),
        ("version", 7),
        ("made_at", START - DAY),
    ],
)
def test_an_edited_grant_is_named_by_the_record_that_made_it(lived, engine, tables, column, value):
    grant = lived.grant_to(DAN, CT)
    it = tables.grants.c.id == grant.id.value
    run(engine, tables.grants.update().where(it).values({column: value}))
    first = verify(engine, tables=tables).first
    assert (first.number, first.edit) == (number_of(engine, tables, 1), Edit.CHANGED)
    assert f"grant {str(grant.id)!r}" in first.row


def number_of(engine, tables, place):
    numbers = sa.select(tables.events.c.number).order_by(tables.events.c.number)
    with engine.connect() as connection:
        return connection.scalars(numbers).all()[place]


def test_a_removed_grant_is_named_by_the_record_that_made_it(lived, engine, tables):
    grant = lived.grant_to(DAN, CT)
    run(engine, tables.grants.delete().where(tables.grants.c.id == grant.id.value))
    first = verify(engine, tables=tables).first
    assert first == found(
        number_of(engine, tables, 1), Edit.REMOVED, row=f"grant {str(grant.id)!r}"
    )


def test_a_grant_that_no_act_made_is_found(lived, engine, tables):
    grants = tables.grants
    columns = [sa.literal("forged").label("id"), *(each for each in grants.c if each.name != "id")]
    one = sa.select(*columns).where(grants.c.id == lived.grant_to(DAN, CT).id.value)
    run(engine, grants.insert().from_select([each.name for each in columns], one))
    first = verify(engine, tables=tables).first
    assert (first.number, first.edit, first.row) == (None, Edit.INSERTED, "grant 'forged'")
    assert str(first) == "grant 'forged' was inserted"


def test_a_copy_of_a_record_is_found_and_hides_no_grant(lived, engine, tables):
    """With the copy, records name as many grants as there are."""
    grants, events = tables.grants, tables.events
    columns = [sa.literal("forged").label("id"), *(each for each in grants.c if each.name != "id")]
    one = sa.select(*columns).where(grants.c.id == lived.grant_to(DAN, CT).id.value)
    run(engine, grants.insert().from_select([each.name for each in columns], one))
    columns = [each for each in events.c if each.name != "number"]
    one = sa.select(*columns).where(events.c.number == number_of(engine, tables, 1))
    run(engine, events.insert().from_select([each.name for each in columns], one))
    copy = found(number_of(engine, tables, 7), Edit.INSERTED)
    assert verify(engine, tables=tables).first == copy
    seal(engine, tables=tables, now=START)
    assert verify(engine, tables=tables).first == copy


def test_a_copy_of_a_grant_on_another_exam_is_found(lived, engine, tables):
    grants, grant = tables.grants, lived.grant_to(DAN, CT)
    columns = [sa.literal("late").label("exam"), *(c for c in grants.c if c.name != "exam")]
    one = sa.select(*columns).where(grants.c.id == grant.id.value)
    run(engine, grants.insert().from_select([each.name for each in columns], one))
    first = verify(engine, tables=tables).first
    assert f"grant {str(grant.id)!r}" in first.row


def test_an_undone_ending_is_named_by_the_record_that_ended_the_grant(lived, engine, tables):
    grants, nothing = tables.grants, dict.fromkeys(["closed_version", *ENDING])
    run(engine, grants.update().where(grants.c.ended_how == "UNSHARED").values(nothing))
    first = verify(engine, tables=tables).first
    assert (first.number, first.edit) == (number_of(engine, tables, 3), Edit.CHANGED)
    assert "ending of grant" in first.row


ENDING = "ended_how", "ended_by", "ended_as", "ended_at", "replaced_by"


def test_an_ending_that_no_act_wrote_is_found(lived, engine, tables):
    grants, grant = tables.grants, lived.grant_to(DAN, CT)
    it = grants.update().where(grants.c.id == grant.id.value)
    run(engine, it.values(ended_how="BY_HOST", ended_as="HOST", closed_version=9))
    first = verify(engine, tables=tables).first
    assert (first.edit, first.row) == (Edit.INSERTED, f"ending of grant {str(grant.id)!r}")
    run(engine, it.values(ended_how="EXPIRED", ended_at=START))
    assert verify(engine, tables=tables).first == first


@pytest.mark.parametrize(
    "ending",
    [
        {"closed_version": 2},
        {"closed_version": 2, "ended_how": "EXPIRED", "ended_as": "HOST"},
        {"closed_version": 2, "ended_how": "EXPIRED", "ended_at": START + DAY},
    ],
)
def test_a_grant_that_was_closed_before_its_time_is_found(lived, engine, tables, ending):
    grants, grant = tables.grants, lived.grant_to(DAN, CT)
    run(engine, grants.update().where(grants.c.id == grant.id.value).values(ending))
    first = verify(engine, tables=tables, now=START + DAY / 2).first
    assert (first.edit, first.row) == (Edit.INSERTED, f"ending of grant {str(grant.id)!r}")


@pytest.mark.parametrize(
    ("table", "edit", "place"),
    [
        ("events", "at = 'infinity' WHERE kind = 'ExamTransferred'", 5),
        ("grants", "until = 'infinity' WHERE recipient = 'u:dan'", 1),
        ("grants", "until = '-infinity' WHERE recipient = 'u:dan'", 1),
        ("events", r"""event = '{"grant":"a\nb"}' WHERE kind = 'ExamTransferred'""", 5),
        ("events", r"""event = '{"grant":"\q"}' WHERE kind = 'ExamTransferred'""", 5),
    ],
)
def test_an_edit_that_the_package_cannot_read_is_named(lived, engine, tables, table, edit, place):
    name = getattr(tables, table).fullname
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {name} SET {edit}")  # noqa: S608  its own
    first = verify(engine, tables=tables).first
    assert (first.number, first.edit) == (number_of(engine, tables, place), Edit.CHANGED)


def test_a_seal_of_text_instead_of_bytes_is_named(lived, engine, tables):
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {tables.seals.fullname} SET entries = 'abc'")  # noqa: S608
    first = verify(engine, tables=tables).first
    assert first == Finding(log="seals", number=1, edit=Edit.CHANGED)


def test_an_edited_attestation_is_named_by_the_record_of_the_share(lived, engine, tables):
    shares = tables.shares
    run(engine, shares.update().where(shares.c.actor == "ben").values(attested_by="anna"))
    first = verify(engine, tables=tables).first
    assert (first.number, first.edit) == (number_of(engine, tables, 1), Edit.CHANGED)


def test_a_new_record_that_was_edited_before_it_was_sealed_is_named(lived, engine, tables):
    lived.share(ANNA, CT, EVA)
    assert verify(engine, tables=tables).unsealed == 1
    events, number = tables.events, number_of(engine, tables, 7)
    run(engine, events.update().where(events.c.number == number).values(kind="ActRefused"))
    assert verify(engine, tables=tables).first == found(number, Edit.CHANGED)


def test_an_edited_change_of_a_group_is_named(new_store, engine, tables):
    new_store()
    people = SqlDirectory(engine, tables.directory)
    for members in ({BEN}, {BEN, CARLA}):
        people.add(es.Group(id=NURSES, name="Nurses", members=frozenset(members)))
    sealed = seal(engine, tables=tables, now=START)
    assert verify(engine, trusted=sealed, tables=tables).whole
    changes = tables.directory.changes
    with engine.connect() as connection:
        last = connection.scalar(sa.select(sa.func.max(changes.c.number)))
    run(engine, changes.delete().where(changes.c.number == last))
    first = verify(engine, tables=tables).first
    assert first == Finding(log="changes", number=last, edit=Edit.REMOVED)


def test_where_nothing_is_new_no_seal_is_made(lived, engine, tables):
    before = verify(engine, tables=tables).last
    assert seal(engine, tables=tables) == before
    lived.share(ANNA, CT, EVA)
    after = seal(engine, tables=tables, now=START + DAY)
    assert (after.number, after.at) == (2, START + DAY)
    assert after.follows(before)


def test_an_empty_trail_has_no_seal(new_store, engine, tables):
    new_store()
    assert seal(engine, tables=tables) is None
    assert verify(engine, tables=tables).whole


def test_more_records_than_one_seal_covers_get_several(new_store, engine, tables, monkeypatch):
    monkeypatch.setattr(sealing, "_MOST", 3)
    store = new_store()
    for number in range(7):
        store.record(refused(number))
    assert seal(engine, tables=tables).number == 3
    assert verify(engine, tables=tables).sealed == 7


@pytest.fixture
def uncommitted(postgresql, pg_tables, open_store_on):
    """A transaction that has written a record with the lowest number, and has not ended."""
    store = open_store_on(postgresql, pg_tables)()
    with postgresql.connect() as connection:
        transaction = connection.begin()
        connection.execute(pg_tables.events.insert(), logs.event_row(refused(1)))
        store.record(refused(2))
        yield transaction


def test_a_seal_covers_no_number_that_may_still_come(uncommitted, postgresql, pg_tables):
    with pytest.raises(es.StoreBusy):
        seal(postgresql, tables=pg_tables, patience=0)
    assert verify(postgresql, tables=pg_tables).sealed == 0
    uncommitted.commit()
    seal(postgresql, tables=pg_tables, patience=0)
    found = verify(postgresql, tables=pg_tables)
    assert (found.whole, found.sealed) == (True, 2)


def test_a_number_that_was_rolled_back_is_no_removed_record(uncommitted, postgresql, pg_tables):
    uncommitted.rollback()
    seal(postgresql, tables=pg_tables, patience=0)
    found = verify(postgresql, tables=pg_tables)
    assert (found.whole, found.sealed) == (True, 1)


def test_the_sealer_waits_for_writers_before_it_and_for_no_later_one(
    uncommitted, postgresql, pg_tables, monkeypatch
):
    sealed, waiting = [], threading.Event()

    def pause(seconds):
        waiting.set()
        time.sleep(seconds)

    monkeypatch.setattr(sealing, "pause", pause)
    sealer = threading.Thread(
        target=lambda: sealed.append(seal(postgresql, tables=pg_tables, patience=20))
    )
    with postgresql.connect() as later:
        sealer.start()
        assert waiting.wait(20)
        later.execute(pg_tables.events.insert(), logs.event_row(refused(3)))
        assert sealer.is_alive()
        uncommitted.commit()
        sealer.join(20)
        assert [each.logs[0].count for each in sealed] == [2]
        later.commit()
    seal(postgresql, tables=pg_tables)
    assert verify(postgresql, tables=pg_tables).sealed == 3
