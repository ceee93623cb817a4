"""Views: who is looking, what they may do, and errors as answers.

    @require(Permission.VIEW)
    def study(request, exam): ...

An exam that the viewer may not see, one that is not there, and an id that no exam can have raise
the same error, which is answered like an address that does not exist.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import wraps
from http import HTTPStatus
from logging import getLogger
from typing import Any, ClassVar, Final, TypeVar

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.core.exceptions import ImproperlyConfigured
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.views import View

from exam_sharing.adapters.django import settings
from exam_sharing.adapters.django.opening import open_sharing
from exam_sharing.errors import CallerError, ExamSharingError, StoreFailed
from exam_sharing.grants import Permission
from exam_sharing.identifiers import ExamId, UserId
from exam_sharing.policy.decisions import Reason, ReasonCode, Refused, not_found
from exam_sharing.sharing import Viewer
from exam_sharing.validation import require_kind
from exam_sharing.web.answers import MEDIA_TYPE, answer_to, named_in
from exam_sharing.web.rejections import Rejected

_LOG: Final = getLogger("exam_sharing")
_VIEW: Final = Permission.VIEW
_VIEWER: Final = "_exam_sharing_viewer"

ViewT = TypeVar("ViewT", bound=Callable[..., Any])


def user_id(user: Any) -> UserId:
    """Return the id that a user of Django has in this package: the text of the primary key.

    Raises:
        Rejected: nobody is signed in, or somebody who is no saved user of the portal.
    """
    of_portal = isinstance(user, settings.user_model())
    if not user.is_authenticated or not of_portal or user.pk is None:
        raise Rejected("NOT_SIGNED_IN")
    return UserId(str(user.pk))


def viewer_of(request: HttpRequest) -> Viewer:
    """Return who is signed in, with their groups, which are looked up once for each request.

    Raises:
        Rejected: nobody is signed in.
    """
    user = user_id(request.user)
    found: tuple[UserId, Viewer] | None = getattr(request, _VIEWER, None)
    if found is None or found[0] != user:
        found = user, open_sharing().viewer(user)
        setattr(request, _VIEWER, found)
    return found[1]


def require_permission(request: HttpRequest, permission: Permission, exam: object) -> ExamId:
    """Return the id of an exam on which the viewer holds the permission.

    Raises:
        InvalidInput: no exam can have such an id; it is answered as an exam that is not there.
        Refused: the viewer may not see the exam, or may see and not download it.
        Rejected: nobody is signed in.
    """
    require_kind("permission", permission, Permission)
    viewer, named = viewer_of(request), ExamId(str(exam))
    if viewer.can(permission, named):
        return named
    if permission is _VIEW or not viewer.can(_VIEW, named):
        raise Refused((not_found(named),))
    raise Refused((Reason(code=ReasonCode.DOWNLOAD_NOT_HELD, exams=(named,)),))


def require(permission: Permission, exam: str = "exam") -> Callable[[ViewT], ViewT]:
    """Return a decorator of views, for those who hold a permission on the exam of the address.

    Args:
        permission: the permission to hold.
        exam: the name of the argument that the address gives to the view.
    """
    require_kind("permission", permission, Permission)

    def decorate(view: Any) -> Any:
        if iscoroutinefunction(view):

            async def guarded_later(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                await sync_to_async(_require_named)(request, permission, exam, kwargs)
                return await view(request, *args, **kwargs)

            return wraps(view)(guarded_later)

        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            _require_named(request, permission, exam, kwargs)
            return view(request, *args, **kwargs)

        return wraps(view)(guarded)

    return decorate


class RequirePermission:
    """A mixin of class-based views, for those who hold a permission on the exam of the address.

    Attributes:
        exam_permission: the permission to hold.
        exam_argument: the name of the argument that the address gives to the view.
    """

    exam_permission: ClassVar[Permission] = _VIEW
    exam_argument: ClassVar[str] = "exam"

    def __init_subclass__(cls, **more: Any) -> None:
        """Refuse bases in an order in which nobody would check."""
        super().__init_subclass__(**more)
        if View in cls.__mro__ and cls.__mro__.index(View) < cls.__mro__.index(RequirePermission):
            raise ImproperlyConfigured(
                f"{cls.__name__}: name RequirePermission first among the bases; else nobody checks"
            )

    @classmethod
    def as_view(cls, **initial: Any) -> Any:
        """Return the view, for those who hold the permission."""
        make: Any = super()
        permission = initial.get("exam_permission", cls.exam_permission)
        argument = initial.get("exam_argument", cls.exam_argument)
        return require(permission, argument)(make.as_view(**initial))


def _require_named(
    request: HttpRequest, permission: Permission, exam: str, named: dict[str, Any]
) -> None:
    if exam not in named:
        raise ImproperlyConfigured(
            f"the address of the view has no argument {exam!r}: name the one that is the exam's id"
        )
    require_permission(request, permission, named[exam])


def response_to(request: HttpRequest, error: ExamSharingError) -> HttpResponse:
    """Return the response to an error: a page for people, or else problem details of RFC 9457.

    The page is the template `exam_sharing/answer.html`, which a portal may replace.

    Raises:
        Http404: the answer is that of an address that does not exist.
        CallerError: the error itself, if it is a mistake in the calling code.
    """
    if isinstance(error, CallerError):
        raise error
    if isinstance(error, StoreFailed):
        _LOG.error("%s: %s", type(error).__name__, error)
    wants_page = request.get_preferred_type(["text/html", MEDIA_TYPE, "application/json"])
    answer = answer_to(error, _names(request, error), sentences=settings.sentences(), when=_when)
    response: HttpResponse
    if wants_page != "text/html":
        response = JsonResponse(answer.problem, status=answer.status, content_type=MEDIA_TYPE)
    elif answer.status == HTTPStatus.NOT_FOUND:
        raise Http404
    elif answer.status == HTTPStatus.UNAUTHORIZED:
        # Its module imports models, which are there once all apps are loaded.
        from django.contrib.auth.views import redirect_to_login  # noqa: PLC0415

        response = redirect_to_login(request.get_full_path())
    else:
        response = render(
            request, "exam_sharing/answer.html", {"answer": answer}, status=answer.status
        )
    # Who may see what can change at once.
    response["Cache-Control"] = "no-store"
    return response


def _names(request: HttpRequest, error: ExamSharingError) -> Any:
    named = named_in(error)
    # The error is answered, whether or not the directory answers.
    with suppress(ExamSharingError):
        if named:
            return open_sharing().names(user_id(request.user), named)
    return None


def _when(time: datetime) -> str:
    return str(date_format(localtime(time), "DATETIME_FORMAT"))
