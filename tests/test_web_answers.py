"""From an error to a status, problem details, and sentences for people."""

import json
import string
from datetime import timedelta

import pytest

import exam_sharing as es
from exam_sharing import web
from exam_sharing.policy.requests import ShareRequest
from exam_sharing.web import answers
from test_errors import ERRORS, SENTENCES
from world import ANNA, BEN, CARLA, CT, DAN, NO_EXAM, NURSES, START, World, refusal, share_request

FIELDS = {"recipient", "reshares"} | set(ShareRequest.__slots__)
REJECTIONS = {"NOT_SIGNED_IN": 401, "CROSS_SITE": 403, "NOT_JSON": 415, "TOO_LARGE": 413}
OTHER_CODES = {"INVALID_INPUT", "REQUEST_ID_REUSED", "CONFLICT", "STORE_FAILED", "CALLER_ERROR"}
OTHER_CODES |= REJECTIONS.keys()
NAMES = {BEN: "Ben Okoye", CARLA: "Carla"}


def refused(code, **parameters):
    return es.Refused((es.Reason(code=code, **parameters),))


def sentences(error, *args, **kwargs):
    return [each.sentence for each in web.answer_to(error, *args, **kwargs).findings]


def test_every_code_has_its_sentence_and_its_status():
    every_code = {code.value for code in es.ReasonCode} | OTHER_CODES

    assert {key.partition(".")[0] for key in web.ENGLISH} - {"AND", "OTHERS"} == every_code
    assert every_code <= set(web.ENGLISH)
    assert every_code <= set(answers.STATUSES)
    assert {status for status, _ in answers.STATUSES.values()} <= set(answers.TITLES)


def test_every_field_of_a_reason_is_one_of_a_form():
    assert {field for _, field in answers.STATUSES.values()} - {""} <= FIELDS


@pytest.mark.parametrize("field", ["recipient", "recipients", "permission", "scope", "until"])
def test_every_field_that_people_fill_in_has_a_sentence_of_its_own(field):
    assert f"INVALID_INPUT.{field}" in web.ENGLISH


@pytest.mark.parametrize("key", web.ENGLISH)
def test_every_sentence_is_plain_and_names_only_what_reasons_have(key):
    text = web.ENGLISH[key]
    named = {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert named <= {"who", "count", "limit", "until", "front", "last"}
    assert key in {"AND", "OTHERS"} or (text[0].isupper() or text[0] == "{")
    assert key in {"AND", "OTHERS"} or text.endswith(".")


@pytest.mark.parametrize("code", es.ReasonCode)
def test_a_reason_without_parameters_has_a_sentence_without_gaps(code):
    parameters = {"limit": 3, "until": START, "principals": (BEN,)}
    (sentence,) = sentences(refused(code, **parameters))

    assert "None" not in sentence
    assert "{" not in sentence


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_every_error_has_an_answer_that_json_can_hold(error):
    answer = web.answer_to(error)

    assert json.loads(json.dumps(answer.problem)) == answer.problem
    assert answer.problem["status"] == answer.status
    assert answer.problem["title"]
    assert SENTENCES[error] not in answer.problem["detail"]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (es.InvalidInput("until", "must be sent"), 422, "INVALID_INPUT"),
        (es.RequestIdReused("form-1"), 409, "REQUEST_ID_REUSED"),
        (es.Conflict(50), 409, "CONFLICT"),
        (es.StoreBusy("the file is locked"), 503, "STORE_FAILED"),
        (es.WrongKind("actor", "UserId", "str"), 500, "CALLER_ERROR"),
        *((web.Rejected(code), status, code) for code, status in REJECTIONS.items()),
        (es.InvalidInput("ExamId", "must not be empty"), 404, "EXAM_NOT_FOUND"),
        (es.InvalidInput("GrantId", "must not be empty"), 404, "NO_SUCH_GRANT"),
    ],
)
def test_each_family_of_errors_has_its_status(error, status, code):
    answer = web.answer_to(error)

    assert (answer.status, [each.code for each in answer.findings]) == (status, [code])


def test_a_hidden_exam_a_missing_one_and_an_impossible_id_have_the_same_answer():
    world = World()
    answered = []
    for exam in (CT, NO_EXAM):
        with pytest.raises(es.Refused) as caught:
            world.sharing.share(share_request(BEN, exam, CARLA))
        answered.append(web.answer_to(caught.value).problem)
    with pytest.raises(es.InvalidInput) as caught:
        es.ExamId("x" * 256)
    answered.append(web.answer_to(caught.value).problem)

    assert answered == [answered[0]] * 3
    assert answered[0] == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no such exam, or you may not see it.",
        "reasons": [
            {
                "code": "EXAM_NOT_FOUND",
                "detail": "There is no such exam, or you may not see it.",
            }
        ],
    }


