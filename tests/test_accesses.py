"""Who looked. Specification: `#who-looked`."""

from datetime import UTC, datetime, timedelta, timezone

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import exam_sharing as es
from exam_sharing.accesses import window_around
from exam_sharing.admin import access_query
from exam_sharing.events import AccessesPurged, ExamShared
from exam_sharing.grants import FOREVER, NEVER
from exam_sharing.memory import MemoryDirectory, MemoryStore, memory_ports
from exam_sharing.policy.settings import LONGEST_WINDOW
from test_privacy import WHY, assert_silent
from world import (
    ANNA,
    BEN,
    CARLA,
    CT,
    DAN,
    DAY,
    DOWNLOAD,
    EVA,
    MR,
    NO_EXAM,
    NOBODY,
    NURSES,
    START,
    VIEW,
    World,
    codes,
    refusal,
)

pytestmark = pytest.mark.every_store

MINUTE = timedelta(minutes=1)
WINDOW = 15 * MINUTE


@pytest.fixture
def world():
    return World()


def look(world, user, exam=CT, permission=VIEW, **more):
    world.sharing.record_access(user, exam, permission, **more)


def rows(world, **asked):
    return world.sharing.admin.accesses(**(asked or {"exams": [CT]})).items


def counted(world):
    return [(each.user, each.count) for each in rows(world)]


def shown(world, user=ANNA, exam=CT, **more):
    return [each.user for each in world.sharing.accesses(user, exam, **more).items]


def in_the_store(world):
    """Return what another process would find."""
    return [
        (each.user, each.first, each.last, each.count)
        for each in sharing_beside(world).admin.accesses(exams=[CT]).items
    ]


def sharing_beside(world):
    return World(store=world.store).sharing


# Recording.


def test_requests_of_one_look_are_one_row(world):
    for _ in range(3):
        look(world, BEN, purpose="TREATMENT", origin="viewer")
        world.wait(MINUTE)

    (row,) = rows(world)
    assert row == es.Access(
        user=BEN,
        exam=CT,
        permission=VIEW,
        purpose="TREATMENT",
        origin="viewer",
        window=START,
        first=START,
        last=START + 2 * MINUTE,
        count=3,
    )


def test_user_exam_permission_purpose_and_window_make_a_row(world):
    for exam in (CT, MR):
        for permission in (VIEW, DOWNLOAD):
            for purpose in (None, "TREATMENT"):
                look(world, BEN, exam, permission, purpose=purpose)
    look(world, CARLA)
    world.wait(WINDOW)
    look(world, CARLA)

    found = rows(world, exams=[CT, MR])
    assert [each.count for each in found] == [1] * 10
    assert found[0].window == START + WINDOW
    assert {each.window for each in found[1:]} == {START}


def test_the_origin_of_a_row_is_the_first_that_was_reported(world):
    for origin in ("10.0.0.1", "10.0.0.2", None, "10.0.0.1", type("Sub", (str,), {})("10.0.0.2")):
        look(world, BEN, origin=origin)
    assert [(each.origin, each.count) for each in rows(world)] == [("10.0.0.1", 5)]


def test_recording_decides_nothing(world):
    look(world, NOBODY, NO_EXAM, DOWNLOAD, purpose="EMERGENCY")
    assert [each.user for each in rows(world, user=NOBODY)] == [NOBODY]
    assert not world.sharing.can(NOBODY, VIEW, NO_EXAM)


def test_the_first_access_of_a_row_is_in_the_store_at_once_and_repeats_later(world):
    look(world, BEN)
    assert in_the_store(world) == [(BEN, START, START, 1)]
    world.wait(MINUTE / 2)
    look(world, BEN)
    world.wait(MINUTE / 4)
    look(world, BEN)
    assert in_the_store(world) == [(BEN, START, START, 1)]

    assert world.sharing.admin.flush_accesses() == 1
    assert in_the_store(world) == [(BEN, START, START + 3 * MINUTE / 4, 3)]
    assert world.sharing.admin.flush_accesses() == 0

    look(world, BEN)
    assert world.sharing.admin.flush_accesses() == 1
    assert in_the_store(world) == [(BEN, START, START + 3 * MINUTE / 4, 4)]


