"""Bad input on every JSON endpoint: the right status, nothing leaked, nothing done."""

import json

import pytest

from world import ANNA, NO_EXAM

pytest.importorskip("fastapi", reason="no FastAPI: install exam-sharing[fastapi]")

from fastapi_clients import (
    FORMS,
    IMPOSSIBLE,
    OF_AN_EXAM,
    PAGES,
    READS,
    client_in,
    codes_of,
    everything_in,
    given,
    path_in,
    state_of,
)

pytestmark = pytest.mark.every_store

OF_NO_STORE = pytest.mark.memory_only("no store makes a difference")
MARK = "Schulze-7f3a"
"""A text that no answer may repeat."""
EMPTY = ([], {"items": [], "next": None})
"""What there is to choose from for somebody who may not share."""
FIELDS = {
    "share": ("recipients", "permission", "scope", "until", "attested", "message"),
    "unshare": ("recipient", "reshares"),
    "narrow": ("recipient", "permission", "until", "reshares"),
    "revoke": ("reshares",),
}
"""The fields of each form that a person fills in."""

each_act = pytest.mark.parametrize("path", FORMS)


@OF_NO_STORE
@pytest.mark.parametrize("path", OF_AN_EXAM)
def test_an_id_that_no_exam_can_have_is_answered_as_an_absent_exam(path):
    client, form = client_in(given(), ANNA), FORMS.get(path)

    def answer(exam):
        url = path.replace("ct", exam, 1)
        return everything_in(client.get(url) if form is None else client.act(url, **form))

    found, absent = {answer(each) for each in IMPOSSIBLE}, answer(NO_EXAM.value)

    assert [status for status, *_ in found] == [404]
    assert found == {absent} or json.loads(absent[1]) in EMPTY


BAD_QUERIES = {
    "a cursor that is none": {"after": MARK},
    "a cursor of something else": {"after": "WyJhIiwgMV0="},
    "a cursor with junk": {"after": "\x00\ud7ff%%%"},
    "a long cursor": {"after": "A" * 60_000},
    "no limit": {"limit": ""},
    "a limit of zero": {"limit": "0"},
    "a negative limit": {"limit": "-1"},
    "a limit that is too high": {"limit": "1001"},
    "a limit that is no number": {"limit": MARK},
    "a limit in other digits": {"limit": "٣"},
    "a limit of many digits": {"limit": "9" * 5_000},
}
"""Bad cursors and limits; the client of the tests sends no address of more than 64 kB."""


def test_bad_cursors_and_limits_are_answered_422():
    client = client_in(given(), ANNA)

    for path in PAGES:
        found = {
            name: outcome_of(client.get(path, params=each)) for name, each in BAD_QUERIES.items()
        }
        assert found == dict.fromkeys(BAD_QUERIES, (422, ["INVALID_INPUT"])), path


def outcome_of(answer):
    """Return the status and the codes of an answer, which is short and repeats nothing."""
    assert MARK not in answer.text
    assert len(answer.content) < 1_000
    return answer.status_code, codes_of(answer)


@OF_NO_STORE
def test_any_text_can_be_typed():
    client = client_in(given(), ANNA)

    for text in ("", "\x00", "%", "\ud7ff", "b" * 60_000):
        answer = client.get("/exams/ct/suggestions", params={"text": text})
        assert (answer.status_code, answer.json()) == (200, [])


def as_json(value):
    return {"content": json.dumps(value), "headers": {"content-type": "application/json"}}


def sent(content, content_type="application/json"):
    return {"content": content, "headers": {"content-type": content_type}}


