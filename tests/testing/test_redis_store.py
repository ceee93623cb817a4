"""The store of the docs over a real Redis keeps every law; the tests start its server."""

import json
import shutil
import subprocess
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import count, cycle
from multiprocessing import get_context
from pathlib import Path

import pytest
from hypothesis import settings
from redis_clinic import client_of, clinic_over, share, share_often, store_of, upload

from docs_examples import EXAMPLES, examples
from exam_sharing import BatchId, StoreBusy, StoreFailed, UnshareRequest, UploadBatch
from exam_sharing.memory import MemoryNotifier, MemoryStore
from exam_sharing.policy.retries import Done
from exam_sharing.testing import check_histories, run_sharing_machine
from exam_sharing.testing.cases import over_store
from exam_sharing.testing.laws import store_laws

with examples():
    from clinic import ANNA, BEN, CARLA, CT, DAY, NOON, VIEW

NO_REDIS = "no Redis: install the package redis-server and the Python client redis"
PATIENCE = 20
PRIVATE = "Kindly see my mother’s CT"


@pytest.fixture(scope="module")
def socket():
    """Return where a Redis listens that keeps nothing on disk."""
    program = shutil.which("redis-server")
    pytest.importorskip("redis", reason=NO_REDIS)
    if program is None:
        pytest.skip(NO_REDIS)
    # The shell stops it also when the tests were killed: its input has an end then.
    watching = ["sh", "-c", '"$@" & read -r _; kill $!; wait $!', "sh", program]
    running = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "start_new_session": True}
    # Paths of sockets must be short, as those of pytest are not.
    with tempfile.TemporaryDirectory(prefix="exam-sharing-") as folder:
        path = Path(folder, "socket")
        settings = ["--port", "0", "--unixsocket", path, "--save", "", "--dir", folder]
        with subprocess.Popen([*watching, *settings], **running):
            deadline = time.monotonic() + PATIENCE
            while not path.exists():
                assert time.monotonic() < deadline, "Redis did not start"
                time.sleep(0.02)
            yield str(path)


@pytest.fixture(scope="module")
def open_store(socket):
    with client_of(socket) as client:

        def empty():
            client.flushall()
            return store_of(client)

        yield empty


@pytest.fixture
def stores(open_store):
    """Return two stores over one empty Redis."""
    first = open_store()
    return first, store_of(first._redis)


def log_of(store):
    return store._redis.lrange("exam-sharing:log", 0, -1)


def messages_in(store):
    return [json.loads(text) for text in store._redis.hvals("exam-sharing:messages")]


@contextmanager
def sending(hook):
    """Call a function with each connection and text to send, and with what sends it."""
    from redis.connection import AbstractConnection

    send = AbstractConnection.send_packed_command

    def sent(self, command, **how):
        text = command if isinstance(command, bytes) else b"".join(command)
        return hook(self, text, partial(send, self, command, **how))

    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(AbstractConnection, "send_packed_command", sent)
        yield


@contextmanager
def fail_at(store, step, command=b"", error="ResponseError"):
    """Make the transaction of that number fail, or that one with a command."""
    import redis

    steps = count(1)

    def fail(_connection, text, send):
        if command in text and next(steps) == step:
            raise getattr(redis.exceptions, error)("OOM command not allowed")
        return send()

    with sending(fail):
        yield


@contextmanager
def losing_an_answer():
    """Lose the connection after Redis has written the next entry, before it answers."""
    import redis

    first = iter([True])

    def lose(connection, text, send):
        send()
        if b"RPUSH" in text and next(first, False):
            connection.read_response()
            raise redis.ConnectionError("Connection closed by server.")

    with sending(lose):
        yield


def laws_of(open_store):
    return {
        law.name: law
        for law in store_laws(
            open_store,
            transfer=lambda store, exam, owner, at: store.transfer(exam, owner, at),
            events=lambda store: store.events(),
            share_record=lambda store, share: store.share_record(share),
            fail_at=fail_at,
            keeps_text=keeps_text,
            examples=3,
        )
    }


def keeps_text(store, text):
    kept = b"".join([*log_of(store), *store._redis.hvals("exam-sharing:messages")])
    return json.dumps(text)[1:-1].encode() in kept


