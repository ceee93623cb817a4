"""The reason codes of shares, up to the times: when exactly a share is refused with each."""

from datetime import timedelta

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

import exam_sharing as es
from world import (
    ANNA,
    BEN,
    CARLA,
    CD,
    CLINIC,
    CT,
    DAN,
    DAY,
    DOWNLOAD,
    EVA,
    MR,
    NO_EXAM,
    NOBODY,
    NURSES,
    START,
    VIEW,
    XRAY,
    World,
    codes,
    share_request,
    shared_with,
)

pytestmark = pytest.mark.every_store

PEOPLE = [ANNA, BEN, CARLA, DAN, EVA, NOBODY]

REACH = {NURSES: {DAN, EVA}, CLINIC: {CARLA, DAN, EVA}}


def not_found(exam):
    return (es.Reason(code=es.ReasonCode.EXAM_NOT_FOUND, exams=(exam,)),)


@pytest.mark.reason_code(es.ReasonCode.EXAM_NOT_FOUND)
@given(
    granted=st.sets(st.sampled_from([BEN, CARLA, DAN, NURSES, CLINIC])),
    inactive=st.sets(st.sampled_from([ANNA, BEN, CARLA, DAN])),
    actor=st.sampled_from(PEOPLE),
    exam=st.sampled_from([CT, MR, NO_EXAM]),
    scope=st.sampled_from(es.Scope),
)
def test_a_share_is_refused_with_this_alone_exactly_without_access(
    granted, inactive, actor, exam, scope
):
    """Specification: `#exam_not_found`."""
    world = World()
    if granted:
        world.share(ANNA, CT, *granted)
    for user in inactive:
        world.person(user, active=False)

    reached = set().union(*(REACH.get(each, {each}) for each in granted))
    holders = ({ANNA} | (reached if exam == CT else set())) - inactive
    has_access = exam != NO_EXAM and actor in holders
    reasons = world.reasons(share_request(actor, exam, NOBODY, attested=False, scope=scope))

    if has_access:
        assert es.ReasonCode.EXAM_NOT_FOUND not in codes(reasons)
    else:
        assert reasons == not_found(exam)


ABOUT_RECIPIENTS = {
    es.ReasonCode.RECIPIENT_NOT_FOUND,
    es.ReasonCode.RECIPIENT_IS_SELF,
    es.ReasonCode.RECIPIENT_IS_OWNER,
    es.ReasonCode.REMOVED_BY_OWNER,
}


@pytest.mark.reason_code(es.ReasonCode.SHARING_NOT_IN_PLAN)
@given(
    in_plan=st.booleans(),
    recipients=st.lists(
        st.sampled_from([ANNA, BEN, CARLA, DAN, NOBODY, NURSES, es.GroupId("no-group")])
    ),
)
def test_a_share_is_refused_exactly_without_the_plan(in_plan, recipients):
    """Specification: `#sharing_not_in_plan`."""
    world = World(only_owner_readmits=True)
    world.share(ANNA, CT, BEN, CARLA)
    world.unshare(ANNA, CT, CARLA)
    world.person(DAN, active=False)
    world.person(BEN, sharing_in_plan=in_plan)

    reasons = world.reasons(share_request(BEN, CT, *recipients))

    assert (es.ReasonCode.SHARING_NOT_IN_PLAN in codes(reasons)) == (not in_plan)
    if not in_plan:
        assert ABOUT_RECIPIENTS.isdisjoint(codes(reasons))


WORDING = "I may share this."


@pytest.mark.reason_code(es.ReasonCode.ATTESTATION_MISSING)
@given(
    attested=st.booleans(),
    wording=st.sampled_from([None, WORDING, WORDING.lower(), ""])
    | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=3),
)
def test_a_share_is_refused_exactly_without_the_current_wording_confirmed(attested, wording):
    """Specification: `#attestation_missing`."""
    world = World(attestation_wording=WORDING)

    reasons = world.reasons(share_request(ANNA, CT, BEN, attested=attested, wording=wording))

    confirmed = attested and wording in (None, WORDING)
    assert reasons == (() if confirmed else (es.Reason(code=es.ReasonCode.ATTESTATION_MISSING),))


@pytest.mark.parametrize("wording", [WORDING, None])
def test_who_confirmed_when_and_which_wording_are_recorded(wording):
    world = World(attestation_wording=WORDING)
    receipt = world.share(ANNA, CT, BEN, wording=wording)

    attestation = world.store.share_record(receipt.share).attestation

    assert (attestation.by, attestation.at, attestation.wording) == (ANNA, START, WORDING)


