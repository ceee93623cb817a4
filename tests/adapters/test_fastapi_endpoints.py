"""The JSON endpoints of sharing, over every store; each answer must be as the schema says."""

import json
import re
from contextlib import asynccontextmanager
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest

import exam_sharing as es
from exam_sharing import web
from exam_sharing.adapters.sqlalchemy import create_all
from exam_sharing.asynchronous import AsyncSharing
from world import (
    ANNA,
    BEN,
    CARLA,
    CT,
    DAN,
    DOWNLOAD,
    NO_EXAM,
    START,
    World,
    shared_with,
)

pytest.importorskip("fastapi", reason="no FastAPI: install exam-sharing[fastapi]")

from fastapi import FastAPI, Request, Response
from pydantic import TypeAdapter

from exam_sharing.adapters.fastapi import SharingApi
from exam_sharing.adapters.fastapi.examples import NARROW, REVOKE, SHARE, UNSHARE
from exam_sharing.adapters.fastapi.schemas import problem_model
from fastapi_clients import (
    PREFIX,
    Endpoints,
    app_with_router,
    client_in,
    client_of,
    everything_in,
    signed_in,
)

pytestmark = pytest.mark.every_store

OF_NO_STORE = pytest.mark.memory_only("no store makes a difference")
BOTH = pytest.mark.parametrize("kind", [es.Sharing, pytest.param(AsyncSharing, marks=OF_NO_STORE)])
MARK = "Schulze-7f3a"
"""A text that no answer may repeat."""
FORMS = {
    "/exams/ct/share": {
        "recipients": ["u:carla"],
        "attested": True,
        "wording": es.Policy().attestation_wording,
    },
    "/exams/ct/unshare": {"recipient": "u:ben"},
    "/exams/ct/narrow": {"recipient": "u:ben", "permission": "VIEW"},
    "/grants/GRANT/revoke": {},
}
"""A form for each act that Anna may do, who has shared the CT with Ben for downloading."""
ACTS = tuple(FORMS)
FORMS |= {f"{path}/preview": form for path, form in FORMS.items()}
PAGES = ("/exams", "/shared-with-me", "/exams/ct/recipients")
READS = (
    *PAGES,
    "/exams/ct/tabs",
    "/exams/ct/share-page",
    "/exams/ct/access-list",
    "/exams/ct/suggestions",
)
OF_AN_EXAM = [each for each in (*READS, *FORMS) if each.startswith("/exams/")]
EMPTY = ([], {"items": [], "next": None})
"""What there is to choose from for somebody who may not share."""
IMPOSSIBLE = ("x" * 256, "%00", "%E2%80%AE", "%20ct", "")
"""Ids in addresses that no exam and no grant can have."""

FIELDS = {
    "share": ("recipients", "permission", "scope", "until", "attested", "message"),
    "unshare": ("recipient", "reshares"),
    "narrow": ("recipient", "permission", "until", "reshares"),
    "revoke": ("reshares",),
}
"""The fields of each form that a person fills in."""

each_act = pytest.mark.parametrize("path", FORMS)


def given(**settings):
    """Return a world in which Anna has shared the CT with Ben for downloading."""
    return shared_with(BEN, permission=DOWNLOAD, **settings)


def path_in(world, path):
    """Return a path with the id of Ben's grant."""
    return path.replace("GRANT", world.grant_to(BEN).id.value) if "GRANT" in path else path


def state_of(world):
    """Return what acts change: who was given what, and what was sent to whom."""
    return world.grants(CT), tuple(world.notifier.sent), world.sharing.admin.list_notices()


def codes_of(answer):
    return sorted({each["code"] for each in answer.json()["reasons"]})


@BOTH
def test_a_portal_shares_looks_and_unshares(kind):
    world = World()
    anna, ben = client_in(world, ANNA, kind), client_in(world, BEN, kind)

    page = anna.get("/exams/ct/share-page").json()
    assert page["tabs"] == ["DOWNLOAD", "SHARE", "VIEW"]
    assert page["form"]["exams"] == ["ct", "mr", "xray"]
    (offered,) = anna.get("/exams/ct/suggestions?text=be").json()
    assert offered["principal"] == "u:ben"
    form = {
        "recipients": [offered["principal"]],
        "scope": "BATCH",
        "attested": True,
        "wording": page["form"]["wording"],
        "expect": page["form"]["exams"],
        "request_id": page["request_id"],
    }
    preview = anna.act("/exams/ct/share/preview", **form).json()
    assert (preview["problem"], len(preview["gains"])) == (None, 3)
    assert ben.get("/shared-with-me").json()["items"] == []
    receipt = anna.act("/exams/ct/share", **form).json()
    assert {each["outcome"] for each in receipt["outcomes"]} == {"GRANTED"}

    first = ben.get("/shared-with-me?limit=2").json()
    assert [each["exam"] for each in first["items"]] == ["ct", "mr"]
    rest = ben.get("/shared-with-me", params={"after": first["next"]}).json()
    assert [each["exam"] for each in rest["items"]] == ["xray"]
    assert ben.get("/exams/ct/tabs").json() == ["SHARE", "VIEW"]
    listed = ben.get("/exams/ct/access-list").json()
    assert (listed["owner"], listed["names"]["u:anna"]) == ("u:anna", "Anna")

    assert anna.act("/exams/ct/unshare", recipient="u:ben").status_code == 200
    assert ben.get("/exams/ct/tabs").status_code == 404
    assert ben.get("/exams/mr/tabs").status_code == 200