class TakesTurns:
    """Several clients over one Redis: each call goes to the next of them."""

    def __init__(self, *stores):
        self._turns = cycle(stores)

    def __getattr__(self, name):
        return getattr(next(self._turns), name)


@pytest.fixture(scope="module")
def laws(open_store):
    def open_two():
        first = open_store()
        return TakesTurns(first, store_of(first._redis))

    return laws_of(open_two)


@pytest.mark.parametrize("name", laws_of(MemoryStore))
def test_two_clients_over_one_redis_keep_the_law(name, laws):
    laws[name].check()


def test_the_store_over_redis_agrees_with_the_model(open_store):
    run_sharing_machine(
        open_store,
        transfer=lambda store, exam, owner, at: store.transfer(exam, owner, at),
        settings=settings(max_examples=2, stateful_step_count=20),
    )


def test_the_store_over_redis_passes_every_history_of_one_act(open_store):
    # Two acts pass too, and take five times as long.
    assert check_histories(over_store(open_store), acts=1).histories == 30


def test_the_store_over_redis_has_less_than_250_lines():
    text = (EXAMPLES / "redis_store.py").read_text(encoding="utf-8")
    assert 150 < len(text.splitlines()) < 250


def test_an_act_of_one_client_counts_at_once_for_every_other(stores):
    first, second = stores
    upload(first)
    share(first, BEN)
    assert clinic_over(second).can(BEN, VIEW, CT)
    clinic_over(second).unshare(UnshareRequest(actor=ANNA, exam=CT, recipient=BEN))
    assert not clinic_over(first).can(BEN, VIEW, CT)
    assert not clinic_over(store_of(first._redis)).can(BEN, VIEW, CT)


def test_acts_of_several_processes_are_all_written(stores, socket):
    upload(stores[0])
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        [*pool.map(share_often, [socket] * 2, ["ben", "carla"])]
    for store in stores:
        assert store.read((CT,), ended=True)[CT].version == len(store.events()) == 20


def test_an_act_that_the_client_sends_twice_is_done_once(socket, open_store):
    first = open_store()
    upload(first)
    with client_of(socket, repeats=1) as client:
        before = len(log_of(first))
        with losing_an_answer():
            receipt = share(store_of(client), BEN)
    assert len(log_of(first)) == before + 2
    assert [each.outcome.name for each in receipt.outcomes] == ["GRANTED"]
    assert first.read((CT,), ended=True)[CT].version == 1


def test_an_act_whose_answer_got_lost_may_be_repeated_by_its_request_id(stores):
    first, second = stores
    upload(first)
    with losing_an_answer(), pytest.raises(StoreFailed):
        share(first, BEN, request_id="once")
    assert clinic_over(second).can(BEN, VIEW, CT)
    assert share(first, BEN, name="again", request_id="once").repeated


def test_an_interrupt_leaves_no_call_half_applied(stores, monkeypatch):
    first, second = stores
    upload(first)

    def interrupted(store, event):
        monkeypatch.undo()
        raise KeyboardInterrupt

    share(first, BEN)
    event = first.events()[0]
    monkeypatch.setattr(MemoryStore, "record", interrupted)
    with pytest.raises(KeyboardInterrupt):
        first.record(event)
    assert first.events() == second.events() == (event, event)


@pytest.mark.parametrize("newer", [False, True], ids=["lost", "lost and written again"])
def test_a_client_denies_everything_once_the_end_of_the_log_was_lost(stores, newer):
    first, second = stores
    upload(first)
    share(first, BEN)
    first._redis.rpop("exam-sharing:log")
    if newer:
        share(second, CARLA)
    with pytest.raises(StoreFailed, match="lost the end of the log"):
        clinic_over(first).can(BEN, VIEW, CT)
    with pytest.raises(StoreFailed, match="lost the end of the log"):
        share(first, CARLA)
    assert not clinic_over(second).can(BEN, VIEW, CT)


