"""SPEC 2: sharing again makes a grant only where it adds, and never narrows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_sharing import BatchId, Exam, ExamId, Outcome, Permission, Scope, UntilLimit
from world import (
    ANNA,
    BEN,
    CARLA,
    CD,
    CT,
    DAN,
    DAY,
    DOWNLOAD,
    MR,
    NURSES,
    START,
    VIEW,
    World,
)

pytestmark = pytest.mark.every_store

SOON, LATER = START + DAY, START + 2 * DAY


def outcome_of(receipt, exam=CT):
    (outcome,) = (each for each in receipt.outcomes if each.exam == exam)
    return outcome.outcome, outcome.until


@pytest.mark.parametrize(
    ("held", "asked", "outcome", "until"),
    [
        (None, (VIEW, None), Outcome.GRANTED, None),
        (None, (DOWNLOAD, SOON), Outcome.GRANTED, SOON),
        ((VIEW, None), (DOWNLOAD, None), Outcome.WIDENED, None),
        ((VIEW, None), (DOWNLOAD, SOON), Outcome.WIDENED, SOON),
        ((VIEW, SOON), (DOWNLOAD, LATER), Outcome.WIDENED, LATER),
        ((VIEW, SOON), (VIEW, LATER), Outcome.EXTENDED, LATER),
        ((VIEW, SOON), (VIEW, None), Outcome.EXTENDED, None),
        ((DOWNLOAD, SOON), (VIEW, LATER), Outcome.EXTENDED, LATER),
        ((DOWNLOAD, SOON), (DOWNLOAD, LATER), Outcome.EXTENDED, LATER),
        ((VIEW, SOON), (VIEW, SOON), Outcome.UNCHANGED, SOON),
        ((VIEW, LATER), (VIEW, SOON), Outcome.UNCHANGED, LATER),
        ((VIEW, None), (VIEW, SOON), Outcome.UNCHANGED, None),
        ((DOWNLOAD, None), (VIEW, None), Outcome.UNCHANGED, None),
        ((DOWNLOAD, LATER), (VIEW, SOON), Outcome.UNCHANGED, LATER),
    ],
)
def test_the_receipt_says_what_was_added(held, asked, outcome, until):
    world = World()
    if held is not None:
        world.share(ANNA, CT, BEN, permission=held[0], until=held[1])
    grants = len(world.grants(CT))

    receipt = world.share(ANNA, CT, BEN, permission=asked[0], until=asked[1])

    assert outcome_of(receipt) == (outcome, until)
    assert len(world.grants(CT)) == grants + (outcome is not Outcome.UNCHANGED)


@given(
    shares=st.lists(
        st.tuples(st.sampled_from(Permission), st.none() | st.integers(1, 3)),
        min_size=1,
        max_size=5,
    )
)
def test_nothing_is_ever_narrowed_by_sharing(shares):
    world = World()
    moments = [START + n * DAY - DAY / 2 for n in range(1, 6)]
    held = set()
    for permission, days in shares:
        world.share(
            ANNA,
            CT,
            BEN,
            permission=permission,
            until=None if days is None else START + days * DAY,
        )
        world.clock.now = START
        now_held = set()
        for moment in moments:
            world.clock.now = moment
            now_held |= {(p, moment) for p in Permission if world.sharing.can(BEN, p, CT)}
        world.clock.now = START
        assert held <= now_held
        held = now_held


def test_what_another_grantor_gave_does_not_count():
    world = World()
    world.share(ANNA, CT, BEN, CARLA)

    receipt = world.share(BEN, CT, CARLA)

    assert outcome_of(receipt) == (Outcome.GRANTED, None)
    assert {g.grantor for g in world.grants(CT) if g.recipient == CARLA} == {ANNA, BEN}


def test_what_a_group_of_the_recipient_was_given_does_not_count():
    world = World()
    world.share(ANNA, CT, NURSES)

    assert outcome_of(world.share(ANNA, CT, DAN)) == (Outcome.GRANTED, None)


def test_what_expired_does_not_count():
    world = World()
    world.share(ANNA, CT, BEN, until=SOON)
    world.wait(DAY)

    assert outcome_of(world.share(ANNA, CT, BEN)) == (Outcome.GRANTED, None)


def test_what_was_unshared_does_not_count():
    world = World()
    world.share(ANNA, CT, BEN)
    world.unshare(ANNA, CT, BEN)

    assert outcome_of(world.share(ANNA, CT, BEN)) == (Outcome.GRANTED, None)
    assert world.can_view(BEN, CT)


def test_a_later_grant_does_not_hide_what_an_earlier_one_gives():
    world = World()
    world.share(ANNA, CT, BEN, permission=DOWNLOAD, until=SOON)
    world.share(ANNA, CT, BEN, permission=VIEW, until=LATER)

    receipt = world.share(ANNA, CT, BEN, permission=DOWNLOAD, until=SOON)

    assert outcome_of(receipt) == (Outcome.UNCHANGED, SOON)


def test_several_grants_of_one_grantor_are_counted_together():
    world = World()
    world.share(ANNA, CT, BEN)
    world.share(ANNA, CT, BEN, permission=DOWNLOAD, until=SOON)

    assert outcome_of(world.share(ANNA, CT, BEN, permission=DOWNLOAD, until=SOON)) == (
        Outcome.UNCHANGED,
        SOON,
    )
    assert outcome_of(world.share(ANNA, CT, BEN, permission=DOWNLOAD, until=LATER)) == (
        Outcome.EXTENDED,
        LATER,
    )


def test_a_share_that_adds_nothing_changes_no_version_and_tells_nobody():
    world = World()
    world.share(ANNA, CT, BEN)
    world.told()

    world.share(ANNA, CT, BEN)
    world.share(ANNA, CT, CARLA)

    assert world.grant_to(CARLA).version == 2
    assert set(world.told()) == {CARLA}


def test_a_share_that_adds_nothing_is_audited_all_the_same():
    world = World()
    world.share(ANNA, CT, BEN)
    receipt = world.share(ANNA, CT, BEN)

    assert world.store.share_record(receipt.share) is not None
    assert world.store.events()[-1].made == ()


def test_sharing_the_batch_again_adds_only_where_something_is_missing():
    world = World()
    world.share(ANNA, CT, BEN, permission=DOWNLOAD)
    world.share(ANNA, MR, BEN)

    receipt = world.share(ANNA, CT, BEN, permission=DOWNLOAD, scope=Scope.BATCH)

    assert [each.outcome for each in receipt.outcomes] == [
        Outcome.UNCHANGED,
        Outcome.WIDENED,
        Outcome.GRANTED,
    ]


def test_a_recipient_who_owns_an_exam_of_the_batch_is_told_to_own_it():
    world = World()
    bens = ExamId("bens")
    world.sharing.add_upload(
        world.store.batch(CD), [Exam(id=bens, owner=BEN, batch=CD, uploaded_at=START)]
    )
    world.share(ANNA, CT, CARLA)
    world.share(BEN, bens, CARLA)

    receipt = world.share(CARLA, CT, BEN, DAN, scope=Scope.BATCH)

    told = {(each.exam, each.recipient): each.outcome for each in receipt.outcomes}
    assert told == {
        (CT, BEN): Outcome.GRANTED,
        (CT, DAN): Outcome.GRANTED,
        (bens, BEN): Outcome.OWNS_IT,
        (bens, DAN): Outcome.GRANTED,
    }
    assert all(grant.recipient != BEN for grant in world.grants(bens))


def test_what_is_left_after_narrowing_is_what_counts():
    world = World()
    world.share(ANNA, CT, BEN, permission=DOWNLOAD)
    world.narrow(ANNA, CT, BEN, permission=VIEW)

    assert outcome_of(world.share(ANNA, CT, BEN)) == (Outcome.UNCHANGED, None)
    assert outcome_of(world.share(ANNA, CT, BEN, permission=DOWNLOAD)) == (Outcome.WIDENED, None)


def test_a_shorter_hold_than_what_was_given_before_leaves_it_unchanged():
    world = World()
    world.share(ANNA, CT, BEN, until=LATER)
    world.share(BEN, CT, CARLA)
    world.unshare(ANNA, CT, BEN)
    world.share(ANNA, CT, BEN, until=SOON)

    receipt = world.share(BEN, CT, CARLA)

    assert outcome_of(receipt) == (Outcome.UNCHANGED, LATER)
    assert receipt.outcomes[0].limited_by is UntilLimit.OWN_HOLD


def test_sharing_one_exam_says_nothing_of_another():
    world = World()
    world.upload(BatchId("disc"), ANNA, ExamId("knee"))
    world.share(ANNA, CT, BEN)

    assert outcome_of(world.share(ANNA, MR, BEN), MR) == (Outcome.GRANTED, None)
