"""What one may not see does not exist. Specification: `#disclosure`.

> Same code, same parameters, same suggestions, same number and kind of questions to the store.

Ben acts. Each test makes several portals that differ in what Ben may not know, under ids that are
the same in all, has him make one call in each, and compares what he gets and what was asked of the
ports. `test_non_interference` looks for differences at random; here each way of not being seen is
named.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial
from operator import methodcaller
from typing import Any, Final

import pytest

import exam_sharing as es
from calls import answer_of, ports_of, sharing_over
from exam_sharing.testing.worlds import ANNA, BEN, CARLA, CT, DAN, EVA, NURSES, perform
from watching import Counting, watched
from world import DAY, DOWNLOAD, START, VIEW, WEEK, World, codes, grant_id, share_request

pytestmark = pytest.mark.every_store

TARGET: Final = es.ExamId("target")
of_the_directory = pytest.mark.memory_only("a store keeps nothing of whom the directory hides")

GRANTS: Final = tuple(grant_id("act1", CT, recipient) for recipient in (BEN, CARLA))
"""The first grants that a portal makes."""
ZOE: Final = es.UserId("zoe")
WARD: Final = es.GroupId("ward")
STRANGER: Final = es.UserId("stranger")

Call = Callable[[es.Sharing], Any]


def answered(world: World, call: Call) -> tuple[Any, Counter[str]]:
    """Return what a call comes to, and what it asked of the ports, by kind."""
    counting = Counting()
    sharing = sharing_over(watched(ports_of(world), counting), world, sends=False)
    return answer_of(call, sharing), counting.asked


def assert_alike(worlds: dict[str, World], call: Call) -> None:
    """Insist that a call cannot tell the portals apart."""
    answers = {name: answered(world, call) for name, world in worlds.items()}
    first = next(iter(answers.values()))
    assert answers == dict.fromkeys(answers, first)


# An exam.


def _upload(world: World) -> None:
    world.upload(es.BatchId("other"), ANNA, TARGET, es.ExamId("beside it"))


def _share(world: World, *recipients: Any, **more: Any) -> None:
    _upload(world)
    world.share(ANNA, TARGET, *recipients, permission=DOWNLOAD, **more)


def _share_with_others(world: World) -> None:
    _share(world, CARLA, NURSES, scope=es.Scope.BATCH)
    world.share(CARLA, TARGET, DAN)


def _unshare(world: World) -> None:
    _share(world, BEN)
    world.unshare(ANNA, TARGET, BEN)


def _let_him_give_it_up(world: World) -> None:
    _share(world, BEN, NURSES)
    world.unshare(BEN, TARGET, BEN)


def _let_him_leave_the_group(world: World) -> None:
    world.group(NURSES, DAN, EVA, BEN)
    _share(world, NURSES)
    world.group(NURSES, DAN, EVA)


def _withdraw(world: World) -> None:
    _share(world, BEN)
    world.share(BEN, TARGET, CARLA)
    world.sharing.admin.withdraw(TARGET, performed_by="root", why="wrong patient")


UNSEEN: Final[dict[str, Callable[[World], None]]] = {
    "absent": lambda world: None,
    "never shared": _upload,
    "shared with others": _share_with_others,
    "unshared": _unshare,
    "expired": lambda world: _share(world, BEN, until=START + DAY),
    "given up": _let_him_give_it_up,
    "left the group": _let_him_leave_the_group,
    "withdrawn": _withdraw,
    "beside one that he sees": lambda world: world.upload(es.BatchId("cd"), ANNA, TARGET),
}
"""The ways in which Ben cannot see the target: it is not there, or not for him."""

POLICIES: Final[dict[str, dict[str, Any]]] = {
    "as it comes": {},
    "every limit": {
        "access_list": es.AccessListScope.OWN_GRANTS,
        "only_owner_readmits": True,
        "batches_across_subjects": False,
        "max_recipients": 1,
        "max_exams": 1,
        "max_people": 1,
        "max_duration": WEEK,
        "reshares": es.Reshares.RESTRICT,
        "host_rules": (es.HostRule(code="no", statement="Never.", refuses=lambda *_: True),),
    },
}


_WHOLE: Final = {"permission": DOWNLOAD, "scope": es.Scope.BATCH}
SHARES: Final = {
    "share": share_request(BEN, TARGET, CARLA),
    "share the batch": share_request(BEN, TARGET, CARLA, NURSES, **_WHOLE),
    "share with all that is wrong": share_request(
        BEN,
        TARGET,
        BEN,
        ANNA,
        STRANGER,
        attested=False,
        until=START,
        message="\0",
        expect=[TARGET],
        request_id="once",
        **_WHOLE,
    ),
    "share with nobody": share_request(BEN, TARGET),
}


ENDINGS: Final = {
    f"{name}, {reshares.value}, {recipient}": make(
        actor=BEN, exam=TARGET, recipient=recipient, reshares=reshares
    )
    for name, make in {
        "unshare": es.UnshareRequest,
        "narrow": lambda **more: es.NarrowRequest(permission=VIEW, until=START, **more),
    }.items()
    for reshares in es.Reshares
    for recipient in (BEN, CARLA, NURSES, STRANGER)
}


def done_and_previewed(requests: dict[str, Any]) -> dict[str, Call]:
    """Return two calls for each request."""
    return {name: partial(perform, request=each) for name, each in requests.items()} | {
        f"preview: {name}": methodcaller("preview", each) for name, each in requests.items()
    }


LOOKS: Final[dict[str, Call]] = {
    "share form": lambda s: s.share_form(BEN, TARGET),
    "tabs": lambda s: s.tabs(BEN, TARGET),
    "access list": lambda s: s.access_list(BEN, TARGET),
    "graph": lambda s: s.graph(BEN, TARGET),
    "graph with a preview": lambda s: s.graph(
        BEN, TARGET, preview=es.UnshareRequest(actor=BEN, exam=TARGET, recipient=BEN)
    ),
    "share page": lambda s: s.share_page(BEN, TARGET),
    "suggest": lambda s: s.suggest(BEN, TARGET, "carla"),
    "recipients": lambda s: s.recipients(BEN, TARGET),
    "can view": lambda s: s.can(BEN, VIEW, TARGET),
    "can download": lambda s: s.can(BEN, DOWNLOAD, TARGET),
    "can many": lambda s: s.can_many(BEN, VIEW, (CT, TARGET)),
    "can, looked up before": lambda s: s.viewer(BEN).can(VIEW, TARGET),
    "shared with": lambda s: s.shared_with(BEN),
    "visible to": lambda s: s.visible_to(BEN, limit=1),
}
OF_OWNERS: Final[dict[str, Call]] = {"who looked": lambda s: s.accesses(BEN, TARGET)}
ON_AN_EXAM: Final = done_and_previewed(SHARES | ENDINGS) | LOOKS | OF_OWNERS


def unseen_worlds(**settings: Any) -> dict[str, World]:
    """Return a portal for each way of not being seen; the CT is Ben's to see in all of them."""
    worlds = {name: World(**settings) for name in UNSEEN}
    for name, fill in UNSEEN.items():
        fill(worlds[name])
        worlds[name].share(ANNA, CT, BEN, permission=DOWNLOAD)
        worlds[name].wait(2 * DAY)
    return worlds