@pytest.mark.reason_code(es.ReasonCode.NO_RECIPIENTS)
@given(recipients=st.lists(st.sampled_from([ANNA, BEN, NOBODY, NURSES]), max_size=3))
def test_a_share_is_refused_exactly_when_nobody_is_named(recipients):
    """Specification: `#no_recipients`."""
    reasons = World().reasons(share_request(ANNA, CT, *recipients))

    assert (es.ReasonCode.NO_RECIPIENTS in codes(reasons)) == (not recipients)


NO_GROUP = es.GroupId("no-group")

EVERYONE = [BEN, CARLA, DAN, EVA, NURSES, CLINIC, NOBODY, NO_GROUP]


@pytest.mark.reason_code(es.ReasonCode.RECIPIENT_NOT_FOUND)
@given(
    recipients=st.lists(st.sampled_from(EVERYONE), min_size=1, unique=True),
    inactive=st.sets(st.sampled_from([BEN, CARLA, DAN])),
    hidden=st.sets(st.sampled_from(EVERYONE)),
)
def test_a_share_is_refused_exactly_for_those_who_cannot_be_found(recipients, inactive, hidden):
    """Specification: `#recipient_not_found`."""
    world = World(visible=lambda _, principal: principal not in hidden)
    for user in inactive:
        world.person(user, active=False)

    reasons = world.reasons(share_request(ANNA, CT, *recipients))

    missing = inactive | hidden | {NOBODY, NO_GROUP}
    told = tuple(each for each in recipients if each in missing)
    expected = es.Reason(code=es.ReasonCode.RECIPIENT_NOT_FOUND, principals=told)
    assert reasons == ((expected,) if told else ())


@pytest.mark.reason_code(es.ReasonCode.RECIPIENT_IS_SELF)
@given(
    actor=st.sampled_from([ANNA, BEN, DAN]),
    recipients=st.lists(st.sampled_from([ANNA, BEN, CARLA, DAN, NURSES, CLINIC]), min_size=1),
)
def test_a_share_is_refused_exactly_when_the_actor_is_named(actor, recipients):
    """Specification: `#recipient_is_self`."""
    world = shared_with(BEN, DAN)

    reasons = world.reasons(share_request(actor, CT, *recipients))

    told = [each for each in reasons if each.code is es.ReasonCode.RECIPIENT_IS_SELF]
    expected = es.Reason(code=es.ReasonCode.RECIPIENT_IS_SELF, principals=(actor,))
    assert told == ([expected] if actor in recipients else [])


BENS = es.ExamId("bens")


@pytest.mark.reason_code(es.ReasonCode.RECIPIENT_IS_OWNER)
@given(
    exam=st.sampled_from([CT, BENS]),
    scope=st.sampled_from(es.Scope),
    recipients=st.lists(st.sampled_from([ANNA, BEN, DAN, NURSES]), min_size=1),
)
def test_a_share_is_refused_exactly_when_the_owner_of_the_named_exam_is_named(
    exam, scope, recipients
):
    """Specification: `#recipient_is_owner`."""
    world = World()
    world.sharing.add_upload(world.store.batch(CD), [_owned_by_ben(world)])
    world.share(ANNA, CT, CARLA)
    world.share(BEN, BENS, CARLA)

    reasons = world.reasons(share_request(CARLA, exam, *recipients, scope=scope))

    owner = {CT: ANNA, BENS: BEN}[exam]
    expected = (es.Reason(code=es.ReasonCode.RECIPIENT_IS_OWNER, principals=(owner,)),)
    assert reasons == (expected if owner in recipients else ())


def _owned_by_ben(world):
    (ct,) = world.store.find((CT,))
    return evolve(ct, id=BENS, owner=BEN)


