"""A store that cannot be tested is not reported as one that breaks a law."""

from contextlib import asynccontextmanager, contextmanager

import attrs
import pytest

from exam_sharing import StoreFailed
from exam_sharing.memory import MemoryStore, memory_ports
from exam_sharing.testing import StoreNotUsable
from exam_sharing.testing.laws import store_laws
from exam_sharing.testing.opening import opened, require_isolated


class Closing(MemoryStore):
    def __enter__(self):
        return self

    def __exit__(self, *_):
        raise NotImplementedError


class AnswersLater(MemoryStore):
    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass


def problem_with(open_store):
    with pytest.raises(StoreNotUsable) as caught, opened(open_store):
        pytest.fail("it was opened")
    return str(caught.value)


@pytest.mark.parametrize("open_store", [MemoryStore, memory_ports, Closing, AnswersLater])
def test_a_store_may_have_the_ports_or_be_them(open_store):
    with opened(open_store) as ports:
        assert ports.exams.find(()) == ()
        assert ports.outbox.listed(None, 1, given_up=None) == ()
        assert isinstance(ports.store, type(open_store()))


def test_a_store_in_a_context_manager_is_closed_after_each_use():
    closed = []

    @contextmanager
    def open_store():
        store = MemoryStore()
        yield store
        closed.append(store)

    with opened(open_store) as ports:
        assert not closed
    assert closed == [ports.store]


def test_an_error_of_closing_does_not_hide_a_broken_law():
    closed = []

    @contextmanager
    def open_store():
        try:
            yield MemoryStore()
        finally:
            closed.append(True)
            raise OSError

    with pytest.raises(AssertionError, match="a law"), opened(open_store):
        raise AssertionError("a law")
    assert closed


def test_a_store_that_cannot_be_closed_is_not_usable():
    @contextmanager
    def open_store():
        yield MemoryStore()
        raise OSError

    with (
        pytest.raises(StoreNotUsable, match="could not close its store: OSError"),
        opened(open_store) as ports,
    ):
        ports.exams.find(())


def connects():
    raise RuntimeError("the password is wrong for patient Doe")


def fails_to_connect():
    return connects()


@contextmanager
def opens_badly():
    connects()
    yield


@pytest.mark.parametrize("open_store", [fails_to_connect, opens_badly])
def test_an_error_of_open_store_is_reported_with_its_deepest_line_and_without_its_words(open_store):
    line = connects.__code__.co_firstlineno + 1
    assert problem_with(open_store) == (
        f"open_store raised RuntimeError in test_opening.py, line {line};"
        " call open_store() yourself to see the message"
    )


class HalfWriter:
    def commit(self, changes):
        return False


class AsyncMethods(MemoryStore):
    async def holds(self, *_):
        return True


class AsyncGenerators(MemoryStore):
    async def find(self, exams):
        for exam in exams:
            yield exam


class WithOutbox(MemoryStore):
    """The class itself has every port, too."""

    claim = settle = listed = requeue = MemoryStore.find


async def coroutine():
    return MemoryStore()


def generator():
    yield MemoryStore()


async def async_generator():
    yield MemoryStore()


@contextmanager
def forgets_the_call():
    yield WithOutbox


SYNCHRONOUS = "; the kit tests synchronous stores"


@pytest.mark.parametrize(
    ("open_store", "problem"),
    [
        (lambda: None, "returned NoneType, which has no port of a store"),
        (dict, "returned dict, which has no port of a store"),
        (MemoryStore(), "must be callable, not MemoryStore"),
        (
            lambda: attrs.evolve(memory_ports(), writer=HalfWriter()),
            "returned Ports, which lacks writer.locked, writer.step_aside",
        ),
        (lambda url: MemoryStore(), "must take no argument"),
        (dict.fromkeys, "must take no argument"),
        (coroutine, f"is a coroutine function{SYNCHRONOUS}"),
        (async_generator, f"is an asynchronous generator{SYNCHRONOUS}"),
        (generator, "is a generator; decorate it with contextlib.contextmanager"),
        (
            asynccontextmanager(async_generator),
            f"returned _AsyncGeneratorContextManager, which is asynchronous{SYNCHRONOUS}",
        ),
        (
            AsyncMethods,
            f"returned AsyncMethods, whose access.holds is a coroutine function{SYNCHRONOUS}",
        ),
        (
            AsyncGenerators,
            f"returned AsyncGenerators, whose exams.find is an asynchronous generator{SYNCHRONOUS}",
        ),
        (lambda: MemoryStore, "returned the class MemoryStore instead of calling it"),
        (forgets_the_call, "returned the class WithOutbox instead of calling it"),
    ],
)
def test_an_open_store_that_returns_no_store_is_not_usable(open_store, problem):
    assert problem_with(open_store) == f"open_store {problem}"


def test_the_same_store_on_each_call_is_not_isolated():
    store = MemoryStore()
    with pytest.raises(StoreNotUsable) as caught:
        require_isolated(lambda: store)
    assert caught.value.problem.endswith(
        "from the one before: "
        "exams, versions, grants, ended grants, withdrawn exams, receipts, notices"
    )


def with_shared(attribute):
    """Return what opens new stores that share one attribute."""
    shared = getattr(MemoryStore(), attribute)

    def open_store():
        store = MemoryStore()
        setattr(store, attribute, shared)
        return store

    return open_store


@pytest.mark.parametrize(
    ("attribute", "capability", "left"),
    [
        ("_trail", {"events": MemoryStore.events}, "events"),
        ("_shares", {"share_record": MemoryStore.share_record}, "records of shares"),
    ],
)
def test_a_part_that_a_capability_reads_is_probed_with_the_capability(attribute, capability, left):
    open_store = with_shared(attribute)
    for law in store_laws(open_store, **capability):
        with pytest.raises(StoreNotUsable, match=rf"from the one before: {left}$"):
            law.check()
    require_isolated(open_store)


def test_the_probe_uploads_in_the_way_of_the_store():
    class OfAHost(MemoryStore):
        def add(self, batch, exams):
            raise NotImplementedError

        def arrive(self, batch, exams):
            MemoryStore.add(self, batch, exams)

    store = OfAHost()
    first, *_ = store_laws(lambda: store, upload=OfAHost.arrive)
    with pytest.raises(StoreNotUsable, match="from the one before: exams, versions, grants"):
        first.check()


class CountsFromOne(MemoryStore):
    """Every exam has a version too many and is withdrawn."""

    def read(self, exams, *, ended):
        found = super().read(exams, ended=ended)
        return {
            exam: attrs.evolve(sharing, version=sharing.version + 1, withdrawn=True)
            for exam, sharing in found.items()
        }


class Unwritable(MemoryStore):
    def commit(self, changes):
        raise StoreFailed("the disk is full")

    def find(self, exams):
        raise StoreFailed("the disk is gone")


@pytest.mark.parametrize("open_store", [CountsFromOne, Unwritable])
def test_a_store_that_answers_wrongly_is_left_to_the_laws(open_store):
    require_isolated(open_store)
