"""What operators of a portal made with Django have: the admin, and the command of the relay."""

import signal
from datetime import UTC, datetime
from io import StringIO

import pytest
from django import test
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command

import exam_sharing as es
from django_databases import migrated
from django_portal.models import User
from django_portal.sharing import OUTBOX
from exam_sharing.adapters.django import open_sharing
from exam_sharing.adapters.django.models import Grant, Notice, Share
from exam_sharing.adapters.django.opening import forget
from world import START

SECRET = "for Ben's eyes alone"  # noqa: S105  a personal message
MODELS = Grant, Share, Notice


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared(request):
    """A portal with one share, whose notice waits."""
    with migrated(request.getfixturevalue(request.param).url):
        forget(setting="DATABASES")
        anna, ben = (
            User.objects.create(username=each, email=f"{each}@clinic.example")
            for each in ("anna", "ben")
        )
        actor, exam = es.UserId(str(anna.pk)), es.ExamId("ct")
        batch = es.UploadBatch(id=es.BatchId("cd"), uploader=actor, received_at=START)
        upload = es.Exam(id=exam, owner=actor, batch=batch.id, uploaded_at=START)
        open_sharing().add_upload(batch, [upload])
        # The last time of all.
        until = datetime.max.replace(tzinfo=UTC)
        wanted = {
            "recipients": [es.UserId(str(ben.pk))],
            "attested": True,
            "message": SECRET,
            "until": until,
        }
        open_sharing().share(es.ShareRequest(actor=actor, exam=exam, **wanted))
        yield
        forget(setting="DATABASES")


@pytest.fixture
def staff(shared):
    user, _ = User.objects.get_or_create(username="olga", is_staff=True)
    client = test.Client()
    client.force_login(user)
    return user, client


def address(model, *rest):
    return "/".join(["/admin/exam_sharing", model.__name__.lower(), *rest, ""])


@pytest.mark.parametrize("model", MODELS)
def test_the_admin_shows_rows_to_those_who_may_view_them_and_changes_nothing(model, staff):
    user, client = staff
    row = model.objects.get()
    user.user_permissions.clear()
    assert client.get(address(model)).status_code == 403
    may = Permission.objects.filter(content_type__app_label="exam_sharing")
    user.user_permissions.set(may)  # Also those to change and to delete, which give nothing.
    for page in (address(model), f"{address(model)}?q=ct", address(model, str(row.pk), "change")):
        answer = client.get(page)
        assert answer.status_code == 200
        assert SECRET not in answer.content.decode()
    for page in ("add", f"{row.pk}/delete", f"{row.pk}/change"):
        assert client.post(address(model, page), {"post": "yes"}).status_code == 403
    assert model.objects.get() == row


def test_times_are_those_of_the_share(shared):
    share, grant = Share.objects.get(), Grant.objects.get()
    assert share.at == grant.made_at == share.attested_at
    assert list(Share.objects.filter(at__isnull=False)) == [share]
    assert str(grant).startswith("grant ")


def relay(*arguments):
    said = StringIO()
    call_command("exam_sharing_relay", *arguments, stdout=said, stderr=said)
    return said.getvalue()


@pytest.fixture
def with_notifier(shared):
    OUTBOX.sent.clear()
    with test.override_settings(EXAM_SHARING={"NOTIFIER": "django_portal.sharing.outbox"}):
        yield


def test_the_command_needs_a_notifier(shared):
    with pytest.raises(CommandError, match="NOTIFIER"):
        relay()


def test_the_command_sends_what_is_due(with_notifier):
    assert relay() == "1 notice sent\n"
    assert [notice.message for notice in OUTBOX.sent] == [SECRET]
    assert relay() == "0 notices sent\n"
    assert not Notice.objects.exists()


def test_the_command_continues_until_it_is_interrupted(with_notifier, monkeypatch):
    rounds = []

    def deliver(_self, _stopped):
        rounds.append(len(rounds))
        if len(rounds) == 1:
            raise es.StoreFailed("the database failed")
        if len(rounds) == 3:
            signal.raise_signal(signal.SIGTERM)
        return len(rounds)

    monkeypatch.setattr(es.Admin, "deliver_notices", deliver)
    said = relay("--watch", "--pause", "0.01")
    assert said == "the database failed; trying again\n2 notices sent\n3 notices sent\n"
