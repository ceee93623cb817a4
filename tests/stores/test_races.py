"""Two acts at once have the effect of one after the other, over a real database.

Specification: `#serial-order`.

> Two processes and sixteen threads hammer one database with shares, re-shares, unshares with
> cascade and group changes: the state satisfies every invariant, no grant exists that
> no order would have made, and replaying the acts in version order gives the same grants; every
> notice arrived by the mail server's own count, repeats only where a relay or a connection broke,
> and those under the same Message-ID.

What they leave must pass the tests that the threads of one process must pass in memory. Users and
groups are in the same database. Beside the threads, each process runs a relay, which sends real
mail to a server that refuses some of it and breaks some connections when it has taken the mail.
Over asyncpg, each thread has a task on the one event loop of its process.
"""

import asyncio
import random
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes
from functools import partial
from multiprocessing import get_context
from threading import Event
from uuid import uuid4

import attrs
import pytest
import sqlalchemy

from databases import address_of, engine_at
from exam_sharing import Permission, Policy, Refused, ShareNotice, Sharing
from exam_sharing.adapters import sqlalchemy as sql
from exam_sharing.adapters.smtp import MailServer, Security, Sender, SmtpNotifier
from exam_sharing.asynchronous import AsyncSharing
from exam_sharing.policy.retries import Done, Retries
from exam_sharing.ports import Notifier
from exam_sharing.relay import watch
from loops import InGreenlets, Loop, Synchronous
from mail_servers import Inbox, mail_server
from test_serial_order import (
    EXAMS,
    OTHERS,
    USERS,
    Portal,
    act_at_random,
    test_no_share_of_a_batch_is_half_done,
    test_replaying_the_trail_by_versions_gives_the_grants,
    test_the_order_of_the_trail_is_the_order_of_versions_without_gaps,
)
from watching import watched
from world import START

__all__ = [
    "test_no_share_of_a_batch_is_half_done",
    "test_replaying_the_trail_by_versions_gives_the_grants",
    "test_the_order_of_the_trail_is_the_order_of_versions_without_gaps",
]

PROCESSES, THREADS_EACH, ACTS_EACH = 2, 8, 16
PAUSE = timedelta(milliseconds=5)

PATIENT = Policy(retries=Retries(at_once=1_000, limit=None))
"""Tries again at once whatever failed: the clock stands still."""


class Unreliable:
    """The count of a mail server that accepts mail two times out of three.

    Attributes:
        taken: the Message-IDs of what it took, as often as it did.
        broken: of those, the ones after which it broke the connection without an answer.
    """

    def __init__(self):
        self.taken, self.broken, self._chance = Counter(), set(), random.Random(1)

    async def handle_DATA(self, server, _session, envelope):  # noqa: N802
        answer = self._chance.choice(("take", "take", "take", "take", "break", "refuse"))
        if answer == "refuse":
            return "451 try later"
        name = message_from_bytes(envelope.content)["Message-ID"]
        self.taken[name] += 1
        if answer == "break":
            self.broken.add(name)
            server.transport.abort()
        return "250 OK"


@attrs.define
class Noted:
    """What one process has seen between acts and ports.

    Attributes:
        done: how many acts were done.
        written: the notices that were written.
        dropped: the ids of those that a relay found no longer true.
    """

    done: int = 0
    written: list = attrs.Factory(list)
    dropped: set = attrs.Factory(set)

    def __call__(self, question, put):
        answer = put()
        if question == "writer.commit" and answer:
            self.written.extend(put.args[0].notices)
        if question == "outbox.settle" and put.args[1] is Done.DROPPED:
            self.dropped.add(put.args[0].notice.id)
        return answer


def sharing_over(engine, notifier, noted):
    """Return a `Sharing` and its directory, both in one database."""
    tables = sql.define_tables(sqlalchemy.MetaData())
    directory = sql.SqlDirectory(engine, tables.directory)
    ports = sql.sql_ports(sql.SqlStore.over(engine), directory=directory, notifier=notifier)
    sharing = Sharing(
        policy=PATIENT,
        ports=watched(ports, noted),
        clock=lambda: START,
        new_id=lambda: str(uuid4()),
        sends_at_once=False,
    )
    return sharing, directory


def mail_to(port):
    server = MailServer(host="127.0.0.1", port=port, security=Security.NONE)
    return SmtpNotifier(server=server, sender=Sender(address="portal@clinic.example"))


@contextmanager
def in_threads(url, isolation, port, noted):
    """Yield a `Sharing`, its directory, and a relay that runs until an event is set."""
    engine = engine_at(url, isolation_level=isolation)
    sharing, directory = sharing_over(engine, mail_to(port), noted)
    yield sharing, directory, lambda stop: watch(sharing, stop=stop, pause=PAUSE)
    engine.dispose()


