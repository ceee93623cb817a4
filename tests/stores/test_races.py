"""Two things at once are as if one came after the other: SPEC 9.5, over a real database.

Sixteen threads of two processes share, re-share, narrow and unshare at random. What they leave must
pass the tests that the threads of one process must pass in memory.
"""

import random
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context

import pytest
import sqlalchemy

from exam_sharing import Refused
from exam_sharing.adapters.sqlalchemy import SqlStore, create_all, open_sharing, sqlite_engine
from test_threads import (
    NOW,
    OTHERS,
    USERS,
    act_at_random,
    portal,
    test_ended_grants_ended_once,
    test_no_grant_exists_that_its_grantor_could_not_have_made,
    test_no_share_of_a_batch_is_half_done,
    test_replaying_what_was_written_in_version_order_gives_the_grants,
    test_versions_have_no_gaps_and_no_doubles,
)

__all__ = [
    "test_ended_grants_ended_once",
    "test_no_grant_exists_that_its_grantor_could_not_have_made",
    "test_no_share_of_a_batch_is_half_done",
    "test_replaying_what_was_written_in_version_order_gives_the_grants",
    "test_versions_have_no_gaps_and_no_doubles",
]

PROCESSES, THREADS_EACH, ACTS_EACH = 2, 8, 8


def hammer(url, isolation, process):
    """Act at random in many threads, as one of several processes; return how often it acted."""
    address = sqlalchemy.make_url(url)
    sqlite = address.get_backend_name() == "sqlite"
    engine = (
        sqlite_engine(address.database)
        if sqlite
        else sqlalchemy.create_engine(address, isolation_level=isolation)
    )
    _, _, directory = portal()
    sharing = open_sharing(engine, directory=directory, clock=lambda: NOW)

    def work(thread):
        chance, done = random.Random(THREADS_EACH * process + thread), 0
        for _ in range(ACTS_EACH):
            try:
                act_at_random(sharing, directory, chance)
                done += 1
            except Refused:
                continue
        return done

    with ThreadPoolExecutor(THREADS_EACH) as pool:
        done = sum(pool.map(work, range(THREADS_EACH)))
    engine.dispose()
    return done


@pytest.fixture(
    scope="module",
    params=[
        ("sqlite", "SERIALIZABLE"),
        ("postgresql", "READ COMMITTED"),
        ("postgresql", "SERIALIZABLE"),
    ],
    ids=" ".join,
)
def hammered(request, open_store_on):
    """An engine after all of them have shared and unshared at random, under an isolation level."""
    name, isolation = request.param
    engine = request.getfixturevalue(name)
    portal(open_store_on(engine, create_all(engine))())
    engine.dispose()
    url = engine.url.render_as_string(hide_password=False)
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        done = list(pool.map(partial(hammer, url, isolation), range(PROCESSES)))
    assert min(done) > ACTS_EACH
    return engine


@pytest.fixture(scope="module")
def aftermath(hammered):
    """The store that the tests of the threads in memory look at."""
    return SqlStore.over(hammered)


def test_everybody_is_told_the_same_by_lists_and_by_checks(hammered):
    _, _, directory = portal()
    sharing = open_sharing(hammered, directory=directory, clock=lambda: NOW)
    assert any(sharing.shared_with(user).items for user in OTHERS)
    for user in USERS:
        for seen in sharing.visible_to(user).items:
            assert sharing.can(user, seen.permission, seen.exam)
