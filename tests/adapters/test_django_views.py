"""Views of Django that are guarded, and what they answer to bad input."""

import logging
from uuid import uuid4

import pytest
from django import test
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.views import View

import exam_sharing as es
from django_databases import migrated
from django_portal.models import User
from exam_sharing.adapters.django import RequirePermission, open_sharing, viewer_of
from exam_sharing.adapters.django.models import Grant
from exam_sharing.adapters.django.opening import forget
from exam_sharing.web.rejections import Rejected
from world import START

VIEW, DOWNLOAD = es.Permission
JSON = {"accept": "application/json"}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def people(request):
    """Anna, who owns the exams, and three others, by the names of their accounts."""
    with migrated(request.getfixturevalue(request.param).url):
        forget(setting="DATABASES")
        names = "anna", "ben", "carla", "dan"
        yield {name: User.objects.create(username=name) for name in names}
        forget(setting="DATABASES")


@pytest.fixture
def exam(people):
    """A new exam of Anna's; everything that a test does is rolled back."""
    with transaction.atomic():
        connection.atomic_blocks[-1]._from_testcase = True
        batch = es.BatchId(str(uuid4()))
        anna = id_of(people["anna"])
        upload = es.UploadBatch(id=batch, uploader=anna, received_at=START)
        exam = es.Exam(id=es.ExamId(str(uuid4())), owner=anna, batch=batch, uploaded_at=START)
        open_sharing().add_upload(upload, [exam])
        yield exam.id
        transaction.set_rollback(True)


def id_of(user):
    return es.UserId(str(user.pk))


@pytest.fixture
def sign_in(people):
    def client(name, **options):
        found = test.Client(**options)
        found.force_login(people[name])
        return found

    return client


@pytest.fixture
def share(people, exam):
    def with_somebody(name, permission=VIEW, by="anna"):
        actor, recipients = id_of(people[by]), [id_of(people[name])]
        request = es.ShareRequest(
            actor=actor, exam=exam, recipients=recipients, permission=permission, attested=True
        )
        return open_sharing().share(request)

    return with_somebody


def status(client, address, **more):
    return client.get(address, **more).status_code


def test_a_guarded_view_is_there_for_those_who_hold_the_permission(sign_in, share, exam):
    share("ben")
    share("carla", DOWNLOAD)
    for page, allowed in (("", "abc"), ("/later", "abc"), ("/file", "ac")):
        for name in ("anna", "ben", "carla", "dan"):
            answered = status(sign_in(name), f"/studies/{exam}{page}") == 200
            assert answered == (name[0] in allowed)


def test_who_may_view_and_not_download_is_told_so(sign_in, share, exam):
    share("ben")
    answer = sign_in("ben").get(f"/studies/{exam}/file")
    assert answer.status_code == 403
    assert "You may view but not download." in answer.content.decode()
    assert answer["Cache-Control"] == "no-store"


JUNK = ["no-such-exam", "0", "a" * 300, "%00", "..%2f..%2fetc", "%F0%9F%A6%B4", " "]


@pytest.mark.parametrize("junk", JUNK)
def test_an_exam_that_may_not_be_seen_looks_like_one_that_is_not_there(sign_in, exam, junk):
    dan = sign_in("dan")
    hidden, missing = dan.get(f"/studies/{exam}"), dan.get(f"/studies/{junk}")
    nowhere = dan.get(f"/nowhere/{exam}")
    assert hidden.status_code == missing.status_code == nowhere.status_code == 404
    assert hidden.content == missing.content == nowhere.content
    problems = [dan.get(f"/studies/{each}", headers=JSON) for each in (exam, junk)]
    assert problems[0].json() == problems[1].json()
    assert {each["content-type"] for each in problems} == {"application/problem+json"}


def test_who_is_not_signed_in_is_sent_to_sign_in(exam):
    nobody = test.Client()
    answer = nobody.get(f"/studies/{exam}")
    assert (answer.status_code, answer.url) == (302, f"/accounts/login/?next=/studies/{exam}")
    assert status(nobody, f"/studies/{exam}", headers=JSON) == 401
    assert status(nobody, f"/studies/{exam}/later", headers=JSON) == 401
    assert status(nobody, "/shared/", headers=JSON) == 401


def test_the_session_of_another_person_shows_what_that_person_may_see(sign_in, share, exam):
    share("ben")
    client = sign_in("ben")
    assert status(client, f"/studies/{exam}") == 200
    client.logout()
    assert status(client, f"/studies/{exam}", headers=JSON) == 401
    client.cookies = sign_in("dan").cookies
    assert status(client, f"/studies/{exam}") == 404


class Patient:
    """Somebody who is signed in by a middleware of the host, and is no user of the portal."""

    is_authenticated, pk = True, 1


@pytest.mark.parametrize("somebody", [Patient(), User(username="not saved")])
def test_who_is_no_saved_user_of_the_portal_is_not_signed_in(somebody):
    request = test.RequestFactory().get("/")
    request.user = somebody
    with pytest.raises(Rejected):
        viewer_of(request)