def test_delivering_notices_writes_the_repeats_that_wait(world):
    look(world, BEN)
    look(world, BEN)
    world.sharing.admin.deliver_notices()
    assert in_the_store(world) == [(BEN, START, START, 2)]


def test_the_next_first_access_writes_the_repeats_that_wait(world):
    for user in (BEN, BEN, CARLA):
        look(world, user)
    assert {(user, times) for user, *_, times in in_the_store(world)} == {(BEN, 2), (CARLA, 1)}


def test_a_repeat_is_written_when_others_waited_for_a_minute(world):
    look(world, BEN)
    look(world, BEN)
    world.wait(MINUTE)
    look(world, BEN)
    assert in_the_store(world) == [(BEN, START, START + MINUTE, 3)]


def test_repeats_of_a_window_that_is_over_are_written_with_the_next_window(world):
    look(world, BEN)
    look(world, BEN)
    world.wait(WINDOW)
    look(world, BEN)
    assert [times for *_, times in in_the_store(world)] == [1, 2]


def test_a_clock_that_goes_back_moves_the_first_time(world):
    world.wait(MINUTE)
    look(world, BEN)
    look(world, BEN)
    world.wait(-MINUTE / 2)
    look(world, BEN)
    (row,) = rows(world)
    assert (row.first, row.last, row.count) == (START + MINUTE / 2, START + MINUTE, 3)


def test_an_access_is_of_the_time_of_the_clock_whatever_its_zone(world):
    world.clock.now = START.astimezone(timezone(timedelta(hours=5)))
    look(world, BEN)
    (row,) = rows(world)
    assert (row.first, row.first.tzinfo) == (START, UTC)


@pytest.mark.parametrize("told", [START.replace(tzinfo=None), None, FOREVER])
def test_a_wrong_time_of_the_clock_is_refused_and_records_nothing(world, told):
    world.clock.now = told
    with pytest.raises(es.InvalidArgument, match="clock"):
        look(world, BEN)
    world.clock.now = START
    assert rows(world) == ()


def test_processes_add_up(world):
    beside = sharing_beside(world)
    look(world, BEN)
    beside.record_access(BEN, CT, VIEW)
    beside.record_access(BEN, CT, VIEW)
    look(world, BEN)
    beside.admin.flush_accesses()
    assert counted(world) == [(BEN, 4)]


def test_many_rows_that_wait_are_written_although_the_minute_is_not_over(world):
    users = [es.UserId(f"user {number}") for number in range(502)]
    for user in users:
        look(world, user)
    for user in users[:499]:
        look(world, user)
    assert sum(row.count for row in pages(sharing_beside(world), exams=[CT])) == 502
    look(world, users[499])
    look(world, users[500])
    found = pages(sharing_beside(world), exams=[CT])
    assert sum(row.count for row in found) == 502 + 500


@pytest.mark.memory_only("memory is what is bounded")
def test_a_process_knows_a_bounded_number_of_rows_and_loses_no_repeat(monkeypatch, world):
    monkeypatch.setattr("exam_sharing.recording._MOST_KNOWN", 2)
    for user in (BEN, BEN, CARLA, CARLA, DAN, BEN, BEN, CARLA):
        look(world, user, origin=f"room of {user}")
    assert sorted(counted(world)) == [(BEN, 4), (CARLA, 3), (DAN, 1)]


class Failing(MemoryStore):
    """Its accesses cannot be written while they fail."""

    def __init__(self):
        super().__init__()
        self.fails = False
        put = self.accesses.put

        def put_or_fail(accesses):
            if self.fails:
                raise es.StoreFailed("the disk is full")
            return put(accesses)

        self.accesses.put = put_or_fail


@pytest.mark.memory_only("it fails in memory")
def test_a_first_access_that_cannot_be_written_is_an_error_and_repeats_wait(caplog):
    world = World(store=Failing())
    look(world, BEN)
    look(world, BEN)
    world.store.fails = True
    with pytest.raises(es.StoreFailed):
        look(world, CARLA)
    not_written = "repeated accesses could not be written: StoreFailed"
    assert rows(world)[0].count == 1
    assert [record.getMessage() for record in caplog.records] == [not_written]
    world.wait(MINUTE)
    look(world, BEN)
    assert [record.getMessage() for record in caplog.records] == [not_written, not_written]
    look(world, BEN)
    world.share(ANNA, CT, BEN)
    assert world.sharing.admin.deliver_notices() == 0
    world.store.fails = False
    assert counted(world) == [(BEN, 4)]