in_memory = pytest.mark.memory_only("limits decide what is answered, not what is asked")


@pytest.fixture(
    scope="module", params=["as it comes", pytest.param("every limit", marks=in_memory)]
)
def unseen(request, where_kept):
    """Portals in which the target cannot be seen; no call here changes them."""
    lenient = {"max_recipients": 9, "max_people": 9, "max_exams": 9, "host_rules": ()}
    strict = POLICIES[request.param]
    worlds = unseen_worlds(**(strict | (lenient if strict else {})))
    for world in worlds.values():
        world.policy = type(world.policy)(**strict)
    return worlds


@pytest.mark.parametrize("name", ON_AN_EXAM)
def test_an_exam_that_ben_cannot_see_is_like_one_that_is_not_there(unseen, name):
    assert_alike(unseen, ON_AN_EXAM[name])


@pytest.mark.parametrize("name", LOOKS)
def test_the_comparison_finds_a_seen_exam(name):
    seen, absent = World(), World()
    for world in (seen, absent):
        world.share(ANNA, CT, BEN)
    seen.upload(es.BatchId("other"), ANNA, TARGET)
    seen.share(ANNA, TARGET, BEN, permission=DOWNLOAD)
    assert answered(seen, LOOKS[name])[0] != answered(absent, LOOKS[name])[0]


