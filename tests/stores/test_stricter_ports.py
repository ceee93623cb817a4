"""What a host overrides in a port of ours is asked: facts at once never pass over it."""

from itertools import count

import attrs
import pytest

import exam_sharing as es
from exam_sharing.adapters import sqlalchemy as sql
from world import ANNA, BEN, CARLA, CT, World, codes, share_request


class Forwards:
    """Whatever is not asked here is asked of another object."""

    def __init__(self, inner):
        self._inner = inner

    def __getattr__(self, name):
        return getattr(self._inner, name)


class Denies:
    def holds(self, *_asked):
        return False

    def involved(self, *_asked):
        return None

    def holding(self, *_asked):
        return frozenset()

    def visible(self, *_asked, **_how):
        return iter(())


class StrictStore(Denies, sql.SqlStore):
    """A store of ours by a host that denies everything."""


class StrictAccess(Denies, Forwards):
    """The same, in front of a store."""


class NoExams(Forwards):
    def find(self, _exams):
        return ()

    def batch_of(self, _exam):
        return ()


class Withdrawn(Forwards):
    def read(self, exams, *, ended):
        return {
            each: attrs.evolve(found, withdrawn=True)
            for each, found in self._inner.read(exams, ended=ended).items()
        }


@pytest.fixture
def engine(tmp_path):
    engine = sql.sqlite_engine(tmp_path / "sharing.db")
    store = sql.SqlStore.over(engine, tables=sql.create_all(engine))
    World(store=store).share(ANNA, CT, BEN)
    yield engine
    engine.dispose()


def sharing_over(engine, store_type=sql.SqlStore, directory=None, **ports):
    world, store = World(), store_type.over(engine)
    ours = sql.sql_ports(store, directory=directory or world.directory)
    ours = attrs.evolve(ours, **{port: strict(store) for port, strict in ports.items()})
    ids = map("new{}".format, count())
    return es.Sharing(
        policy=es.Policy(),
        ports=ours,
        clock=world.clock,
        new_id=lambda: next(ids),
        sends_at_once=False,
    )


STRICTER = {
    "a subclass that denies": {"store_type": StrictStore},
    "access that denies": {"access": StrictAccess},
    "exams that are gone": {"exams": NoExams},
    "grants on withdrawn exams": {"grants": Withdrawn},
}


@pytest.mark.parametrize("stricter", STRICTER.values(), ids=STRICTER)
def test_a_stricter_port_is_asked_by_every_view_and_act(engine, stricter):
    usual, strict = sharing_over(engine), sharing_over(engine, **stricter)
    request = share_request(ANNA, CT, CARLA)
    assert usual.share_page(ANNA, CT).tabs == usual.tabs(ANNA, CT) != frozenset()
    assert codes(usual.preview(request).reasons) == []
    assert strict.share_form(ANNA, CT) == strict.share_form(ANNA, es.ExamId("none"))
    for act, asked in (
        (strict.share, request),
        (strict.unshare, es.UnshareRequest(actor=ANNA, exam=CT, recipient=BEN)),
    ):
        with pytest.raises(es.Refused) as refused:
            act(asked)
        assert codes(refused.value.reasons) == [es.ReasonCode.EXAM_NOT_FOUND]


class HidesCarla(sql.SqlDirectory):
    """A directory of ours by a host that hides somebody from everybody."""

    def seen_by(self, actor, principals):
        return super().seen_by(actor, principals) - {CARLA}


@pytest.mark.parametrize("kind", [HidesCarla, lambda *made: Forwards(HidesCarla(*made))])
def test_a_stricter_directory_is_asked_whom_the_actor_sees(engine, kind):
    tables = sql.create_all(engine).directory
    ours = sql.SqlDirectory(engine, tables)
    for user in (ANNA, BEN, CARLA):
        ours.add(es.User(id=user, name=user.value))
    request = share_request(ANNA, CT, CARLA)
    assert codes(sharing_over(engine, directory=ours).preview(request).reasons) == []
    strict = sharing_over(engine, directory=kind(engine, tables))
    assert codes(strict.preview(request).reasons) == [es.ReasonCode.RECIPIENT_NOT_FOUND]
