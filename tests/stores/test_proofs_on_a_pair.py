"""Judges, random stories, races and kills over a primary whose standby answers checks.

What must hold over one server must hold over both. Each proof is shown to fail where the guard lets
a standby answer that no longer applies what it receives. CI looks at few of each; by hand,
`EXAM_SHARING_PAIR=20` looks at twenty times as many, and at every law of concurrent acts.
"""

import os
import random
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice, product
from math import inf
from threading import Barrier

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from lives import PATIENCE, Life, Witness, nursery

import exam_sharing as es
from clinic_on_a_pair import CT, give, opens_stores, take
from databases import address_of
from exam_sharing.adapters.sqlalchemy import SqlStore, standby_guard
from exam_sharing.adapters.sqlalchemy.standby_guard import Guard
from exam_sharing.memory import MemoryNotifier
from exam_sharing.testing import RulesBroken, run_sharing_machine
from exam_sharing.testing.laws import races, store_laws
from exam_sharing.testing.strategies import worlds
from exam_sharing.testing.worlds import FrozenClock, World
from judges.trials import trials
from judges.verdicts import differences, reached
from test_serial_order import EXAMS, OWNER, USERS

TIMES = int(os.environ.get("EXAM_SHARING_PAIR", "1"))
THREADS = 6
NUMBERS = count(1)
"""Of lives."""

few = settings(
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
OF_RACES = {
    "many-exams-are-read-at-one-moment",
    "concurrent-acts-are-all-written",
    "one-concurrent-claim-takes-a-notice",
}


@pytest.fixture
def settled(clinic):
    clinic.settle()
    return clinic


# Judges.


def judged(clinic, monkeypatch, examples):
    """Return what judges of drawn worlds disagree with, and how often somebody has access."""

    def empty_world(*, policy):
        clinic.empty()
        clock, notifier, numbers = FrozenClock(), MemoryNotifier(), count(1)
        sharing = clinic.open(
            policy=policy,
            notifier=notifier,
            clock=clock,
            new_id=lambda: f"act{next(numbers)}",
        )
        return World(
            sharing=sharing,
            directory=clinic.directory,
            notifier=notifier,
            clock=clock,
            store=SqlStore.over(clinic.engine, tables=clinic.tables),
        )

    # Worlds of the kit are drawn act by act in the world that this returns.
    monkeypatch.setattr(sys.modules[worlds.__module__], "empty_world", empty_world)
    found, yes = [], 0

    @settings(few, max_examples=examples)
    @given(trials())
    def judge(trial):
        nonlocal yes
        yes += reached(trial)["yes"]
        found.extend(differences(trial))

    judge()
    return found, yes


def test_three_judges_agree_with_what_the_standby_answers(settled, monkeypatch):
    disagree, yes = judged(settled, monkeypatch, 4 * TIMES)
    assert disagree == []
    assert yes > 4 * TIMES
    assert settled.asked["standby"] > 400


# Random stories.


def test_random_stories_keep_the_rules_over_both_servers(settled):
    stories = settings(few, max_examples=TIMES, stateful_step_count=15)
    run_sharing_machine(opens_stores(settled), settings=stories)
    assert settled.asked["standby"] > 100


# Races.


def stale_in_threads(clinic, sharing, rounds):
    """Return how many first checks did not know of the last act, of threads that act at once."""
    people = [es.UserId(f"user {number}") for number in range(THREADS)]
    wards = [es.GroupId(f"ward {number}") for number in range(THREADS)]
    for user in people:
        clinic.directory.add(es.User(id=user, name=str(user)))
    start = Barrier(THREADS)

    def put(ward, *members):
        clinic.directory.add(es.Group(id=ward, name="ward", members=frozenset(members)))

    def work(user, ward):
        stale = 0
        start.wait()
        for _ in range(rounds):
            give(sharing, user)
            stale += not sharing.can(user, es.Permission.VIEW, CT)
            take(sharing, user)
            stale += sharing.can(user, es.Permission.VIEW, CT)
            put(ward, user)
            give(sharing, ward)
            stale += sharing.viewer(user).can_many(es.Permission.VIEW, [CT]) != {CT}
            put(ward)
            stale += bool(sharing.viewer(user).visible_to().items)
            take(sharing, ward)
        return stale

    with ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(work, people, wards))


