"""Unsharing, the end of one grant, and re-shares; changes of owner, also during an act.

Specification: `#unsharing`, `#re-shares`, `#serial-order`.
"""

import re

import pytest

import exam_sharing as es
from exam_sharing.events import GrantsEnded
from exam_sharing.memory import memory_ports
from watching import watched
from world import (
    ANNA,
    BEN,
    CARLA,
    CLINIC,
    CT,
    DAN,
    DAY,
    DOWNLOAD,
    EVA,
    NURSES,
    START,
    VIEW,
    World,
    codes,
    refusal,
    share_request,
    shared_with,
)

pytestmark = pytest.mark.every_store

FAYE = es.UserId("faye")


def chain(*people, **more):
    """Return a world in which each of some people passed the exam on to the next."""
    world = World(**more)
    world.person(FAYE)
    for giver, taker in zip((ANNA, *people), people, strict=False):
        world.share(giver, CT, taker)
    return world


def holders(world, exam=CT):
    return {user for user in (BEN, CARLA, DAN, EVA, FAYE) if world.can_view(user, exam)}


def endings(world, exam=CT):
    """Return how each grant on the exam ended, by grantor and recipient."""
    past = world.store.read((exam,), ended=True)[exam].ended
    return {(each.grant.grantor, each.grant.recipient): each.ending for each in past}


def test_a_cascade_ends_what_rests_on_grants_that_were_ended_one_after_the_other():
    world = chain(BEN, CARLA, DAN, EVA)
    for recipient in (BEN, CARLA):
        world.unshare(ANNA, CT, recipient, reshares=es.Reshares.KEEP)
    assert holders(world) == {DAN, EVA}

    world.unshare(ANNA, CT, DAN, reshares=es.Reshares.CASCADE)

    assert holders(world) == set()


@pytest.mark.parametrize("actor", [ANNA, CARLA], ids=["former", "new"])
def test_the_former_and_the_new_owner_end_grants_of_the_former(actor):
    world = chain(BEN)
    world.transfer(CT, CARLA)

    world.unshare(actor, CT, BEN)

    assert not world.can_view(BEN, CT)


def test_a_former_owner_may_not_end_grants_of_others():
    world = chain(BEN, DAN)
    world.transfer(CT, CARLA)

    assert codes(refusal(world.unshare, ANNA, CT, DAN)) == [es.ReasonCode.NO_SUCH_GRANT]


def test_how_it_ended_is_recorded_beside_the_grant_and_nothing_is_deleted():
    world = chain(BEN)
    grant = world.grant_to(BEN)
    world.wait(DAY)
    receipt = world.unshare(ANNA, CT, BEN)

    (past,) = world.store.read((CT,), ended=True)[CT].ended

    assert past.grant == grant
    assert (past.ending.grant, past.ending.how) == (grant.id, es.HowEnded.UNSHARED)
    assert (past.ending.by, past.ending.acting_as) == (ANNA, es.EndedAs.OWNER)
    assert (past.ending.at, past.ending.version) == (receipt.at, 2) == (START + DAY, 2)
    assert past.ending.replaced_by == ()


@pytest.mark.parametrize(
    ("actor", "acting_as"),
    [(ANNA, es.EndedAs.OWNER), (BEN, es.EndedAs.GRANTOR), (CARLA, es.EndedAs.RECIPIENT)],
    ids=["owner", "grantor", "recipient"],
)
def test_in_which_capacity_it_was_ended_is_recorded(actor, acting_as):
    world = chain(BEN, CARLA)

    world.unshare(actor, CT, CARLA)

    ending = endings(world)[BEN, CARLA]
    assert (ending.by, ending.acting_as) == (actor, acting_as)


def test_an_end_of_grants_is_audited():
    world = chain(BEN)
    receipt = world.unshare(ANNA, CT, BEN, performed_by="secretary")

    event = world.store.events()[-1]

    assert isinstance(event, GrantsEnded)
    assert [each.grant.id for each in event.ended] == [each.id for each in receipt.ended]
    assert event.versions == {CT: 2}
    assert event.request.performed_by == es.UserId("secretary")


def test_a_refused_end_of_grants_changes_nothing_and_is_audited():
    world = chain(BEN, CARLA)
    before = world.state()

    reasons = refusal(world.unshare, CARLA, CT, BEN)

    assert world.state() == before
    assert world.store.events()[-1].reasons == reasons


