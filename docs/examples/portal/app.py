"""The application: who is signed in, what every answer carries, and the pages."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from exam_sharing import UserId, web
from exam_sharing.adapters.fastapi import SharingApi
from portal import pages, share_pages, sign_in
from portal.opening import Portal
from portal.tables import Account

HERE: Final = Path(__file__).parent
HOSTS: Final = ("127.0.0.1", "localhost")
"""Other names are refused, so that no site can reach the portal by a name of its own."""
HOURS_SIGNED_IN: Final = 8

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; connect-src 'self'; img-src 'self'; "
    "script-src 'self'; style-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def create_app(
    portal: Portal,
    *,
    page_size: int = 20,
    https: bool = False,
    relay_pause: timedelta = timedelta(seconds=1),
) -> FastAPI:
    """Return the application of a portal; behind HTTPS, browsers send its cookie over it only."""

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        async with portal.running(relay_pause):
            yield

    app = FastAPI(lifespan=running, docs_url=None, redoc_url=None, openapi_url=None)
    templates = Jinja2Templates(HERE / "templates", context_processors=[account_of])

    def signed_in(request: Request) -> UserId | None:
        with Session(portal.engine) as session:
            account = session.get(Account, request.session.get("account", 0))
        if account is None or not account.active:
            return None
        request.state.account = account
        return account.user

    def error_page(status: int, sentences: list[str]) -> Response:
        # It depends on nothing else, so that every address that is not found looks alike.
        page = templates.get_template("error.html").render(status=status, sentences=sentences)
        return HTMLResponse(page, status)

    def respond(_request: Request, answer: web.Answer) -> Response:
        if answer.status == 401:
            return RedirectResponse("/sign-in", 303)
        return error_page(answer.status, [each.sentence for each in answer.findings])

    async def reject(_request: Request, error: Exception) -> Response:
        status, sentence = 422, "This cannot be used. Enter something else."
        if isinstance(error, HTTPException):
            status, sentence = error.status_code, error.detail
        elif isinstance(error, RequestValidationError) and error.errors()[0]["loc"][0] == "path":
            status = 404
        if status == 404:
            sentence = web.ENGLISH["EXAM_NOT_FOUND"]
        return error_page(status, [sentence])

    api = SharingApi(portal.sharing, signed_in=signed_in)
    api.add_handlers(app, respond)
    app.add_exception_handler(HTTPException, reject)
    app.add_exception_handler(RequestValidationError, reject)

    app.include_router(sign_in.router(portal, api, templates))
    app.include_router(pages.router(portal, api, templates, page_size))
    app.include_router(share_pages.router(portal, api, templates))
    app.mount("/static", StaticFiles(directory=HERE / "static"))

    # The cookie is signed, HttpOnly and SameSite=Lax. Its key ends with the process.
    app.add_middleware(
        SessionMiddleware,
        secret_key=secrets.token_urlsafe(),
        max_age=HOURS_SIGNED_IN * 3600,
        https_only=https,
    )
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)
    app.middleware("http")(with_headers)
    return app


async def with_headers(
    request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    """Add the headers of security to every answer."""
    response = await call_next(request)
    response.headers.update(HEADERS)
    return response


def account_of(request: Request) -> dict[str, Any]:
    """Return what every template gets: who is signed in, and what was just done."""
    account = getattr(request.state, "account", None)
    return {"account": account, "done": request.query_params.get("done")}
