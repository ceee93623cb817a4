"""The same request again returns the first receipt. Specification: `#request-ids`."""

from datetime import timedelta, timezone
from hashlib import sha256
from itertools import combinations

import pytest
from attrs import asdict, evolve, field, make_class

from exam_sharing import (
    ExamId,
    GrantId,
    GroupId,
    NarrowRequest,
    ReasonCode,
    RequestIdReused,
    Reshares,
    RevokeRequest,
    Scope,
    ShareRequest,
    UnshareRequest,
    UserId,
)
from exam_sharing.policy.requests import fingerprint
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
UNSHARE = UnshareRequest(actor=ANNA, exam=CT, recipient=BEN, request_id="r")
REVOKE = RevokeRequest(actor=ANNA, grant=grant_id("act1", CT, BEN), request_id="r")
NARROW = NarrowRequest(actor=ANNA, exam=CT, recipient=BEN, permission=VIEW, request_id="r")


def act_of(world, request):
    acts = {
        ShareRequest: world.sharing.share,
        UnshareRequest: world.sharing.unshare,
        NarrowRequest: world.sharing.narrow,
        RevokeRequest: world.sharing.revoke,
    }
    return acts[type(request)](request)


def world_for(request):
    world = World()
    if request is not SHARE:
        world.share(ANNA, CT, BEN, permission=DOWNLOAD)
    return world


EVERY_KIND = pytest.mark.parametrize(
    "request_", [SHARE, UNSHARE, NARROW, REVOKE], ids=lambda request: type(request).__name__
)


@EVERY_KIND
def test_the_first_receipt_is_returned_and_nothing_is_done(request_):
    world = world_for(request_)
    first = act_of(world, request_)
    before, events = world.state(), world.store.events()
    world.wait(DAY)

    assert act_of(world, request_) == evolve(first, repeated=True)
    assert not first.repeated
    assert world.state() == before
    assert world.store.events() == events


def test_no_second_notice_is_sent():
    world = World()
    world.sharing.share(SHARE)
    world.sharing.share(SHARE)

    assert set(world.told()) == {BEN}


def test_without_a_request_id_each_request_is_one_of_its_own():
    world = World()
    request = evolve(SHARE, request_id=None)

    assert world.sharing.share(request).share != world.sharing.share(request).share


@pytest.mark.parametrize(
    "change",
    [
        {"exam": MR},
        {"recipients": (CARLA,)},
        {"recipients": (BEN, CARLA)},
        {"permission": VIEW},
        {"scope": Scope.BATCH},
        {"until": START + DAY},
        {"attested": False},
        {"wording": "another"},
        {"expect": {CT}},
        {"performed_by": CARLA},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_different_share_under_a_used_id_is_a_callers_error(change):
    world = World()
    world.sharing.share(SHARE)
    before = world.state()

    with pytest.raises(RequestIdReused) as caught:
        world.sharing.share(evolve(SHARE, **change))

    assert caught.value.request_id == "r"
    assert world.state() == before


def test_who_performed_the_end_of_one_grant_is_kept():
    world = world_for(REVOKE)
    world.sharing.revoke(evolve(REVOKE, performed_by="desk"))

    assert world.store.events()[-1].request.performed_by == UserId("desk")


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
    exams = [ExamId(f"e{number}") for number in range(100)]
    one, other = next(
        (frozenset({first, second}), frozenset({second, first}))
        for first, second in combinations(exams, 2)
        if [*frozenset({first, second})] != [*frozenset({second, first})]
    )

    assert fingerprint(evolve(SHARE, expect=one)) == fingerprint(evolve(SHARE, expect=other))


LATER = START + timedelta(days=30, microseconds=5)
FORMS = {
    SHARE: (
        '["ShareRequest", {"actor": "u:anna", "attested": true, "exam": "ct", "permission":'
        ' "DOWNLOAD", "recipients": ["u:ben"], "request_id": "r"}]'
    ),
    ShareRequest(
        actor=ANNA,
        exam=ExamId("\u00e9\U0001f600"),
        recipients=[GroupId("ben"), UserId("ben")],
        permission=VIEW,
        scope=Scope.BATCH,
        until=LATER,
        attested=True,
        wording="I confirm.",
        message="not compared",
        expect=[MR, CT],
        performed_by="desk",
        request_id="r",
    ): (
        '["ShareRequest", {"actor": "u:anna", "attested": true, "exam": "\\u00e9\\ud83d\\ude00",'
        ' "expect": ["ct", "mr"], "performed_by": "u:desk", "recipients": ["g:ben", "u:ben"],'
        ' "request_id": "r", "scope": "BATCH", "until": "UNTIL", "wording": "I confirm."}]'
    ),
    UNSHARE: (
        '["UnshareRequest", {"actor": "u:anna", "exam": "ct", "recipient": "u:ben",'
        ' "request_id": "r"}]'
    ),
    evolve(UNSHARE, recipient=GroupId("ben"), reshares=Reshares.CASCADE): (
        '["UnshareRequest", {"actor": "u:anna", "exam": "ct", "recipient": "g:ben",'
        ' "request_id": "r", "reshares": "CASCADE"}]'
    ),
    NARROW: (
        '["NarrowRequest", {"actor": "u:anna", "exam": "ct", "permission": "VIEW",'
        ' "recipient": "u:ben", "request_id": "r"}]'
    ),
    evolve(NARROW, permission=None, until=LATER, reshares=Reshares.KEEP): (
        '["NarrowRequest", {"actor": "u:anna", "exam": "ct", "recipient": "u:ben",'
        ' "request_id": "r", "reshares": "KEEP", "until": "UNTIL"}]'
    ),
    evolve(REVOKE, grant=GrantId("g"), reshares=Reshares.RESTRICT): (
        '["RevokeRequest", {"actor": "u:anna", "grant": "g", "request_id": "r",'
        ' "reshares": "RESTRICT"}]'
    ),
}


@pytest.mark.parametrize("request_", FORMS, ids=lambda r: type(r).__name__)
def test_the_fingerprint_of_a_request_is_the_same_in_every_version(request_):
    """A receipt is kept for good, so a retry after an upgrade must be told by the same text."""
    form = FORMS[request_].replace("UNTIL", LATER.isoformat())
    assert fingerprint(request_) == f"1:{sha256(form.encode()).hexdigest()}"


def test_a_new_field_at_its_default_makes_no_other_request():
    added = {"colour": field(default=None)}
    later = make_class("ShareRequest", added, bases=(ShareRequest,), frozen=True, kw_only=True)
    fields_now = asdict(SHARE, recurse=False)

    assert fingerprint(later(**fields_now)) == fingerprint(SHARE)
    assert fingerprint(later(**fields_now, colour="red")) != fingerprint(SHARE)


def test_a_refusal_is_not_remembered_under_its_request_id():
    world = World()
    refused = evolve(SHARE, attested=False)
    assert codes(world.reasons(refused)) == [ReasonCode.ATTESTATION_MISSING]

    world.sharing.share(SHARE)

    assert world.can_download(BEN, CT)


def test_the_kept_receipt_is_not_marked_as_repeated_and_has_no_names():
    world = World()
    first = world.sharing.share(SHARE)
    world.sharing.share(SHARE)

    kept = world.store.receipt(ANNA, "r").receipt
    assert kept == first
    assert kept.names == {} != first.names


def test_a_preview_uses_no_request_id():
    world = World()
    world.sharing.preview(SHARE)

    assert not world.sharing.share(evolve(SHARE, permission=VIEW)).repeated
