"""`AsyncSharing` does for an event loop what `Sharing` does, in memory."""

import asyncio
import inspect
import threading
import time
from contextlib import suppress
from datetime import timedelta

import pytest

import exam_sharing as es
from exam_sharing import bridge
from exam_sharing.admin import Admin
from exam_sharing.asynchronous import AsyncAdmin, AsyncSharing, AsyncViewer
from exam_sharing.bridge import ThreadBridge
from exam_sharing.memory import MemoryDirectory, MemoryNotifier, memory_ports, open_sharing
from exam_sharing.memory.asynchronous import open_async_sharing
from exam_sharing.ports import Directory
from exam_sharing.testing.cases import cases, over_sharing, run
from loops import Loop, Synchronous, methods_of, with_coroutines
from world import ANNA, BEN, CT, DAY, START, VIEW, World

TWINS = {es.Sharing: AsyncSharing, es.Viewer: AsyncViewer, Admin: AsyncAdmin}
OF_AN_EVENT_LOOP = {"run", "relay"}


def public_methods(cls):
    return {
        name: method
        for name, method in inspect.getmembers(cls, inspect.isfunction)
        if not name.startswith("_")
    }


@pytest.mark.parametrize(("cls", "twin"), TWINS.items(), ids=lambda cls: cls.__name__)
def test_each_method_has_an_awaitable_twin_with_its_parameters_and_summary(cls, twin):
    synchronous, asynchronous = public_methods(cls), public_methods(twin)
    assert synchronous.keys() == asynchronous.keys() - OF_AN_EVENT_LOOP
    for name, method in synchronous.items():
        other = asynchronous[name]
        assert inspect.iscoroutinefunction(other), name
        ours, theirs = inspect.signature(method), inspect.signature(other)
        assert ours.parameters == theirs.parameters or name == "deliver_notices", name
        assert list(ours.parameters) == list(theirs.parameters), name
        if name != "viewer":
            assert ours.return_annotation == theirs.return_annotation, name
        assert inspect.getdoc(method).split("\n")[0] == inspect.getdoc(other).split("\n")[0], name


@pytest.fixture(scope="module")
def loop():
    running = Loop()
    yield running
    running.close()


def test_cases_pass_over_an_event_loop(loop):
    open_portal = over_sharing(lambda **parts: Synchronous(loop, open_async_sharing(**parts)))
    failed = {case["name"]: run(case, open_portal) for case in cases()[::3]}
    assert {name: found for name, found in failed.items() if found} == {}


def share(**more):
    return es.ShareRequest(actor=ANNA, exam=CT, recipients=(BEN,), attested=True, **more)


class Facts:
    def about(self, request, exams):
        return "refused" if request.message == "no" else None


IF_THE_HOST_REFUSES = es.HostRule(
    code="HOST", statement="The host refuses.", refuses=lambda *known: known[-1] == "refused"
)


def test_ports_with_coroutines_run_on_the_event_loop():
    world, on_loop = World(), set()
    notifier = MemoryNotifier()

    async def main():
        sharing = open_async_sharing(
            directory=with_coroutines(world.directory, on_loop),
            notifier=with_coroutines(notifier, on_loop),
            host_facts=with_coroutines(Facts(), on_loop),
            policy=es.Policy(host_rules=[IF_THE_HOST_REFUSES]),
            store=world.store,
            clock=world.clock,
        )
        with pytest.raises(es.Refused, match="HOST"):
            await sharing.share(share(message="no"))
        receipt = await sharing.share(share())
        viewer = await sharing.viewer(BEN)
        assert viewer.user == BEN
        assert viewer.principals == world.sharing.viewer(BEN).principals
        assert await viewer.can(VIEW, CT)
        assert await viewer.can_many(VIEW, [CT]) == {CT}
        assert await viewer.shared_with() == await sharing.shared_with(BEN)
        assert await viewer.visible_to() == await sharing.visible_to(BEN)
        assert await sharing.can_many(BEN, VIEW, [CT]) == {CT}
        page = await sharing.share_page(BEN, CT)
        assert page.tabs == await sharing.tabs(BEN, CT) != frozenset()
        assert sharing.policy.host_rules == (IF_THE_HOST_REFUSES,)
        assert on_loop == {threading.current_thread()}
        return receipt

    receipt = asyncio.run(main())
    assert world.sharing.can(BEN, VIEW, CT)
    assert [notice.to for notice in notifier.sent] == [BEN]
    assert receipt.outcomes[0].recipient == BEN


