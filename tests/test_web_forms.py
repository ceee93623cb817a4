"""From the fields of a form to a request: strict, and with each error at its field."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlencode
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import exam_sharing as es
from exam_sharing import web
from world import ANNA, BEN, CT, DOWNLOAD, MR, NURSES, VIEW, World, codes, pickled, refusal

POLICY = es.Policy(attestation_wording="HIPAA permits this.\nI confirm it.")
PLAIN = {"recipients": ["u:ben", "g:nurses"]}
SUBMITTED = "HIPAA permits this.\r\nI confirm it."
"""The wording as a browser sends it."""
GRANT = es.GrantId("g")
NO_ZONE = "must have an offset, as +00:00, since no zone is given for dates"


def read(fields, **more):
    return web.share_request(fields, **{"actor": ANNA, "exam": CT, "policy": POLICY} | more)


def errors_of(read_form, *args, **kwargs):
    """Return the problem at each field."""
    with pytest.raises(web.InvalidForm) as caught:
        read_form(*args, **kwargs)
    return {error.field: error.problem for error in caught.value.errors}


def test_a_form_with_nothing_but_recipients_is_the_request_of_its_defaults():
    assert read(PLAIN) == es.ShareRequest(actor=ANNA, exam=CT, recipients=[BEN, NURSES])


def test_a_form_without_recipients_names_nobody_so_that_the_share_is_refused():
    for empty in ({}, {"recipients": []}, {"recipients": ""}, {"recipients": None}):
        assert read(empty) == es.ShareRequest(actor=ANNA, exam=CT, recipients=[])


def test_a_whole_form_is_the_request_that_it_shows():
    form = {
        **PLAIN,
        "permission": "DOWNLOAD",
        "scope": "BATCH",
        "until": "2030-01-31T09:30:00+01:00",
        "attested": "on",
        "wording": SUBMITTED,
        "message": "See\r\nthis.",
        "expect": "ct\r\nmr",
        "request_id": "form-1",
        "csrfmiddlewaretoken": "x",
    }

    assert read(form, performed_by=BEN) == es.ShareRequest(
        actor=ANNA,
        exam=CT,
        recipients=[BEN, NURSES],
        permission=DOWNLOAD,
        scope=es.Scope.BATCH,
        until=datetime(2030, 1, 31, 8, 30, tzinfo=UTC),
        attested=True,
        wording=POLICY.attestation_wording,
        message="See\nthis.",
        expect=[CT, MR],
        performed_by=BEN,
        request_id="form-1",
    )


class MultiDict(dict):
    """Like those of frameworks: an index gives the last value, `getlist` gives all."""

    def __getitem__(self, name):
        return super().__getitem__(name)[-1]

    def get(self, name, default=None):
        return [default, *self.getlist(name)][-1]

    def getlist(self, name):
        return super().get(name, [])


def test_every_recipient_of_a_form_of_a_framework_is_named():
    assert read(MultiDict(PLAIN)) == read(PLAIN)


def test_json_may_hold_truths_and_nothing():
    read_from = {**PLAIN, "attested": True, "wording": SUBMITTED, "until": None, "message": None}

    assert read(read_from).attested is True
    assert read({**read_from, "attested": False}).attested is False


@given(st.lists(st.from_type(es.PrincipalId)), st.sets(st.from_type(es.ExamId), min_size=1))
def test_what_a_page_shows_comes_back_as_it_was(recipients, exams):
    form = es.ShareForm(exams=tuple(exams), wording=POLICY.attestation_wording)
    fields = {
        "recipients": [each.key for each in recipients],
        "scope": "BATCH",
        "attested": "on",
        **web.hidden_fields(form, "form-1"),
    }
    # Browsers send each line end as two characters.
    sent = {
        name: value.replace("\n", "\r\n") if isinstance(value, str) else value
        for name, value in fields.items()
    }

    request = read(parse_qs(urlencode(sent, doseq=True)))

    assert request.recipients == tuple(dict.fromkeys(recipients))
    assert request.expect == exams
    assert (request.wording, request.request_id) == (form.wording, "form-1")


def test_a_rendered_form_that_is_sent_twice_is_one_share():
    world = World()
    fields = web.hidden_fields(world.sharing.share_form(ANNA, CT), "form-1")
    fields |= {"recipients": "u:ben", "scope": "BATCH", "attested": "on"}

    first, again = (world.sharing.share(read(fields, policy=world.policy)) for _ in range(2))

    assert (first.repeated, again.repeated) == (False, True)
    assert world.can_view(BEN, MR)


def test_what_was_shown_is_compared_for_a_batch_only():
    world = World()
    fields = web.hidden_fields(world.sharing.share_form(ANNA, CT), "form-1")
    fields |= {"recipients": "u:ben", "attested": "on"}
    world.upload(es.BatchId("cd"), ANNA, es.ExamId("late"))

    def request(scope):
        return read(fields | {"scope": scope}, policy=world.policy)

    assert codes(refusal(world.sharing.share, request("BATCH"))) == [
        es.ReasonCode.CHANGED_SINCE_SHOWN
    ]
    assert request("EXAM").expect is None
    assert world.sharing.share(request("EXAM"))


def test_a_former_wording_is_kept_so_that_the_share_is_refused():
    request = read({**PLAIN, "attested": "on", "wording": "HIPAA permits it."})

    assert request.wording == "HIPAA permits it."


def test_a_confirmation_without_the_wording_that_was_shown_cannot_be_used():
    assert errors_of(read, {**PLAIN, "attested": "on"}) == {"wording": "must be sent"}
    assert not read({**PLAIN, "attested": "off"}).attested


def test_a_batch_without_the_exams_that_were_shown_cannot_be_used():
    assert errors_of(read, {**PLAIN, "scope": "BATCH"}) == {"expect": "must be sent"}


def test_every_field_that_cannot_be_used_is_reported_at_once_and_never_quoted():
    junk = {
        "recipients": ["ben"],
        "permission": "view",
        "scope": "ALL",
        "until": "tomorrow",
        "attested": "yes",
        "wording": "\0",
        "message": b"bytes",
        "request_id": ["form-1", "form-2"],
    }

    assert errors_of(read, junk) == {
        "recipients": 'must be the key of a user, "u:…", or of a group, "g:…"',
        "permission": "must be one of VIEW, DOWNLOAD",
        "scope": "must be one of EXAM, BATCH",
        "until": "must be a date or a time in ISO 8601",
        "attested": "must be a checkbox: on, or not sent",
        "wording": "must not contain NUL",
        "message": "must be text",
        "request_id": "must be sent once",
    }


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("recipients", "u:", "must not be empty"),
        ("recipients", " u:ben", 'must be the key of a user, "u:…", or of a group, "g:…"'),
        ("recipients", "u:ben ", "must not start or end with white space"),
        ("recipients", ["u:ben", 17], "must be text"),
        ("recipients", {"u:ben": ""}, "must be text"),
        ("recipients", ["u:ben"] * 10_001, "must not contain more than 10000 items"),
        ("recipients", "u:" + "x" * 10_000_000, "must not be longer than 255 code points"),
        ("message", "x" * 10_000_000, "must not be longer than 1000000 code points"),
        ("wording", "x" * 10_000_000, "must not be longer than 10000 code points"),
        ("request_id", "x" * 256, "must not be longer than 255 code points"),
        ("until", "2030" * 1_000_000, "must be a date or a time in ISO 8601"),
        ("until", "9999-12-31", "must be a date or a time in ISO 8601"),
        ("until", "0001-01-01T00:00+14:00", "lies outside the years 1 to 9999 in UTC"),
        ("until", "2030-01-31T09:30", NO_ZONE),
        ("until", "2030-01-31", NO_ZONE),
        ("permission", "1", "must be one of VIEW, DOWNLOAD"),
        ("permission", True, "must be one of VIEW, DOWNLOAD"),
    ],
)
def test_junk_is_an_error_at_its_field(field, value, problem):
    assert errors_of(read, {**PLAIN, field: value}) == {field: problem}


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("ct\r\n", "must not be empty"),
        ("\n".join(f"e{number}" for number in range(10_001)), "must not contain more than 10000"),
        ("x" * 10_000_000, "must not be longer than 255 code points"),
    ],
)
def test_exams_that_no_page_showed_are_an_error(value, problem):
    (found,) = errors_of(read, {**PLAIN, "scope": "BATCH", "expect": value}).values()

    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("2030-01-31", datetime(2030, 1, 31, 23, tzinfo=UTC)),
        ("2030-01-31T09:30", datetime(2030, 1, 31, 8, 30, tzinfo=UTC)),
        ("2030-07-01T09:30:15", datetime(2030, 7, 1, 7, 30, 15, tzinfo=UTC)),
        ("2030-01-31T09:30Z", datetime(2030, 1, 31, 9, 30, tzinfo=UTC)),
    ],
)
def test_a_date_lasts_through_its_end_and_both_are_in_the_zone_of_the_reader(text, until):
    assert read({**PLAIN, "until": text}, zone=ZoneInfo("Europe/Vienna")).until == until


def test_an_unshare_form_names_its_recipient():
    fields = {"recipient": "g:nurses", "reshares": "CASCADE", "request_id": "x-1"}

    assert web.unshare_request(fields, actor=ANNA, exam=CT) == es.UnshareRequest(
        actor=ANNA,
        exam=CT,
        recipient=NURSES,
        reshares=es.Reshares.CASCADE,
        request_id="x-1",
    )
    assert errors_of(web.unshare_request, {"reshares": "ALL"}, actor=ANNA, exam=CT) == {
        "recipient": "must be sent",
        "reshares": "must be one of KEEP, CASCADE, RESTRICT",
    }


def test_a_narrow_form_has_a_bound():
    fields = {"recipient": "u:ben", "until": "2030-01-31"}
    narrow = {"actor": ANNA, "exam": CT, "zone": UTC}

    by_time = web.narrow_request(fields, **narrow)
    by_permission = web.narrow_request({"recipient": "u:ben", "permission": "VIEW"}, **narrow)

    assert by_time.until == datetime(2030, 1, 31, tzinfo=UTC) + timedelta(days=1)
    assert (by_time.permission, by_permission.permission) == (None, VIEW)
    assert errors_of(web.narrow_request, {"recipient": "u:ben"}, **narrow) == {
        "permission": "must be sent"
    }
    junk = {"recipient": "u:ben", "until": "junk"}
    assert errors_of(web.narrow_request, junk, **narrow).keys() == {"until"}
    assert errors_of(web.narrow_request, junk | {"until": 7}, **narrow).keys() == {"until"}


def test_a_form_ends_one_grant():
    fields = {"reshares": "", "request_id": "x-1"}

    assert web.revoke_request(fields, actor=ANNA, grant=GRANT) == es.RevokeRequest(
        actor=ANNA, grant=GRANT, request_id="x-1"
    )
    assert errors_of(web.revoke_request, {"request_id": "\n"}, actor=ANNA, grant=GRANT) == {
        "request_id": "must not start or end with white space"
    }


def test_an_invalid_form_is_an_input_error_that_pickles_and_prints_its_fields():
    error = web.InvalidForm((es.InvalidInput("until", "must be sent"),) * 2)

    assert isinstance(error, es.InputError)
    assert pickled(error).errors[0].field == "until"
    assert str(pickled(error)) == "until must be sent; until must be sent"
