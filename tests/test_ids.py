"""No id discloses what its reader may not see. Specification: `#disclosure`.

> What one may not see does not exist.

The id of a grant, or of a notice, is the same whatever else its act makes.
"""

from hypothesis import given
from hypothesis import strategies as st

from exam_sharing import ExamId, PrincipalId, Reshares, Scope
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
    MR,
    NURSES,
    START,
    VIEW,
    World,
    shared_with,
)

OTHERS = st.lists(st.sampled_from((DAN, EVA, NURSES, CLINIC)), unique=True)


def ids(world: World, recipient: PrincipalId, exam: ExamId = CT) -> list[str]:
    return [str(each.id) for each in world.grants(exam) if each.recipient == recipient]


@given(before=OTHERS, after=OTHERS, scope=st.sampled_from(Scope))
def test_the_id_of_a_grant_is_the_same_whatever_else_its_share_makes(before, after, scope):
    alone = shared_with(BEN)

    assert ids(shared_with(*before, BEN, *after, scope=scope), BEN) == ids(alone, BEN)


@given(before=OTHERS, after=OTHERS)
def test_the_id_of_a_notice_depends_on_no_other_reader(before, after):
    alone = shared_with(BEN)

    assert shared_with(*before, BEN, *after).told()[BEN].id == alone.told()[BEN].id


@given(before=OTHERS, after=OTHERS)
def test_the_id_of_a_replacement_is_the_same_whatever_else_is_replaced(before, after):
    def narrowed(*recipients: PrincipalId) -> World:
        world = World()
        world.share(ANNA, CT, CARLA, permission=DOWNLOAD)
        world.share(CARLA, CT, *recipients, permission=DOWNLOAD)
        world.narrow(ANNA, CT, CARLA, permission=VIEW, reshares=Reshares.CASCADE)
        return world

    assert ids(narrowed(*before, BEN, *after), BEN) == ids(narrowed(BEN), BEN)


def test_replacements_by_the_host_have_the_same_ids_everywhere():
    def ended(**exam: ExamId) -> World:
        world = World()
        world.share(ANNA, CT, BEN, DAN, scope=Scope.BATCH)
        world.share(ANNA, CT, BEN, permission=DOWNLOAD)
        world.share(BEN, CT, DAN, permission=DOWNLOAD)
        world.share(DAN, CT, CARLA, permission=DOWNLOAD)
        world.sharing.admin.end_by_host(
            recipient=BEN, reshares=Reshares.CASCADE, performed_by="ops", why="left", **exam
        )
        return world

    assert ids(ended(), CARLA) == ids(ended(exam=CT), CARLA)


def test_replacements_are_listed_highest_permission_first():
    world = World()
    world.share(ANNA, CT, EVA, permission=DOWNLOAD)
    world.share(EVA, CT, BEN, permission=DOWNLOAD)
    world.share(ANNA, CT, BEN)
    world.share(BEN, CT, CARLA, DAN, permission=DOWNLOAD)

    receipt = world.narrow(EVA, CT, BEN, until=START + DAY, reshares=Reshares.CASCADE)

    listed = [listed.grant for listed in world.entries(ANNA)[CARLA].grants]
    assert [each.permission for each in listed] == [DOWNLOAD, VIEW]
    assert len({each.id for each in receipt.replacements}) == len(receipt.replacements) == 5


def test_grants_on_two_exams_have_different_ids_even_in_acts_of_one_id():
    def made(exam: ExamId) -> set[str]:
        world = World()
        world.share(ANNA, exam, BEN, CARLA, permission=DOWNLOAD)
        first = {*ids(world, BEN, exam), *ids(world, CARLA, exam)}
        world.narrow(ANNA, exam, BEN, permission=VIEW)
        return {*first, *ids(world, BEN, exam)}

    assert len(made(CT)) == len(made(MR)) == 3
    assert made(CT).isdisjoint(made(MR))


def test_the_id_of_a_replacement_depends_on_its_act():
    def replaced(acts_before: int, *, by_host: bool) -> str:
        world = World()
        world.share(ANNA, CT, BEN, CARLA, permission=DOWNLOAD)
        world.share(ANNA, CT, DAN)
        world.share(BEN, CT, DAN, permission=DOWNLOAD)
        world.share(DAN, CT, EVA, permission=DOWNLOAD)
        for _ in range(acts_before):
            world.share(ANNA, CT, CARLA)
        if by_host:
            world.sharing.admin.end_by_host(
                recipient=BEN, reshares=Reshares.CASCADE, performed_by="ops", why="left"
            )
        else:
            world.unshare(ANNA, CT, BEN, reshares=Reshares.CASCADE)
        return ids(world, EVA)[0]

    for by_host in (False, True):
        assert replaced(0, by_host=by_host) != replaced(1, by_host=by_host)