def test_of_several_reasons_the_gravest_gives_the_status_and_all_are_told():
    world = World(max_people=1)
    world.share(ANNA, CT, BEN)
    request = share_request(
        BEN, CT, ANNA, NURSES, attested=False, permission=es.Permission.DOWNLOAD, until=START
    )
    error = es.Refused(refusal(world.sharing.share, request))

    answer = web.answer_to(error, world.sharing.names(BEN, web.named_in(error)))

    assert answer.status == 403
    assert answer.fields == {
        "attested": ["Read the current statement about HIPAA and confirm it."],
        "recipients": [
            "Leave out Anna: the exam is theirs.",
            "Choose fewer or smaller groups. One share may reach 1 people.",
        ],
        "permission": ["You may view but not download. You can share for viewing only."],
        "until": ["Choose a time in the future."],
    }


def test_errors_of_a_form_stand_at_their_fields():
    with pytest.raises(web.InvalidForm) as caught:
        web.share_request(
            {"recipients": "ben", "until": "soon"}, actor=ANNA, exam=CT, policy=es.Policy()
        )

    answer = web.answer_to(caught.value)

    assert answer.status == 422
    assert answer.fields == {
        "recipients": ["Choose people and groups that the list offers you."],
        "until": ["Enter a date, as 2030-01-31, or a date and a time."],
    }
    assert answer.problem["reasons"][1] == {
        "code": "INVALID_INPUT",
        "field": "until",
        "detail": "Enter a date, as 2030-01-31, or a date and a time.",
        "problem": "must be a date or a time in ISO 8601",
    }


def test_a_sentence_names_whom_the_reader_may_know_and_nobody_else():
    error = refused(es.ReasonCode.REMOVED_BY_OWNER, principals=(BEN, DAN, CARLA, NURSES))

    assert web.named_in(error) == (BEN, DAN, CARLA, NURSES)
    for names, who in (
        ({}, "others"),
        ({BEN: "Ben Okoye"}, "Ben Okoye and others"),
        (NAMES, "Ben Okoye, Carla and others"),
        (NAMES | {DAN: "Dan", NURSES: "Nurses"}, "Ben Okoye, Dan, Carla and Nurses"),
    ):
        (sentence,) = sentences(error, names)
        assert sentence == f"The owner has removed {who}. Ask the owner to share with them again."


def test_names_that_look_like_placeholders_stay_names():
    error = refused(es.ReasonCode.RECIPIENT_IS_OWNER, principals=(BEN,))

    assert sentences(error, {BEN: "{limit}"}) == ["Leave out {limit}: the exam is theirs."]


def test_reasons_are_machine_readable_with_principals_by_key():
    reason = es.Reason(
        code=es.ReasonCode.NO_SUCH_GRANT, principals=(BEN, NURSES), grants=(es.GrantId("g"),)
    )
    answer = web.answer_to(es.Refused((reason,)), {NURSES: "Nurses"})

    assert answer.status == 404
    assert answer.problem["reasons"] == [
        {
            "code": "NO_SUCH_GRANT",
            "detail": "There is no access here that you can end. It comes through Nurses and"
            " others.",
            "principals": ["u:ben", "g:nurses"],
            "grants": ["g"],
            "names": {"g:nurses": "Nurses"},
        }
    ]
    limit = refused(es.ReasonCode.TOO_MANY, limit=1_000, limited="exams")
    assert web.answer_to(limit).problem["reasons"] == [
        {
            "code": "TOO_MANY",
            "field": "scope",
            "detail": "Share at most 1,000 exams at once.",
            "limit": 1_000,
            "limited": "exams",
        }
    ]
    until = refused(es.ReasonCode.EXPIRY_BEYOND_OWN, until=START + timedelta(seconds=30))
    assert web.answer_to(until).problem["reasons"][0]["until"] == "2030-01-01T12:00:30+00:00"
    assert sentences(until) == [
        "Your own access ends on 2030-01-01 12:00 UTC. Choose no later time."
    ]


def test_a_host_replaces_sentences_and_times_and_adds_those_of_its_rules():
    german = web.ENGLISH | {
        "EXPIRY_BEYOND_POLICY": "Wählen Sie spätestens den {until}.",
        "HOST_RULE.EMBARGOED": "Diese Studie ist noch verblindet.",
    }
    error = es.Refused(
        (
            es.Reason(code=es.ReasonCode.EXPIRY_BEYOND_POLICY, until=START),
            es.Reason(code=es.ReasonCode.HOST_RULE, host_code="EMBARGOED"),
            es.Reason(code=es.ReasonCode.HOST_RULE, host_code="CLOSED"),
        )
    )

    assert sentences(error, sentences=german, when="{:%d.%m.%Y}".format) == [
        "Wählen Sie spätestens den 01.01.2030.",
        "Diese Studie ist noch verblindet.",
        "A rule of this site does not allow it.",
    ]


def test_no_name_is_in_the_repr_of_an_answer():
    error = refused(es.ReasonCode.RECIPIENT_IS_OWNER, principals=(BEN,))

    assert "Okoye" not in repr(web.answer_to(error, NAMES))
