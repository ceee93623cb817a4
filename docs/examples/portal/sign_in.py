"""Sign in as one of the cast, and out again. A real portal asks for more than a name."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.templating import Jinja2Templates
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from exam_sharing.adapters.fastapi import SharingApi
from portal.forms import read_form
from portal.opening import Portal
from portal.tables import Account


def router(portal: Portal, api: SharingApi, templates: Jinja2Templates) -> APIRouter:
    """Return the routes."""
    routes = APIRouter()
    from_here = [Depends(api.same_site)]

    def cast() -> list[Account]:
        with Session(portal.engine) as session:
            return list(session.scalars(select(Account).order_by(Account.id)))

    @routes.get("/sign-in")
    def choose(request: Request) -> Response:
        return templates.TemplateResponse(request, "sign_in.html", {"cast": cast()})

    @routes.post("/sign-in", dependencies=from_here)
    def sign_in(request: Request, form: Annotated[FormData, Depends(read_form)]) -> Response:
        able = {str(each.id): each for each in cast() if each.active}
        account = able.get(str(form.get("account")))
        if account is None:
            raise HTTPException(422, "Choose one of the people.")
        request.session.clear()
        request.session["account"] = account.id
        return RedirectResponse("/", 303)

    @routes.post("/sign-out", dependencies=from_here)
    def sign_out(request: Request) -> Response:
        request.session.clear()
        return RedirectResponse("/sign-in", 303)

    return routes
