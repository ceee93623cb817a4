"""Checks and lists are one statement each, whoever asks, and lists are whole at every edge."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy

from exam_sharing import BatchId, Exam, ExamId, GrantId, GroupId, ShareId, UploadBatch, UserId
from exam_sharing.events import ActRefused
from exam_sharing.grants import OWNER, Grant
from exam_sharing.ports import Changes
from world import (
    ANNA,
    BEN,
    CARLA,
    CT,
    DAY,
    DOWNLOAD,
    EVA,
    MR,
    NO_EXAM,
    NURSES,
    START,
    VIEW,
    World,
    share_request,
)

BOOKS = BatchId("books")


def uploaded(store, *exams, owner=ANNA):
    """Upload exams, given with their times."""
    store.add(
        UploadBatch(id=BOOKS, uploader=owner, received_at=START),
        tuple(
            Exam(id=ExamId(exam), owner=owner, batch=BOOKS, uploaded_at=at) for exam, at in exams
        ),
    )


def given(store, *grants):
    """Write grants as they are: exam, recipient, and whatever else is not as usual."""
    made = tuple(
        Grant(
            **{
                "id": GrantId(f"grant {number}"),
                "exam": ExamId(exam),
                "grantor": ANNA,
                "recipient": recipient,
                "permission": VIEW,
                "version": 1,
                "basis": OWNER,
                "share": ShareId("s"),
                "made_at": START,
                **other,
            }
        )
        for number, (exam, recipient, other) in enumerate(grants)
    )
    versions = {exam: each.version for exam, each in read(store, made).items()}
    event = ActRefused(at=START, request=share_request(ANNA, CT, BEN), reasons=())
    assert store.commit(Changes(versions=versions, made=made, event=event))


def read(store, made):
    return store.read(tuple({grant.exam for grant in made}), ended=False)


def pages(store, user, principals, limit, *, own=True, now=START):
    """Return what a list says, a page at a time."""
    listed, after = [], None
    while True:
        page = store.visible(user, principals, after, limit, now, own=own)
        assert len(page) <= limit
        if not page:
            return [(str(each.exam), each.permission) for each in listed]
        listed += page
        after = page[-1].uploaded_at, str(page[-1].exam)


@pytest.fixture
def statements(engine):
    """Every statement that is executed."""
    seen = []

    def note(connection, cursor, statement, *others):
        if not statement.startswith(("BEGIN", "PRAGMA")):
            seen.append(statement)

    sqlalchemy.event.listen(engine, "before_cursor_execute", note)
    yield seen
    sqlalchemy.event.remove(engine, "before_cursor_execute", note)


def test_a_check_and_a_page_are_one_statement_each(new_store, statements):
    world = World(store=new_store())
    world.share(ANNA, CT, NURSES)
    viewer = world.sharing.viewer(EVA)
    for ask in (
        lambda: world.sharing.can(EVA, VIEW, CT),
        lambda: world.sharing.can(EVA, DOWNLOAD, NO_EXAM),
        lambda: world.sharing.can_many(EVA, VIEW, (CT, MR, NO_EXAM)),
        lambda: world.sharing.visible_to(EVA),
        lambda: viewer.shared_with(world.sharing.visible_to(ANNA, limit=1).next),
        lambda: world.store.read((CT, MR, NO_EXAM), ended=True),
    ):
        ask()
        statements.clear()
        ask()
        assert len([each for each in statements if "LIMIT" not in each]) <= 1
        assert 1 <= len(statements) <= 2  # One page gave the cursor.


def test_nobody_asks_for_those_who_hold_nothing(new_store, statements):
    store = new_store()
    statements.clear()
    nobody = frozenset()
    assert store.holds(BEN, nobody, VIEW, CT, START) is False
    assert store.holding(BEN, nobody, VIEW, (CT,), START) == frozenset()
    assert store.visible(BEN, nobody, None, 9, START, own=True) == ()
    assert statements == []


@pytest.mark.parametrize("groups", [1, 199, 200, 201, 700])
def test_users_in_many_groups_are_shown_everything_once(open_store, groups):
    store = open_store()
    names = [GroupId(f"g{number}") for number in range(groups)]
    uploaded(store, *((f"e{n}", START + (n % 7) * DAY) for n in range(40)))
    given(
        store,
        *((f"e{n}", names[(n * 97) % groups], {}) for n in range(40)),
        *((f"e{n}", names[-1], {"permission": DOWNLOAD}) for n in range(0, 40, 3)),
    )
    principals = frozenset({BEN.key, *(name.key for name in names)})
    listed = pages(store, BEN, principals, 6)
    expected = sorted(((START + (n % 7) * DAY, f"e{n}") for n in range(40)), reverse=True)
    assert [exam for exam, _ in listed] == [exam for _, exam in expected]
    assert {exam for exam, held in listed if held is DOWNLOAD} == {f"e{n}" for n in range(0, 40, 3)}


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
def test_several_grants_of_one_exam_to_one_principal_do_not_shorten_a_page(open_store, limit):
    store = open_store()
    uploaded(store, *((exam, START) for exam in "abcd"))
    others = [UserId(f"other {number}") for number in range(5)]
    given(store, *((exam, BEN, {"grantor": each}) for exam in "abcd" for each in others))
    assert [exam for exam, _ in pages(store, BEN, {BEN.key}, limit)] == ["d", "c", "b", "a"]


def test_what_counts_for_nothing_is_left_out_of_checks_and_of_lists(open_store):
    store = open_store()
    exams = ("mine", "by me", "over", "at its end", "stands", "ends later")
    uploaded(store, *((exam, START) for exam in exams[1:]))
    store.add(
        UploadBatch(id=BatchId("own"), uploader=BEN, received_at=START),
        (Exam(id=ExamId("mine"), owner=BEN, batch=BatchId("own"), uploaded_at=START),),
    )
    tick = timedelta(microseconds=1)
    given(
        store,
        ("mine", NURSES, {}),
        ("by me", NURSES, {"grantor": BEN, "permission": DOWNLOAD}),
        ("over", BEN, {"until": START - tick}),
        ("at its end", BEN, {"until": START}),
        ("stands", BEN, {}),
        ("ends later", BEN, {"until": START + tick, "permission": DOWNLOAD}),
        ("ends later", NURSES, {}),
    )
    principals = frozenset({BEN.key, NURSES.key})
    assert pages(store, BEN, principals, 2, own=False) == [
        ("stands", VIEW),
        ("ends later", DOWNLOAD),
    ]
    assert pages(store, BEN, principals, 2) == [
        ("stands", VIEW),
        ("mine", DOWNLOAD),
        ("ends later", DOWNLOAD),
    ]
    ids = tuple(map(ExamId, exams))
    downloads = {"mine", "ends later"}
    for permission, held in ((VIEW, {"stands", *downloads}), (DOWNLOAD, downloads)):
        found = store.holding(BEN, principals, permission, ids, START)
        assert {str(exam) for exam in found} == held
        assert {
            str(exam) for exam in ids if store.holds(BEN, principals, permission, exam, START)
        } == held


def test_an_exam_that_was_withdrawn_is_gone_for_every_clock(open_store):
    world = World(store=open_store())
    world.share(ANNA, CT, BEN, until=START + DAY)
    world.clock.now = START + 2 * DAY
    world.sharing.withdraw(CT, performed_by="ops", why="wrong patient")
    world.clock.now = START
    for user in (ANNA, BEN):
        assert not world.can_view(user, CT)
        assert world.sharing.can_many(user, VIEW, (CT,)) == frozenset()
        assert CT not in {each.exam for each in world.sharing.visible_to(user).items}


@pytest.mark.parametrize(
    "exams",
    [
        ["a", "B", "b", "A", "ä", "Z", "z", "é", "e\u0301"],
        ["x ward", "x-ward", "xward", "x", "x" * 255, "1", "10", "9"],
        ["%", "_", "'", "\\", '"', ";", "{}", "[", ":name"],
        ["".join(chr(0x20000 + number * 97) for number in range(255)), "a"],
        ["\U0001f9b4", "\uffee", "\u4e00", "\ud7ff", "~"],
    ],
)
def test_ties_are_in_the_order_of_code_points(open_store, exams):
    store = open_store()
    uploaded(store, *((exam, START) for exam in exams))
    given(store, *((exam, UserId(exam), {}) for exam in exams), *((e, BEN, {}) for e in exams))
    in_order = sorted(exams, reverse=True)
    for limit in (1, 2, 50):
        assert [exam for exam, _ in pages(store, BEN, {BEN.key}, limit)] == in_order
        assert [exam for exam, _ in pages(store, ANNA, {ANNA.key}, limit)] == in_order
    for exam in exams:
        assert pages(store, UserId(exam), {UserId(exam).key}, 9) == [(exam, VIEW)]
    assert store.exams_granted_to(BEN) == tuple(map(ExamId, sorted(exams)))


TIMES = [
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 30, 0, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 3, 30, tzinfo=timezone(timedelta(hours=1))),
    datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
]


def test_times_are_kept_and_ordered_to_the_microsecond_from_first_to_last(open_store):
    store = open_store()
    uploaded(store, *((f"e{number}", at) for number, at in enumerate(TIMES)))
    given(store, *((f"e{n}", BEN, {"until": at}) for n, at in enumerate(TIMES)))
    kept = store.read(tuple(ExamId(f"e{n}") for n in range(len(TIMES))), ended=False)
    for number, at in enumerate(TIMES):
        (grant,) = kept[ExamId(f"e{number}")].grants
        assert grant.until == at
        assert store.find((grant.exam,))[0].uploaded_at == at
        before = at.astimezone(UTC) - timedelta(microseconds=1) if number else None
        assert not store.holds(BEN, {BEN.key}, VIEW, grant.exam, at)
        if before is not None:
            assert store.holds(BEN, {BEN.key}, VIEW, grant.exam, before)
            elsewhere = before.astimezone(timezone(timedelta(hours=-9)))
            assert store.holds(BEN, {BEN.key}, VIEW, grant.exam, elsewhere)
    names = [exam for exam, _ in pages(store, ANNA, {ANNA.key}, 1)]
    assert names == [f"e{number}" for number in reversed(range(len(TIMES)))]


def test_a_user_and_a_group_of_one_string_never_meet(open_store):
    store = open_store()
    uploaded(store, ("e", START))
    given(store, ("e", GroupId("ben"), {}))
    assert not store.holds(BEN, frozenset({BEN.key}), VIEW, ExamId("e"), START)
    assert pages(store, BEN, {BEN.key}, 9) == []
    assert store.holds(CARLA, {CARLA.key, "g:ben"}, VIEW, ExamId("e"), START)
