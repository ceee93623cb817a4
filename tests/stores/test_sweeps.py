"""A sweep records as ended what expired long ago, and changes no answer."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import exam_sharing as es
from exam_sharing.adapters.sqlalchemy import joined, sqlite_engine, sweep_expired
from exam_sharing.events import ActRefused
from exam_sharing.grants import EndedAs, HowEnded
from laws.stories import EXAMS, USERS, contents, requests, stories, tell
from world import ANNA, BEN, CARLA, CT, DAN, DAY, DOWNLOAD, MR, START, VIEW, share_request

unhurried = settings(
    max_examples=6,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
    ],
)


@pytest.fixture
def sweep(engine, tables, world):
    return partial(sweep_expired, engine, tables=tables, now=START + 3 * DAY)


def asked_of(ask, *args):
    """Return an answer, or why there is none."""
    try:
        return ask(*args)
    except es.Refused as refused:
        return refused.reasons


def every_answer(story, likely):
    """Return every answer for every user, and the previews of some acts."""
    sharing, explain = story.sharing, story.sharing.admin.explain
    graph = sharing.admin.graph
    about_exams = (
        sharing.tabs,
        sharing.share_form,
        sharing.access_list,
        sharing.recipients,
        lambda user, exam: sharing.suggest(user, exam, "a"),
        lambda user, exam: asked_of(explain, user, VIEW, exam),
        lambda user, exam: asked_of(explain, user, DOWNLOAD, exam),
    )
    return (
        story.everything_held(),
        [sharing.can_many(*who, EXAMS) for who in product(USERS, es.Permission)],
        [ask(user) for ask in (sharing.visible_to, sharing.shared_with) for user in USERS],
        [asked_of(*asked) for asked in product(about_exams, USERS, EXAMS)],
        [sharing.preview(request) for request in likely],
        [(asked_of(graph, exam), asked_of(sharing.admin.who_can, VIEW, exam)) for exam in EXAMS],
    )


@given(data=st.data())
@unhurried
def test_a_sweep_changes_no_answer(engine, tables, new_store, data):
    """Checks, lists, explanations, suggestions and cascades."""
    story = data.draw(stories(new_store=new_store))
    tell(data, story, story.do)
    story.now += timedelta(minutes=data.draw(st.integers(1, 6)))
    likely = [data.draw(requests(story)) for _ in range(4)]
    before = every_answer(story, likely)
    sweep_expired(engine, tables=tables, now=story.now, margin=timedelta(0))
    assert every_answer(story, likely) == before


@given(data=st.data())
@unhurried
def test_replaying_acts_around_sweeps_gives_the_grants(engine, tables, new_store, data):
    """A sweep is no act, so versions have no gap. Specification: `#serial-order`."""
    story = data.draw(stories(new_store=new_store))

    def each(request):
        story.do(request)
        # So that something expires.
        story.now += timedelta(minutes=data.draw(st.integers(0, 4)))
        sweep_expired(engine, tables=tables, now=story.now, margin=timedelta(0))

    tell(data, story, each)
    for exam in EXAMS:
        acts = [e for e in story.store.events() if not isinstance(e, ActRefused)]
        in_order = sorted(
            (event for event in acts if exam in event.versions),
            key=lambda event: event.versions[exam],
        )
        facts = story.facts(exam)
        assert [event.versions[exam] for event in in_order] == [*range(1, facts.version + 1)]
        left = Counter()
        for event in in_order:
            left -= contents(p.grant for p in getattr(event, "ended", ()) if p.grant.exam == exam)
            left += contents(g for g in getattr(event, "made", ()) if g.exam == exam)
        swept = [p.grant for p in facts.ended if p.ending.how is HowEnded.EXPIRED]
        assert left == contents((*facts.grants, *swept))


def test_an_expired_grant_ends_at_its_own_time_by_nobody(world, sweep):
    world.share(ANNA, CT, BEN, until=START + DAY)
    world.share(ANNA, CT, CARLA)
    grant, kept = world.grant_to(BEN), world.grant_to(CARLA)
    assert sweep() == 1
    sharing = world.store.read((CT,), ended=True)[CT]
    assert (sharing.version, sharing.grants) == (2, (kept,))
    (past,) = sharing.ended
    assert past.grant == grant
    ending = past.ending
    assert (ending.how, ending.at) == (HowEnded.EXPIRED, START + DAY)
    assert (ending.by, ending.acting_as, ending.replaced_by) == (None, EndedAs.HOST, ())
    assert ending.version == 3
    assert sweep() == 0


def test_a_sweep_changes_neither_an_explanation_nor_a_graph(world, sweep):
    world.share(ANNA, CT, BEN, permission=DOWNLOAD, until=START + DAY)
    world.share(ANNA, CT, BEN)
    world.wait(3 * DAY)
    admin = world.sharing.admin
    before = admin.explain(BEN, DOWNLOAD, CT), admin.graph(CT)
    assert [miss.why_not.name for miss in before[0].nearest] == ["EXPIRED", "ONLY_VIEW"]
    assert sweep() == 1
    assert (admin.explain(BEN, DOWNLOAD, CT), admin.graph(CT)) == before


def test_a_grant_within_the_margin_is_not_swept(world, sweep):
    world.share(ANNA, CT, BEN, until=START + 2 * DAY + timedelta(microseconds=1))
    assert sweep() == 0
    world.clock.now = START + 2 * DAY
    assert world.can_view(BEN, CT)
    assert sweep(margin=timedelta(hours=1)) == 1


def test_standing_and_ended_grants_are_not_swept(world, sweep):
    world.share(ANNA, CT, BEN)
    world.share(ANNA, CT, CARLA, until=START + DAY)
    world.unshare(ANNA, CT, CARLA)
    world.share(ANNA, MR, DAN, until=START + DAY)
    world.wait(2 * DAY)
    world.sharing.admin.withdraw(MR, performed_by="ops", why="wrong patient")
    before = world.state()
    assert sweep() == 0
    assert world.state() == before


def test_a_sweep_takes_the_oldest_up_to_its_limit(world, sweep):
    for hours, user in ((3, BEN), (1, CARLA), (2, DAN)):
        world.share(ANNA, CT, user, until=START + timedelta(hours=hours))
    left = []
    while sweep(limit=1):
        left.append({grant.recipient for grant in world.grants(CT)})
    assert left == [{BEN, DAN}, {BEN}, set()]


def test_a_sweep_does_not_change_receipts_or_the_audit_trail(world, sweep):
    world.share(ANNA, CT, BEN, until=START + DAY, request_id="once")
    world.unshare(ANNA, CT, BEN, request_id="end")
    world.share(ANNA, CT, BEN, until=START + DAY)
    before = world.store.events(), world.store.receipt(ANNA, "once")
    assert sweep() == 1
    assert (world.store.events(), world.store.receipt(ANNA, "once")) == before


def test_an_ending_by_a_slow_clock_replaces_that_of_the_sweep(world, sweep):
    world.share(ANNA, CT, BEN, until=START + DAY)
    before = world.store.facts_involved(ANNA, frozenset({ANNA.key}), CT, START, own=True)
    world.store.facts_involved = lambda *_, own: before
    assert sweep() == 1
    world.unshare(ANNA, CT, BEN)
    (past,) = world.store.read((CT,), ended=True)[CT].ended
    assert (past.ending.how, past.ending.by) == (HowEnded.UNSHARED, ANNA)
    assert world.store.events()[-1].ended == (past,)


@pytest.mark.parametrize("wrong", [{"margin": timedelta(-1)}, {"limit": 0}])
def test_a_sweep_rejects_a_negative_margin_or_limit(sweep, wrong):
    with pytest.raises(es.InvalidValue, match=next(iter(wrong))):
        sweep(**wrong)


def test_a_sweep_without_tables_fails(tmp_path):
    with pytest.raises(es.StoreFailed, match="not there"):
        sweep_expired(sqlite_engine(tmp_path / "empty.db"))


def test_a_sweep_uses_the_machines_clock_by_default(engine, tables, world):
    world.share(ANNA, CT, BEN, until=START + DAY)
    assert sweep_expired(engine, tables=tables) == 0


def shared_for_a_day(world, number):
    """Share that many exams with Ben, until tomorrow."""
    exams = [es.ExamId(f"old{n}") for n in range(number)]
    world.upload(es.BatchId("old"), ANNA, *exams)
    for exam in exams:
        world.share(ANNA, exam, BEN, until=START + DAY)
    return exams


def test_several_sweeps_at_once_share_the_work(world, sweep):
    exams = shared_for_a_day(world, 30)

    def work(_):
        done = 0
        # A sweep that finds all rows locked by others finds nothing, and is not the last.
        for _ in range(40):
            done += sweep(limit=3)
        return done

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == len(exams)
    for exam in exams:
        assert world.grants(exam) == ()


def test_acts_lose_no_race_to_sweeps(world, sweep):
    shared_for_a_day(world, 40)
    exam, stop, swept = es.ExamId("old0"), threading.Event(), []
    # Without the sweeps, no act would ever step aside.
    world.store.step_aside = None

    def sweeper():
        while not stop.is_set():
            swept.append(sweep(limit=1))

    thread = threading.Thread(target=sweeper)
    thread.start()
    for _ in range(20):
        world.share(ANNA, exam, CARLA)
        world.unshare(ANNA, exam, CARLA, reshares=es.Reshares.CASCADE)
    stop.set()
    thread.join(60)
    assert sum(swept) > 0
    assert world.store.read((exam,), ended=False)[exam].version == 41


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_sweep_waits_for_no_act(engine, tables, world, sweep):
    exams = shared_for_a_day(world, 2)
    with engine.connect() as connection, connection.begin() as transaction:
        held = joined(connection, tables=tables, **world.people)
        held.unshare(es.UnshareRequest(actor=ANNA, exam=exams[0], recipient=BEN))
        assert sweep() == 1
        transaction.rollback()
    assert sweep() == 1


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_under_serializable_acts_lose_no_race_to_a_sweep(engine, tables, world):
    shared_for_a_day(world, 2)
    strict = engine.execution_options(isolation_level="SERIALIZABLE")
    now = START + 3 * DAY
    with strict.connect() as connection, connection.begin():
        act = joined(connection, directory=world.directory, tables=tables, clock=lambda: now)
        act.share(share_request(ANNA, es.ExamId("old0"), CARLA))
        assert sweep_expired(strict, tables=tables, now=now) == 2
        act.share(share_request(ANNA, es.ExamId("old1"), CARLA))
    assert world.can_view(CARLA, es.ExamId("old1"))
