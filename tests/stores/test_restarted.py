"""A PostgreSQL that crashes under load, and is started again, takes nothing with it.

> PostgreSQL restarted under load: nothing acknowledged is lost, nothing is half done, no notice is
> lost.

What was under way fails with `StoreFailed`, and asking again with the same request id tells whether
it was done. Nobody does anything for the engine, whose pool is full of connections that are dead.
"""

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import attrs
import sqlalchemy
from witness import PATIENCE, Witness, as_first_given, receipt_of, repeated, waiting_in

from exam_sharing import (
    GrantId,
    NarrowRequest,
    Permission,
    ShareRequest,
    StoreFailed,
    UnshareRequest,
    User,
    UserId,
)
from exam_sharing.adapters.sqlalchemy import create_all
from test_serial_order import EXAMS, OWNER, SECOND, START, something
from world import DAY

CLIENTS, RESTARTS = 4, 3
MORE = 20
"""How many acts are answered between a restart and the next one."""

STRANGER = UserId("stranger")


class Load:
    """Clients, a relay and somebody who looks, all at once until told to stop.

    Attributes:
        failed: how often something was under way when the server went, by what it was.
        answers: what the acts came to, each with its request.
        sent: the notices that were sent when the relay failed, and may be sent again.
    """

    def __init__(self, witness):
        self.portal, self.mailbox = witness.kept, witness.mailbox
        self.portal.directory.add(User(id=STRANGER, name="Stranger"))
        self.stopped = Event()
        self.failed, self.answers, self.sent = Counter(), [], set()

    def act(self, client):
        """Act at random; ask again whatever failed, until there is an answer."""
        chance, number = random.Random(client), 0
        while not self.stopped.is_set():
            number += 1
            request = something(chance, [GrantId("none")])
            if not isinstance(request, ShareRequest | UnshareRequest | NarrowRequest):
                continue
            request = attrs.evolve(request, request_id=f"{client} {number}")
            now = START + number * SECOND
            answer = self.answer_in_the_end(request, f"{client}x{number}", now)
            self.answers.append((request, answer))

    def answer_in_the_end(self, request, act, now):
        while True:
            try:
                return self.portal.do(request, act, now)
            except StoreFailed:
                self.failed["act"] += 1
                time.sleep(0.01)

    def wait_for_more_answers(self):
        enough, deadline = len(self.answers) + MORE, time.monotonic() + PATIENCE
        while len(self.answers) < enough:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def relay(self):
        self.portal.own.now = START
        while not self.stopped.is_set():
            try:
                self.portal.sharing.admin.deliver_notices()
                time.sleep(0.005)
            except StoreFailed:
                self.failed["delivery"] += 1
                self.sent |= {*self.mailbox.ids()[-1:]}
                time.sleep(0.01)

    def look(self):
        """Ask for the owner and for somebody to whom nothing is ever given."""
        self.portal.own.now = START
        while not self.stopped.is_set():
            try:
                assert not self.portal.sharing.can(STRANGER, Permission.VIEW, EXAMS[0])
                assert self.portal.sharing.can(OWNER, Permission.VIEW, EXAMS[0])
                assert self.portal.sharing.can_many(STRANGER, Permission.VIEW, EXAMS) == set()
                assert self.portal.sharing.visible_to(STRANGER).items == ()
            except StoreFailed:
                self.failed["check"] += 1


def test_a_postgresql_restarted_under_load_has_lost_nothing_and_holds_nothing_half_done(
    mortal_server, tmp_path
):
    engine = sqlalchemy.create_engine(mortal_server.url)
    witness = Witness(engine, create_all(engine), tmp_path)
    load = Load(witness)
    with ThreadPoolExecutor(CLIENTS + 2) as pool:
        running = [pool.submit(load.act, client) for client in range(CLIENTS)]
        running += [pool.submit(load.relay), pool.submit(load.look)]
        try:
            for _ in range(RESTARTS):
                load.wait_for_more_answers()
                mortal_server.restart()
            load.wait_for_more_answers()
        finally:
            load.stopped.set()
        for each in running:
            each.result()

    assert load.failed["act"] >= RESTARTS
    assert load.failed["check"] >= 1
    witness.look()
    assert any(answer is not None for _, answer in load.answers)
    for request, answer in load.answers:
        if answer is not None:
            assert receipt_of(witness.kept, request) == as_first_given(answer)
    witness.wait_until(START + DAY)
    witness.kept.sharing.admin.deliver_notices()
    witness.look()
    assert waiting_in(witness.kept) == ()
    assert repeated(Counter(witness.mailbox.ids())) <= load.sent
    engine.dispose()