BAD_BODIES = {
    "no body": (422, sent("")),
    "no JSON": (422, sent(f"{{{MARK}")),
    "a list": (422, as_json([MARK])),
    "null": (422, as_json(None)),
    "broken UTF-8": (422, sent(b'{"request_id": "\xff"}')),
    "deep nesting": (422, sent("[" * 100_000)),
    "deep nesting in a field": (422, sent('{"request_id": ' + "[" * 100_000)),
    "an unknown field": (422, as_json({MARK: MARK})),
    "a request id that is a number": (422, as_json({"request_id": 17})),
    "a request id that is an object": (422, as_json({"request_id": {"id": MARK}})),
    "a request id with a control character": (422, as_json({"request_id": f"{MARK}\x00"})),
    "a request id with half a character": (422, as_json({"request_id": "\ud800"})),
    "a request id of 1 MB": (422, as_json({"request_id": "x" * 1_000_000})),
    "two request ids": (422, as_json({"request_id": ["a", "b"]})),
    "a request id of 10 MB": (413, as_json({"request_id": "x" * 10_000_000})),
    "a field of 10 MB": (413, as_json({"junk": MARK * 1_000_000})),
    "10 MB of a list": (413, sent("[" + "1," * 5_000_000)),
    "no content type": (415, {"content": "{}"}),
    "a form": (415, {"data": {"request_id": "a"}}),
    "a form of several parts": (415, sent("--a\r\n\r\n--a--", "multipart/form-data; boundary=a")),
    "text": (415, sent("{}", "text/plain")),
    "text that names JSON": (415, sent("{}", "text/plain; application/json")),
    "two types": (415, sent("{}", "text/plain, application/json")),
    "of another site": (403, {"json": {}, "headers": {"sec-fetch-site": "cross-site"}}),
    "of a neighbour": (403, {"json": {}, "headers": {"sec-fetch-site": "same-site"}}),
    "of another origin": (403, {"json": {}, "headers": {"origin": "https://evil.example"}}),
    "of no origin": (403, {"json": {}, "headers": {"origin": "null"}}),
}
"""What can be sent to each act, with the status of the answer."""

CODES = {403: ["CROSS_SITE"], 413: ["TOO_LARGE"], 415: ["NOT_JSON"], 422: ["INVALID_INPUT"]}


def with_form(options, form):
    """Return the options of a request, in which the form has what else the act needs."""
    content = options.get("content")
    if isinstance(content, str) and content.startswith("{") and content.endswith("}"):
        return {**options, "content": json.dumps(form | json.loads(content))}
    return {**options, "json": form} if "json" in options else options


@OF_NO_STORE
@each_act
def test_bad_bodies_are_answered_and_nothing_is_done(path):
    world = given()
    before, client, url = state_of(world), client_in(world, ANNA), path_in(world, path)

    found = {
        name: outcome_of(client.post(url, **with_form(options, FORMS[path])))
        for name, (_, options) in BAD_BODIES.items()
    }

    assert found == {name: (status, CODES[status]) for name, (status, _) in BAD_BODIES.items()}
    assert state_of(world) == before


BAD_FIELDS = {
    "recipients": ["ben", "u:", "x:ben", ["u:ben", 17], {"u:ben": 1}, "u:" + "x" * 300, 3.5],
    "recipient": ["ben", "g:", ["u:ben", "u:carla"], 17, None, ""],
    "permission": ["OWNER", "view", 2, ["VIEW", "VIEW"], {}],
    "scope": ["ALL", 1, True],
    "until": [
        "tomorrow",
        "2030-13-01",
        "9999-12-31T23:59:59-23:59",
        1893456000,
        "2031-01-01T00:00",
    ],
    "attested": ["yes", 1, [True, False], {}],
    "message": [17, {"text": MARK}, "x" * 1_000_001, ["a", "b"]],
    "reshares": ["cascade", 0, "ALL"],
}


@OF_NO_STORE
@each_act
def test_bad_fields_are_answered_at_their_places_and_nothing_is_done(path):
    world, form = given(), FORMS[path]
    before, client, url = state_of(world), client_in(world, ANNA), path_in(world, path)
    has = FIELDS[path.split("/")[3]]

    for field in has:
        for value in BAD_FIELDS[field]:
            answer = client.act(url, **form | {field: value})
            assert outcome_of(answer) == (422, ["INVALID_INPUT"]), (field, str(value)[:40])
            assert {each["field"] for each in answer.json()["reasons"]} == {field}

    assert state_of(world) == before


@OF_NO_STORE
def test_nobody_sees_or_does_anything_without_being_signed_in():
    world = given()
    before, client = state_of(world), client_in(world)

    answers = [client.get(path) for path in READS]
    answers += [client.act(path_in(world, path), **form) for path, form in FORMS.items()]

    assert [outcome_of(each) for each in answers] == [(401, ["NOT_SIGNED_IN"])] * len(answers)
    assert state_of(world) == before