@contextmanager
def on_a_loop(url, isolation, port, noted):
    """Yield the same for threads, each of which has a task on one event loop."""
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.util import greenlet_spawn

    from exam_sharing.adapters.sqlalchemy import asynchronous

    loop, engine = Loop(), create_async_engine(url, isolation_level=isolation)
    bridge = asynchronous._GreenletBridge()
    mail = bridge.port(mail_to(port), Notifier)
    opened, directory = loop.run(asynchronous.run_sync(engine, sharing_over, mail, noted))
    sharing = AsyncSharing(opened, bridge)

    async def relay(stop):
        relaying = asyncio.ensure_future(sharing.relay(pause=PAUSE))
        await asyncio.to_thread(stop.wait)
        relaying.cancel()
        await asyncio.wait([relaying])
        assert relaying.cancelled()

    people = InGreenlets(loop, greenlet_spawn, directory)
    yield Synchronous(loop, sharing), people, lambda stop: loop.run(relay(stop))
    loop.run(engine.dispose())
    loop.close()


def hammer(url, isolation, port, process):
    """Act at random in many threads, as one of several processes, and relay beside them."""
    noted, acted = Noted(), Event()
    opened = on_a_loop if "asyncpg" in url else in_threads

    def work(sharing, directory, thread):
        chance, done = random.Random(THREADS_EACH * process + thread), 0
        for _ in range(ACTS_EACH):
            try:
                act_at_random(sharing, directory, chance)
                done += 1
            except Refused:
                continue
        return done

    with (
        ThreadPoolExecutor(THREADS_EACH + 1) as pool,
        opened(url, isolation, port, noted) as (sharing, directory, relay),
    ):
        relaying = pool.submit(relay, acted)
        try:
            acting = partial(work, sharing, directory)
            noted.done = sum(pool.map(acting, range(THREADS_EACH)))
        finally:
            acted.set()
        relaying.result()
    return noted


@attrs.frozen
class Hammered:
    """A database after all of them have acted, once no notice waited any more."""

    engine: sqlalchemy.Engine
    mail: Unreliable
    noted: list


@pytest.fixture(
    scope="module",
    params=[
        ("sqlite", "SERIALIZABLE"),
        ("postgresql", "READ COMMITTED"),
        ("asyncpg", "SERIALIZABLE"),
    ],
    ids=" ".join,
)
def hammered(request, open_store_on):
    name, isolation = request.param
    if name == "asyncpg":
        pytest.importorskip("asyncpg", reason="no asyncpg")
        pytest.importorskip("greenlet", reason="no greenlet: install sqlalchemy[asyncio]")
    engine = request.getfixturevalue("postgresql" if name == "asyncpg" else name)
    tables = sql.create_all(engine)
    people = sql.SqlDirectory(engine, tables.directory)
    Portal(store=open_store_on(engine, tables)(), directory=people)
    engine.dispose()
    url = address_of(engine)
    if name == "asyncpg":
        url = url.replace("+psycopg:", "+asyncpg:", 1)
    mail = Unreliable()
    with mail_server(mail) as port:
        act = partial(hammer, url, isolation, port)
        with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
            noted = list(pool.map(act, range(PROCESSES)))
        noted.append(Noted())
        sharing, _ = sharing_over(engine, mail_to(port), noted[-1])
        # A notice that two tries may have sent is given up, and did arrive.
        while sharing.admin.list_notices(given_up=False).items:
            sharing.admin.deliver_notices()
    assert min(each.done for each in noted[:-1]) > ACTS_EACH
    return Hammered(engine, mail, noted)


@pytest.fixture(scope="module")
def store(hammered):
    return sql.SqlStore.over(hammered.engine)


def test_lists_and_checks_agree_for_everybody(hammered):
    sharing = sql.open_sharing(hammered.engine, clock=lambda: START)
    assert any(sharing.shared_with(user).items for user in OTHERS)
    for user in USERS:
        for permission in Permission:
            seen = sharing.visible_to(user).items
            listed = {each.exam for each in seen if each.permission >= permission}
            assert listed == {exam for exam in EXAMS if sharing.can(user, permission, exam)}
            assert listed == sharing.can_many(user, permission, EXAMS)


def test_every_notice_arrives_and_repeats_only_after_a_broken_connection(hammered):
    written = [notice for each in hammered.noted for notice in each.written]
    dropped = {notice for each in hammered.noted for notice in each.dropped}
    names = message_ids(written)
    assert len(set(names.values())) == len(written) > THREADS_EACH
    arrived, broken = hammered.mail.taken, hammered.mail.broken
    assert arrived.keys() <= set(names.values())
    assert {each for each, name in names.items() if name not in arrived} <= dropped
    assert {name for name, times in arrived.items() if times > 1} <= broken
    assert broken


def message_ids(notices):
    """Return under which Message-ID each notice is sent, by its id."""
    names, inbox = {}, Inbox()
    with mail_server(inbox) as port:
        for notice in notices:
            mail_to(port).send(
                ShareNotice(
                    id=notice.id,
                    to=notice.to,
                    address="someone@example.org",
                    actor=notice.actor,
                    exams=1,
                    permission=Permission.VIEW,
                    until=None,
                    message=None,
                )
            )
            names[notice.id] = inbox.parsed()["Message-ID"]
    return names
