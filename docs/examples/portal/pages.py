"""The pages of exams: my exams, those shared with me, an exam's tabs, and the mailbox."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Final
from zipfile import ZipFile

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi import Path as InPath
from fastapi.templating import Jinja2Templates
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from exam_sharing import ExamId, Permission, UserId, Viewer
from exam_sharing.adapters.fastapi import SharingApi
from portal.opening import Portal
from portal.pictures import NoPicture, render
from portal.tables import Image, Study

LARGEST: Final = 2**31 - 1
"""The largest number that a column of whole numbers holds."""


def studies(portal: Portal, exams: Iterable[ExamId]) -> dict[ExamId, Study]:
    """Return the rows of exams that `exam_sharing` has found."""
    ids = {int(exam.value): exam for exam in exams}
    wanted = select(Study).where(Study.id.in_(ids)).options(selectinload(Study.images))
    with Session(portal.engine) as session:
        return {ids[study.id]: study for study in session.scalars(wanted)}


def router(
    portal: Portal, api: SharingApi, templates: Jinja2Templates, page_size: int
) -> APIRouter:
    """Return the routes."""
    routes = APIRouter()
    SignedIn = Annotated[UserId, Depends(api.user)]
    Looking = Annotated[Viewer, Depends(api.viewer)]
    Viewable = Annotated[ExamId, Depends(api.require(Permission.VIEW))]
    Downloadable = Annotated[ExamId, Depends(api.require(Permission.DOWNLOAD))]
    Number = Annotated[int, InPath(ge=1, le=LARGEST)]

    def page(request: Request, name: str, **shown: object) -> Response:
        return templates.TemplateResponse(request, name, shown)

    @routes.get("/")
    def my_exams(
        request: Request,
        user: SignedIn,
        before: Annotated[int, Query(ge=1, le=LARGEST)] = LARGEST,
    ) -> Response:
        mine = (
            select(Study)
            .where(Study.owner_id == int(user.value), Study.id < before)
            .order_by(Study.id.desc())
            .limit(page_size + 1)
        )
        with Session(portal.engine) as session:
            found = session.scalars(mine).all()
        shown = found[:page_size]
        more = f"/?before={shown[-1].id}" if len(found) > page_size else None
        return page(request, "my_exams.html", exams=shown, more=more)

    @routes.get("/shared")
    def shared_with_me(request: Request, viewer: Looking, after: str | None = None) -> Response:
        found = viewer.shared_with(after, page_size)
        rows = studies(portal, (item.exam for item in found.items))
        # An exam may be deleted between the two questions.
        listed = [(item, rows[item.exam]) for item in found.items if item.exam in rows]
        return page(request, "shared.html", listed=listed, after=found.next)

    @routes.get("/exams/{exam}")
    def view(request: Request, exam: Viewable, user: SignedIn) -> Response:
        return page(request, "view.html", tab="VIEW", **about(exam, user))

    @routes.get("/exams/{exam}/images/{number}.png")
    def picture(exam: Viewable, user: SignedIn, number: Number) -> Response:
        with Session(portal.engine) as session:
            image = session.get(Image, (int(exam.value), number))
        if image is None:
            raise HTTPException(404)
        portal.sharing.record_access(user, exam, Permission.VIEW, "TREATMENT", "viewer")
        try:
            return Response(render(Path(image.path)), media_type="image/png")
        except NoPicture:
            raise HTTPException(501, "This image cannot be shown here.") from None

    @routes.get("/exams/{exam}/download")
    def download(request: Request, exam: Downloadable, user: SignedIn) -> Response:
        return page(request, "download.html", tab="DOWNLOAD", **about(exam, user))

    @routes.get("/exams/{exam}/files.zip")
    def files(exam: Downloadable, user: SignedIn) -> Response:
        portal.sharing.record_access(user, exam, Permission.DOWNLOAD, "TREATMENT", "download")
        content = io.BytesIO()
        with ZipFile(content, "w") as packed:
            for image in study_of(exam).images:
                packed.write(image.path, f"exam-{exam}/{image.number:04}.dcm")
        named = {"Content-Disposition": f'attachment; filename="exam-{exam}.zip"'}
        return Response(content.getvalue(), media_type="application/zip", headers=named)

    @routes.get("/mail")
    def mail(request: Request, _: SignedIn) -> Response:
        return page(request, "mail.html", mails=portal.mailbox.of(request.state.account.email))

    def about(exam: ExamId, user: UserId) -> dict[str, Any]:
        tabs = {tab.value for tab in portal.sharing.tabs(user, exam)}
        return {"study": study_of(exam), "tabs": tabs}

    def study_of(exam: ExamId) -> Study:
        found = studies(portal, (exam,))
        if exam not in found:
            raise HTTPException(404)
        return found[exam]

    return routes
