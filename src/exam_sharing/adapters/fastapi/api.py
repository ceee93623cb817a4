"""`SharingApi`: the dependencies and the exception handler of an application."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from datetime import datetime, tzinfo
from functools import partial
from logging import getLogger
from typing import Annotated, Any, Final, TypeAlias, final

from fastapi import APIRouter, Depends, FastAPI, Path, Request, Response

from exam_sharing.adapters.fastapi.asking import Asking, problem_response
from exam_sharing.adapters.fastapi.endpoints import sharing_router
from exam_sharing.asynchronous import AsyncSharing, AsyncViewer
from exam_sharing.bridge import Bridge, ThreadBridge
from exam_sharing.errors import CallerError, ExamSharingError, StoreFailed
from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, UserId
from exam_sharing.policy.decisions import Reason, ReasonCode, Refused, not_found
from exam_sharing.sharing import Sharing, Viewer
from exam_sharing.validation import (
    of_kind,
    require_callable,
    require_kind,
    tuple_of,
)
from exam_sharing.web.answers import ENGLISH, Answer, answer_to, in_utc, named_in
from exam_sharing.web.rejections import Rejected, require_same_site

_LOG: Final = getLogger("exam_sharing")
_VIEW: Final = Permission.VIEW

Respond: TypeAlias = Callable[[Request, Answer], Response]
"""Makes the response of an answer."""


@final
class SharingApi:
    """Sharing in an application of FastAPI.

    Attributes:
        user: a dependency, the `UserId` of who is signed in; without one, the answer is 401.
        sharing: a dependency, what serves the request: the `Sharing` or the `AsyncSharing` given.
        viewer: a dependency, the `Viewer` of who is signed in, or the `AsyncViewer` if the sharing
            is an `AsyncSharing`. Groups are looked up once for each request.
        same_site: a dependency of endpoints that take forms: what the browser sent for a page of
            another site is answered 403.
    """

    def __init__(
        self,
        sharing: Sharing | AsyncSharing | Callable[..., Any],
        *,
        signed_in: Callable[..., Any],
        origins: Collection[str] = (),
        sentences: Mapping[str, str] = ENGLISH,
        when: Callable[[datetime], str] = in_utc,
        zone: tzinfo | None = None,
    ) -> None:
        """Take what serves requests, and who sends them.

        Args:
            sharing: a `Sharing`, whose calls run in threads, an `AsyncSharing`, or a dependency
                that returns or yields one for each request, as `joined` to its transaction. What a
                dependency does after its `yield`, as to commit, is done before the answer is sent.
            signed_in: a dependency that returns the `UserId` of who is signed in, or `None`.
            origins: other sites whose pages may send forms, as `"https://portal.example"`.
            sentences: the sentences of answers, as for `exam_sharing.web.answer_to`.
            when: puts the times in them into words.
            zone: the time zone of dates, and of times without an offset.

        Raises:
            InvalidValue: `sharing` or `signed_in` cannot be called.
        """
        self._bridge: Bridge = ThreadBridge()
        if isinstance(sharing, Sharing | AsyncSharing):
            self._serving = _always(sharing)
        else:
            require_callable("sharing", sharing)
            self._serving = sharing
        require_callable("signed_in", signed_in)
        self._origins = frozenset(tuple_of("origins", origins, str))
        self._answer = partial(answer_to, sentences=sentences, when=when)
        self._zone = zone
        self.user: Callable[..., Awaitable[UserId]] = _user(signed_in)
        self._asking = self._new_asking()
        self.sharing: Callable[..., Awaitable[Sharing | AsyncSharing]] = _sharing(self._asking)
        self.viewer: Callable[..., Awaitable[Viewer | AsyncViewer]] = _viewer(self._asking)

    def require(
        self, permission: Permission, parameter: str = "exam"
    ) -> Callable[..., Awaitable[ExamId]]:
        """Return a dependency: the exam of a path, on which the viewer holds the permission.

        An exam that the viewer may not see, one that is not there, and an id that no exam can have
        get the same answer, 404. Without the permission to download, an exam that the viewer may
        see is answered 403.

        Args:
            permission: the permission to hold.
            parameter: the name of the parameter of the path.
        """
        require_kind("permission", permission, Permission)

        async def required(
            named: Annotated[str, Path(alias=parameter)],
            viewer: Annotated[Viewer | AsyncViewer, Depends(self.viewer)],
        ) -> ExamId:
            exam = ExamId(named)
            if await self._holds(viewer, permission, exam):
                return exam
            if permission is _VIEW or not await self._holds(viewer, _VIEW, exam):
                raise Refused((not_found(exam),))
            raise Refused((Reason(code=ReasonCode.DOWNLOAD_NOT_HELD, exams=(exam,)),))

        return required

    async def same_site(self, request: Request) -> None:
        """Reject what a browser sent for a page of another site."""
        require_same_site(request.headers, origins=self._origins)

    async def answer_to(self, request: Request, error: ExamSharingError) -> Answer:
        """Return the answer to an error, with the names that the signed-in person may know.

        For an endpoint that catches the error, as one that shows a form again.
        """
        asking: Asking | None = getattr(request.state, "exam_sharing_asking", None)
        named, names = named_in(error), None
        if named and asking is not None:
            # The error is answered, whether or not the directory answers.
            with contextlib.suppress(ExamSharingError):
                names = await asking.sharing.names(asking.user, named)
        return self._answer(error, names)

    def add_handlers(self, app: FastAPI, respond: Respond = problem_response) -> None:
        """Answer every error of this package that an endpoint or a dependency raises.

        Errors of the calling code and of stores are logged too.

        Args:
            app: the application.
            respond: makes the response, as a page for people; by default problem details.
        """
        require_callable("respond", respond)

        async def handle(request: Request, error: ExamSharingError) -> Response:
            _log(error)
            found: tuple[ExamSharingError | None, Answer]
            found = getattr(request.state, "exam_sharing_answer", (None, self._answer(error)))
            answer = found[1] if found[0] is error else self._answer(error)
            is_of_router = getattr(request.state, "exam_sharing_router", False)
            return problem_response(request, answer) if is_of_router else respond(request, answer)

        app.exception_handler(ExamSharingError)(handle)

    def router(self) -> APIRouter:
        """Return a router with the JSON endpoints of sharing, and their schema.

        `app.include_router(api.router(), prefix="/sharing")` adds it; `add_handlers` is needed too.
        Its errors are problem details, whatever the host responds elsewhere.
        """
        return sharing_router(self._asking, self.same_site, _mark)

    def _new_asking(self) -> Callable[..., AsyncIterator[Asking]]:
        async def asking(
            request: Request,
            user: Annotated[UserId, Depends(self.user)],
            serving: Annotated[Sharing | AsyncSharing, Depends(self._serving, scope="function")],
        ) -> AsyncIterator[Asking]:
            found = Asking(
                user=user,
                sharing=self._awaitable(serving),
                given=serving,
                zone=self._zone,
                answer_to=partial(self.answer_to, request),
            )
            request.state.exam_sharing_asking = found
            try:
                yield found
            except ExamSharingError as error:
                # Now, since the transaction in which the directory may read ends before the
                # handler is called.
                request.state.exam_sharing_answer = error, await self.answer_to(request, error)
                raise

        return asking

    def _awaitable(self, serving: Sharing | AsyncSharing) -> AsyncSharing:
        if isinstance(serving, AsyncSharing):
            return serving
        return AsyncSharing(serving, self._bridge)

    async def _holds(
        self, viewer: Viewer | AsyncViewer, permission: Permission, exam: ExamId
    ) -> bool:
        if isinstance(viewer, AsyncViewer):
            return await viewer.can(permission, exam)
        return await self._bridge.run(viewer.can, permission, exam)


async def _mark(request: Request) -> None:
    request.state.exam_sharing_router = True


def _always(sharing: Sharing | AsyncSharing) -> Callable[[], Awaitable[Sharing | AsyncSharing]]:
    async def serving() -> Sharing | AsyncSharing:
        return sharing

    return serving


def _user(signed_in: Callable[..., Any]) -> Callable[..., Awaitable[UserId]]:
    async def user(known: Annotated[object, Depends(signed_in)]) -> UserId:
        if known is None:
            raise Rejected("NOT_SIGNED_IN")
        return of_kind("signed_in", known, UserId)

    return user


def _sharing(
    asking: Callable[..., AsyncIterator[Asking]],
) -> Callable[..., Awaitable[Sharing | AsyncSharing]]:
    async def sharing(
        by: Annotated[Asking, Depends(asking, scope="function")],
    ) -> Sharing | AsyncSharing:
        return by.given

    return sharing


def _viewer(
    asking: Callable[..., AsyncIterator[Asking]],
) -> Callable[..., Awaitable[Viewer | AsyncViewer]]:
    async def viewer(
        by: Annotated[Asking, Depends(asking, scope="function")],
    ) -> Viewer | AsyncViewer:
        if isinstance(by.given, AsyncSharing):
            return await by.given.viewer(by.user)
        return await by.sharing.run(Sharing.viewer, by.user)

    return viewer


def _log(error: ExamSharingError) -> None:
    """Log what somebody else than the person must mend; our errors hold no patient data."""
    if isinstance(error, CallerError):
        _LOG.error("a mistake in the calling code: %s", error, exc_info=error)
    elif isinstance(error, StoreFailed):
        _LOG.error("%s: %s", type(error).__name__, error)