@pytest.mark.memory_only("it fails in memory")
def test_repeats_that_waited_for_long_are_written_a_few_at_a_time(monkeypatch):
    monkeypatch.setattr("exam_sharing.recording._MOST_WAITING", 2)
    world = World(store=Failing())
    users = (BEN, CARLA, DAN, EVA, ANNA)
    for user in users:
        look(world, user)
    world.store.fails = True
    for user in users:
        look(world, user)
    world.store.fails = False
    assert world.sharing.admin.flush_accesses() == len(users)
    assert {times for *_, times in in_the_store(world)} == {2}


@pytest.mark.memory_only("it is about the answer of a port")
def test_what_a_transaction_may_roll_back_is_written_each_time(world):
    put = world.store.accesses.put
    world.store.accesses.put = lambda accesses: put(accesses) and None
    look(world, BEN)
    look(world, BEN)
    assert in_the_store(world)[0][-1] == 2


@pytest.mark.memory_only("a store without accesses is in memory")
def test_a_store_may_keep_no_accesses():
    ports = attrs.evolve(memory_ports(directory=MemoryDirectory()), accesses=None)
    sharing = es.Sharing(
        policy=es.Policy(),
        ports=ports,
        clock=lambda: START,
        new_id=lambda: "id",
        sends_at_once=False,
    )
    asked = [
        lambda: sharing.record_access(BEN, CT, VIEW),
        lambda: sharing.admin.accesses(exams=[CT]),
        lambda: sharing.admin.disclosures([CT], START, START + DAY, counts=bool),
        lambda: sharing.admin.purge_accesses(before=START, performed_by="x", why="y"),
    ]
    for ask in asked:
        with pytest.raises(es.StoreFailed, match="AccessLog"):
            ask()
    assert sharing.admin.flush_accesses() == 0


@pytest.mark.parametrize(
    "more",
    [
        *({"purpose": text} for text in ("", "TREAT MENT", "x" * 65, "caf\u00e9", "a\n")),
        *({"origin": text} for text in ("", " a", "x" * 256, "a\nb", "\ud800")),
    ],
)
def test_a_code_or_an_origin_that_cannot_be_one_is_refused_each_time(world, more):
    look(world, BEN)
    for _ in range(2):
        with pytest.raises(es.InvalidInput):
            look(world, BEN, **more)
    assert counted(world) == [(BEN, 1)]


@pytest.mark.parametrize(
    "arguments",
    [
        ("ben", CT, VIEW),
        (BEN, "ct", VIEW),
        (BEN, CT, 1),
        (BEN, CT, VIEW, []),
        (BEN, CT, VIEW, None, 7),
    ],
)
def test_an_argument_of_another_type_is_refused(world, arguments):
    with pytest.raises(es.WrongKind):
        world.sharing.record_access(*arguments)


TIMES = st.datetimes(timezones=st.just(UTC)) | st.sampled_from([NEVER, FOREVER - DAY, START])


@pytest.mark.memory_only("nothing is kept")
@given(at=TIMES, length=st.timedeltas(timedelta(microseconds=1), LONGEST_WINDOW))
def test_windows_follow_each_other_from_1970_on(at, length):
    """They follow each other from 1970 on, so that all processes agree on them."""
    begins, ends = window_around(at, length)
    assert begins <= at < ends or at == FOREVER
    assert begins == NEVER or (begins - datetime(1970, 1, 1, tzinfo=UTC)) % length == timedelta(0)
    assert ends == FOREVER or window_around(ends, length)[0] == ends
    assert window_around(begins, length) == (begins, ends) or begins == NEVER


@pytest.mark.memory_only("settings are not kept")
@pytest.mark.parametrize("window", [timedelta(0), -MINUTE, LONGEST_WINDOW + MINUTE])
def test_a_window_is_positive_and_at_most_a_day(window):
    with pytest.raises(es.InvalidArgument) as raised:
        es.Policy(access_window=window)
    assert str(raised.value) == "access_window must be positive, and at most a day"
    assert es.Policy(access_window=LONGEST_WINDOW).access_window == LONGEST_WINDOW
    with pytest.raises(es.WrongKind, match=r"^access_window must"):
        es.Policy(access_window=900)