def test_accesses_are_recorded_shown_and_purged():
    world = World()

    async def main():
        sharing = AsyncSharing(world.sharing)
        for _ in range(2):
            await sharing.record_access(ANNA, CT, VIEW, "TREATMENT", "viewer")
        assert await sharing.admin.flush_accesses() == 1
        assert [each.count for each in (await sharing.accesses(ANNA, CT)).items] == [2]
        assert [each.count for each in (await sharing.admin.accesses(exams=[CT])).items] == [2]
        found = await sharing.admin.disclosures(
            [CT], START, START + DAY, counts=lambda access: access.purpose == "TREATMENT"
        )
        assert [each.count for each in found] == [2]
        world.wait(DAY)
        purge = sharing.admin.purge_accesses
        return await purge(before=world.now, performed_by="archive", why="old")

    assert asyncio.run(main()) == 1


def test_acts_run_beside_the_event_loop():
    world, threads = World(), []

    async def main():
        sharing = AsyncSharing(world.sharing)
        await sharing.run(lambda _: threads.append(threading.get_ident()))
        return await sharing.run(es.Sharing.can, ANNA, VIEW, CT)

    assert asyncio.run(main())
    assert threads != [threading.get_ident()]


def test_a_port_that_lacks_a_method_is_reported_by_its_own_name():
    class Half:
        async def principals_of(self, user):
            return frozenset()

    with pytest.raises(es.InvalidValue, match="Half lacks listed, members_seen_by"):
        open_async_sharing(directory=Half())
    with pytest.raises(es.InvalidValue, match="must be an instance, not the class Half"):
        open_async_sharing(directory=Half)

    class Inherits(Directory):
        async def principals_of(self, user):
            return frozenset()

    with pytest.raises(es.InvalidValue, match="Inherits lacks listed"):
        open_async_sharing(directory=Inherits())


def test_a_port_with_coroutines_works_by_an_async_sharing_alone():
    directory = ThreadBridge().port(with_coroutines(MemoryDirectory(), set()), Directory)
    with pytest.raises(es.CallerError, match="by an AsyncSharing alone"):
        open_sharing(directory=directory).can(BEN, VIEW, CT)


class Soon:
    """An awaitable that is no coroutine."""

    def __init__(self, answer):
        self.answer = answer

    def __await__(self):
        yield
        return self.answer


def test_a_port_may_mix_plain_methods_coroutines_and_other_awaitables():
    world = World()
    methods = methods_of(with_coroutines(world.directory, set()))
    methods |= {"names": world.directory.names}
    methods |= {"principals_of": lambda user: Soon(world.directory.principals_of(user))}
    directory = type("Mixed", (), {name: staticmethod(m) for name, m in methods.items()})()

    async def main():
        sharing = open_async_sharing(directory=directory, store=world.store, clock=world.clock)
        await sharing.share(share())
        assert await sharing.can(BEN, VIEW, CT)
        assert await sharing.names(ANNA, [BEN]) == {BEN: "Ben"}

    asyncio.run(main())
    port = ThreadBridge().port(directory, Directory)
    with pytest.raises(es.CallerError, match="by an AsyncSharing alone"):
        port.principals_of(BEN)


@pytest.mark.parametrize("given", [(5,), (World().sharing, 5)])
def test_an_async_sharing_takes_a_sharing_and_a_bridge(given):
    with pytest.raises(es.WrongKind):
        AsyncSharing(*given)


async def never(*_asked, **_more):
    await asyncio.Event().wait()


def never_answering(world):
    """Return an `AsyncSharing` whose directory never answers."""
    methods = dict.fromkeys(methods_of(world.directory), staticmethod(never))
    directory = type("Never", (), methods)()
    return open_async_sharing(directory=directory, store=world.store, clock=world.clock)


def noting(errors, ready=None):
    """Return a call that checks a permission, once it is ready, and notes the error."""

    def check(sharing):
        if ready is not None:
            ready.wait(10)
        try:
            sharing.can(BEN, VIEW, CT)
        except BaseException as error:  # noqa: BLE001  whatever ends the call
            errors.append(error)

    return check


def until(is_so):
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.001)


async def begin(call):
    sharing = never_answering(World())
    task = asyncio.ensure_future(sharing.run(call))
    await asyncio.sleep(0.02)
    return task


def test_a_call_that_waits_for_a_coroutine_ends_with_its_event_loop():
    errors = []
    asyncio.run(begin(noting(errors)))
    until(lambda: errors)
    assert [type(each).__name__ for each in errors] == ["CancelledError"]


def test_a_call_that_needs_a_coroutine_after_its_event_loop_was_closed_fails():
    errors, ready, loop = [], threading.Event(), asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)  # Tasks are lost with such a loop.
    lost = loop.run_until_complete(begin(noting(errors, ready)))
    loop.close()
    ready.set()
    until(lambda: errors)
    assert [str(each) for each in errors] == ["the event loop was closed during an act"]
    del lost


