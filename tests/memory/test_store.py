"""What the store in memory promises beyond every store: see `test_every_store.py`."""

from concurrent.futures import ThreadPoolExecutor

import attrs
import pytest

from exam_sharing import Conflict, Exam, ExamId, StoreFailed, WrongKind
from exam_sharing.events import ActRefused
from exam_sharing.memory import MemoryStore
from exam_sharing.memory.ready import ReadyExam
from exam_sharing.ports import Changes
from world import ANNA, BEN, CARLA, CT, DAY, START, VIEW, World, share_request

CHANGES = Changes(
    versions={}, event=ActRefused(at=START, request=share_request(ANNA, CT, BEN), reasons=())
)


def test_a_check_of_the_wrong_kind_is_an_error_of_ours():
    with pytest.raises(WrongKind, match="exam must be ExamId, not str"):
        MemoryStore().holds(BEN, frozenset({BEN.key}), VIEW, "ct", START)


def test_a_check_at_another_time_undoes_no_commit(monkeypatch):
    world = World()
    world.share(ANNA, CT, BEN, until=START + DAY)
    prepare = ReadyExam.of

    def share_meanwhile(*args):
        monkeypatch.setattr(ReadyExam, "of", prepare)
        prepared = prepare(*args)
        world.share(ANNA, CT, CARLA)
        return prepared

    world.clock.now = START + 2 * DAY
    monkeypatch.setattr(ReadyExam, "of", share_meanwhile)
    assert not world.can_view(BEN, CT)
    assert world.can_view(CARLA, CT)


def test_an_exam_that_never_came_is_in_no_batch():
    assert World().store.batch_of(ExamId("never")) == ()


def test_an_act_with_the_id_of_another_act_fails():
    world = World()
    world.share(ANNA, CT, BEN)
    kept = world.store.read((CT,), ended=False)
    again = attrs.evolve(CHANGES, versions={CT: kept[CT].version}, made=kept[CT].grants)
    with pytest.raises(StoreFailed, match="the id of a grant is taken"):
        world.store.commit(again)
    assert world.store.read((CT,), ended=False) == kept


class LosesOnce(MemoryStore):
    """Is slower than somebody else, once."""

    lost = 0

    def commit(self, changes):
        self.lost += 1
        return self.lost > 1 and super().commit(changes)


def test_an_act_that_lost_a_race_is_decided_again():
    world = World(store=LosesOnce())
    world.share(ANNA, CT, BEN)
    assert world.store.lost == 2
    assert world.sharing.can(BEN, VIEW, CT)


def test_a_lock_that_is_waited_for_too_long_is_a_conflict(monkeypatch):
    monkeypatch.setattr("exam_sharing.memory.store.LOCK_TIMEOUT", 0.01)
    store = MemoryStore()
    with (
        store.locked((CT,)),
        ThreadPoolExecutor(1) as another,
        pytest.raises(Conflict),
    ):
        another.submit(store.locked((CT,)).__enter__).result()


class AnybodysExam(Exam):
    """Could name another owner each time that it is asked."""


class GivesAnybodysExams(MemoryStore):
    def find(self, exams):
        return tuple(
            AnybodysExam(**attrs.asdict(each, recurse=False)) for each in super().find(exams)
        )


def test_an_exam_of_another_type_is_a_failure_of_the_store():
    world = World(store=GivesAnybodysExams())
    with pytest.raises(StoreFailed, match="the exams gave AnybodysExam instead of Exam itself"):
        world.share(ANNA, CT, BEN)


def test_exams_and_their_sharing_are_read_by_any_collection_of_ids():
    store = MemoryStore()
    assert store.find([ExamId("ct")]) == store.find((ExamId("ct"),)) == ()
    assert store.read([ExamId("ct")], ended=True) == store.read((ExamId("ct"),), ended=True)


@pytest.mark.parametrize("wrong", [(None,), ("ct",), 7])
def test_other_values_than_ids_of_exams_are_an_error_of_ours(wrong):
    store = MemoryStore()
    with pytest.raises(WrongKind, match="exam"):
        store.find(wrong)
    for ended in (False, True):
        with pytest.raises(WrongKind, match="exam"):
            store.read(wrong, ended=ended)