def test_the_refusal_names_the_exam_of_the_request_and_nothing_else():
    for world in unseen_worlds().values():
        for call in done_and_previewed(SHARES | ENDINGS).values():
            answer, _ = answered(world, call)
            reasons = answer[1] if isinstance(answer, tuple) else answer.reasons
            assert reasons == (es.Reason(code=es.ReasonCode.EXAM_NOT_FOUND, exams=(TARGET,)),)


@pytest.mark.parametrize("name", ON_AN_EXAM)
def test_an_exam_is_not_there_for_its_owner_while_they_are_inactive(name):
    absent, owned, shared = World(), World(), World()
    owned.upload(es.BatchId("other"), BEN, TARGET)
    shared.upload(es.BatchId("other"), ANNA, TARGET)
    shared.share(ANNA, TARGET, BEN)
    shared.share(BEN, TARGET, CARLA)
    for world in (absent, owned, shared):
        world.person(BEN, active=False)
    assert_alike({"absent": absent, "his": owned, "shared": shared}, ON_AN_EXAM[name])


# A grant, named by its id.


def _share_among_others(world: World) -> None:
    world.share(ANNA, CT, CARLA)
    world.share(ANNA, CT, BEN)
    world.share(BEN, CT, DAN)


def _withdraw_his_exam(world: World) -> None:
    world.share(ANNA, CT, BEN)
    world.sharing.admin.withdraw(CT, performed_by="root", why="wrong patient")


def _share_with_him_once(world: World) -> None:
    world.share(ANNA, CT, CARLA, BEN)
    world.share(BEN, CT, DAN)
    world.unshare(ANNA, CT, BEN)


def _end_his_grant(world: World) -> None:
    world.share(ANNA, CT, BEN)
    world.share(ANNA, CT, CARLA)
    world.unshare(ANNA, CT, BEN)


NOT_HIS_TO_SEE: Final[dict[str, Callable[[World], object]]] = {
    "no grant": lambda world: None,
    "on an exam unseen": lambda world: world.share(ANNA, CT, CARLA),
    "on an exam withdrawn": _withdraw_his_exam,
    "between others on an exam that he sees": _share_among_others,
    "between others where he once shared": _share_with_him_once,
    "ended": _end_his_grant,
}
REVOCATIONS: Final = done_and_previewed(
    {
        f"{grant}, {reshares}": es.RevokeRequest(actor=BEN, grant=grant, reshares=reshares)
        for grant in GRANTS
        for reshares in (None, *es.Reshares)
    }
)


@pytest.mark.parametrize("name", REVOCATIONS)
def test_a_grant_that_is_not_bens_to_see_is_like_one_that_is_not_there(name):
    worlds = {each: World(access_list=es.AccessListScope.OWN_GRANTS) for each in NOT_HIS_TO_SEE}
    for each, fill in NOT_HIS_TO_SEE.items():
        fill(worlds[each])
    assert_alike(worlds, REVOCATIONS[name])
    answer, _ = answered(worlds["no grant"], REVOCATIONS[f"preview: {GRANTS[0]}, None"])
    assert answer.reasons == (es.Reason(code=es.ReasonCode.NO_SUCH_GRANT, grants=GRANTS[:1]),)