# Operators.


def pages(sharing, limit=1000, **asked):
    found, after = [], None
    while True:
        page = sharing.admin.accesses(**asked, after=after, limit=limit)
        found += page.items
        after = page.next
        if after is None:
            return found


def test_pages_of_accesses_lose_and_repeat_nothing(world):
    for _ in range(3):
        for user in (ANNA, BEN, CARLA):
            look(world, user)
            look(world, user, MR)
        world.wait(WINDOW)
    whole = pages(world.sharing, exams=[CT, MR])
    assert len(set(map(str, whole))) == 18
    assert [each.first for each in whole] == sorted((each.first for each in whole), reverse=True)
    for limit in (1, 2, 5):
        assert pages(world.sharing, limit, exams=[CT, MR]) == whole
    assert pages(world.sharing, user=BEN) == [each for each in whole if each.user == BEN]
    both = pages(world.sharing, exams=[MR], user=BEN)
    assert both == [each for each in whole if (each.user, each.exam) == (BEN, MR)]


def test_a_row_is_of_every_span_that_it_touches(world):
    look(world, BEN)
    world.wait(10 * MINUTE)
    look(world, BEN)
    last = world.now

    assert rows(world, exams=[CT], since=last, before=last + MINUTE)
    assert rows(world, exams=[CT], since=START - DAY, before=START + MINUTE)
    assert not rows(world, exams=[CT], since=last + MINUTE)
    assert not rows(world, exams=[CT], before=START)


def test_accesses_of_nothing_are_none(world):
    look(world, BEN)
    assert rows(world, exams=[]) == ()
    with pytest.raises(es.InvalidArgument):
        world.sharing.admin.accesses()


@pytest.mark.parametrize("cursor", ["x", "history"])
def test_a_cursor_is_one_that_a_page_of_accesses_gave(world, cursor):
    look(world, BEN)
    world.share(ANNA, CT, BEN)
    world.share(ANNA, CT, CARLA)
    if cursor == "history":
        cursor = world.sharing.admin.history(exam=CT, limit=1).next
    for ask in (world.sharing.admin.accesses, lambda **more: world.sharing.accesses(ANNA, **more)):
        with pytest.raises(es.InvalidInput):
            ask(
                **({"exams": [CT]} if ask == world.sharing.admin.accesses else {"exam": CT}),
                after=cursor,
            )


def test_disclosures_are_what_the_host_counts_repeated_ones_as_one(world):
    for permission, purpose in ((DOWNLOAD, "LEGAL"), (VIEW, "LEGAL"), (VIEW, "TREATMENT")):
        look(world, BEN, permission=permission, purpose=purpose)
        world.wait(WINDOW)
    look(world, CARLA, purpose="LEGAL")
    look(world, CARLA, MR)
    world.wait(DAY)
    look(world, BEN, purpose="LEGAL")

    def found(counts, until=START + DAY):
        return world.sharing.admin.disclosures([CT, MR], START, until, counts=counts)

    legal = found(lambda access: access.purpose == "LEGAL")
    assert legal == (
        es.Disclosure(
            user=BEN,
            exam=CT,
            purpose="LEGAL",
            permission=DOWNLOAD,
            first=START,
            last=START + WINDOW,
            count=2,
        ),
        es.Disclosure(
            user=CARLA,
            exam=CT,
            purpose="LEGAL",
            permission=VIEW,
            first=START + 3 * WINDOW,
            last=START + 3 * WINDOW,
            count=1,
        ),
    )
    assert [each.exam for each in found(lambda access: access.purpose is None)] == [MR]
    assert found(lambda _: True, until=START) == ()
    with pytest.raises(es.WrongKind, match="the answer of counts must be bool, not str"):
        found(lambda access: access.purpose and "yes")
    with pytest.raises(es.InvalidArgument):
        found(None)