def test_an_inactive_user_is_not_signed_in(sign_in, share, exam, people):
    share("ben")
    client = sign_in("ben")
    User.objects.filter(pk=people["ben"].pk).update(is_active=False)
    assert status(client, f"/studies/{exam}", headers=JSON) == 401


def test_lists_are_paged_and_junk_cursors_are_refused(sign_in, share):
    share("ben")
    ben = sign_in("ben")
    assert len(ben.get("/shared/").json()["exams"]) == 1
    for junk in ("junk", "", "\0", "9" * 500, "%s%n", "' OR 1=1 --"):
        answer = ben.get("/shared/", {"after": junk}, headers=JSON)
        assert answer.status_code == 422
        assert [each["code"] for each in answer.json()["reasons"]] == ["INVALID_INPUT"]


def form(people, name="ben", **more):
    wording = es.Policy().attestation_wording
    fields = {"recipients": id_of(people[name]).key, "attested": "on", "wording": wording}
    return {**fields, "request_id": "form-1", **more}


def test_a_form_that_is_sent_twice_is_one_share(sign_in, exam, people):
    anna = sign_in("anna")
    for _ in range(2):
        answer = anna.post(f"/studies/{exam}/share", form(people))
        assert (answer.status_code, answer.url) == (302, f"/studies/{exam}")
    assert Grant.objects.filter(exam=str(exam)).count() == 1


def test_a_form_that_is_sent_again_after_an_edit_does_nothing(sign_in, exam, people):
    anna = sign_in("anna")
    anna.post(f"/studies/{exam}/share", form(people))
    edited = anna.post(f"/studies/{exam}/share", form(people, "carla"))
    assert edited.status_code == 409
    assert Grant.objects.filter(exam=str(exam)).count() == 1


def test_the_form_of_one_person_in_the_session_of_another_does_nothing(sign_in, exam, people):
    answer = sign_in("dan").post(f"/studies/{exam}/share", form(people))
    assert answer.status_code == 404
    assert not Grant.objects.filter(exam=str(exam)).exists()


def test_a_form_without_a_token_of_ours_does_nothing(sign_in, exam, people):
    anna = sign_in("anna", enforce_csrf_checks=True)
    assert anna.post(f"/studies/{exam}/share", form(people)).status_code == 403
    assert not Grant.objects.filter(exam=str(exam)).exists()


WRONG = {
    "recipients": ["ben", "u:", "g:\0", "u:999999", "x" * 1000],
    "until": ["tomorrow", "2030-13-01", "1970-01-01"],
    "permission": ["ADMIN", "view"],
    "scope": ["EVERYTHING"],
    "attested": ["maybe"],
    "request_id": ["x" * 1000],
    "message": ["x" * 2_000_000],
}


@pytest.mark.parametrize("field", WRONG)
def test_a_field_that_cannot_be_used_is_answered_and_nothing_is_done(field, sign_in, exam, people):
    anna = sign_in("anna")
    for value in WRONG[field]:
        answer = anna.post(f"/studies/{exam}/share", form(people, **{field: value}), headers=JSON)
        assert answer.status_code == 422
        assert {each["field"] for each in answer.json()["reasons"]} == {field}
    assert not Grant.objects.filter(exam=str(exam)).exists()


def test_a_field_of_ten_megabytes_is_not_read(sign_in, exam, people):
    message = "x" * 10_000_000
    answer = sign_in("anna").post(f"/studies/{exam}/share", form(people, message=message))
    assert answer.status_code in {400, 413, 422}
    assert not Grant.objects.filter(exam=str(exam)).exists()


def test_every_reason_is_on_the_page_with_names_that_its_reader_may_know(
    sign_in, share, exam, people
):
    share("ben")
    to_the_owner = form(people, "anna", attested="")
    answer = sign_in("ben").post(f"/studies/{exam}/share", to_the_owner)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "Leave out anna: the exam is theirs." in page
    assert "confirm it" in page


def test_a_portal_replaces_sentences(sign_in, share, exam):
    share("ben")
    sentences = {"DOWNLOAD_NOT_HELD": "Nur <ansehen>."}
    with test.override_settings(EXAM_SHARING={"SENTENCES": sentences}):
        answer = sign_in("ben").get(f"/studies/{exam}/file")
    assert "Nur &lt;ansehen&gt;." in answer.content.decode()


def test_a_store_that_fails_is_answered_and_logged(sign_in, exam, monkeypatch, caplog):
    def fail(*_arguments):
        raise es.StoreFailed("the database failed: 57P01")

    client = sign_in("anna")
    monkeypatch.setattr(es.Viewer, "can", fail)
    with caplog.at_level(logging.ERROR, "exam_sharing"):
        answer = client.get(f"/studies/{exam}")
    assert answer.status_code == 503
    assert "57P01" not in answer.content.decode()
    assert "57P01" in caplog.text


def test_a_mistake_in_the_address_is_an_error_for_the_developer(sign_in, exam):
    with pytest.raises(ImproperlyConfigured, match="has no argument 'study'"):
        sign_in("anna").get(f"/studies/{exam}/mistaken")


def test_a_mixin_that_would_check_nothing_is_an_error():
    with pytest.raises(ImproperlyConfigured, match="first among the bases"):
        type("Unguarded", (View, RequirePermission), {})