@BOTH
@pytest.mark.parametrize("path", ACTS)
def test_each_act_is_done_once_and_its_preview_does_nothing(kind, path):
    world = given()
    before, client = state_of(world), client_in(world, ANNA, kind)
    path, form = path_in(world, path), FORMS[path] | {"request_id": "form-1"}

    assert client.act(f"{path}/preview", **form).json()["problem"] is None
    assert state_of(world) == before
    first = client.act(path, **form).json()
    done = state_of(world)
    again = client.act(path, **form).json()

    assert done != before
    assert state_of(world) == done
    assert (first["repeated"], again) == (False, first | {"repeated": True})
    assert client.act(f"{path}/preview", **form).json()["repeated"]


@OF_NO_STORE
@pytest.mark.parametrize(
    ("path", "example"),
    [
        ("/exams/17/share", SHARE),
        ("/exams/17/narrow", NARROW),
        ("/exams/17/unshare", UNSHARE),
        ("/grants/GRANT/revoke", REVOKE),
    ],
)
def test_the_examples_in_the_schema_are_done(path, example):
    world = given()
    for number in range(1, 4):
        world.person(es.UserId(f"{number}"))
    world.group(es.GroupId("7"), es.UserId("3"))
    world.upload(es.BatchId("disc"), es.UserId("1"), es.ExamId("17"), es.ExamId("18"))
    if example in (NARROW, UNSHARE):
        world.share(es.UserId("1"), es.ExamId("17"), es.UserId("2"), permission=DOWNLOAD)
    path, user = path_in(world, path), ANNA if "GRANT" in path else es.UserId("1")

    assert client_in(world, user).act(path, **example).status_code == 200


@OF_NO_STORE
def test_every_answer_in_the_schema_is_one_that_its_own_schema_describes():
    app = app_with_router(World().sharing)
    routes = {(each.path_format, *each.methods): each for each in app.state.router.routes}

    assert len(routes) == len(READS) + len(FORMS)
    for (path, method), route in routes.items():
        described = app.openapi()["paths"][PREFIX + path][method.lower()]
        for status, shown in described["responses"].items():
            ((_, content),) = shown["content"].items()
            model = route.response_model if status == "200" else problem_model()
            TypeAdapter(model).validate_python(content["example"])
    referred = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(app.openapi())))
    assert referred <= app.openapi()["components"]["schemas"].keys()


@BOTH
def test_an_exam_that_one_may_not_see_answers_byte_for_byte_as_an_absent_one(kind):
    world = given()
    client = client_in(world, CARLA, kind)
    for path in OF_AN_EXAM:

        def answer(exam, path=path):
            url = path.replace("ct", exam, 1)
            form = FORMS.get(path)
            return everything_in(client.get(url) if form is None else client.act(url, **form))

        hidden = answer("ct")

        assert answer(NO_EXAM.value) == hidden
        assert hidden[0] == 404 or json.loads(hidden[1]) in EMPTY


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


@pytest.mark.parametrize("act", ["revoke", "revoke/preview"])
def test_a_grant_that_one_may_not_see_answers_as_an_absent_one(act):
    world = given()
    client, grant = client_in(world, CARLA), world.grant_to(BEN).id.value
    absent = "x" * len(grant)

    hidden = client.act(f"/grants/{grant}/{act}").text

    assert "NO_SUCH_GRANT" in hidden
    assert client.act(f"/grants/{absent}/{act}").text.replace(absent, grant) == hidden
    for each in IMPOSSIBLE:
        answer = client.act(f"/grants/{each}/{act}")
        assert (answer.status_code, codes_of(answer)) == (404, ["NO_SUCH_GRANT"])


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


def test_a_form_that_is_sent_again_after_an_edit_is_answered_409_and_not_done():
    world = given()
    client, form = client_in(world, ANNA), FORMS["/exams/ct/share"]
    client.act("/exams/ct/share", **form, request_id="form-1")
    done = state_of(world)

    edits = ({"recipients": ["u:dan"]}, {"permission": "DOWNLOAD"}, {"until": "2031-01-01T00:00Z"})
    for edited in edits:
        for path in ("/exams/ct/share", "/exams/ct/share/preview"):
            answer = client.act(path, **form | edited, request_id="form-1")
            assert (answer.status_code, codes_of(answer)) == (409, ["REQUEST_ID_REUSED"])

    assert state_of(world) == done