@pytest.mark.memory_only("the number of rows in a page is of the core")
def test_disclosures_are_read_in_pages(monkeypatch, world):
    monkeypatch.setitem(access_query.__kwdefaults__, "limit", 2)
    users = (ANNA, BEN, CARLA, DAN, EVA)
    for user in users:
        look(world, user)
    found = world.sharing.admin.disclosures([CT], START, START + DAY, counts=lambda _: True)
    assert {each.user for each in found} == set(users)


def test_a_purge_deletes_what_was_over_and_is_in_every_history(world):
    world.share(ANNA, CT, BEN)
    look(world, BEN)
    look(world, CARLA)
    world.wait(MINUTE)
    look(world, CARLA)
    over = world.now
    world.wait(WINDOW)

    purge = world.sharing.admin.purge_accesses
    assert purge(before=over, performed_by="archive", why=WHY) == 1
    assert purge(before=over, performed_by="archive", why=WHY) == 0
    assert counted(world) == [(CARLA, 2)]
    for asked in ({"exam": CT}, {"exam": NO_EXAM}, {"user": es.UserId("archive")}):
        entry = world.sharing.admin.history(**asked).items[0]
        assert (entry.at, entry.what.rows) == (world.now, 1)
        assert isinstance(entry.what, AccessesPurged)
        assert (entry.what.request.before, entry.what.request.why) == (over, WHY)
        assert_silent(entry)
    named = world.sharing.admin.history(exam=CT, user=es.UserId("archive"))
    assert [type(each.what) for each in named.items] == [AccessesPurged]
    of_both = world.sharing.admin.history(exam=CT, user=BEN)
    assert [type(each.what) for each in of_both.items] == [ExamShared]


def test_a_purge_leaves_the_rows_of_the_running_window_in_which_others_still_count(world):
    beside = sharing_beside(world)
    beside.record_access(BEN, CT, VIEW)
    world.wait(MINUTE)
    purge = world.sharing.admin.purge_accesses
    assert purge(before=world.now + DAY, performed_by="archive", why=WHY) == 0
    beside.record_access(BEN, CT, VIEW)
    # The other process is killed now, and Ben has still looked.
    assert in_the_store(world) == [(BEN, START, START, 1)]

    world.wait(WINDOW)
    assert purge(before=world.now + DAY, performed_by="archive", why=WHY) == 1
    entry = world.sharing.admin.history(exam=CT).items[0].what
    assert entry.request.before == START + WINDOW


@pytest.mark.parametrize(
    "wrong", [{"before": START.replace(tzinfo=None)}, {"performed_by": ""}, {"why": "a\nb"}]
)
def test_a_purge_that_cannot_be_one_is_refused(world, wrong):
    asked = {"before": START, "performed_by": "archive", "why": "retention"}
    (field,) = wrong if "performed_by" not in wrong else ["UserId"]
    with pytest.raises(es.InvalidValue, match=f"^{field} must"):
        world.sharing.admin.purge_accesses(**asked | wrong)


def test_no_origin_is_in_a_repr(world):
    look(world, BEN, origin="SECRET")
    assert "SECRET" not in repr(rows(world))


# The owner.


def test_the_owner_sees_who_looked_with_their_names_and_without_origins(world):
    world.share(ANNA, CT, BEN)
    look(world, BEN, purpose="TREATMENT", origin="10.0.0.1")
    look(world, BEN, purpose="TREATMENT")

    (item,) = world.sharing.accesses(ANNA, CT).items
    assert item == es.ShownAccess(
        user=BEN,
        name="Ben",
        permission=VIEW,
        purpose="TREATMENT",
        first=START,
        last=START,
        count=2,
    )
    assert "Ben" not in repr(item)


def test_the_owner_is_shown_in_pages_and_spans(world):
    world.share(ANNA, CT, BEN, CARLA)
    for user in (ANNA, BEN, CARLA):
        look(world, user)
        world.wait(DAY)

    first = world.sharing.accesses(ANNA, CT, limit=2)
    assert [each.user for each in first.items] == [CARLA, BEN]
    assert shown(world, after=first.next, limit=2) == [ANNA]
    assert shown(world, since=START + DAY, before=START + 2 * DAY) == [BEN]


