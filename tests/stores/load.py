"""Clients, a relay and a reader over a database whose server goes away under them.

What was under way fails with `StoreFailed`. Clients then ask again with the same request id, until
there is an answer.
"""

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import attrs
from lives import PATIENCE, as_first_given, receipt_of, waiting_in

import exam_sharing as es
from test_serial_order import EXAMS, OWNER, SECOND, START, something
from world import DAY

CLIENTS = 4
MORE = 20
"""How many acts are answered before and after the server goes away."""

STRANGER = es.UserId("stranger")


def repeated(arrived):
    """Return what arrived more than once."""
    return {notice for notice, times in arrived.items() if times > 1}


class Load:
    """Clients, a relay and a reader, all at once until they are stopped.

    Attributes:
        failed: how often something was under way when the server went, by what it was.
        answers: what the acts came to, each with its request.
        reader: what answers the checks.
        sent: the notices that were sent when the relay failed, and may be sent again.
    """

    def __init__(self, witness, reader=None):
        self.portal, self.mailbox = witness.kept, witness.mailbox
        self.reader = reader or self.portal.sharing
        self.portal.directory.add(es.User(id=STRANGER, name="Stranger"))
        self.stopped = Event()
        self.failed, self.answers, self.sent = Counter(), [], set()

    def act(self, client):
        """Act at random; ask again whatever failed, until there is an answer."""
        chance, number = random.Random(client), 0
        while not self.stopped.is_set():
            number += 1
            request = something(chance, [es.GrantId("none")])
            if not isinstance(request, es.ShareRequest | es.UnshareRequest | es.NarrowRequest):
                continue
            request = attrs.evolve(request, request_id=f"{client} {number}")
            now = START + number * SECOND
            answer = self.answer_in_the_end(request, f"{client}x{number}", now)
            self.answers.append((request, answer))

    def answer_in_the_end(self, request, act, now):
        while True:
            with self.lost("act"):
                return self.portal.do(request, act, now)

    @contextmanager
    def lost(self, what):
        """Count what was under way when the server went."""
        try:
            yield
        except es.StoreFailed:
            self.failed[what] += 1
            if what == "delivery":
                self.sent |= {*self.mailbox.ids()[-1:]}
            time.sleep(0.01)

    def wait_for_more_answers(self):
        enough, deadline = len(self.answers) + MORE, time.monotonic() + PATIENCE
        while len(self.answers) < enough:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def relay(self):
        self.portal.own.now = START
        while not self.stopped.is_set():
            with self.lost("delivery"):
                self.portal.sharing.admin.deliver_notices()
                time.sleep(0.005)

    def look(self):
        """Ask for the owner and for somebody to whom nothing is ever given."""
        self.portal.own.now, sharing = START, self.reader
        while not self.stopped.is_set():
            with self.lost("check"):
                assert not sharing.can(STRANGER, es.Permission.VIEW, EXAMS[0])
                assert sharing.can(OWNER, es.Permission.VIEW, EXAMS[0])
                assert sharing.can_many(STRANGER, es.Permission.VIEW, EXAMS) == set()
                assert sharing.visible_to(STRANGER).items == ()

    @contextmanager
    def at_work(self):
        """Let all of them work until the end of the context."""
        with ThreadPoolExecutor(CLIENTS + 2) as pool:
            running = [pool.submit(self.act, client) for client in range(CLIENTS)]
            running += [pool.submit(self.relay), pool.submit(self.look)]
            try:
                yield
                self.wait_for_more_answers()
            finally:
                self.stopped.set()
            for each in running:
                each.result()

    def assert_nothing_is_lost(self, witness):
        """See that all that was acknowledged is there, whole, and that every notice arrives."""
        witness.look()
        assert any(answer is not None for _, answer in self.answers)
        for request, answer in self.answers:
            if answer is not None:
                assert receipt_of(witness.kept, request) == as_first_given(answer)
        witness.wait_until(START + DAY)
        witness.kept.sharing.admin.deliver_notices()
        witness.look()
        assert waiting_in(witness.kept) == ()
        assert repeated(Counter(witness.mailbox.ids())) <= self.sent