@pytest.mark.parametrize(
    "entry",
    [
        b"\x80\x04.",
        "[]",
        '{"is": "Exam"}',
        '["1", "step_aside", {"lost": 1}]',
        '["1", "__init__", {}]',
        '["1", "add", {"batch": {"is": "Popen", "args": ["id"]}, "exams": []}]',
        '["1", "requeue", {"notices": [{"is": "NoticeId", "value": ""}]}]',
    ],
)
def test_an_entry_that_cannot_be_read_denies_everything_and_runs_nothing(stores, entry):
    first, second = stores
    upload(first)
    first._redis.rpush("exam-sharing:log", entry)
    for store in stores:
        with pytest.raises(StoreFailed, match="cannot read"):
            clinic_over(store).can(ANNA, VIEW, CT)
    with pytest.raises(StoreFailed, match="cannot read"):
        store_of(second._redis).find((CT,))


def test_a_call_that_would_not_be_read_back_as_it_was_is_not_written(open_store):
    store = open_store()
    batch = UploadBatch(id=BatchId("cd"), uploader=ANNA, received_at=NOON)
    with pytest.raises(StoreFailed, match="arguments of add cannot be stored"):
        store.add(batch, [])
    assert log_of(store) == []


def test_a_server_that_is_down_is_an_error_without_the_one_of_the_library(tmp_path):
    with client_of(str(tmp_path / "nobody")) as client:
        for call in (store_of(client).find, store_of(client).requeue):
            with pytest.raises(StoreFailed, match="Redis raised ConnectionError") as raised:
                call(())
            assert raised.value.__context__ is None


def test_a_server_that_still_loads_its_data_is_busy(open_store):
    store = open_store()
    with fail_at(store, 1, error="BusyLoadingError"), pytest.raises(StoreBusy):
        store.find((CT,))


def test_a_relay_that_finds_nothing_adds_nothing_to_the_log(open_store):
    store = open_store()
    upload(store)
    share(store, BEN)
    before = len(log_of(store))
    assert clinic_over(store).admin.deliver_notices() == 1
    delivered = len(log_of(store))
    assert delivered > before
    assert clinic_over(store).admin.deliver_notices() == 0
    assert len(log_of(store)) == delivered


@pytest.mark.parametrize("decode_responses", [False, True])
def test_a_message_is_kept_beside_the_log_until_it_was_sent(socket, open_store, decode_responses):
    open_store()
    with client_of(socket, decode_responses=decode_responses) as client:
        store, notifier = store_of(client), MemoryNotifier()
        upload(store)
        share(store, BEN, message=PRIVATE)
        assert messages_in(store) == [PRIVATE]
        assert clinic_over(store, notifier=notifier).admin.deliver_notices() == 1
        assert [notice.message for notice in notifier.sent] == [PRIVATE]
        assert messages_in(store) == []
        assert not any("mother" in json.dumps(json.loads(entry)) for entry in log_of(store))


def test_a_message_that_was_left_by_a_client_that_died_is_erased_by_the_next_one(stores):
    first, second = stores
    upload(first)
    share(first, BEN, message=PRIVATE)
    with fail_at(first, 1, b"HDEL"), pytest.raises(StoreFailed):
        clinic_over(first).admin.deliver_notices()
    share(second, CARLA, name="later")
    assert messages_in(first) == [PRIVATE]
    assert clinic_over(second).admin.deliver_notices() == 1
    assert messages_in(first) == []


def test_the_message_of_an_act_that_lost_its_race_is_erased(stores):
    first, second = stores
    upload(first)
    seen = []

    def overtaken(_connection, text, send):
        if b"HSET" in text and not seen:
            seen.append(text)
            share(second, CARLA, name="faster")
        return send()

    with sending(overtaken):
        share(first, BEN, message=PRIVATE)
    assert seen
    assert messages_in(first) == [PRIVATE]


def test_a_claim_that_lapsed_before_its_message_was_read_is_left_out(stores):
    first, second = stores
    upload(first)
    share(first, BEN, message=PRIVATE)

    def overtaken(_connection, text, send):
        if b"HMGET" in text and next(reading_first, False):
            later.extend(second.claim(NOON + DAY, NOON + DAY * 2, 9, None))
            second.settle(later[0], Done.SENT)
        return send()

    later, reading_first = [], iter([True])
    with sending(overtaken):
        assert first.claim(NOON, NOON + DAY, 9, None) == ()
    assert [claim.notice.message for claim in later] == [PRIVATE]