def test_threads_that_act_at_once_each_know_of_their_own_acts(settled):
    assert stale_in_threads(settled, settled.open(), 2 * TIMES) == 0
    assert settled.asked["standby"] > 100


ALL_RACES = {name for name, _ in races.law.needs()}


@pytest.mark.parametrize("name", sorted(OF_RACES if TIMES == 1 else ALL_RACES))
def test_a_law_of_concurrent_acts_holds_over_both_servers(settled, name):
    (law,) = (each for each in store_laws(opens_stores(settled)) if each.name == name)
    for _ in range(TIMES):
        law.check()


# Kills.


@pytest.fixture(scope="module")
def lives(shared_clinic, tmp_path_factory):
    """A nursery for the primary, with the folder of its lives."""
    folder = tmp_path_factory.mktemp("lives")
    warm_up = Life(number=next(NUMBERS), folder=folder, requests=())
    with nursery(address_of(shared_clinic.patient), warm_up) as opened:
        yield opened, folder


def differing_after_kills(clinic, lives, times):
    """Kill processes that act, and return how often a standby did not answer as memory does."""
    lives, folder = lives
    witness = Witness(clinic.engine, clinic.tables, folder)
    sharing = clinic.open(directory=witness.kept.directory, clock=lambda: witness.kept.own.now)
    chance, differs, yes = random.Random(2), 0, 0
    # Now and then, nobody holds anything when a process is killed.
    for done, number in enumerate(islice(NUMBERS, times + 20)):
        if done >= times and yes:
            break
        life = Life(number=number, folder=folder)
        process, lines = lives.begin(life), chance.randrange(50, 200)
        deadline = time.monotonic() + PATIENCE
        while not life.diary.exists() or life.diary.read_bytes().count(b"\n") < lines:
            assert time.monotonic() < deadline
            time.sleep(0.0005)
        os.kill(process, signal.SIGKILL)
        assert lives.end() == signal.SIGKILL
        witness.look()
        witness.wait_until(life.now)
        for user, permission in product(USERS, es.Permission):
            asked = (user, permission, EXAMS)
            expected = witness.memory.sharing.can_many(*asked)
            differs += sharing.can_many(*asked) != expected
            yes += bool(expected - ({*EXAMS} if user == OWNER else set()))
    assert yes
    return differs


def test_after_a_kill_the_standby_answers_as_the_acts_done_again_in_memory(settled, lives):
    assert differing_after_kills(settled, lives, 5 * TIMES) == 0
    assert settled.asked["standby"] >= 2 * 5 * len(USERS)


# Without the guard.


@pytest.fixture(scope="module")
def behind(shared_pair, shared_clinic):
    """The standby has applied the last commit, and nobody waits for it any more."""
    shared_clinic.empty()
    shared_pair.wait_for("")
    with shared_clinic.standby.connect() as connection:
        connection.exec_driver_sql("SELECT pg_wal_replay_pause()")
        yield
        connection.exec_driver_sql("SELECT pg_wal_replay_resume()")
    shared_pair.restore()


@pytest.fixture
def unguarded(shared_clinic, behind, monkeypatch):
    monkeypatch.setattr(Guard, "_asked", lambda _: standby_guard._Word(time.monotonic()))
    monkeypatch.setattr(Guard, "require_word", lambda _: None)
    monkeypatch.setattr(Guard, "require_following", lambda *_, **__: inf)
    return shared_clinic


def test_without_the_guard_judges_disagree(unguarded, monkeypatch):
    disagree, _ = judged(unguarded, monkeypatch, 2)
    assert disagree != []


def test_without_the_guard_a_random_story_breaks_the_rules(unguarded):
    stories = settings(few, max_examples=2, stateful_step_count=8)
    with pytest.raises(RulesBroken):
        run_sharing_machine(opens_stores(unguarded), settings=stories)


def test_without_the_guard_threads_do_not_know_of_their_own_acts(unguarded):
    unguarded.fill()
    assert stale_in_threads(unguarded, unguarded.open(), 1) > 0


def test_without_the_guard_a_standby_answers_otherwise_after_a_kill(unguarded, lives):
    assert differing_after_kills(unguarded, lives, 2) > 0
