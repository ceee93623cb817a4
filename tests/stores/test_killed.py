"""A process that is killed, or a PostgreSQL that crashes, leaves nothing half done.

> A process killed (SIGKILL) at random moments, a hundred times, during shares and relays: nothing
> acknowledged is lost, nothing is half done, no notice is lost.

> PostgreSQL restarted under load: nothing acknowledged is lost, nothing is half done, no notice is
> lost.

What was under way when PostgreSQL crashes fails with `StoreFailed`. The same request id afterwards
reports whether it was done. Nobody resets the engine, whose pool is full of dead connections.
"""

import os
import pickle
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from itertools import count, islice
from multiprocessing import get_context

import pytest
import sqlalchemy
from lives import DELIVER, PATIENCE, Life, Witness, as_first_given, nursery, receipt_of, waiting_in
from load import Load, repeated

import exam_sharing as es
from databases import address_of, engine_at
from exam_sharing.adapters.sqlalchemy import create_all, open_sharing
from test_serial_order import EXAMS, GROUPS, OTHERS, OWNER, START
from world import DAY, DOWNLOAD, share_request

ROUNDS, LIVES_EACH = 20, 5
CT, MR, _ = EXAMS
ANN, BOB, CAT, *_ = OTHERS
WHOLE = {"actor": OWNER, "exam": CT, "reshares": es.Reshares.CASCADE}


BEFORE = (
    share_request(OWNER, CT, ANN, permission=DOWNLOAD, scope=es.Scope.BATCH, request_id="before"),
    share_request(ANN, CT, BOB, until=START + DAY),
    share_request(BOB, CT, CAT),
    share_request(OWNER, CT, CAT, GROUPS[0], permission=DOWNLOAD),
)
ACTS = {
    "share": share_request(
        OWNER, CT, *GROUPS, BOB, scope=es.Scope.BATCH, message="Look.", request_id="share"
    ),
    "pass on": share_request(ANN, CT, GROUPS[1], CAT, permission=DOWNLOAD, request_id="on"),
    "unshare": es.UnshareRequest(recipient=ANN, request_id="end", **WHOLE),
    "narrow": es.NarrowRequest(recipient=ANN, until=START + DAY, request_id="cut", **WHOLE),
    "send notices": DELIVER,
}


@pytest.fixture(scope="module")
def tables(engine):
    return create_all(engine)


@pytest.fixture(scope="module")
def folder(engine, tmp_path_factory):
    return tmp_path_factory.mktemp(engine.dialect.name)


@pytest.fixture(scope="module")
def lives(engine, tables, folder):
    """A nursery for the database."""
    warm_up = Life(number=1, folder=folder, requests=(*BEFORE, *ACTS.values()))
    with nursery(address_of(engine), warm_up) as opened:
        yield opened


def die_at_random(lives, life, chance):
    """Let a life begin, and end it somewhere in its first few acts."""
    process = lives.begin(life)
    line, deadline = chance.randrange(1, 100), time.monotonic() + PATIENCE
    while not life.diary.exists() or life.diary.read_bytes().count(b"\n") < line:
        assert time.monotonic() < deadline
        time.sleep(0.0002)
    time.sleep(chance.random() * 0.002)
    os.kill(process, signal.SIGKILL)
    assert lives.end() == signal.SIGKILL


def ask_again(witness, life):
    """Ask again for what a life asked for last, and see that it is done once."""
    asked = [int(line[1]) for line in life.lines() if line[0] == "asks"]
    if not asked:
        return
    request = next(islice(life.all_requests(), asked[-1], None))
    if getattr(request, "request_id", None) is None:
        return
    answers, passed = [], []
    for attempt in ("again", "and-again"):
        answers.append(witness.do(request, f"{attempt}{life.number}", life.now))
        witness.look()
        passed.append(witness.passed)
    assert as_first_given(answers[0]) == as_first_given(answers[1])
    assert passed[0] == passed[1]


def assert_acknowledged_is_kept(witness, life):
    """See that what a life said was done is answered as it was answered then."""
    done = [line[2] for line in life.lines() if line[0] == "done"]
    for answer, request in zip(done, life.all_requests(), strict=False):
        receipt = pickle.loads(bytes.fromhex(answer))  # noqa: S301  written by our own process
        if receipt is None or request == DELIVER:
            continue
        if getattr(request, "request_id", None) is None:
            assert receipt_is_kept(witness, receipt)
        else:
            assert receipt_of(witness.kept, request) == as_first_given(receipt)


def receipt_is_kept(witness, receipt):
    ended = {past.grant.id for _, _, ended in witness.kept.kept().values() for past in ended}
    return {grant.id for grant in receipt.ended} <= ended