def test_a_form_with_the_session_of_somebody_else_is_what_they_may_do_themselves():
    world = given()
    form = FORMS["/exams/ct/share"] | {"request_id": "form-1"}
    client_in(world, ANNA).act("/exams/ct/share", **form)
    done = state_of(world)

    assert client_in(world, DAN).act("/exams/ct/share", **form).status_code == 404
    assert client_in(world, DAN).act("/exams/ct/unshare", recipient="u:ben").status_code == 404
    assert client_in(world, BEN).act("/exams/ct/unshare", recipient="u:carla").status_code == 403
    assert state_of(world) == done
    receipt = client_in(world, BEN).act("/exams/ct/share", **form).json()
    assert not receipt["repeated"]
    assert world.grant_to(CARLA, by=BEN).grantor == BEN


@OF_NO_STORE
def test_a_refused_preview_has_the_answer_that_the_act_gets():
    world = given()
    client = client_in(world, BEN)
    form = {"recipients": ["u:ben", "u:anna"], "until": "2029-01-01T00:00:00Z", "scope": "EXAM"}

    previewed = client.act("/exams/ct/share/preview", **form).json()
    answer = client.act("/exams/ct/share", **form)

    assert previewed["problem"] == answer.json()
    assert answer.status_code == 422
    assert "Leave out Anna: the exam is theirs." in answer.json()["detail"]
    assert (previewed["gains"], previewed["losses"]) == ([], [])


def test_a_share_of_a_batch_that_grew_is_answered_409():
    world = given()
    form = FORMS["/exams/ct/share"] | {"scope": "BATCH", "expect": ["ct"]}

    answer = client_in(world, ANNA).act("/exams/ct/share", **form)

    assert (answer.status_code, codes_of(answer)) == (409, ["CHANGED_SINCE_SHOWN"])


@OF_NO_STORE
def test_the_router_answers_with_problem_details_whatever_the_host_responds_elsewhere():
    api, app = SharingApi(World().sharing, signed_in=signed_in), FastAPI()
    api.add_handlers(app, respond=lambda _, answer: Response("a page", answer.status))
    app.include_router(api.router(), prefix=PREFIX)
    app.get("/", dependencies=[])(fails)

    for user, status in ((None, 401), (BEN, 404)):
        answer = client_of(app, user).get(f"{PREFIX}/exams/ct/tabs")
        assert (answer.status_code, answer.headers["content-type"]) == (status, web.MEDIA_TYPE)
    assert client_of(app, BEN).get("/").text == "a page"


def fails():
    raise es.Conflict(1)


@OF_NO_STORE
def test_dates_are_of_the_time_zone_of_the_host():
    world, form = World(), FORMS["/exams/ct/share"] | {"until": "2030-06-30"}
    app = app_with_router(world.sharing, zone=ZoneInfo("Europe/Berlin"))

    without_zone = client_in(world, ANNA).act("/exams/ct/share", **form)
    Endpoints(app, ANNA).act("/exams/ct/share", **form)

    assert [each["field"] for each in without_zone.json()["reasons"]] == ["until"]
    assert world.grant_to(CARLA).until == START.replace(month=6, day=30, hour=22)


@OF_NO_STORE
def test_exams_with_odd_ids_can_be_addressed():
    world, odd = World(), ("a/b", "a?b", "é", "17/share", "a b", "100%")
    world.upload(es.BatchId("odd"), ANNA, *map(es.ExamId, odd))
    client = client_in(world, ANNA)

    for each in odd:
        found = client.get(f"/exams/{quote(each, safe='')}/tabs").json()
        assert found == ["DOWNLOAD", "SHARE", "VIEW"]


@pytest.mark.memory_only("it has a database of its own")
def test_a_portal_over_an_asynchronous_engine_opens_its_sharing_when_it_starts(postgresql):
    pytest.importorskip("greenlet", reason="no greenlet: install sqlalchemy[asyncio]")
    from sqlalchemy.ext.asyncio import create_async_engine

    from exam_sharing.adapters.sqlalchemy.asynchronous import open_async_sharing, run_sync

    world = World()

    @asynccontextmanager
    async def opened(app):
        engine = create_async_engine(postgresql.url)
        tables = await run_sync(engine, create_all)
        app.state.sharing = await open_async_sharing(
            engine, tables=tables, directory=world.directory
        )
        batch = es.UploadBatch(id=es.BatchId("async"), uploader=ANNA, received_at=START)
        exam = es.Exam(id=CT, owner=ANNA, batch=batch.id, uploaded_at=START)
        await app.state.sharing.add_upload(batch, [exam])
        yield
        await engine.dispose()

    def serving(request: Request):
        return request.app.state.sharing

    app = app_with_router(serving, lifespan=opened)
    with Endpoints(app) as client:
        anna, ben = ({"headers": {"user": each}} for each in ("anna", "ben"))
        path, form = "/exams/ct/share", FORMS["/exams/ct/share"] | {"recipients": ["u:ben"]}

        before = client.get("/exams/ct/tabs", **ben).status_code
        shared = client.post(path, json=form, **anna).json()["outcomes"]
        after = client.get("/exams/ct/tabs", **ben).json()
        refused = client.post(path, json=form, **ben)

    assert (before, after) == (404, ["SHARE", "VIEW"])
    assert [each["outcome"] for each in shared] == ["GRANTED"]
    assert refused.json()["reasons"][0]["code"] == "RECIPIENT_IS_SELF"
