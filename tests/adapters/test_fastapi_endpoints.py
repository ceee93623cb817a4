"""The JSON endpoints of sharing, over every store; each answer must be as the schema says."""

import asyncio
import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest

import exam_sharing as es
from exam_sharing import web
from exam_sharing.adapters.sqlalchemy import create_all
from exam_sharing.asynchronous import AsyncSharing
from exam_sharing.memory import open_sharing
from world import (
    ANNA,
    BEN,
    CARLA,
    CT,
    DAN,
    DOWNLOAD,
    NO_EXAM,
    START,
    VIEW,
    World,
)

pytest.importorskip("fastapi", reason="no FastAPI: install exam-sharing[fastapi]")

import httpx2
from fastapi import Depends, FastAPI, Request, Response
from pydantic import TypeAdapter

from exam_sharing.adapters.fastapi import SharingApi
from exam_sharing.adapters.fastapi.examples import NARROW, REVOKE, SHARE, UNSHARE
from exam_sharing.adapters.fastapi.schemas import problem_model
from fastapi_clients import (
    ACTS,
    FORMS,
    IMPOSSIBLE,
    OF_AN_EXAM,
    PREFIX,
    READS,
    Endpoints,
    app_with_router,
    client_in,
    client_of,
    codes_of,
    everything_in,
    given,
    path_in,
    signed_in,
    state_of,
)

pytestmark = pytest.mark.every_store

OF_NO_STORE = pytest.mark.memory_only("no store makes a difference")
BOTH = pytest.mark.parametrize("kind", [es.Sharing, pytest.param(AsyncSharing, marks=OF_NO_STORE)])
EMPTY = ([], {"items": [], "next": None})
"""What there is to choose from for somebody who may not share."""


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


def test_a_form_that_is_sent_twice_at_once_is_one_share():
    world = given()
    client = client_in(world, ANNA)
    form = FORMS["/exams/ct/share"] | {"request_id": "form-1"}
    with ThreadPoolExecutor(4) as threads:
        sent = [threads.submit(client.act, "/exams/ct/share", **form) for _ in range(4)]
        answers = [each.result().json() for each in sent]

    assert sorted(each["repeated"] for each in answers) == [False, True, True, True]
    assert len({each["share"] for each in answers}) == 1
    assert len([each for each in world.grants(CT) if each.recipient == CARLA]) == 1


@OF_NO_STORE
@pytest.mark.parametrize("path", ["/exams/ct/tabs", "/guarded/ct"])
def test_a_synchronous_sharing_does_not_hold_up_the_event_loop(path):
    world, freed, held = World(), threading.Event(), []

    def clock():
        held.append(freed.wait(5))
        return world.now

    freed.set()
    sharing = open_sharing(store=world.store, directory=world.directory, clock=clock)
    freed.clear()
    held.clear()
    api, app = SharingApi(sharing, signed_in=signed_in), FastAPI()
    app.include_router(api.router())
    app.get("/guarded/{exam}", dependencies=[Depends(api.require(VIEW))])(lambda: "an image")

    @app.get("/free")
    async def free():
        freed.set()

    async def both():
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app), base_url="http://t", headers={"user": "anna"}
        ) as client:
            return await asyncio.gather(client.get(path), client.get("/free"))

    slow, _ = asyncio.run(both())

    assert slow.status_code == 200
    assert held
    assert all(held)
