"""What the store in memory does by itself; what every store does: `test_every_store.py`."""

import pytest

from world import (
    ANNA,
    BEN,
    CARLA,
    CT,
    DAY,
    START,
    VIEW,
    World,
)


def test_making_an_exam_ready_for_another_time_never_undoes_a_commit():
    world = World()
    world.share(ANNA, CT, BEN, until=START + DAY)
    stale = world.store._ready[CT.value]
    world.share(ANNA, CT, CARLA)
    world.store._made_ready(stale, START + 2 * DAY)
    assert world.sharing.can(CARLA, VIEW, CT)


def test_a_viewer_refuses_another_kind_of_id():
    world = World()
    with pytest.raises(TypeError):
        world.sharing.viewer(ANNA).can(VIEW, "ct")