@pytest.mark.reason_code(es.ReasonCode.DOWNLOAD_NOT_HELD)
@given(
    held=st.fixed_dictionaries(
        {CT: st.sampled_from(es.Permission)},
        optional={MR: st.sampled_from(es.Permission), XRAY: st.sampled_from(es.Permission)},
    ),
    permission=st.sampled_from(es.Permission),
    scope=st.sampled_from(es.Scope),
)
def test_a_share_is_refused_exactly_for_the_exams_on_which_download_is_not_held(
    held, permission, scope
):
    """Specification: `#download_not_held`."""
    world = World()
    for exam, given_permission in held.items():
        world.share(ANNA, exam, BEN, permission=given_permission)

    reasons = world.reasons(share_request(BEN, CT, CARLA, permission=permission, scope=scope))

    covered = [CT, MR, XRAY] if scope is es.Scope.BATCH else [CT]
    lacking = tuple(exam for exam in covered if held.get(exam) == VIEW and permission == DOWNLOAD)
    expected = es.Reason(code=es.ReasonCode.DOWNLOAD_NOT_HELD, exams=lacking)
    assert reasons == ((expected,) if lacking else ())


AWAY = st.timedeltas(timedelta(days=-400), timedelta(days=400)) | st.sampled_from(
    [timedelta(0), timedelta(microseconds=1), timedelta(microseconds=-1)]
)

IN_PAST = es.Reason(code=es.ReasonCode.EXPIRY_IN_PAST)


@pytest.mark.reason_code(es.ReasonCode.EXPIRY_IN_PAST)
@given(away=AWAY)
def test_a_share_is_refused_exactly_when_its_time_is_not_in_the_future(away):
    """Specification: `#expiry_in_past`."""
    reasons = World().reasons(share_request(ANNA, CT, BEN, until=START + away))

    assert reasons == (() if away > timedelta(0) else (IN_PAST,))


@pytest.mark.reason_code(es.ReasonCode.EXPIRY_IN_PAST)
@given(away=AWAY, reshares=st.sampled_from(es.Reshares))
def test_a_narrowing_is_refused_exactly_when_its_bound_is_not_in_the_future(away, reshares):
    """Specification: `#expiry_in_past`."""
    world = shared_with(BEN)
    world.share(BEN, CT, CARLA, until=START + timedelta(minutes=1))

    request = es.NarrowRequest(
        actor=ANNA, exam=CT, recipient=BEN, until=START + away, reshares=reshares
    )

    assert (IN_PAST in world.reasons(request)) == (away <= timedelta(0))


def test_a_past_bound_on_nothing_is_reported_beside_no_such_grant():
    request = es.NarrowRequest(actor=ANNA, exam=CT, recipient=BEN, until=START)

    assert codes(World().reasons(request)) == [
        es.ReasonCode.EXPIRY_IN_PAST,
        es.ReasonCode.NO_SUCH_GRANT,
    ]


DAYS = st.integers(1, 5)


@pytest.mark.reason_code(es.ReasonCode.EXPIRY_BEYOND_OWN)
@given(
    held=st.fixed_dictionaries(
        {CT: st.none() | DAYS}, optional={MR: st.none() | DAYS, XRAY: st.none() | DAYS}
    ),
    permission=st.sampled_from(es.Permission),
    asked=DAYS,
    scope=st.sampled_from(es.Scope),
)
def test_a_share_is_refused_exactly_for_the_exams_that_the_actor_holds_for_less(
    held, permission, asked, scope
):
    """Specification: `#expiry_beyond_own`."""
    world = World()
    for exam, days in held.items():
        until = None if days is None else START + days * DAY
        world.share(ANNA, exam, BEN, until=until, permission=DOWNLOAD)

    reasons = world.reasons(
        share_request(BEN, CT, CARLA, until=START + asked * DAY, permission=permission, scope=scope)
    )

    covered = [exam for exam in (CT, MR, XRAY) if exam in held]
    short = {
        exam: held[exam]
        for exam in (covered if scope is es.Scope.BATCH else [CT])
        if held[exam] is not None and held[exam] < asked
    }
    if short:
        assert reasons == (
            es.Reason(
                code=es.ReasonCode.EXPIRY_BEYOND_OWN,
                exams=tuple(short),
                until=START + min(short.values()) * DAY,
            ),
        )
    else:
        assert reasons == ()


@pytest.mark.parametrize("download_ended", [False, True])
def test_a_permission_that_is_not_held_at_all_is_another_reason(download_ended):
    world = shared_with(BEN)
    if download_ended:
        world.share(ANNA, CT, BEN, permission=DOWNLOAD, until=START + DAY)
        world.wait(DAY)

    request = share_request(BEN, CT, CARLA, permission=DOWNLOAD, until=START + 2 * DAY)

    assert codes(world.reasons(request)) == [es.ReasonCode.DOWNLOAD_NOT_HELD]
