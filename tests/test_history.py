"""Who could see an exam, and what happened. Specification: `#account`."""

from datetime import timedelta
from itertools import pairwise

import attrs
import pytest

import exam_sharing as es
from calls import sharing_over
from exam_sharing.acts.cursors import cursor_after
from exam_sharing.acts.history import access_at
from exam_sharing.events import ActRefused, ExamShared, ExamTransferred, GrantsEnded
from exam_sharing.grants import FOREVER, NEVER
from exam_sharing.history import GroupChanged, NameReplaced, PrincipalRemoved, UserChanged
from exam_sharing.memory import MemoryDirectory, open_sharing
from exam_sharing.policy.facts import ExamGrants
from exam_sharing.policy.past import ExamPast, Handover, Moment, exam_then, spans_held
from exam_sharing.testing.edges import START
from test_privacy import MESSAGE, WHY, assert_silent
from world import ANNA, BEN, CARLA, CLINIC, CT, DAN, DAY, DOWNLOAD, EVA, MR, NURSES, VIEW, World

pytestmark = pytest.mark.every_store


class Clinic(World):
    """The small portal, with one clock for its acts and its directory."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.directory._clock = self.clock
        # Everybody was there long before.
        self.began = self.now
        self.wait(DAY)

    def members(self, group, *members):
        self.group(group, *members)

    @property
    def admin(self):
        return self.sharing.admin

    def holders_at(self, at, exam=CT):
        return {each.user: each.permission for each in self.admin.access_at(exam, at).holders}


@pytest.fixture
def clinic():
    return Clinic()


def test_a_member_who_left_could_see_the_exam_before(clinic):
    clinic.share(ANNA, CT, NURSES)
    clinic.wait(DAY)
    clinic.members(NURSES, DAN)
    clinic.wait(DAY)

    assert clinic.holders_at(clinic.now - DAY - timedelta(seconds=1)) == {
        ANNA: DOWNLOAD,
        DAN: VIEW,
        EVA: VIEW,
    }
    assert clinic.holders_at(clinic.now) == {ANNA: DOWNLOAD, DAN: VIEW}


def test_a_change_counts_from_exactly_its_time_on(clinic):
    shared = clinic.now
    clinic.share(ANNA, CT, BEN)
    tick = timedelta(microseconds=1)

    assert clinic.holders_at(shared - tick) == {ANNA: DOWNLOAD}
    assert clinic.holders_at(shared) == {ANNA: DOWNLOAD, BEN: VIEW}


def test_each_holder_comes_with_every_grant_and_the_way_through_groups(clinic):
    clinic.share(ANNA, CT, CLINIC)
    clinic.share(ANNA, CT, DAN, permission=DOWNLOAD)
    by_group, by_name = clinic.grants(CT)
    clinic.unshare(ANNA, CT, CLINIC)
    clinic.members(CLINIC)
    at = clinic.began + DAY
    clinic.wait(DAY)
    clinic.share(ANNA, CT, CLINIC)

    seen = clinic.admin.access_at(CT, at + timedelta(hours=1))
    before = access_at(clinic.sharing._ports, CT, Moment(at=at, version=2, change=7))

    assert [each.user for each in seen.holders] == [ANNA, DAN]
    assert (seen.owner, seen.version, seen.certain) == (ANNA, 3, True)
    dan = next(each for each in before.holders if each.user == DAN)
    assert dan.permission is DOWNLOAD
    assert [(each.grant, each.path) for each in dan.grounds] == [
        (by_group, (DAN, NURSES, CLINIC)),
        (by_name, (DAN,)),
    ]


def test_an_owner_of_the_past_is_the_owner_at_that_time(clinic):
    first = clinic.now
    clinic.wait(DAY)
    clinic.transfer(CT, BEN)
    clinic.wait(DAY)
    clinic.transfer(CT, CARLA)

    owners = [clinic.admin.access_at(CT, first + n * DAY).owner for n in range(3)]
    assert owners == [ANNA, BEN, CARLA]
    assert clinic.admin.explain(BEN, VIEW, CT, at=first + DAY) == es.Permitted(as_owner=True)
    assert isinstance(clinic.admin.explain(BEN, VIEW, CT, at=first), es.Denied)


def test_a_narrowed_grant_stood_until_it_was_narrowed(clinic):
    clinic.share(ANNA, CT, BEN, permission=DOWNLOAD)
    clinic.wait(DAY)
    clinic.narrow(ANNA, CT, BEN, permission=VIEW)

    assert clinic.holders_at(clinic.now - DAY)[BEN] is DOWNLOAD
    assert clinic.holders_at(clinic.now)[BEN] is VIEW
    # What replaced it had not begun, although it has the version of the grant that it replaced.
    before = clinic.admin.explain(BEN, VIEW, CT, at=clinic.now - DAY)
    assert [ground.grant.permission for ground in before.grounds] == [DOWNLOAD]


def test_a_grant_that_had_ended_is_told_as_ended(clinic):
    clinic.share(ANNA, CT, BEN)
    clinic.wait(DAY)
    clinic.unshare(ANNA, CT, BEN)
    clinic.wait(DAY)

    answer = clinic.admin.explain(BEN, VIEW, CT, at=clinic.now)
    assert [miss.why_not for miss in answer.nearest] == [es.WhyNot.ENDED]
    assert clinic.admin.explain(BEN, VIEW, CT, at=clinic.began).nearest == ()


def test_an_answer_about_a_time_that_has_not_come_is_not_certain(clinic):
    tick = timedelta(microseconds=1)
    assert clinic.admin.access_at(CT, clinic.now).certain
    assert not clinic.admin.access_at(CT, clinic.now + tick).certain


def test_a_user_who_was_not_there_held_nothing(clinic):
    clinic.share(ANNA, CT, BEN)
    assert isinstance(clinic.admin.explain(es.UserId("nobody"), VIEW, CT, at=clinic.now), es.Denied)


def test_a_grant_had_expired_at_its_time_whether_a_sweep_recorded_it_or_not(clinic):
    until = clinic.now + DAY
    clinic.share(ANNA, CT, BEN, until=until)
    clinic.wait(3 * DAY)

    assert BEN in clinic.holders_at(until - timedelta(seconds=1))
    assert BEN not in clinic.holders_at(until)
    answer = clinic.admin.explain(BEN, VIEW, CT, at=until)
    assert [miss.why_not for miss in answer.nearest] == [es.WhyNot.EXPIRED]


def test_a_withdrawn_exam_is_answered_of_until_it_was_withdrawn(clinic):
    clinic.share(ANNA, CT, BEN)
    clinic.wait(DAY)
    clinic.admin.withdraw(CT, performed_by="host", why=WHY)

    assert clinic.holders_at(clinic.now - DAY) == {ANNA: DOWNLOAD, BEN: VIEW}
    with pytest.raises(es.Refused):
        clinic.admin.access_at(CT, clinic.now)
    with pytest.raises(es.Refused):
        clinic.admin.who_can(VIEW, CT, at=clinic.now)


def test_an_exam_is_there_from_exactly_its_upload_on(clinic):
    (exam,) = clinic.sharing._ports.exams.find([MR])

    assert clinic.holders_at(exam.uploaded_at, MR) == {exam.owner: DOWNLOAD}


def test_a_time_without_a_zone_is_refused_by_its_name(clinic):
    naive = clinic.now.replace(tzinfo=None)
    for ask in (lambda: clinic.admin.access_at(CT, naive), lambda: Moment(at=naive)):
        with pytest.raises(es.InvalidValue) as caught:
            ask()
        assert caught.value.field == "at"


def test_before_its_upload_there_was_no_exam(clinic):
    with pytest.raises(es.Refused):
        clinic.admin.access_at(MR, clinic.began - DAY)
    with pytest.raises(es.Refused):
        clinic.admin.access_at(es.ExamId("never"), clinic.now)
    assert isinstance(clinic.admin.explain(ANNA, VIEW, MR, at=clinic.began - DAY), es.Denied)


def test_a_user_who_was_inactive_or_removed_held_nothing_from_then_on(clinic):
    clinic.share(ANNA, CT, BEN, CARLA)
    clinic.wait(DAY)
    clinic.person(ANNA, active=False)
    clinic.directory.remove(BEN)

    assert clinic.holders_at(clinic.now - DAY) == {ANNA: DOWNLOAD, BEN: VIEW, CARLA: VIEW}
    assert clinic.holders_at(clinic.now) == {CARLA: VIEW}
    assert clinic.admin.access_at(CT, clinic.now).owner == ANNA


class Forgetful(MemoryDirectory):
    """Answers differently from what it recorded."""

    def people_behind(self, principals):
        return super().people_behind(principals)


def test_without_a_history_the_groups_of_today_are_asked_and_the_answer_is_not_certain(clinic):
    clinic.share(ANNA, CT, NURSES)
    clinic.wait(DAY)
    today = Forgetful()
    for user in (ANNA, EVA):
        today.add(es.User(id=user, name="someone"))
    today.add(es.Group(id=NURSES, name="Nurses", members=frozenset({EVA})))
    ports = attrs.evolve(clinic.sharing._ports, directory=today)

    seen = access_at(ports, CT, Moment(at=clinic.now - DAY))

    assert [each.user for each in seen.holders] == [ANNA, EVA]
    assert not seen.certain


def test_a_directory_that_was_filled_later_is_asked_of_today_and_the_answer_is_not_certain(clinic):
    clinic.share(ANNA, CT, NURSES)
    clinic.wait(DAY)
    restarted = MemoryDirectory(clock=clinic.clock)
    for user in (ANNA, EVA):
        restarted.add(es.User(id=user, name="someone"))
    restarted.add(es.Group(id=NURSES, name="Nurses", members=frozenset({EVA})))
    ports = attrs.evolve(clinic.sharing._ports, directory=restarted)

    before = access_at(ports, CT, Moment(at=clinic.now - DAY))
    now = access_at(ports, CT, Moment(at=clinic.now))

    assert [each.user for each in before.holders] == [ANNA, EVA]
    assert not before.certain
    assert now.certain


def test_an_exam_that_the_host_has_deleted_is_answered_of_by_what_was_kept(clinic):
    class Gone:
        def find(self, exams):
            return ()

    clinic.share(ANNA, CT, BEN)
    ports = attrs.evolve(clinic.sharing._ports, exams=Gone())

    seen = access_at(ports, CT, Moment(at=clinic.now))

    assert (seen.owner, seen.certain) == (ANNA, False)
    assert [each.user for each in seen.holders] == [ANNA, BEN]
    with pytest.raises(es.Refused):
        access_at(ports, MR, Moment(at=clinic.now))


def test_the_last_owner_of_an_exam_that_the_host_has_deleted_is_whom_it_was_handed_to_last():
    owners = ANNA, BEN, CARLA, DAN
    handovers = tuple(
        Handover(version=number, at=START + number * DAY, before=before, after=after)
        for number, (before, after) in enumerate(pairwise(owners), 1)
    )
    past = ExamPast(exam=None, version=3, sharing=ExamGrants(version=3), handovers=handovers)

    then = exam_then(CT, past, START + 9 * DAY)
    spans = spans_held(past)

    assert then.exam.owner == DAN
    assert [span.principal for span in spans] == list(owners)
    assert (spans[0].since, spans[-1].before) == (NEVER, FOREVER)


def test_nobody_owned_a_deleted_exam_that_was_never_shared():
    past = ExamPast(exam=None, version=0, sharing=ExamGrants(version=0))
    assert spans_held(past) == ()
    assert exam_then(CT, past, START) is None


def test_without_a_history_of_people_an_exam_has_that_of_its_acts(clinic):
    clinic.share(ANNA, CT, NURSES)
    ports = attrs.evolve(clinic.sharing._ports, directory=Forgetful())
    page = sharing_over(ports, clinic).admin.history(exam=CT)
    assert kinds(page) == [ExamShared]


def test_a_store_without_a_history_says_so(clinic):
    ports = attrs.evolve(clinic.sharing._ports, history=None)
    sharing = sharing_over(ports, clinic)
    assert sharing.can(ANNA, VIEW, CT)
    for ask in (sharing.admin.access_at, lambda exam, _: sharing.admin.history(exam=exam)):
        with pytest.raises(es.StoreFailed, match="keeps no history"):
            ask(CT, clinic.now)


def kinds(page):
    return [type(each.what) for each in page.items]


def test_the_history_of_an_exam_is_its_acts_refusals_owners_and_the_changes_that_mattered(clinic):
    clinic.members(CLINIC, CARLA)
    clinic.wait(DAY)
    clinic.share(ANNA, CT, NURSES, message=MESSAGE)
    clinic.wait(DAY)
    clinic.members(NURSES, DAN)
    clinic.person(DAN, active=False)
    clinic.members(CLINIC, BEN)
    clinic.wait(DAY)
    assert clinic.reasons(es.UnshareRequest(actor=DAN, exam=CT, recipient=NURSES))
    clinic.transfer(CT, BEN)
    clinic.wait(DAY)
    clinic.unshare(BEN, CT, NURSES)
    clinic.wait(DAY)
    clinic.members(NURSES, EVA)
    clinic.person(ANNA, active=False)
    clinic.directory.remove(BEN)

    page = clinic.admin.history(exam=CT)

    assert kinds(page) == [
        PrincipalRemoved,
        GrantsEnded,
        ExamTransferred,
        ActRefused,
        UserChanged,
        GroupChanged,
        ExamShared,
    ]
    assert page.items[5].what.left == (EVA,)
    assert_silent(page)


def test_a_refused_revoke_is_in_the_history_of_the_exam_of_its_grant(clinic):
    clinic.share(ANNA, CT, BEN)
    (grant,) = clinic.grants(CT)
    with pytest.raises(es.Refused):
        clinic.sharing.revoke(es.RevokeRequest(actor=CARLA, grant=grant.id))

    assert ActRefused in kinds(clinic.admin.history(exam=CT))
    clinic.sharing.revoke(es.RevokeRequest(actor=ANNA, grant=grant.id))
    assert kinds(clinic.admin.history(exam=CT, limit=3)) == [GrantsEnded, ActRefused, ExamShared]
    assert ActRefused in kinds(clinic.admin.history(user=CARLA))


def test_the_history_of_a_user_is_what_names_them_and_the_groups_they_joined_or_left(clinic):
    clinic.share(ANNA, CT, BEN, DAN)
    clinic.share(ANNA, MR, CARLA)
    clinic.wait(DAY)
    clinic.members(NURSES, EVA)
    clinic.members(NURSES, EVA, CARLA)
    clinic.unshare(ANNA, CT, BEN)

    page = clinic.admin.history(user=DAN, since=clinic.began + DAY)

    assert kinds(page) == [GroupChanged, ExamShared]
    assert page.items[0].what.left == (DAN,)
    both = clinic.admin.history(exam=CT, user=DAN, since=clinic.began + DAY)
    assert kinds(both) == [GroupChanged, ExamShared][1:]


def test_pages_of_a_history_lose_and_repeat_nothing(clinic):
    clinic.share(ANNA, CT, NURSES)
    for _ in range(3):
        clinic.members(NURSES, DAN)
        clinic.members(NURSES, DAN, EVA)
        clinic.unshare(ANNA, CT, NURSES)
        clinic.share(ANNA, CT, NURSES)
    whole = clinic.admin.history(exam=CT).items
    assert len(whole) == len(set(map(str, whole))) > 10

    for limit in (1, 2, 3, 50):
        found, after = [], None
        while True:
            page = clinic.admin.history(exam=CT, after=after, limit=limit)
            found += page.items
            after = page.next
            if after is None:
                break
        assert tuple(found) == whole


def test_a_history_needs_an_exam_or_a_user_and_a_cursor_of_its_own(clinic):
    with pytest.raises(es.InvalidArgument):
        clinic.admin.history()
    no_time = (cursor_after(text, "history 0 1") for text in ("never", "2030-01-01"))
    for wrong in ("x", clinic.sharing.visible_to(ANNA, limit=1).next, *no_time):
        with pytest.raises(es.InvalidInput):
            clinic.admin.history(exam=CT, after=wrong)
    with pytest.raises(es.InvalidArgument):
        clinic.admin.access_at(CT, clinic.now.replace(tzinfo=None))


def test_names_are_in_a_field_of_their_own_and_not_shown(clinic):
    clinic.person(BEN, name="SECRET")
    (entry, *_) = clinic.admin.history(user=BEN).items

    assert entry.what.name == "SECRET"
    assert "SECRET" not in repr(entry)


def test_the_times_of_one_principal_never_go_back():
    at = Clinic().now
    times = [at - DAY, at]
    directory = MemoryDirectory(clock=times.pop)
    directory.add(es.User(id=BEN, name="Ben"))
    directory.add(es.User(id=BEN, name="Ben", active=False))

    assert directory.members_then((BEN,), Moment(at=at - timedelta(hours=1))).active == frozenset()
    assert directory.members_then((BEN,), Moment(at=at)).active == frozenset()
    assert directory.members_then((BEN,), Moment(at=at, change=1)).active == {BEN}
    assert directory.last_change() == 2


def erase(clinic, principal, name="closed account 17"):
    return clinic.admin.replace_name(principal, name, performed_by="helpdesk", why="request 17")


def names_in(page):
    return [each.what.name for each in page.items if hasattr(each.what, "name")]


def test_replaced_names_are_in_no_entry_and_the_history_says_who_replaced_them(clinic):
    clinic.person(DAN, name="SECRET-1")
    clinic.person(DAN, name="SECRET-2", active=False)
    clinic.share(ANNA, CT, NURSES)
    clinic.wait(DAY)
    clinic.directory.remove(DAN)
    before = clinic.admin.access_at(CT, clinic.now), clinic.directory.last_change()

    assert erase(clinic, DAN) == 3

    page = clinic.admin.history(user=DAN)
    assert names_in(page)[:1] == ["closed account 17"]
    assert "SECRET" not in str(names_in(page))
    done = page.items[0].what
    assert done == NameReplaced(
        at=clinic.now,
        principal=DAN,
        name="closed account 17",
        performed_by=es.UserId("helpdesk"),
        why="request 17",
    )
    assert "request 17" not in repr(done)
    assert "closed" not in repr(done)
    # It is the change of somebody in a group with a grant, and changes nobody's access.
    assert done in [each.what for each in clinic.admin.history(exam=CT).items]
    assert (clinic.admin.access_at(CT, clinic.now), clinic.directory.last_change() - 1) == before
    assert names_in(clinic.admin.history(user=EVA)) == ["Nurses", "Eva"]


def test_names_that_were_replaced_are_replaced_once(clinic):
    clinic.directory.remove(DAN)
    assert erase(clinic, DAN) == 1
    before = clinic.directory.last_change()
    assert erase(clinic, DAN) == 0
    assert clinic.directory.last_change() == before
    assert erase(clinic, DAN, "closed account 18") == 2
    assert set(names_in(clinic.admin.history(user=DAN))) == {"closed account 18", "Nurses"}


def test_a_name_of_today_is_not_replaced_but_whoever_has_only_the_pseudonym_stays(clinic):
    with pytest.raises(es.InvalidArgument, match="remove it, or rename it there") as refused:
        erase(clinic, NURSES)
    assert "Nurses" not in str(refused.value)
    clinic.directory.add(es.Group(id=NURSES, name="a ward", members=frozenset({DAN})))
    assert erase(clinic, NURSES, "a ward") == 1
    assert clinic.directory.people_behind((NURSES,))[NURSES] == {DAN}
    clinic.members(NURSES, EVA)
    assert names_in(clinic.admin.history(user=EVA))[:2] == ["Nurses", "a ward"]


def test_the_time_of_a_replacement_does_not_go_back(clinic):
    clinic.directory.remove(DAN)
    last = clinic.now
    clinic.wait(-DAY)
    erase(clinic, DAN)
    assert clinic.admin.history(user=DAN).items[0].at == last


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"principal": es.UserId("stranger")}, es.InvalidArgument),
        ({"principal": "dan"}, es.WrongKind),
        ({"pseudonym": "two\nlines"}, es.InvalidInput),
        ({"pseudonym": None}, es.WrongKind),
        ({"performed_by": 17}, es.WrongKind),
        ({"why": "two\nlines"}, es.InvalidInput),
    ],
    ids=str,
)
def test_a_name_is_replaced_only_for_somebody_known_and_with_texts_of_one_line(
    clinic, arguments, error
):
    clinic.directory.remove(DAN)
    asked = {"principal": DAN, "pseudonym": "x", "performed_by": "ops", "why": "y"} | arguments
    with pytest.raises(error):
        clinic.admin.replace_name(**asked)
    assert kinds(clinic.admin.history(user=DAN, limit=1)) == [PrincipalRemoved]


def test_a_directory_without_a_history_has_no_name_to_replace():
    admin = open_sharing(directory=Forgetful()).admin
    with pytest.raises(es.StoreFailed, match="no history"):
        admin.replace_name(DAN, "x", performed_by="ops", why="y")
