"""A store that cannot be tested is told apart from one that breaks a law."""

from contextlib import asynccontextmanager, contextmanager

import attrs
import pytest

from exam_sharing import StoreFailed
from exam_sharing.memory import MemoryStore, memory_ports
from exam_sharing.ports import ExamReader
from exam_sharing.testing import StoreNotUsable
from exam_sharing.testing.isolation import require_isolated
from exam_sharing.testing.laws import store_laws
from exam_sharing.testing.opening import opened


class Closing(MemoryStore):
    closed = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed = True


def problem_with(open_store):
    with pytest.raises(StoreNotUsable) as caught, opened(open_store):
        pytest.fail("it was opened")
    return str(caught.value)


@pytest.mark.parametrize("open_store", [MemoryStore, memory_ports])
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


def test_a_store_that_closes_itself_is_taken_as_it_is():
    with opened(Closing) as ports:
        assert isinstance(ports.exams, Closing)


def test_a_store_is_closed_when_what_is_done_with_it_fails():
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


def raised(problem):
    told, _, rest = problem.partition(", line ")
    line, _, advice = rest.partition("; ")
    assert int(line) > 1
    assert advice == "call open_store() yourself to see what it says"
    return told


def test_what_raises_is_named_with_its_place_and_its_words_are_not_repeated():
    def open_store():
        raise StoreFailed("the password is wrong for patient Doe")

    assert raised(problem_with(open_store)) == "open_store raised StoreFailed in test_opening.py"

    @contextmanager
    def opens_badly():
        raise OSError
        yield

    assert raised(problem_with(opens_badly)) == "open_store raised OSError in test_opening.py"


def test_what_raises_is_named_with_the_line_that_does_and_not_with_those_that_led_to_it():
    def connects():
        raise RuntimeError

    def open_store():
        return connects()

    line = connects.__code__.co_firstlineno + 1
    assert f"raised RuntimeError in test_opening.py, line {line};" in problem_with(open_store)


def test_what_is_no_store_is_told_by_what_it_lacks():
    assert problem_with(lambda: None).endswith("gave NoneType, which answers no port of a store")
    assert problem_with(MemoryStore()) == "open_store must be callable, not MemoryStore"


def test_a_port_that_lacks_a_method_is_told_by_that_method():
    class Half(ExamReader):
        def find(self, exams):
            return ()

    half = attrs.evolve(memory_ports(), exams=Half())
    assert problem_with(lambda: half).endswith("gave Ports, which lacks exams.batch_of")


def test_what_takes_an_argument_is_told_to_take_none():
    assert problem_with(lambda url: MemoryStore()) == "open_store must take no argument"
    assert problem_with(dict.fromkeys) == "open_store must take no argument"
    assert problem_with(dict).endswith("gave dict, which answers no port of a store")


def test_functions_of_another_kind_are_told_what_to_become():
    async def answers_later():
        return MemoryStore()

    def forgot_to_decorate():
        yield MemoryStore()

    async def yields_later():
        yield MemoryStore()

    at_once = "the kit tests stores that answer at once"
    assert problem_with(answers_later) == f"open_store is a coroutine function; {at_once}"
    assert problem_with(yields_later) == f"open_store is an asynchronous generator; {at_once}"
    assert problem_with(asynccontextmanager(yields_later)) == (
        f"open_store gave _AsyncGeneratorContextManager, which is asynchronous; {at_once}"
    )
    assert "contextlib.contextmanager" in problem_with(forgot_to_decorate)


def test_methods_that_answer_later_are_told_apart_from_broken_laws():
    class AsyncMethods(MemoryStore):
        async def holds(self, *_):
            return True

    class YieldsLater(MemoryStore):
        async def find(self, exams):
            for exam in exams:
                yield exam

    class AllLater:
        async def answer(self, *_):
            return ()

        find = batch_of = add = read = commit = holds = answer

    at_once = "the kit tests stores that answer at once"
    for kind, told in (
        (AsyncMethods, "access.holds is a coroutine function"),
        (YieldsLater, "exams.find is an asynchronous generator"),
        (AllLater, "exams.batch_of is a coroutine function"),
    ):
        assert problem_with(kind) == f"open_store gave {kind.__name__}, whose {told}; {at_once}"
    later = attrs.evolve(memory_ports(), access=AsyncMethods())
    assert "gave Ports, whose access.holds is a coroutine function" in problem_with(lambda: later)