@pytest.mark.parametrize("reshares", es.Reshares)
def test_a_hidden_grant_whose_source_was_ended_costs_ben_no_question(reshares):
    def share(world: World) -> World:
        world.share(ANNA, CT, BEN)
        world.share(BEN, CT, DAN)
        return world

    alone, beside = (share(World(access_list=es.AccessListScope.OWN_GRANTS)) for _ in range(2))
    beside.share(ANNA, CT, CARLA)
    beside.share(CARLA, CT, EVA)
    beside.unshare(ANNA, CT, CARLA, reshares=es.Reshares.KEEP)
    request = es.UnshareRequest(actor=BEN, exam=CT, recipient=DAN, reshares=reshares)
    assert_alike({"alone": alone, "beside": beside}, methodcaller("preview", request))


# A recipient.


def _with_zoe(world: World, *, active: bool = True) -> World:
    world.person(ZOE, active=active)
    world.group(WARD, DAN, ZOE)
    return world


def unseen_recipients(**settings: Any) -> dict[str, World]:
    """Return portals in which Zoe and the ward are not there for Ben, in different ways."""

    def hidden(_actor: es.UserId, principal: Any) -> bool:
        return principal not in (ZOE, WARD)

    return {
        "absent": World(**settings),
        "invisible": _with_zoe(World(visible=hidden, **settings)),
        "invisible, and an owner": _owning(_with_zoe(World(visible=hidden, **settings))),
    }


def _owning(world: World) -> World:
    world.upload(es.BatchId("hers"), ZOE, TARGET)
    return world


NAMING_ZOE: Final = done_and_previewed(
    {
        "her alone": share_request(BEN, CT, ZOE),
        "the ward": share_request(BEN, CT, WARD),
        "both among others": share_request(BEN, CT, DAN, ZOE, NURSES, WARD, scope=es.Scope.BATCH),
        "with all that is wrong": share_request(
            BEN, CT, BEN, ANNA, ZOE, WARD, permission=DOWNLOAD, attested=False, until=START
        ),
        "unshare": es.UnshareRequest(actor=BEN, exam=CT, recipient=ZOE),
        "unshare the ward": es.UnshareRequest(actor=BEN, exam=CT, recipient=WARD),
        "narrow": es.NarrowRequest(actor=BEN, exam=CT, recipient=ZOE, permission=VIEW),
    }
) | {
    "suggest by name": lambda s: s.suggest(BEN, CT, "zoe"),
    "suggest by start of a name": lambda s: s.suggest(BEN, CT, "wa"),
    "suggest by address": lambda s: s.suggest(BEN, CT, "zoe@example.org"),
    "recipients": lambda s: s.recipients(BEN, CT),
    "recipients, the first": lambda s: s.recipients(BEN, CT, limit=2),
    "share form": lambda s: s.share_form(BEN, CT),
    "access list": lambda s: s.access_list(BEN, CT),
    "graph": lambda s: s.graph(BEN, CT),
    "share page": lambda s: s.share_page(BEN, CT),
}


@of_the_directory
@pytest.mark.parametrize("name", NAMING_ZOE)
def test_an_unseen_recipient_is_like_an_absent_one(name):
    worlds = unseen_recipients()
    for world in worlds.values():
        world.share(ANNA, CT, BEN)
    assert_alike(worlds, NAMING_ZOE[name])


@of_the_directory
@pytest.mark.parametrize("name", [name for name in NAMING_ZOE if "ward" not in name])
def test_a_recipient_who_is_inactive_is_like_one_who_is_not_there(name):
    worlds = {"absent": World(), "inactive": World()}
    worlds["inactive"].person(ZOE, active=False)
    worlds["inactive"].group(NURSES, DAN, EVA, ZOE)
    for world in worlds.values():
        world.share(ANNA, CT, BEN)
    assert_alike(worlds, NAMING_ZOE[name])


