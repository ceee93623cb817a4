"""What is written once and read later comes back from a database as it was."""

import attrs

from exam_sharing import UnshareRequest
from world import ANNA, BEN, CARLA, CT, World, share_request


def test_receipts_and_the_audit_trail_come_back_as_they_were_written(new_store):
    remembered, kept = World(), World(store=new_store())
    for world in (remembered, kept):
        request = share_request(ANNA, CT, BEN, CARLA, request_id="once")
        receipt = world.sharing.share(request)
        assert world.sharing.share(request) == attrs.evolve(receipt, repeated=True)
        world.sharing.unshare(UnshareRequest(actor=ANNA, exam=CT, recipient=BEN, request_id="end"))
        world.sharing.admin.withdraw(CT, performed_by="ops", why="wrong patient")
    for request_id in ("once", "end"):
        found = kept.store.receipt(ANNA, request_id)
        assert found == remembered.store.receipt(ANNA, request_id) is not None
    assert kept.store.events() == remembered.store.events()