def end_of_notices(witness, numbered):
    """Send what waits, and return how often each notice has arrived."""
    witness.wait_until(Life(number=numbered, folder=None).now)
    witness.kept.sharing.admin.deliver_notices()
    witness.look()
    assert waiting_in(witness.kept) == ()
    return Counter(witness.mailbox.ids())


def sent_at_death(life):
    """Return the notice that a life was sending when it died, if it was."""
    lines = life.lines()
    sends = [es.NoticeId(line[1]) for line in lines if line[0] == "sends"]
    return {sends[-1]} if {"sends", "sent"} & {line[0] for line in lines[-4:]} else set()


def test_a_hundred_kills_at_random_lose_nothing_and_leave_nothing_half_done(
    engine, tables, lives, folder
):
    chance, died_at, numbers = random.Random(1), Counter(), count(100)
    for _ in range(ROUNDS):
        witness, on_their_way = Witness(engine, tables, folder), set()
        for _ in range(LIVES_EACH):
            life = Life(number=next(numbers), folder=folder)
            die_at_random(lives, life, chance)
            witness.look()
            assert_acknowledged_is_kept(witness, life)
            ask_again(witness, life)
            died_at[life.lines()[-1][0]] += 1
            on_their_way |= sent_at_death(life)
        arrived = end_of_notices(witness, next(numbers))
        assert repeated(arrived) <= on_their_way
    assert died_at.total() == 100
    # Many of them died while they wrote.
    assert died_at["writes"] + died_at["commits"] >= 10
    assert died_at["reads"] >= 5


@pytest.mark.parametrize("name", ACTS)
def test_an_act_killed_at_each_step_is_done_exactly_from_its_commit_on(
    engine, tables, lives, folder, name
):
    died_at = []
    for line in count(1):
        witness = Witness(engine, tables, folder)
        for number, request in enumerate(BEFORE):
            assert witness.do(request, f"before{number}", START)
        witness.look()
        before = witness.kept.done()
        life = Life(number=line, folder=folder / name, requests=(ACTS[name],), dies_at=line)
        lives.begin(life)
        survived = not lives.end()
        witness.look()
        words = [each[0] for each in life.lines()]
        if name != "send notices":
            assert (len(witness.kept.done()) > len(before)) == ("returns" in words)
        assert_acknowledged_is_kept(witness, life)
        ask_again(witness, life)
        arrived = end_of_notices(witness, line + 1)
        assert repeated(arrived) <= sent_at_death(life)
        if survived:
            break
        died_at.append(words[-1])
    assert {"asks", "reads", "writes", "commits", "returns", "done"} <= set(died_at)


def look_for_ever(url, pipe):
    """Report accesses, each first one twice, and tell which returned."""
    sharing = open_sharing(engine_at(url))
    for number in count():
        for _ in range(2):
            sharing.record_access(es.UserId(f"user {number}"), CT, es.Permission.VIEW)
            pipe.send(number)


def test_an_access_that_was_acknowledged_survives_the_process(engine, tables):
    """The first access of a row is stored before its report returns."""
    chance, forked = random.Random(2), get_context("spawn")
    for _ in range(3):
        with engine.begin() as connection:
            connection.execute(tables.accesses.delete())
        here, there = forked.Pipe(duplex=False)
        process = forked.Process(target=look_for_ever, args=(address_of(engine), there))
        process.start()
        there.close()
        told = [here.recv() for _ in range(chance.randrange(2, 60))]
        time.sleep(chance.random() * 0.005)
        process.kill()
        process.join()
        with suppress(EOFError):
            while True:
                told.append(here.recv())
        found = open_sharing(engine).admin.accesses(exams=[CT], limit=1000).items
        kept = {int(each.user.value.split()[1]): each.count for each in found}
        # At most the last one was written without an answer.
        assert set(told) <= kept.keys() <= {*told, told[-1] + 1}
        # Each first access wrote the repeats before it.
        assert all(kept[number] == 2 for number in range(told[-1]))


RESTARTS = 3


def test_a_restart_of_postgresql_loses_nothing_and_leaves_nothing_half_done(
    mortal_server, tmp_path
):
    engine = sqlalchemy.create_engine(mortal_server.url)
    witness = Witness(engine, create_all(engine), tmp_path)
    load = Load(witness)
    with load.at_work():
        for _ in range(RESTARTS):
            load.wait_for_more_answers()
            mortal_server.restart()
    assert load.failed["act"] >= RESTARTS
    assert load.failed["check"] >= 1
    load.assert_nothing_is_lost(witness)
    engine.dispose()