def test_a_call_that_waits_for_a_coroutine_ends_when_its_event_loop_is_closed_roughly(monkeypatch):
    monkeypatch.setattr(bridge, "_BETWEEN_LOOKS", 0.01)
    errors, loop = [], asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)  # Tasks are lost with such a loop.
    lost = loop.run_until_complete(begin(noting(errors)))
    loop.close()
    until(lambda: errors)
    assert [str(each) for each in errors] == ["the event loop was closed during an act"]
    del lost


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("cancels", [1, 2])
def test_a_cancelled_call_ends_with_its_thread(cancels, fails):
    begun, ready, ended = threading.Event(), threading.Event(), []

    def call(_sharing):
        begun.set()
        ready.wait(10)
        ended.append(True)
        if fails:
            raise es.StoreFailed("the database does not answer")

    async def main():
        task = asyncio.ensure_future(AsyncSharing(World().sharing).run(call))
        await asyncio.to_thread(begun.wait, 10)
        for _ in range(cancels):
            task.cancel()
            await asyncio.sleep(0.01)
        assert not task.done()
        ready.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended == [True]

    asyncio.run(main())


class SlowNotifier(MemoryNotifier):
    """Takes its time for each notice."""

    def __init__(self):
        super().__init__()
        self.begun = threading.Event()

    def send(self, notice):
        self.begun.set()
        time.sleep(0.1)
        super().send(notice)


def with_a_waiting_notice(notifier):
    """Return a sharing in which a notice to Ben waits."""
    world = World()
    sharing = es.Sharing(
        policy=es.Policy(),
        ports=memory_ports(store=world.store, directory=world.directory, notifier=notifier),
        clock=world.clock,
        new_id=lambda: "waits",
        sends_at_once=False,
    )
    sharing.share(share())
    return AsyncSharing(sharing)


def test_a_relay_that_is_cancelled_first_sends_what_it_has_claimed():
    notifier = SlowNotifier()
    sharing = with_a_waiting_notice(notifier)

    async def main():
        relay = asyncio.create_task(sharing.relay(pause=timedelta(hours=1)))
        await asyncio.to_thread(notifier.begun.wait, 10)
        relay.cancel()
        with pytest.raises(asyncio.CancelledError):
            await relay
        assert [notice.to for notice in notifier.sent] == [BEN]
        assert not (await sharing.admin.list_notices()).items

    asyncio.run(main())


def test_a_relay_sends_until_it_is_cancelled_in_its_pause():
    notifier, rounds = MemoryNotifier(), []
    sharing = with_a_waiting_notice(notifier)

    async def main():
        loop, enough = asyncio.get_running_loop(), asyncio.Event()

        def note(sent):
            rounds.append(sent)
            if len(rounds) > 2:
                loop.call_soon_threadsafe(enough.set)

        pause = timedelta(milliseconds=5)
        relay = asyncio.create_task(sharing.relay(pause=pause, delivered=note))
        await asyncio.wait_for(enough.wait(), 10)
        relay.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait_for(relay, 10)
        assert relay.cancelled()

    asyncio.run(main())
    assert rounds[:2] == [1, 0]
    assert [notice.to for notice in notifier.sent] == [BEN]


def test_a_relay_ends_with_an_error_that_is_no_failure_of_the_store():
    async def main():
        await AsyncSharing(World().sharing).relay(pause=timedelta(0))

    with pytest.raises(es.InvalidValue, match="pause must be positive"):
        asyncio.run(main())


def test_every_method_of_admin_is_awaited():
    world = World()

    async def main():
        admin = AsyncSharing(world.sharing).admin
        sharing = AsyncSharing(world.sharing)
        await sharing.share(share())
        assert isinstance(await admin.explain(BEN, VIEW, CT), es.Permitted)
        assert {each.user for each in await admin.who_can(VIEW, CT)} >= {ANNA, BEN}
        assert (await admin.access_at(CT, world.now)).owner == ANNA
        assert len((await admin.graph(CT)).grants) == len((await sharing.graph(BEN, CT)).grants)
        assert (await admin.history(exam=CT, limit=1)).items
        assert await admin.deliver_notices() == 0
        assert await admin.requeue_notices() == 0
        ended = await admin.end_by_host(recipient=BEN, performed_by="root", why="left")
        assert [each.recipient for each in ended.ended] == [BEN]
        await admin.withdraw(CT, performed_by="root", why="wrong patient")
        assert not await sharing.can(ANNA, VIEW, CT)
        world.directory.remove(BEN)
        assert await admin.replace_name(BEN, "x", performed_by="root", why="request 17") == 1

    asyncio.run(main())
