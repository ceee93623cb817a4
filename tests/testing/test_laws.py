"""Every store, directory and notifier of ours keeps the laws of its port."""

from contextlib import contextmanager

import pytest
import sqlalchemy
from populations import what_differs_changed
from sqlalchemy.exc import OperationalError

from exam_sharing import GroupId, HostRule, Permission
from exam_sharing.memory import MemoryDirectory, MemoryNotifier, MemoryStore
from exam_sharing.ports import HostFacts
from exam_sharing.testing.laws import Law, directory_laws, host_rule_laws, notifier_laws, store_laws
from exam_sharing.testing.laws.bench import StoreTrial, a_receipt
from world import ANNA, BEN, CARLA, FailingNotifier


def named(laws):
    return {law.name: law for law in laws}


def transfer(store, exam, owner, at):
    store.transfer(exam, owner, at=at)


def waits_with(store, text):
    return any(notice.message == text for notice in store.outbox.waiting())


def laws_in_memory():
    return store_laws(
        MemoryStore,
        transfer=transfer,
        events=MemoryStore.events,
        share_record=MemoryStore.share_record,
        keeps_text=waits_with,
    )


def laws_in_a_database(engine, open_store):
    return store_laws(
        open_store,
        transfer=transfer,
        events=lambda store: store.events(),
        share_record=lambda store, share: store.share_record(share),
        fail_at=lambda _, step: failing_at(engine, step),
        keeps_text=lambda _, text: text in repr(every_row(engine)),
        examples=12,
    )


DISK_FULL = OperationalError("a statement", {}, Exception("disk is full"))


@contextmanager
def failing_at(engine, step):
    """Let the statement of that number fail."""
    executed = 0

    def count(*_):
        nonlocal executed
        executed += 1
        if executed == step:
            raise DISK_FULL

    sqlalchemy.event.listen(engine, "before_cursor_execute", count)
    try:
        yield
    finally:
        sqlalchemy.event.remove(engine, "before_cursor_execute", count)


def every_row(engine):
    tables = sqlalchemy.MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        return [
            tuple(row)
            for table in tables.sorted_tables
            for row in connection.execute(table.select())
        ]


IN_MEMORY = named(laws_in_memory())
IN_A_DATABASE = named(laws_in_a_database(None, MemoryStore))


@pytest.mark.parametrize("name", IN_MEMORY)
def test_the_store_in_memory_keeps_the_law(name):
    IN_MEMORY[name].check()


@pytest.fixture(scope="module")
def laws_of_database(engine, new_store):
    return named(laws_in_a_database(engine, new_store))


@pytest.mark.parametrize("name", IN_A_DATABASE)
def test_the_store_in_a_database_keeps_the_law(name, laws_of_database):
    laws_of_database[name].check()


def laws_of_directory(new_directory):
    def open_directory(population):
        directory = new_directory(
            visible=population.visible, members_visible=population.members_visible
        )
        population.fill(directory)
        return directory

    return directory_laws(open_directory, change=what_differs_changed)


DIRECTORY_LAWS = named(laws_of_directory(MemoryDirectory))


@pytest.mark.parametrize("name", DIRECTORY_LAWS)
def test_the_directory_keeps_the_law(name, new_directory):
    named(laws_of_directory(new_directory))[name].check()


NOTIFIER_LAWS = named(
    notifier_laws(
        MemoryNotifier,
        received=lambda notifier: [(str(n.id), str(n.message)) for n in notifier.sent],
        open_broken=FailingNotifier,
    )
)


@pytest.mark.parametrize("name", NOTIFIER_LAWS)
def test_the_notifier_in_memory_keeps_the_law(name):
    NOTIFIER_LAWS[name].check()


class Embargoes(HostFacts):
    def about(self, request, exams):
        return {"mr"} & set(map(str, exams))


RULES = {
    "NO_GROUP_DOWNLOADS": lambda request, facts, mine: (
        request.permission is Permission.DOWNLOAD
        and any(isinstance(each, GroupId) for each in request.recipients)
    ),
    "EMBARGOED": lambda request, facts, embargoed: bool(embargoed),
}


@pytest.mark.parametrize("code", RULES)
def test_rules_of_the_docs_keep_the_laws(code):
    rule = HostRule(code=code, statement="…", refuses=RULES[code])
    for law in host_rule_laws(rule, host_facts=Embargoes()):
        law.check()


@pytest.mark.parametrize(
    "laws", [IN_A_DATABASE, DIRECTORY_LAWS, NOTIFIER_LAWS], ids=["store", "directory", "notifier"]
)
def test_every_law_has_its_own_promise(laws):
    for law in laws.values():
        assert isinstance(law, Law)
        assert law.promise.endswith((".", ")"))
        assert law.promise != law.name
    promises = [law.promise for law in laws.values()]
    assert len(set(promises)) == len(promises)


def test_a_name_belongs_to_one_law_of_one_port():
    names = [*IN_A_DATABASE, *DIRECTORY_LAWS, *NOTIFIER_LAWS]
    assert len(set(names)) == len(names)


def test_a_bench_reads_back_the_receipts_of_two_actors_with_one_request_id():
    receipts = [a_receipt("id", actor=actor) for actor in (ANNA, BEN)]
    with StoreTrial(open_store=MemoryStore, examples=1).bench() as bench:
        (exam,) = bench.upload("exam")
        for receipt in receipts:
            bench.write(bench.sharing(bench.grant(exam, CARLA), receipt=receipt))
        seen = bench.everything().values()
    assert all(receipt in seen for receipt in receipts)


def test_laws_without_their_capability_are_left_out():
    plain = named(store_laws(MemoryStore, threads=False))
    assert plain.keys() < IN_MEMORY.keys() < IN_A_DATABASE.keys()
    assert not any("concurrent" in name for name in plain)
    own_tables = named(store_laws(MemoryStore, upload=lambda store, *upload: store.add(*upload)))
    assert "a-sealed-batch-takes-no-more-exams" not in own_tables
    for law in own_tables.values():
        law.check()
