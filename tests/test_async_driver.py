"""An `asyncio` driver runs every act, and repeats nothing of what an act knows."""

import asyncio
import sys
from itertools import count
from pathlib import Path

import attrs
import pytest

from exam_sharing import (
    NarrowRequest,
    Refused,
    Reshares,
    RevokeRequest,
    Scope,
    UnshareRequest,
    acts,
)
from exam_sharing.identifiers import ExamId
from exam_sharing.memory import memory_ports
from exam_sharing.policy.requests import HostEnding, Withdrawal
from world import (
    ANNA,
    BEN,
    CARLA,
    CT,
    DAN,
    DOWNLOAD,
    EVA,
    NURSES,
    VIEW,
    WEEK,
    FailingNotifier,
    World,
    grant_id,
    share_request,
)

EXAMPLES = Path(__file__).parent.parent / "docs" / "examples"
sys.path.insert(0, str(EXAMPLES))  # the example is a script, not a package
from asyncio_driver import async_ports, drive, share_one_exam  # noqa: E402


def portal():
    """Return a portal with shares and re-shares, and its ports made asynchronous."""
    world = World()
    world.share(ANNA, CT, BEN, permission=DOWNLOAD)
    world.share(BEN, CT, DAN)
    world.share(ANNA, CT, NURSES, scope=Scope.BATCH, message="please look")
    ports = memory_ports(store=world.store, directory=world.directory, notifier=world.notifier)
    return world, async_ports(ports)


def every_act(world):
    """Return every act, each with what it is called."""
    policy, now, numbers = world.policy, world.clock(), count(100)
    whole = {"actor": ANNA, "exam": CT, "recipient": BEN}

    def act():
        return f"async{next(numbers)}"

    unshare = UnshareRequest(**whole, reshares=Reshares.CASCADE)
    shared = share_request(BEN, CT, EVA, message="hello")
    return {
        "share": acts.share(policy, shared, now, act()),
        "preview": acts.preview(policy, unshare, now),
        "narrow": acts.end_grants(policy, NarrowRequest(**whole, until=now + WEEK), now, act()),
        "unshare": acts.end_grants(policy, unshare, now, act()),
        "revoke": acts.end_grants(
            policy, RevokeRequest(actor=ANNA, grant=grant_id("act3", CT, NURSES)), now, act()
        ),
        "end by host": acts.end_by_host(
            policy, HostEnding(recipient=CARLA, performed_by="ops", why="left"), now, act()
        ),
        "withdraw": acts.withdraw(
            Withdrawal(exam=ExamId("mr"), performed_by="ops", why="wrong patient"), now
        ),
        "explain": acts.explain(DAN, VIEW, CT, now),
        "who can": acts.who_can(VIEW, CT, now),
        "form": acts.show_share_form(policy, ANNA, CT, now),
        "tabs": acts.show_tabs(DAN, CT, now),
        "access list": acts.show_access_list(policy, ANNA, CT, now),
        "suggest": acts.suggest_recipients(policy, ANNA, CT, "da", 10, now),
        "recipients": acts.list_recipients(policy, ANNA, CT, None, 2, now),
    }


def test_every_act_comes_to_the_same_with_await_as_without():
    from exam_sharing.sharing import drive as drive_at_once

    world, ports = portal()
    other, _ = portal()
    at_once = memory_ports(store=other.store, directory=other.directory, notifier=other.notifier)
    for (name, awaited), act in zip(
        every_act(world).items(), every_act(other).values(), strict=True
    ):
        assert asyncio.run(drive(awaited, ports)) == drive_at_once(act, at_once), name
    assert world.store.events() == other.store.events()


def test_notices_are_claimed_and_delivered_with_await():
    world = World(notifier=FailingNotifier())
    world.share(ANNA, CT, BEN)
    world.notifier.broken = False
    kept = memory_ports(store=world.store, directory=world.directory, notifier=world.notifier)
    ports = async_ports(kept)
    (claim,) = asyncio.run(drive(acts.claim_notices(world.now), ports))
    assert asyncio.run(drive(acts.deliver(world.policy, claim, world.now), ports))
    assert set(world.told()) == {BEN}


def test_a_refusal_comes_out_of_the_awaited_act():
    world, ports = portal()
    request = share_request(DAN, CT, EVA, permission=DOWNLOAD)
    with pytest.raises(Refused, match="DOWNLOAD_NOT_HELD"):
        asyncio.run(drive(acts.share(world.policy, request, world.clock(), "a"), ports))


def test_acts_that_meet_on_one_exam_are_decided_again_without_help_of_the_driver():
    world, ports = portal()

    async def all_at_once():
        requests = [
            share_request(ANNA, CT, who, permission=DOWNLOAD) for who in (CARLA, DAN, EVA, NURSES)
        ]
        return await asyncio.gather(
            *(
                drive(acts.share(world.policy, request, world.clock(), f"a{n}"), ports)
                for n, request in enumerate(requests)
            )
        )

    before = world.store.read((CT,), ended=False)[CT].version
    receipts = asyncio.run(all_at_once())
    facts = world.store.read((CT,), ended=False)[CT]
    assert facts.version == before + len(receipts)
    made = {grant.share for grant in facts.grants}
    assert {receipt.share for receipt in receipts} <= made


def test_the_example_of_the_docs_runs():
    receipt = asyncio.run(share_one_exam())
    assert [attrs.asdict(o)["outcome"].value for o in receipt.outcomes] == ["GRANTED"]