def test_a_grantor_ends_one_of_their_grants_by_its_id_after_losing_access():
    world = chain(BEN, CARLA)
    grant = world.grant_to(CARLA).id
    world.unshare(ANNA, CT, BEN)

    assert world.sharing.revoke(es.RevokeRequest(actor=BEN, grant=grant)).ended
    assert not world.can_view(CARLA, CT)


def test_left_standing_leaves_out_reshares_of_other_grants():
    world = shared_with(BEN, CARLA)
    world.share(BEN, CT, DAN)

    assert world.unshare(ANNA, CT, CARLA).left_standing == ()


def test_left_standing_leaves_out_reshares_of_cascaded_grants():
    world = chain(BEN, CARLA, DAN)
    world.share(ANNA, CT, CARLA)

    receipt = world.unshare(ANNA, CT, BEN, reshares=es.Reshares.CASCADE)

    assert [grant.recipient for grant in receipt.ended] == [BEN, CARLA]
    assert receipt.left_standing == ()
    assert holders(world) == {CARLA, DAN}


def test_a_reshare_of_two_grants_is_left_standing_by_either():
    world = shared_with(BEN)
    of_anna = world.grant_to(BEN)
    world.share(ANNA, CT, CARLA, permission=DOWNLOAD)
    world.share(CARLA, CT, BEN, permission=DOWNLOAD)
    world.share(BEN, CT, DAN)
    world.narrow(CARLA, CT, BEN, permission=VIEW)

    receipt = world.end_grant(ANNA, of_anna)

    assert [each.id for each in receipt.left_standing] == [world.grant_to(DAN).id]


def test_cascaded_grants_are_recorded_with_the_actor():
    world = chain(BEN, CARLA)

    world.unshare(ANNA, CT, BEN, reshares=es.Reshares.CASCADE)

    assert {pair: ending.how for pair, ending in endings(world).items()} == {
        (ANNA, BEN): es.HowEnded.UNSHARED,
        (BEN, CARLA): es.HowEnded.CASCADED,
    }
    assert {ending.by for ending in endings(world).values()} == {ANNA}
    assert {ending.version for ending in endings(world).values()} == {3}


CASCADES = {
    "a later way supports an earlier re-share": (
        "anna>ben ben>dan anna>carla carla>ben",
        (ANNA, BEN),
        {BEN, CARLA, DAN},
    ),
    "a grant to one's own group supports no re-share": ("anna>dan dan>nurses dan>ben", DAN, set()),
    "re-shares of every ended grant end": (
        "anna>ben ben>dan dan>eva anna<dan anna>carla carla>ben ben>nurses",
        BEN,
        {CARLA},
    ),
    "later supported grants end beside unsupported ones": (
        "anna>>ben ben>>carla ben>dan anna<ben anna>ben",
        BEN,
        {CARLA},
    ),
    "every branch that a later way supported ends": (
        "anna>ben ben>carla ben>dan carla>eva dan>faye anna<ben anna>ben",
        BEN,
        set(),
    ),
    "unsupported grants give no support": (
        "anna>dan dan>ben anna<dan anna>ben ben>carla",
        (ANNA, BEN),
        {BEN},
    ),
    "grants that are supported through a group stay": (
        "anna>dan anna>nurses anna>carla dan>ben carla>eva",
        DAN,
        {NURSES, CARLA, BEN, EVA},
    ),
}
"""For each cascade: acts in their order, what Anna then ends, and who has grants after that.

`anna>ben` is a share for viewing, `anna>>ben` one for download, and `anna<ben` an unshare. Anna
ends all grants to somebody, or one grant of a grantor to them.
"""


def after(acts, **more):
    """Return the world after acts, written as in `CASCADES`."""
    world = chain(**more)
    for act in acts.split():
        actor, how, other = re.fullmatch(r"(\w+)(>>|>|<)(\w+)", act).groups()
        recipient = NURSES if other == "nurses" else es.UserId(other)
        if how == "<":
            world.unshare(es.UserId(actor), CT, recipient, reshares=es.Reshares.KEEP)
        else:
            permission = VIEW if how == ">" else DOWNLOAD
            world.share(es.UserId(actor), CT, recipient, permission=permission)
    return world


@pytest.mark.parametrize(("acts", "ended", "left"), CASCADES.values(), ids=CASCADES)
def test_a_cascade_leaves_what_is_supported(acts, ended, left):
    world = after(acts)

    if isinstance(ended, tuple):
        grantor, recipient = ended
        grant = world.grant_to(recipient, by=grantor)
        world.end_grant(ANNA, grant, reshares=es.Reshares.CASCADE)
    else:
        world.unshare(ANNA, CT, ended, reshares=es.Reshares.CASCADE)

    assert {grant.recipient for grant in world.grants(CT)} == left


