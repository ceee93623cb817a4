"""Clients of applications of FastAPI, whose every answer must be as the schema describes it."""

from functools import cache
from urllib.parse import quote, unquote

from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from pydantic import TypeAdapter
from starlette.routing import Match

import exam_sharing as es
from exam_sharing import web
from exam_sharing.adapters.fastapi import SharingApi
from exam_sharing.adapters.fastapi.schemas import problem_model
from exam_sharing.asynchronous import AsyncSharing
from world import BEN, CT, DOWNLOAD, shared_with

PREFIX = "/sharing"


def signed_in(request: Request):
    """Return whom a header names: a session of the tests."""
    name = request.headers.get("user")
    return es.UserId(unquote(name)) if name else None


def over(sharing, kind):
    return AsyncSharing(sharing) if kind is AsyncSharing else sharing


def client_of(app, user=None, **options):
    return TestClient(app, headers={} if user is None else {"user": str(user)}, **options)


def everything_in(answer):
    return answer.status_code, answer.content, tuple(sorted(answer.headers.items()))


def app_with_router(sharing, lifespan=None, **options):
    api, app = SharingApi(sharing, signed_in=signed_in, **options), FastAPI(lifespan=lifespan)
    api.add_handlers(app)
    app.state.router = api.router()
    app.include_router(app.state.router, prefix=PREFIX)
    return app


class Stage:
    """One application for many tests, since its schema takes long; it serves the last world."""

    def __init__(self, kind):
        self.sharing, self._kind = None, kind
        self.app = app_with_router(lambda: over(self.sharing, self._kind))


@cache
def stage_of(kind):
    return Stage(kind)


def client_in(world, user=None, kind=es.Sharing):
    """Return the endpoints over a world, until there is one over another world."""
    stage = stage_of(kind)
    stage.sharing = world.sharing
    return Endpoints(stage.app, user)


class Endpoints(TestClient):
    """The JSON endpoints of sharing, for one person who is signed in, or for nobody."""

    def __init__(self, app, user=None):
        super().__init__(app, headers={} if user is None else {"user": quote(str(user))})
        self._app = app

    def request(self, method, url, **more):
        answer = super().request(method, PREFIX + url, **more)
        require_described(self._app, method, url, answer)
        return answer

    def act(self, url, **fields):
        """Send a form as JSON, as a page of the same site does."""
        return self.post(url, json=fields, headers={"sec-fetch-site": "same-origin"})


def require_described(app, method, url, answer):
    """Require that the schema describes an answer: its status, its media type and its content."""
    scope = {"type": "http", "method": method, "path": unquote(url.partition("?")[0])}
    (route,) = [e for e in app.state.router.routes if e.matches(scope)[0] is Match.FULL]
    described = app.openapi()["paths"][PREFIX + route.path_format]
    shown = described[method.lower()]["responses"]
    assert str(answer.status_code) in shown, f"{method} {url} may not answer {answer.status_code}"
    (media_type,) = shown[str(answer.status_code)]["content"]
    assert answer.headers["content-type"] == media_type
    assert answer.headers["cache-control"] == "no-store"
    if answer.status_code == 200:
        TypeAdapter(route.response_model).validate_json(answer.content)
    else:
        assert media_type == web.MEDIA_TYPE
        problem_model().model_validate_json(answer.content)
        assert answer.json()["status"] == answer.status_code


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
IMPOSSIBLE = ("x" * 256, "%00", "%E2%80%AE", "%20ct", "")
"""Ids in addresses that no exam and no grant can have."""


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
