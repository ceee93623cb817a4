"""The invariants, each by itself, over random stories. Specification: `#invariants`."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import exam_sharing as es
from exam_sharing.events import ActRefused
from exam_sharing.grants import FOREVER, NEVER, Holding
from laws.stories import (
    EXAMS,
    PRINCIPALS,
    USERS,
    contents,
    everyone_sees,
    in_stories,
    patient,
    stories,
    tell,
)
from world import refusal

pytestmark = pytest.mark.every_store


def horizons(story, user, exam):
    """Return until when the user holds each permission, by the grounds that `explain` names."""
    held = {}
    for permission in es.Permission:
        answer = story.sharing.admin.explain(user, permission, exam)
        if not isinstance(answer, es.Permitted):
            held[permission] = NEVER
        elif answer.as_owner:
            held[permission] = FOREVER
        else:
            held[permission] = max(ground.grant.horizon for ground in answer.grounds)
    return held


@in_stories()
def test_no_one_exceeds_their_source(story, request):
    """Specification: `#no-one-exceeds-their-source`."""
    if not isinstance(request, es.ShareRequest):
        story.do(request)
        return
    before = {exam: horizons(story, request.actor, exam) for exam in EXAMS}
    known = {grant.id for grant in story.every_grant()}
    story.do(request)
    for grant in story.every_grant():
        if grant.id not in known:
            assert grant.horizon <= before[grant.exam][grant.permission]


@in_stories()
def test_the_basis_of_a_grant_is_earlier_grants_on_its_exam(story, request):
    """Specification: `#basis`."""
    grants = {grant.id: grant for grant in story.every_grant()}
    story.do(request)
    for grant in story.every_grant():
        if grant.basis is not es.OWNER and grant.basis <= grants.keys():
            for source in grant.basis:
                assert grants[source].exam == grant.exam
                assert grants[source].version < grant.version


@in_stories(limit=st.integers(1, 3), steps=6)
def test_list_and_check_agree(story, request, *, limit):
    """Specification: `#list-and-check-agree`."""
    story.do(request)
    for user in USERS:
        paged = every_page(story.sharing.visible_to, user, limit)
        others = every_page(story.sharing.shared_with, user, limit)
        for permission in es.Permission:
            can = {exam for exam in EXAMS if story.sharing.can(user, permission, exam)}
            assert {item.exam for item in paged if item.permission >= permission} == can
            assert story.sharing.can_many(user, permission, EXAMS) == can
            viewer = story.sharing.viewer(user)
            assert {exam for exam in EXAMS if viewer.can(permission, exam)} == can
            answers = {exam: story.sharing.admin.explain(user, permission, exam) for exam in EXAMS}
            assert {exam for exam, a in answers.items() if isinstance(a, es.Permitted)} == can
            assert {exam for exam in EXAMS if user in who_can(story, permission, exam)} == can
        owned = {exam.id for exam in story.store.find(EXAMS) if exam.owner == user}
        assert [item for item in paged if item.exam not in owned] == others


def who_can(story, permission, exam):
    return {holder.user for holder in story.sharing.admin.who_can(permission, exam)}


def every_page(ask, user, limit):
    items, after = [], None
    while True:
        page = ask(user, after, limit)
        items += page.items
        after = page.next
        if after is None:
            return items


@in_stories(policies=everyone_sees, hiding=False)
def test_a_preview_agrees_with_checks_before_and_after_the_act(story, request):
    """Specification: `#previews`, where the actor may know everything."""
    knows = knows_everything(story, request)
    before = story.everything_held()
    preview = story.sharing.preview(request)
    assert story.everything_held() == before
    receipt = story.do(request)
    assert preview.reasons == (receipt.reasons if isinstance(receipt, es.Refused) else ())
    after = story.everything_held()
    if isinstance(receipt, es.Refused):
        assert after == before
    elif knows:
        gained = {triple(e) for e in preview.gains if is_user(e) and not e.held_before}
        lost = {triple(e) for e in preview.losses if is_user(e) and not e.held_after}
        assert gained == after - before
        assert lost == before - after
        assert {triple(e) for e in preview.keeps if is_user(e)} <= after & before


def knows_everything(story, request):
    if not isinstance(request, es.RevokeRequest):
        return story.sharing.can(request.actor, es.Permission.VIEW, request.exam)
    found = story.store.find_grants((request.grant,))
    return any(story.sharing.can(request.actor, es.Permission.VIEW, each.exam) for each in found)


def triple(effect):
    return effect.principal, effect.exam, effect.permission


def is_user(effect):
    return isinstance(effect.principal, es.UserId)


@in_stories()
def test_a_refused_act_changes_nothing_and_sends_nothing(story, request):
    """Specification: `#refusals`."""
    before, sent = story.snapshot(), len(story.notifier.sent)
    events = len(story.store.events())
    if isinstance(story.do(request), es.Refused):
        assert story.snapshot() == before
        assert len(story.notifier.sent) == sent
        assert len(story.store.events()) == events + 1


@in_stories()
def test_unsharing_takes_effect_at_once(story, request):
    """Specification: `#unsharing`."""
    receipt = story.do(request)
    if isinstance(request, es.UnshareRequest) and isinstance(receipt, es.UnshareReceipt):
        gone = {grant.id for grant in receipt.ended}
        for user in USERS:
            for permission in es.Permission:
                answer = story.sharing.admin.explain(user, permission, request.exam)
                can = story.sharing.can(user, permission, request.exam)
                assert can == isinstance(answer, es.Permitted)
                if can:
                    assert not gone & {ground.grant.id for ground in answer.grounds}


@in_stories()
def test_sharing_never_ends_access(story, request):
    """Specification: `#sharing-again`."""
    before = story.everything_held()
    standing = {grant for exam in EXAMS for grant in story.standing(exam)}
    if isinstance(story.do(request), es.ShareReceipt):
        assert before <= story.everything_held()
        assert standing <= {grant for exam in EXAMS for grant in story.standing(exam)}


@in_stories()
def test_a_grant_is_made_only_if_it_adds_to_the_grants_of_its_grantor(story, request):
    """Specification: `#sharing-again`."""
    before = {exam: story.standing(exam) for exam in EXAMS}
    receipt = story.do(request)
    if not isinstance(receipt, es.ShareReceipt):
        return
    for exam in EXAMS:
        known = {grant.id for grant in before[exam]}
        for grant in story.standing(exam):
            if grant.id not in known:
                given_before = Holding.all_of(
                    earlier.holding
                    for earlier in before[exam]
                    if (earlier.grantor, earlier.recipient) == (grant.grantor, grant.recipient)
                )
                assert not given_before.covers(grant.holding)
    if request.until is not None:
        again = story.do(request)
        assert {o.outcome for o in again.outcomes} <= {es.Outcome.UNCHANGED, es.Outcome.OWNS_IT}


@in_stories()
def test_narrowing_leaves_no_grant_beyond_the_bound(story, request):
    """Specification: `#narrowing`."""
    before = story.everything_held()
    receipt = story.do(request)
    if isinstance(request, es.NarrowRequest) and isinstance(receipt, es.UnshareReceipt):
        assert story.everything_held() <= before
        for grant in receipt.replacements:
            if grant.recipient == request.recipient:
                assert request.permission is None or grant.permission <= request.permission
                assert request.until is None or grant.until <= request.until
        if is_owner(story, request):
            for grant in story.standing(request.exam):
                if grant.recipient == request.recipient:
                    assert request.permission is None or grant.permission <= request.permission


def is_owner(story, request):
    return any(exam.owner == request.actor for exam in story.store.find((request.exam,)))


@in_stories()
def test_can_unshare_of_the_access_list_is_true_exactly_if_unsharing_is_allowed(
    story, request, data
):
    """Specification: `#access-list`."""
    story.do(request)
    viewer = data.draw(st.sampled_from(USERS), label="viewer")
    exam = data.draw(st.sampled_from(EXAMS), label="exam")
    if not story.sharing.can(viewer, es.Permission.VIEW, exam):
        return
    for entry in story.sharing.access_list(viewer, exam).entries:
        whole = es.UnshareRequest(actor=viewer, exam=exam, recipient=entry.principal)
        assert entry.can_unshare == (story.sharing.preview(whole).reasons == ())
        for listed in entry.grants:
            one = es.RevokeRequest(actor=viewer, grant=listed.grant.id)
            assert listed.can_unshare == (story.sharing.preview(one).reasons == ())


@in_stories(change=False)
def test_every_grant_has_a_source_if_all_endings_cascade(story, request):
    """Specification: `#re-shares`, `#no-one-exceeds-their-source`."""
    if not isinstance(request, es.ShareRequest):
        request = attrs.evolve(request, reshares=es.Reshares.CASCADE)
    story.do(request)
    for exam in EXAMS:
        standing = story.standing(exam)
        for grant in standing:
            if grant.basis is not es.OWNER:
                assert has_source(story, grant, standing)


def has_source(story, grant, standing):
    keys = story.directory.profiles((grant.grantor,))[grant.grantor].principals
    sources = [g for g in standing if g.recipient.key in keys and g.grantor != grant.grantor]
    return any(source.holding.covers(grant.holding) for source in sources)


@given(story=stories(), data=st.data())
@patient
def test_replaying_the_events_in_the_order_of_versions_gives_the_grants(story, data):
    """Specification: `#serial-order`, `#nothing-is-forgotten`."""
    tell(data, story, story.do)
    for exam in EXAMS:
        standing = {}
        versions = []
        for event in sorted(acts_on(story, exam), key=lambda event: event.versions[exam]):
            versions.append(event.versions[exam])
            for past in getattr(event, "ended", ()):
                if past.grant.exam == exam:
                    del standing[past.grant.id]
            made = getattr(event, "made", ())
            standing.update({grant.id: grant for grant in made if grant.exam == exam})
        assert versions == list(range(1, len(versions) + 1))
        assert contents(standing.values()) == contents(story.facts(exam).grants)


def acts_on(story, exam):
    done = (event for event in story.store.events() if not isinstance(event, ActRefused))
    return [event for event in done if exam in event.versions]


@in_stories()
def test_the_tabs_and_the_share_form_agree(story, request, data):
    """Specification: `#share-form`."""
    story.do(request)
    actor = data.draw(st.sampled_from(USERS), label="actor")
    exam = data.draw(st.sampled_from(EXAMS), label="exam")
    form, tabs = story.sharing.share_form(actor, exam), story.sharing.tabs(actor, exam)
    assert form.has_share_tab == (es.Tab.SHARE in tabs)
    if form.has_share_tab:
        assert form.offers_download == (es.Tab.DOWNLOAD in tabs)
        assert exam in form.exams


@in_stories()
def test_the_share_page_is_its_parts(story, request, data):
    """Specification: `#what-the-portal-shows`."""
    story.do(request)
    user = data.draw(st.sampled_from(USERS), label="user")
    exam = data.draw(st.sampled_from(EXAMS), label="exam")
    form, tabs = story.sharing.share_form(user, exam), story.sharing.tabs(user, exam)
    listed = access_list(story, user, exam)
    if isinstance(listed, es.Refused):
        assert refusal(story.sharing.share_page, user, exam) == listed.reasons
        assert (form, tabs) == (es.ShareForm(), frozenset())
    else:
        page = story.sharing.share_page(user, exam)
        assert (page.form, page.tabs, page.access_list) == (form, tabs, listed)


@in_stories()
def test_answers_name_exactly_the_principals_that_they_mention(story, request):
    """Specification: `#disclosure`: a reader of an id also reads the name."""
    answers = [story.sharing.preview(request), story.do(request)]
    if not isinstance(request, es.RevokeRequest):
        answers.append(access_list(story, request.actor, request.exam))
    for answer in answers:
        if not isinstance(answer, es.Refused):
            assert answer.names == story.directory.names(mentioned(answer))


def access_list(story, user, exam):
    try:
        return story.sharing.access_list(user, exam)
    except es.Refused as refused:
        return refused


def mentioned(answer):
    """Return everybody whose id is in the answer."""
    match answer:
        case es.ShareReceipt():
            return {each.recipient for each in answer.outcomes}
        case es.UnshareReceipt():
            grants = (*answer.ended, *answer.replacements, *answer.left_standing)
            others = set(answer.still_have_access)
        case es.Preview():
            return {each.principal for each in (*answer.gains, *answer.losses, *answer.keeps)}
        case es.AccessList():
            grants = [each.grant for entry in answer.entries for each in entry.grants]
            others = {answer.owner, *(entry.principal for entry in answer.entries)}
    return others | {who for grant in grants for who in (grant.grantor, grant.recipient)}


@given(story=stories())
@patient
def test_names_are_those_that_an_active_user_sees_in_the_directory(story):
    """Specification: `#disclosure`."""
    for user in USERS:
        active = story.directory.profiles((user,))[user].active
        seen = story.directory.seen_by(user, PRINCIPALS) if active else ()
        assert story.sharing.names(user, PRINCIPALS) == story.directory.names(seen)
