"""Checks and lists are answered by copies of a store where it has some; acts never are."""

from contextlib import contextmanager

import attrs
import pytest

import exam_sharing as es
from exam_sharing.memory import MemoryStore, memory_ports
from exam_sharing.ports import Readers
from watching import watched
from world import ANNA, BEN, CT, VIEW, World, share_request

POSITION = "written so far"


class Copies:
    """A copy of a store that is empty, and stays so until somebody has a token."""

    def __init__(self, store):
        self.store = store
        self.away = False

    def readers(self, token):
        if token is None:
            return Readers(access=MemoryStore())
        return Readers(access=self.store, principals_of=lambda user: frozenset({user.key}))

    def token(self):
        if self.away:
            raise es.StoreFailed("the copies are away")
        return POSITION


@pytest.fixture
def world():
    return World()


@pytest.fixture
def copies(world):
    return Copies(world.store)


def opened(world, **more):
    ports = memory_ports(store=world.store, directory=world.directory)
    return es.Sharing(
        policy=world.policy,
        ports=more.pop("ports", ports),
        clock=world.clock,
        new_id=lambda: "now",
        sends_at_once=False,
        **more,
    )


def test_copies_answer_and_acts_read_the_store_itself(world, copies):
    sharing = opened(world, reading=copies)
    assert sharing.share(share_request(ANNA, CT, BEN)).outcomes
    assert not sharing.can(BEN, VIEW, CT)
    assert sharing.can_many(BEN, VIEW, [CT]) == frozenset()
    assert not sharing.viewer(BEN).can(VIEW, CT)


def test_a_viewer_with_the_token_of_a_receipt_sees_the_act(world, copies):
    sharing = opened(world, reading=copies)
    receipt = sharing.share(share_request(ANNA, CT, BEN))
    assert receipt.token == POSITION
    assert sharing.viewer(BEN, token=receipt.token).can(VIEW, CT)


def test_an_act_is_done_though_no_token_can_be_had(world, copies):
    copies.away = True
    receipt = opened(world, reading=copies).share(share_request(ANNA, CT, BEN))
    assert receipt.token is None
    assert world.sharing.can(BEN, VIEW, CT)


def test_a_token_is_rejected_where_no_copies_answer(world):
    with pytest.raises(es.InvalidInput, match="token must be of a `Sharing` that was opened with"):
        world.sharing.viewer(BEN, token=POSITION)


def test_what_answers_in_place_of_a_store_must_have_every_method(world):
    with pytest.raises(es.InvalidValue, match="reading"):
        opened(world, reading=world.directory)


def test_an_act_that_no_copy_has_confirmed_is_done_and_says_so(world):
    def nobody_confirms(question, put):
        answer = put()
        if question == "writer.commit":
            raise es.Unconfirmed("no standby has confirmed it")
        return answer

    ports = memory_ports(store=world.store, directory=world.directory)
    receipt = opened(world, ports=watched(ports, nobody_confirms)).share(
        share_request(ANNA, CT, BEN)
    )
    assert receipt.unconfirmed
    assert world.sharing.can(BEN, VIEW, CT)


class InTurn:
    """A writer that loses each race, and that nobody confirms at the end of a turn."""

    def __init__(self, store, before):
        self.store, self.before = store, before

    def commit(self, changes):
        del changes
        return False

    def __getattr__(self, name):
        return getattr(self.store, name)

    @contextmanager
    def locked(self, exams):
        del exams
        self.before()
        yield self.store
        raise es.Unconfirmed("no standby has confirmed it")


def in_turn(world, before=lambda: None):
    ports = memory_ports(store=world.store, directory=world.directory)
    ports = attrs.evolve(ports, writer=InTurn(world.store, before))
    return opened(world, ports=ports)


def test_an_act_in_its_turn_that_no_copy_has_confirmed_is_done_and_says_so(world):
    receipt = in_turn(world).share(share_request(ANNA, CT, BEN))
    assert receipt.unconfirmed
    assert world.sharing.can(BEN, VIEW, CT)


def test_an_act_that_is_refused_in_its_turn_is_refused(world):
    sharing = in_turn(
        world, lambda: world.sharing.admin.withdraw(CT, performed_by="host", why="wrong patient")
    )
    with pytest.raises(es.Refused):
        sharing.share(share_request(ANNA, CT, BEN))
