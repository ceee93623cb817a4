"""The history of users and groups of a portal made with Django. Specification: `#history`."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy
from django import test
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection, transaction

import exam_sharing as es
from django_databases import migrated
from django_portal.models import Group, Profile, Team, User
from django_portal.sharing import OF_PROFILES, OF_TEAMS
from exam_sharing.adapters import sqlalchemy as sql
from exam_sharing.adapters.django import open_sharing, record_changes
from exam_sharing.adapters.django.opening import forget
from exam_sharing.history import GroupChanged, NameReplaced, PrincipalRemoved, UserChanged
from exam_sharing.policy.past import Moment

TABLES = sql.define_tables(sqlalchemy.MetaData())
TEAMS = {"HISTORY": True, "USERS": OF_PROFILES, "GROUPS": OF_TEAMS}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(request):
    """An engine beside Django, for the same database."""
    found = request.getfixturevalue(request.param)
    with migrated(found.url):
        yield found


@pytest.fixture
def portal(engine):
    """An empty portal whose history has begun."""
    with connection.cursor() as cursor:
        for table in TABLES.all():
            if table is not TABLES.schema:
                cursor.execute(str(sqlalchemy.delete(table)))
    for model in (Team, Profile, User, Group):
        model.objects.all().delete()
    forget(setting="EXAM_SHARING")


@pytest.fixture
def kept(portal):
    with test.override_settings(EXAM_SHARING={"HISTORY": True}):
        call_command("exam_sharing_history")
        yield


@pytest.fixture
def teams(portal):
    with test.override_settings(EXAM_SHARING=TEAMS):
        call_command("exam_sharing_history")
        yield


def user(row):
    return es.UserId(str(row.pk))


def group(row):
    return es.GroupId(str(row.pk))


def entries(row):
    """Return the history of a user, the oldest first."""
    page = open_sharing().admin.history(user=user(row))
    return [each.what for each in reversed(page.items)]


def moves(row):
    changes = (each for each in entries(row) if isinstance(each, GroupChanged))
    return [(each.group, user(row) in each.joined, user(row) in each.left) for each in changes]


def test_a_user_is_in_the_history_as_the_model_is_saved_and_deleted(kept):
    ben = User.objects.create(username="ben")
    ben.is_active = False
    ben.save()
    ben.save()  # What has not changed is not recorded.
    user_of_ben = User(pk=ben.pk)
    ben.delete()

    first, second, removed = entries(user_of_ben)
    assert (first.name, first.active, second.active) == ("ben", True, False)
    assert removed == PrincipalRemoved(at=removed.at, principal=user(user_of_ben))
    assert open_sharing().admin.replace_name(removed.principal, "x", performed_by="o", why="y") == 2
    assert {each.name for each in entries(user_of_ben) if isinstance(each, UserChanged)} == {"x"}
    assert isinstance(entries(user_of_ben)[-1], NameReplaced)


def test_members_are_in_the_history_from_whichever_side_they_change(kept):
    ben = User.objects.create(username="ben")
    ward, ct = (Group.objects.create(name=name) for name in ("ward", "ct"))
    ward.user_set.add(ben)
    ben.groups.set([ct])
    ben.groups.clear()
    ct.user_set.set([ben])
    ct.user_set.clear()
    assert moves(ben) == [
        (group(ward), True, False),
        (group(ward), False, True),
        (group(ct), True, False),
        (group(ct), False, True),
        (group(ct), True, False),
        (group(ct), False, True),
    ]


def test_who_is_deleted_has_left_their_groups(kept):
    ben = User.objects.create(username="ben")
    ward = Group.objects.create(name="ward")
    ward.user_set.add(ben)
    gone = User(pk=ben.pk)
    User.objects.filter(username="ben").delete()
    assert moves(gone) == [(group(ward), True, False), (group(ward), False, True)]


def test_a_change_and_its_record_are_committed_together_or_not_at_all(kept):
    ward = Group.objects.create(name="ward")
    with transaction.atomic():
        ben = User.objects.create(username="ben")
        ward.user_set.add(ben)
        assert len(entries(ben)) == 2
        transaction.set_rollback(True)
    assert entries(ben) == []


def test_what_django_sends_no_signal_of_is_recorded_by_name_in_its_transaction(teams):
    ben = User.objects.create(username="ben")
    profile = Profile.objects.create(user=ben, name="Ben")
    with pytest.raises(es.InvalidArgument, match="atomic"):
        record_changes(user(ben))
    with transaction.atomic():
        record_changes(user(ben))
    with transaction.atomic():
        Profile.objects.filter(pk=profile.pk).update(plan="basic")
        record_changes(user(ben))
    *_, before, after = entries(ben)
    assert (before.name, before.sharing_in_plan, after.sharing_in_plan) == ("Ben", True, False)


def test_teams_of_teams_are_recorded_from_both_sides(teams):
    ben = User.objects.create(username="ben")
    Profile.objects.create(user=ben, name="Ben")
    ward, clinic = (Team.objects.create(title=title) for title in ("ward", "clinic"))
    ward.accounts.add(ben)
    ward.team_set.add(clinic)
    until = datetime.now(UTC)
    ward.team_set.clear()
    ward.hidden_from.add(ben)  # No membership.

    directory = open_sharing()._ports.directory
    moments = [Moment(at=at) for at in (until, until + timedelta(days=1))]
    then, now = (directory.groups_then(user(ben), moment).memberships for moment in moments)
    assert set(then) == {(group(ward), user(ben)), (group(clinic), group(ward))}
    assert set(now) == {(group(ward), user(ben))}


def test_a_bulk_load_is_recorded_by_a_command(kept):
    (ben,) = User.objects.bulk_create([User(username="ben")])
    assert entries(ben) == []
    call_command("exam_sharing_history")
    call_command("exam_sharing_history")
    assert len(entries(ben)) == 1


def test_without_the_setting_nothing_is_recorded(portal):
    with test.override_settings(EXAM_SHARING={}):
        ben = User.objects.create(username="ben")
        assert entries(ben) == []
        with pytest.raises(CommandError, match="history"):
            call_command("exam_sharing_history")
        with transaction.atomic(), pytest.raises(es.InvalidArgument, match="history"):
            record_changes(user(ben))


def test_a_history_that_is_no_flag_is_reported(portal):
    with test.override_settings(EXAM_SHARING={"HISTORY": 1}), pytest.raises(ImproperlyConfigured):
        open_sharing()