OFFERED = {
    "a re-share loses its only source": ("anna>dan dan>ben", {BEN}),
    "a re-share has another source": ("anna>dan anna>nurses dan>ben", {DAN, NURSES, BEN}),
    "a re-share has another source for viewing only": (
        "anna>>dan anna>nurses dan>>ben",
        {NURSES, BEN},
    ),
    "the source is a grant to the grantor's own group": (
        "anna>dan dan>nurses dan>ben",
        {NURSES, BEN},
    ),
    "the re-share had no support": ("anna>>dan dan>>ben anna<dan anna>dan", {DAN, BEN}),
    "the re-share ends by the same act": ("anna>nurses dan>nurses", {NURSES}),
    "the other source rests on the re-share": ("anna>dan dan>ben ben>dan dan>carla", {CARLA}),
}
"""For each case: acts, as in `CASCADES`, and whom Anna may unshare if no re-share may end by it."""


@pytest.mark.memory_only("it is about no store")
@pytest.mark.parametrize(("acts", "may"), OFFERED.values(), ids=OFFERED)
def test_where_reshares_restrict_the_access_list_offers_what_ends_nothing_more(acts, may):
    world = after(acts, reshares=es.Reshares.RESTRICT)

    entries = world.entries(ANNA)

    assert {each for each, entry in entries.items() if entry.can_unshare} == may
    for entry in entries.values():
        unshare = es.UnshareRequest(actor=ANNA, exam=CT, recipient=entry.principal)
        assert entry.can_unshare == (world.sharing.preview(unshare).reasons == ())
        for listed in entry.grants:
            revoke = es.RevokeRequest(actor=ANNA, grant=listed.grant.id)
            assert listed.can_unshare == (world.sharing.preview(revoke).reasons == ())


def test_grants_of_a_former_owner_are_supported():
    world = chain(BEN, CARLA)
    world.transfer(CT, DAN)
    world.share(DAN, CT, EVA)

    world.unshare(DAN, CT, EVA, reshares=es.Reshares.CASCADE)

    assert holders(world) >= {BEN, CARLA}


@pytest.mark.parametrize("other", [False, True], ids=["alone", "beside another"])
def test_a_former_owners_grants_to_their_own_group_support_no_reshare_of_theirs(other):
    world = World()
    world.group(NURSES, ANNA, DAN)
    world.share(ANNA, CT, NURSES)
    world.share(ANNA, CT, NURSES, permission=DOWNLOAD)
    world.transfer(CT, CARLA)
    if other:
        world.share(CARLA, CT, NURSES)
    world.share(CARLA, CT, ANNA)
    world.share(ANNA, CT, BEN)

    world.unshare(CARLA, CT, ANNA, reshares=es.Reshares.CASCADE)

    assert world.can_view(BEN, CT) == other


def test_a_group_of_an_inactive_grantor_supports_reshares():
    world = shared_with(DAN, NURSES)
    world.share(DAN, CT, BEN)
    world.person(DAN, active=False)

    receipt = world.unshare(ANNA, CT, DAN, reshares=es.Reshares.CASCADE)

    assert [grant.recipient for grant in receipt.ended] == [DAN]
    assert holders(world) == {BEN, EVA}


def test_a_reshare_keeps_for_as_long_as_it_is_still_supported():
    world = shared_with(BEN, CLINIC)
    world.share(CARLA, CT, BEN, until=START + DAY)
    world.share(BEN, CT, EVA)
    of_anna = world.grant_to(BEN, by=ANNA)

    receipt = world.end_grant(ANNA, of_anna, reshares=es.Reshares.CASCADE)

    (left,) = receipt.replacements
    assert (left.grantor, left.recipient) == (BEN, EVA)
    assert (left.permission, left.until) == (VIEW, START + DAY)
    assert endings(world)[BEN, EVA].how is es.HowEnded.NARROWED
    assert endings(world)[BEN, EVA].replaced_by == (left.id,)


