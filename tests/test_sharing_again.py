"""Sharing again makes a grant only where it adds. Specification: `#sharing-again`."""

import pytest

from exam_sharing import BatchId, ExamId, Outcome, Scope, UntilLimit
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
)

pytestmark = pytest.mark.every_store

SOON, LATER = START + DAY, START + 2 * DAY


def outcome_of(receipt, exam=CT):
    (outcome,) = (each for each in receipt.outcomes if each.exam == exam)
    return outcome.outcome, outcome.until


def test_a_later_grant_does_not_hide_an_earlier_one():
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


def test_a_share_that_adds_nothing_changes_no_version_and_sends_no_notice():
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


def test_a_shorter_hold_leaves_an_earlier_grant_unchanged():
    world = World()
    world.share(ANNA, CT, BEN, until=LATER)
    world.share(BEN, CT, CARLA)
    world.unshare(ANNA, CT, BEN)
    world.share(ANNA, CT, BEN, until=SOON)

    receipt = world.share(BEN, CT, CARLA)

    assert outcome_of(receipt) == (Outcome.UNCHANGED, LATER)
    assert receipt.outcomes[0].limited_by is UntilLimit.OWN_HOLD


def test_sharing_one_exam_has_no_outcome_for_others():
    world = World()
    world.upload(BatchId("disc"), ANNA, ExamId("knee"))
    world.share(ANNA, CT, BEN)

    assert outcome_of(world.share(ANNA, MR, BEN), MR) == (Outcome.GRANTED, None)
