"""FastAPI: who is looking, what they may do, and errors as answers, over every store."""

import json
import logging
from typing import Annotated

import pytest
from sqlalchemy import MetaData

import exam_sharing as es
from calls import ports_of, sharing_over
from exam_sharing import web
from exam_sharing.adapters.sqlalchemy import (
    SqlDirectory,
    create_all,
    define_tables,
    joined,
    open_sharing,
)
from exam_sharing.asynchronous import AsyncSharing, AsyncViewer
from test_errors import ERRORS
from watching import Counting, watched
from world import ANNA, BEN, CARLA, CT, DOWNLOAD, NO_EXAM, START, VIEW, World, shared_with

pytest.importorskip("fastapi", reason="no FastAPI: install exam-sharing[fastapi]")

from fastapi import Depends, FastAPI, Query, Request, Response

from exam_sharing.adapters.fastapi import SharingApi
from fastapi_clients import client_of, everything_in, over, signed_in

pytestmark = pytest.mark.every_store

IMPOSSIBLE = ("x" * 256, "%00", "%E2%80%AE", "%20ct", "ct%0A", "%FF")
"""Ids in addresses that no exam can have."""
OF_NO_STORE = pytest.mark.memory_only("no store makes a difference")
BOTH = pytest.mark.parametrize("kind", [es.Sharing, pytest.param(AsyncSharing, marks=OF_NO_STORE)])


def application(sharing, **options):
    """Return an application with an image and a download for each exam, and its `SharingApi`."""
    api, app = SharingApi(sharing, signed_in=signed_in, **options), FastAPI()
    api.add_handlers(app)

    @app.get("/exams/{exam}/image")
    def image(exam: Annotated[es.ExamId, Depends(api.require(VIEW))]):
        return f"the image of {exam}"

    @app.get("/exams/{exam}/file")
    async def file(exam: Annotated[es.ExamId, Depends(api.require(DOWNLOAD))]):
        return f"the file of {exam}"

    return api, app


@BOTH
def test_a_viewer_gets_what_they_may_see(kind):
    world = shared_with(BEN)
    _, app = application(over(world.sharing, kind))

    for user, status in ((ANNA, 200), (BEN, 200), (CARLA, 404)):
        answer = client_of(app, user).get("/exams/ct/image")
        assert answer.status_code == status
        assert (answer.text == '"the image of ct"') == (status == 200)


@BOTH
def test_a_download_needs_the_permission_to_download(kind):
    world = shared_with(BEN)
    world.share(ANNA, CT, CARLA, permission=DOWNLOAD)
    _, app = application(over(world.sharing, kind))

    answers = {
        user: client_of(app, user).get("/exams/ct/file")
        for user in (ANNA, BEN, CARLA, es.UserId("dan"))
    }

    assert [each.status_code for each in answers.values()] == [200, 403, 200, 404]
    assert [each["code"] for each in answers[BEN].json()["reasons"]] == ["DOWNLOAD_NOT_HELD"]


@BOTH
@pytest.mark.parametrize("path", ["image", "file"])
def test_a_hidden_exam_answers_byte_for_byte_as_an_absent_or_impossible_one(kind, path):
    world = World()
    _, app = application(over(world.sharing, kind))
    client = client_of(app, BEN)

    hidden, *others = [
        everything_in(client.get(f"/exams/{exam}/{path}")) for exam in (CT, NO_EXAM, *IMPOSSIBLE)
    ]

    assert hidden[0] == 404
    assert json.loads(hidden[1])["reasons"][0]["code"] == "EXAM_NOT_FOUND"
    assert others == [hidden] * len(others)


def test_access_ends_with_the_next_request_after_an_unshare():
    world = shared_with(BEN)
    _, app = application(world.sharing)
    client = client_of(app, BEN)

    before = client.get("/exams/ct/image").status_code
    world.unshare(ANNA, CT, BEN)

    assert (before, client.get("/exams/ct/image").status_code) == (200, 404)