@pytest.mark.parametrize("preview", [False, True])
def test_an_unseen_owner_is_not_named(preview):
    worlds = {
        "gone": World(),
        "inactive": World(),
        "invisible": World(visible=lambda _, principal: principal != ZOE),
    }
    for world in worlds.values():
        world.person(ZOE)
        world.upload(es.BatchId("hers"), ZOE, TARGET)
        world.share(ZOE, TARGET, BEN)
    worlds["gone"].directory.remove(ZOE)
    worlds["inactive"].person(ZOE, active=False)
    calls = done_and_previewed({"share": share_request(BEN, TARGET, ZOE)})
    assert_alike(worlds, calls["preview: share" if preview else "share"])
    answer, _ = answered(worlds["gone"], calls["preview: share"])
    assert codes(answer.reasons) == [es.ReasonCode.RECIPIENT_NOT_FOUND]


@of_the_directory
@pytest.mark.parametrize("name", NAMING_ZOE)
@pytest.mark.parametrize("most", [1, 100])
def test_the_directory_cannot_be_probed_without_the_plan(name, most):
    worlds = unseen_recipients(max_people=most) | {"seen": _with_zoe(World(max_people=most))}
    for world in worlds.values():
        world.share(ANNA, CT, BEN)
        world.person(BEN, sharing_in_plan=False)
    assert_alike(worlds, NAMING_ZOE[name])


# Those behind a group.


def _crowded(members: tuple[Any, ...], *, open_to_ben: bool) -> World:
    world = World(members_visible=lambda actor, group: open_to_ben or actor != BEN or group != WARD)
    world.person(ZOE)
    world.group(WARD, *members)
    world.share(ANNA, CT, BEN, DAN, permission=DOWNLOAD)
    world.share(BEN, CT, WARD, permission=DOWNLOAD)
    world.share(BEN, CT, CARLA, DAN)
    return world


ABOUT_THE_WARD: Final = done_and_previewed(
    {
        "share": share_request(BEN, CT, WARD, EVA, scope=es.Scope.BATCH),
        "share more": share_request(BEN, CT, WARD, CARLA, permission=DOWNLOAD),
        **{
            f"{kind}, {who}, {reshares.value}": request
            for who in (WARD, CARLA, DAN)
            for reshares in es.Reshares
            for kind, request in {
                "unshare": es.UnshareRequest(actor=BEN, exam=CT, recipient=who, reshares=reshares),
                "narrow": es.NarrowRequest(
                    actor=BEN, exam=CT, recipient=who, until=START + DAY, reshares=reshares
                ),
            }.items()
        },
        "unshare a member": es.UnshareRequest(actor=BEN, exam=CT, recipient=EVA),
        "unshare another": es.UnshareRequest(actor=BEN, exam=CT, recipient=ZOE),
    }
) | {
    "access list": lambda s: s.access_list(BEN, CT),
    "graph": lambda s: s.graph(BEN, CT),
    "share page": lambda s: s.share_page(BEN, CT),
    "suggest": lambda s: s.suggest(BEN, CT, "ward"),
    "recipients": lambda s: s.recipients(BEN, CT),
}


@of_the_directory
@pytest.mark.parametrize("name", ABOUT_THE_WARD)
def test_unseen_members_of_a_group_make_no_difference(name):
    worlds = {
        str(members): _crowded(members, open_to_ben=False)
        for members in ((), (EVA,), (CARLA, EVA, ZOE), (NURSES, CARLA))
    }
    assert_alike(worlds, ABOUT_THE_WARD[name])


def test_seen_members_of_a_group_are_reported():
    world = _crowded((CARLA,), open_to_ben=True)
    receipt = world.unshare(BEN, CT, CARLA)
    assert receipt.still_have_access == (CARLA,)
    assert _crowded((), open_to_ben=True).unshare(BEN, CT, CARLA).still_have_access == ()