def test_whoever_does_not_own_the_exam_learns_nothing_of_who_looked(world):
    world.share(ANNA, CT, BEN, NURSES)
    look(world, BEN)
    world.person(ANNA, active=False)
    for user in (ANNA, BEN, CARLA, DAN, NOBODY):
        for exam in (CT, NO_EXAM):
            reasons = refusal(lambda _, user=user, exam=exam: shown(world, user, exam), None)
            assert codes(reasons) == [es.ReasonCode.EXAM_NOT_FOUND]


def test_the_former_owner_and_the_owner_of_a_withdrawn_exam_are_shown_nothing(world):
    world.transfer(CT, BEN)
    look(world, BEN)
    assert shown(world, BEN) == [BEN]
    world.sharing.admin.withdraw(CT, performed_by="host", why="wrong patient")
    for user in (ANNA, BEN):
        with pytest.raises(es.Refused):
            shown(world, user)


def test_the_owner_is_not_shown_who_is_no_longer_or_was_never_on_the_list(world):
    world.share(ANNA, CT, BEN)
    for user in (BEN, CARLA, NOBODY):
        look(world, user)
    assert shown(world) == [BEN]
    world.unshare(ANNA, CT, BEN)
    assert shown(world) == []
    assert len(rows(world)) == 3


HIDING = (
    {"members_visible": lambda *_: False},
    {"visible": lambda actor, who: actor != ANNA or who not in {DAN, EVA}},
)
HIDDEN = (DAN, EVA, CARLA, NOBODY)
"""Members whom the directory hides from Anna, and users who are not on the list."""
LOOKS = st.lists(
    st.tuples(
        st.sampled_from((ANNA, BEN, *HIDDEN)),
        st.sampled_from((VIEW, DOWNLOAD)),
        st.sampled_from((None, "TREATMENT")),
        st.sampled_from((0 * MINUTE, MINUTE, WINDOW)),
    ),
    max_size=8,
)


@given(hides=st.sampled_from(HIDING), looks=LOOKS, limit=st.integers(1, 3))
def test_accesses_of_those_whom_the_owner_may_not_know_influence_nothing(hides, looks, limit):
    """The accesses of all others are left out, and influence nothing in the answer."""
    answers = []
    for left_out in ((), HIDDEN):
        world = World(**hides)
        world.share(ANNA, CT, NURSES, BEN)
        for user, permission, purpose, pause in looks:
            if user not in left_out:
                look(world, user, permission=permission, purpose=purpose)
            world.wait(pause)
        pages, after = [], None
        while not pages or after is not None:
            pages.append(world.sharing.accesses(ANNA, CT, after=after, limit=limit))
            after = pages[-1].next
        answers.append(pages)
    assert answers[0] == answers[1]
    named = {each.user for page in answers[0] for each in page.items}
    assert named == {user for user, *_ in looks} - {*HIDDEN}


def test_the_owner_waits_for_no_access_of_those_whom_they_may_not_know():
    """The number of questions to the store is the same. Specification: `#disclosure`."""
    world = World(members_visible=lambda *_: False)
    world.share(ANNA, CT, NURSES, BEN)
    for user in (*HIDDEN, *HIDDEN):
        look(world, user)
    written, put = [], world.store.accesses.put
    world.store.accesses.put = lambda rows: written.append(rows) or put(rows)
    assert shown(world) == []
    assert written == []

    look(world, BEN)
    for _ in range(2):
        look(world, BEN)
        look(world, BEN, MR)
    written.clear()
    assert [each.count for each in world.sharing.accesses(ANNA, CT).items] == [3]
    assert [(each.user, each.exam) for rows in written for each in rows] == [(BEN, CT)]
    assert world.sharing.admin.flush_accesses() == 1


def test_a_visible_member_of_a_group_on_the_list_is_named(world):
    world.share(ANNA, CT, NURSES)
    look(world, DAN)
    assert shown(world) == [DAN]


@pytest.mark.parametrize("visible", [True, False])
def test_a_recipient_on_the_list_is_named_like_there(visible):
    world = World(visible=lambda actor, who: visible or (actor, who) != (ANNA, EVA))
    world.share(ANNA, CT, BEN)
    world.share(BEN, CT, EVA)
    look(world, EVA)
    assert [each.name for each in world.sharing.accesses(ANNA, CT).items] == ["Eva"]