@OF_NO_STORE
@BOTH
def test_the_groups_of_a_viewer_are_looked_up_once_for_a_request(kind):
    world, counting = shared_with(BEN), Counting()
    sharing = sharing_over(watched(ports_of(world), counting), world, sends=False)
    api, app = application(over(sharing, kind))

    @app.get("/exams/{exam}/both", dependencies=[Depends(api.require(DOWNLOAD))])
    def both(viewer: Annotated[object, Depends(api.viewer)]):
        """Return nothing."""

    assert client_of(app, ANNA).get("/exams/ct/both").status_code == 200
    assert counting.asked["directory.principals_of"] == 1


@OF_NO_STORE
def test_a_viewer_is_of_the_kind_of_the_sharing():
    world, seen = shared_with(BEN), []
    for sharing in (world.sharing, AsyncSharing(world.sharing)):
        api, app = application(sharing)

        @app.get("/mine")
        async def mine(viewer: Annotated[object, Depends(api.viewer)]):
            seen.append(viewer)

        client_of(app, BEN).get("/mine")

    assert [type(each) for each in seen] == [es.Viewer, AsyncViewer]
    assert {each.user for each in seen} == {BEN}
    assert seen[0].can(VIEW, CT)


@OF_NO_STORE
def test_a_parameter_of_another_name_is_in_the_schema():
    api, app = application(shared_with(BEN).sharing)

    @app.get("/studies/{study_uid}", dependencies=[Depends(api.require(VIEW, "study_uid"))])
    def study():
        return "a study"

    assert client_of(app, BEN).get("/studies/ct").status_code == 200
    assert client_of(app, CARLA).get("/studies/ct").status_code == 404
    (parameter,) = app.openapi()["paths"]["/studies/{study_uid}"]["get"]["parameters"]
    assert (parameter["name"], parameter["in"]) == ("study_uid", "path")


@OF_NO_STORE
def test_an_endpoint_whose_path_lacks_the_parameter_is_never_reached():
    api, app = application(World().sharing)

    @app.get("/image", dependencies=[Depends(api.require(VIEW))])
    def image():
        raise AssertionError

    assert client_of(app, ANNA).get("/image?exam=ct").status_code == 422


@OF_NO_STORE
def test_nobody_signed_in_is_answered_401():
    _, app = application(World().sharing)

    answers = [client_of(app).get(f"/exams/{exam}/image") for exam in (CT, NO_EXAM)]

    assert [each.status_code for each in answers] == [401, 401]
    assert answers[0].content == answers[1].content
    assert answers[0].headers["content-type"] == web.MEDIA_TYPE


@OF_NO_STORE
def test_a_host_that_names_no_user_id_gets_its_mistake_reported():
    api, app = SharingApi(World().sharing, signed_in=lambda: "anna"), FastAPI()
    api.add_handlers(app)
    app.get("/exams/{exam}", dependencies=[Depends(api.require(VIEW))])(lambda: "an image")

    answer = client_of(app).get("/exams/ct")

    assert (answer.status_code, answer.json()["reasons"][0]["code"]) == (500, "CALLER_ERROR")


@OF_NO_STORE
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_every_error_is_answered_as_the_web_answers_it(error, caplog):
    _, app = application(World().sharing)

    @app.get("/")
    def fails():
        raise error

    with caplog.at_level(logging.ERROR, "exam_sharing"):
        answer = client_of(app).get("/")

    expected = web.answer_to(error)
    assert (answer.status_code, answer.json()) == (expected.status, expected.problem)
    assert answer.headers["content-type"] == web.MEDIA_TYPE
    assert answer.headers["cache-control"] == "no-store"
    assert bool(caplog.records) == (expected.status >= 500)


@OF_NO_STORE
def test_answers_name_whom_the_viewer_may_know_and_nobody_else():
    world = World(visible=lambda actor, principal: principal != CARLA)
    api, app = application(world.sharing)
    error = es.Refused((es.Reason(code=es.ReasonCode.REMOVED_BY_OWNER, principals=(ANNA, CARLA)),))

    @app.get("/")
    def refuses(_: Annotated[object, Depends(api.viewer)]):
        raise error

    reason = client_of(app, BEN).get("/").json()["reasons"][0]

    assert reason["names"] == {"u:anna": "Anna"}
    assert reason["detail"].startswith("The owner has removed Anna and others.")


