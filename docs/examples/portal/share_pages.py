"""The addresses of the Share tab.

Every page works without JavaScript, which only suggests recipients while somebody types. A button
says by `step` what it asks for, and the fields travel along until they are sent for good.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from fastapi.templating import Jinja2Templates
from starlette.datastructures import FormData

from exam_sharing import ExamId, Permission, UserId
from exam_sharing.adapters.fastapi import SharingApi
from portal.forms import read_form
from portal.opening import Portal
from portal.share_tab import ShareTab


def router(portal: Portal, api: SharingApi, templates: Jinja2Templates) -> APIRouter:
    """Return the routes."""
    routes = APIRouter()
    from_here = [Depends(api.same_site)]
    SignedIn = Annotated[UserId, Depends(api.user)]
    Viewable = Annotated[ExamId, Depends(api.require(Permission.VIEW))]

    def share_tab(request: Request, user: SignedIn, exam: Viewable) -> ShareTab:
        return ShareTab(portal, templates, request, user, exam)

    def own_form(user: SignedIn, form: Annotated[FormData, Depends(read_form)]) -> FormData:
        if form.get("actor") != user.value:
            raise HTTPException(409, "This page was made for another account. Load it again.")
        return form

    Tab = Annotated[ShareTab, Depends(share_tab)]
    OwnForm = Annotated[FormData, Depends(own_form)]

    @routes.get("/exams/{exam}/share")
    def show(tab: Tab) -> Response:
        return tab.form()

    @routes.post("/exams/{exam}/share", dependencies=from_here)
    def share(tab: Tab, form: OwnForm, after: str | None = None) -> Response:
        match form.get("step"):
            case "share":
                return tab.share(form)
            case "preview":
                return tab.preview(form, with_message=False)
            case "message":
                return tab.preview(form, with_message=True)
            case "list":
                return tab.select_from_list(form, after)
            case "form":
                return tab.form(form)
            case _:
                raise HTTPException(422, "Use the buttons of the page.")

    @routes.post("/exams/{exam}/unshare", dependencies=from_here)
    def unshare(tab: Tab, form: OwnForm) -> Response:
        match form.get("step"):
            case "unshare":
                return tab.unshare(form)
            case "preview":
                return tab.preview_unshare(form)
            case _:
                raise HTTPException(422, "Use the buttons of the page.")

    @routes.get("/exams/{exam}/suggestions")
    def suggest(user: SignedIn, exam: Viewable, text: str = "") -> Response:
        found = portal.sharing.suggest(user, exam, text)
        return JSONResponse([{"key": each.principal.key, "name": each.name} for each in found])

    return routes
