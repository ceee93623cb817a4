"""The same request again returns the first receipt. Specification: `#request-ids`."""

from datetime import timedelta, timezone
from hashlib import sha256
from itertools import combinations

import pytest
from attrs import asdict, evolve, field, make_class

import exam_sharing as es
from exam_sharing.policy.requests import fingerprint
from exam_sharing.testing.worlds import perform
from world import (
    ANNA,
    BEN,
    CARLA,
    CT,
    DAY,
    DOWNLOAD,
    MR,
    START,
    VIEW,
    World,
    codes,
    grant_id,
    share_request,
)

pytestmark = pytest.mark.every_store

SHARE = share_request(ANNA, CT, BEN, permission=DOWNLOAD, message="hello", request_id="r")
UNSHARE = es.UnshareRequest(actor=ANNA, exam=CT, recipient=BEN, request_id="r")
REVOKE = es.RevokeRequest(actor=ANNA, grant=grant_id("act1", CT, BEN), request_id="r")
NARROW = es.NarrowRequest(actor=ANNA, exam=CT, recipient=BEN, permission=VIEW, request_id="r")


def world_for(request):
    world = World()
    if request is not SHARE:
        world.share(ANNA, CT, BEN, permission=DOWNLOAD)
    return world


@pytest.mark.parametrize(
    "request_", [SHARE, UNSHARE, NARROW, REVOKE], ids=lambda each: type(each).__name__
)
def test_the_first_receipt_is_returned_and_nothing_is_done(request_):
    world = world_for(request_)
    first = perform(world.sharing, request_)
    before, events = world.state(), world.store.events()
    world.wait(DAY)

    assert perform(world.sharing, request_) == evolve(first, repeated=True)
    assert not first.repeated
    assert world.state() == before
    assert world.store.events() == events


@pytest.mark.parametrize(
    "change",
    [
        *({"exam": MR}, {"recipients": (CARLA,)}, {"recipients": (BEN, CARLA)}),
        *({"permission": VIEW}, {"scope": es.Scope.BATCH}, {"until": START + DAY}),
        *({"attested": False}, {"wording": "another"}, {"expect": {CT}}, {"performed_by": CARLA}),
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_different_share_under_a_used_id_is_a_callers_error(change):
    world = World()
    world.sharing.share(SHARE)
    before = world.state()

    with pytest.raises(es.RequestIdReused) as caught:
        world.sharing.share(evolve(SHARE, **change))

    assert caught.value.request_id == "r"
    assert world.state() == before


def test_who_performed_the_end_of_one_grant_is_kept():
    world = world_for(REVOKE)
    world.sharing.revoke(evolve(REVOKE, performed_by="desk"))

    assert world.store.events()[-1].request.performed_by == es.UserId("desk")


def test_the_same_request_written_in_another_way_is_the_same():
    world = World()
    until = START + DAY
    tokyo = until.astimezone(timezone(timedelta(hours=9)))
    first = world.share(ANNA, CT, BEN, request_id="r", until=until, expect=[CT], message="a\r\nb")

    again = world.share(
        ANNA, CT, BEN, BEN, request_id="r", until=tokyo, expect={CT}, message="a\nb"
    )

    assert again == evolve(first, repeated=True)


def test_the_order_of_the_expected_exams_makes_no_other_request():
    exams = [es.ExamId(f"e{number}") for number in range(100)]
    one, other = next(
        (frozenset({first, second}), frozenset({second, first}))
        for first, second in combinations(exams, 2)
        if [*frozenset({first, second})] != [*frozenset({second, first})]
    )

    assert fingerprint(evolve(SHARE, expect=one)) == fingerprint(evolve(SHARE, expect=other))


LATER = START + timedelta(days=30, microseconds=5)
EVERYTHING = es.ShareRequest(
    actor=ANNA,
    exam=es.ExamId("\u00e9\U0001f600"),
    recipients=[es.GroupId("ben"), es.UserId("ben")],
    permission=VIEW,
    scope=es.Scope.BATCH,
    until=LATER,
    attested=True,
    wording="I confirm.",
    message="not compared",
    expect=[MR, CT],
    performed_by="desk",
    request_id="r",
)
FORMS = {
    SHARE: (
        '["ShareRequest", {"actor": "u:anna", "attested": true, "exam": "ct", "permission":'
        ' "DOWNLOAD", "recipients": ["u:ben"], "request_id": "r"}]'
    ),
    EVERYTHING: (
        '["ShareRequest", {"actor": "u:anna", "attested": true, "exam": "\\u00e9\\ud83d\\ude00",'
        ' "expect": ["ct", "mr"], "performed_by": "u:desk", "recipients": ["g:ben", "u:ben"],'
        ' "request_id": "r", "scope": "BATCH", "until": "UNTIL", "wording": "I confirm."}]'
    ),
    evolve(UNSHARE, recipient=es.GroupId("ben"), reshares=es.Reshares.CASCADE): (
        '["UnshareRequest", {"actor": "u:anna", "exam": "ct", "recipient": "g:ben",'
        ' "request_id": "r", "reshares": "CASCADE"}]'
    ),
    evolve(NARROW, until=LATER, reshares=es.Reshares.KEEP): (
        '["NarrowRequest", {"actor": "u:anna", "exam": "ct", "permission": "VIEW", "recipient":'
        ' "u:ben", "request_id": "r", "reshares": "KEEP", "until": "UNTIL"}]'
    ),
    evolve(REVOKE, grant=es.GrantId("g")): (
        '["RevokeRequest", {"actor": "u:anna", "grant": "g", "request_id": "r"}]'
    ),
}


@pytest.mark.parametrize("request_", FORMS, ids=lambda r: type(r).__name__)
def test_the_fingerprint_of_a_request_is_the_same_in_every_version(request_):
    """A receipt is kept for good, so a retry after an upgrade must be told by the same text."""
    form = FORMS[request_].replace("UNTIL", LATER.isoformat())
    assert fingerprint(request_) == f"1:{sha256(form.encode()).hexdigest()}"


def test_a_new_field_at_its_default_makes_no_other_request():
    added = {"colour": field(default=None)}
    later = make_class("ShareRequest", added, bases=(es.ShareRequest,), frozen=True, kw_only=True)
    fields_now = asdict(SHARE, recurse=False)

    assert fingerprint(later(**fields_now)) == fingerprint(SHARE)
    assert fingerprint(later(**fields_now, colour="red")) != fingerprint(SHARE)


def test_a_refusal_is_not_remembered_under_its_request_id():
    world = World()
    refused = evolve(SHARE, attested=False)
    assert codes(world.reasons(refused)) == [es.ReasonCode.ATTESTATION_MISSING]

    world.sharing.share(SHARE)

    assert world.can_download(BEN, CT)


def test_the_kept_receipt_is_not_marked_as_repeated_and_has_no_names():
    world = World()
    first = world.sharing.share(SHARE)
    world.sharing.share(SHARE)

    kept = world.store.receipt(ANNA, "r").receipt
    assert kept == first
    assert kept.names == {} != first.names


def test_neither_a_preview_nor_a_request_without_an_id_is_remembered():
    world, unnamed = World(), evolve(SHARE, request_id=None)
    world.sharing.preview(SHARE)

    assert not world.sharing.share(evolve(SHARE, permission=VIEW)).repeated
    assert world.sharing.share(unnamed).share != world.sharing.share(unnamed).share