@OF_NO_STORE
def test_a_host_responds_with_pages_of_its_own():
    api, app = SharingApi(World().sharing, signed_in=signed_in), FastAPI()

    def page(request, answer):
        return Response(f"{request.url.path}: {answer.fields['']}", answer.status)

    api.add_handlers(app, respond=page)
    app.get("/exams/{exam}", dependencies=[Depends(api.require(VIEW))])(lambda: "an image")

    answer = client_of(app, BEN).get("/exams/ct")

    assert answer.status_code == 404
    assert answer.text == "/exams/ct: ['There is no such exam, or you may not see it.']"


@OF_NO_STORE
def test_an_endpoint_can_answer_an_error_itself():
    api, app = application(World().sharing)
    error = es.Refused((es.Reason(code=es.ReasonCode.RECIPIENT_IS_OWNER, principals=(ANNA,)),))

    @app.get("/")
    async def shows_the_form_again(request: Request, _: Annotated[object, Depends(api.user)]):
        return (await api.answer_to(request, error)).fields

    @app.get("/known")
    async def knows_the_viewer(request: Request, _: Annotated[object, Depends(api.viewer)]):
        return (await api.answer_to(request, error)).fields

    client = client_of(app, BEN)
    assert client.get("/").json() == {"recipients": ["Leave out others: the exam is theirs."]}
    assert client.get("/known").json() == {"recipients": ["Leave out Anna: the exam is theirs."]}


@OF_NO_STORE
def test_what_a_page_of_another_site_sends_is_rejected():
    api, app = application(World().sharing, origins=["https://viewer.example"])
    app.post("/", dependencies=[Depends(api.same_site)])(lambda: "done")
    client, other = client_of(app, ANNA), {"sec-fetch-site": "cross-site"}

    answer = client.post("/", headers=other)

    assert (answer.status_code, answer.json()["reasons"][0]["code"]) == (403, "CROSS_SITE")
    assert client.post("/", headers={"sec-fetch-site": "same-origin"}).text == '"done"'
    trusted = other | {"origin": "https://viewer.example"}
    assert client.post("/", headers=trusted).text == '"done"'


@pytest.mark.memory_only("it makes a database of its own")
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_the_transaction_of_a_request_ends_before_its_answer(database, request):
    engine = request.getfixturevalue(database)
    tables = create_all(engine, define_tables(MetaData(), prefix="joined_"))
    directory, ended = SqlDirectory(engine, tables.directory), []
    for user in (ANNA, BEN, CARLA):
        directory.add(es.User(id=user, name=str(user).title()))
    opened = open_sharing(engine, tables=tables, directory=directory)
    batch = es.UploadBatch(id=es.BatchId("cd"), uploader=ANNA, received_at=START)
    opened.add_upload(batch, [es.Exam(id=CT, owner=ANNA, batch=batch.id, uploaded_at=START)])

    def serving():
        with engine.connect() as connection, connection.begin():
            yield joined(connection, tables=tables, directory=directory)
        ended.append("committed")

    api, app = application(serving)

    @app.post("/exams/{exam}/shares")
    def share(
        exam: Annotated[es.ExamId, Depends(api.require(VIEW))],
        user: Annotated[es.UserId, Depends(api.user)],
        sharing: Annotated[es.Sharing, Depends(api.sharing)],
        recipients: Annotated[list[str], Query()],
    ):
        asked = tuple(map(es.principal_of, recipients))
        sharing.share(es.ShareRequest(actor=user, exam=exam, recipients=asked, attested=True))

    async def watched_app(scope, receive, send):
        async def watched_send(message):
            known_at_response.append((message["type"], *ended))
            await send(message)

        await app(scope, receive, watched_send)

    known_at_response = []
    client = client_of(watched_app, ANNA)
    assert client.post("/exams/ct/shares?recipients=u:ben").status_code == 200
    assert opened.can(BEN, VIEW, CT)
    assert known_at_response[0] == ("http.response.start", "committed")
    refused = client_of(app, BEN).post("/exams/ct/shares?recipients=u:anna&recipients=u:carla")
    assert refused.json()["reasons"][0]["detail"] == "Leave out Anna: the exam is theirs."
    assert not opened.can(CARLA, VIEW, CT)
    assert ended == ["committed"]  # the second was rolled back