def test_a_cascade_keeps_one_grant_for_each_supported_permission():
    world = shared_with(BEN, permission=DOWNLOAD)
    world.share(ANNA, CT, CARLA, permission=DOWNLOAD)
    world.share(CARLA, CT, BEN, until=START + 2 * DAY)
    world.share(CARLA, CT, BEN, permission=DOWNLOAD, until=START + DAY)
    world.share(BEN, CT, DAN, permission=DOWNLOAD)
    of_anna = world.grant_to(BEN, by=ANNA)
    before = world.grant_to(DAN)

    receipt = world.end_grant(ANNA, of_anna, reshares=es.Reshares.CASCADE)

    kept = [each for each in world.grants(CT) if each.recipient == DAN]
    assert {(left.permission, left.until) for left in receipt.replacements} == {
        (DOWNLOAD, START + DAY),
        (VIEW, START + 2 * DAY),
    }
    assert {each.id for each in receipt.replacements} == {each.id for each in kept}
    assert {(each.version, each.basis) for each in kept} == {(before.version, before.basis)}


def test_restricted_unsharing_without_a_grant_is_no_such_grant():
    world = World()

    reasons = refusal(world.unshare, ANNA, CT, BEN, reshares=es.Reshares.RESTRICT)

    assert codes(reasons) == [es.ReasonCode.NO_SUCH_GRANT]


def test_of_a_group_that_the_directory_is_silent_about_nobody_is_named(monkeypatch):
    world = World()
    world.group(NURSES, DAN)
    world.share(ANNA, CT, BEN, NURSES)
    monkeypatch.setattr(type(world.directory), "members_seen_by", lambda *_: {})

    assert refusal(world.unshare, ANNA, CT, DAN) == (es.Reason(code=es.ReasonCode.NO_SUCH_GRANT),)
    world.unshare(ANNA, CT, NURSES)
    assert holders(world) == {BEN}


def interrupted(world, at_question):
    """Return a sharing during whose act Carla becomes the owner, before the n-th question."""
    asked = 0

    def watcher(_name, put):
        nonlocal asked
        asked += 1
        if asked == at_question:
            world.store.transfer(CT, CARLA, at=START)
        return put()

    ports = memory_ports(store=world.store, directory=world.directory, notifier=world.notifier)
    return es.Sharing(
        policy=world.policy,
        ports=watched(ports, watcher),
        clock=world.clock,
        new_id=lambda: f"interrupted{asked}",
        sends_at_once=False,
    )


@pytest.mark.parametrize("scope", es.Scope)
@pytest.mark.parametrize("question", range(1, 12))
def test_no_former_owner_shares_as_the_owner_after_the_change(question, scope):
    world = World()
    try:
        interrupted(world, question).share(
            share_request(ANNA, CT, DAN, permission=DOWNLOAD, scope=scope)
        )
    except es.Refused:
        return
    events = [type(event).__name__ for event in world.store.events()]
    assert events != ["ExamTransferred", "ExamShared"]


@pytest.mark.parametrize("question", range(1, 12))
def test_a_former_owner_ends_no_grant_of_others(question):
    world = World()
    world.share(ANNA, CT, BEN)
    world.share(BEN, CT, DAN)
    before = len(world.store.events())
    try:
        interrupted(world, question).unshare(es.UnshareRequest(actor=ANNA, exam=CT, recipient=DAN))
    except es.Refused:
        return
    events = [type(event).__name__ for event in world.store.events()[before:]]
    assert events != ["ExamTransferred", "GrantsEnded"]


def test_a_grantor_without_access_does_not_learn_the_new_owner():
    world = World()
    world.share(ANNA, CT, BEN)
    world.share(BEN, CT, CARLA)
    world.sharing.unshare(es.UnshareRequest(actor=ANNA, exam=CT, recipient=BEN))
    unshare = es.UnshareRequest(actor=BEN, exam=CT, recipient=CARLA)
    told_before = world.sharing.preview(unshare)
    world.store.transfer(CT, CARLA, at=START)
    assert world.sharing.preview(unshare) == told_before
    assert world.sharing.unshare(unshare).still_have_access == ()


def test_a_withdrawn_exam_is_not_there_even_for_a_clock_that_goes_back():
    world = World()
    world.share(ANNA, CT, BEN, until=START + DAY)
    world.clock.now = START + 2 * DAY
    world.sharing.admin.withdraw(CT, performed_by="ops", why="wrong patient")
    world.clock.now = START
    assert not world.sharing.can(BEN, VIEW, CT)
    assert world.sharing.shared_with(BEN).items == ()
    assert not hasattr(world.sharing.admin.explain(BEN, VIEW, CT), "grounds")