def test_a_writer_that_cannot_step_aside_is_told_what_it_lacks():
    class Writer:
        def commit(self, changes):
            return False

    half = attrs.evolve(memory_ports(), writer=Writer())
    assert problem_with(lambda: half).endswith(
        "gave Ports, which lacks writer.locked, writer.step_aside"
    )


def test_a_store_that_can_also_be_closed_later_is_taken_as_it_is():
    class ClosesLater(MemoryStore):
        async def __aenter__(self):
            return self

        async def __aexit__(self, *_):
            pass

    with opened(ClosesLater) as ports:
        assert isinstance(ports.exams, ClosesLater)


def test_a_class_that_was_not_called_is_told_by_its_name():
    class Whole(MemoryStore):
        """Answers the outbox too, so that nothing is missing on the class."""

        claim = settle = listed = requeue = MemoryStore.find

    @contextmanager
    def forgets_the_call():
        yield Whole

    told = "open_store gave the class {}, and must call it"
    assert problem_with(lambda: MemoryStore) == told.format("MemoryStore")
    assert problem_with(lambda: Whole) == told.format("Whole")
    assert problem_with(forgets_the_call) == told.format("Whole")


def test_a_new_store_each_time_is_isolated():
    require_isolated(MemoryStore)


def test_the_same_store_again_is_not_isolated():
    store = MemoryStore()
    with pytest.raises(StoreNotUsable) as caught:
        require_isolated(lambda: store)
    assert caught.value.problem.endswith(
        "from the one before: "
        "exams, versions, grants, ended grants, withdrawn exams, receipts, notices"
    )


def with_something_left(field):
    """Return what opens stores apart from all others, but for one thing of the first of them."""
    opened_before = []

    class Haunted(MemoryStore):
        def read(self, exams, *, ended):
            found = super().read(exams, ended=ended)
            if self is opened_before[0]:
                return found
            left = opened_before[0].read(exams, ended=ended)
            return {
                exam: attrs.evolve(sharing, **{field: getattr(left[exam], field)})
                for exam, sharing in found.items()
            }

    def open_store():
        opened_before.append(Haunted())
        return opened_before[-1]

    return open_store


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("version", "versions"),
        ("grants", "grants"),
        ("ended", "ended grants"),
        ("withdrawn", "withdrawn exams"),
    ],
)
def test_whatever_is_kept_of_sharing_is_looked_for(field, told):
    with pytest.raises(StoreNotUsable, match=rf"from the one before: {told}$"):
        require_isolated(with_something_left(field))


def test_a_store_that_takes_uploads_in_its_own_way_is_looked_into_by_that_way():
    class OfAHost(MemoryStore):
        def add(self, batch, exams):
            raise NotImplementedError

        def arrive(self, batch, exams):
            MemoryStore.add(self, batch, exams)

    store = OfAHost()
    first, *_ = store_laws(lambda: store, upload=OfAHost.arrive)
    with pytest.raises(StoreNotUsable, match="from the one before: exams, versions, grants"):
        first.check()


def test_what_is_said_of_every_exam_is_left_to_the_laws():
    class CountsFromOne(MemoryStore):
        def read(self, exams, *, ended):
            found = super().read(exams, ended=ended)
            return {
                exam: attrs.evolve(sharing, version=sharing.version + 1, withdrawn=True)
                for exam, sharing in found.items()
            }

    require_isolated(CountsFromOne)


@pytest.mark.parametrize(
    ("attribute", "capability", "told"),
    [
        ("_events", {"events": MemoryStore.events}, "events"),
        ("_shares", {"share_record": MemoryStore.share_record}, "records of shares"),
    ],
)
def test_what_only_a_capability_tells_is_looked_for_where_it_is_given(attribute, capability, told):
    shared = MemoryStore()

    def open_store():
        store = MemoryStore()
        setattr(store, attribute, getattr(shared, attribute))
        return store

    for law in store_laws(open_store, **capability):
        with pytest.raises(StoreNotUsable, match=rf"from the one before: {told}$"):
            law.check()
    require_isolated(open_store)


def test_one_shared_part_is_enough_not_to_be_isolated():
    shared = MemoryStore()

    def open_store():
        store = MemoryStore()
        store.outbox = shared.outbox
        return store

    with pytest.raises(StoreNotUsable, match=r"from the one before: notices$"):
        require_isolated(open_store)


def test_a_store_that_cannot_be_written_is_left_to_the_laws():
    class Unwritable(MemoryStore):
        def commit(self, changes):
            raise StoreFailed("the disk is full")

        def find(self, exams):
            raise StoreFailed("the disk is gone")

    require_isolated(Unwritable)
