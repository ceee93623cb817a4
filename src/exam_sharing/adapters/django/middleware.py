"""Middleware: errors of this package as responses."""

from typing import final

from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

from exam_sharing.adapters.django.views import response_to
from exam_sharing.errors import CallerError, ExamSharingError


@final
class SharingErrors(MiddlewareMixin):
    """Answers the errors of this package that views raise; it comes after authentication.

    Errors of the calling code are left to Django, which logs them and answers 500.
    """

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Return the response to an error of ours."""
        if not isinstance(exception, ExamSharingError) or isinstance(exception, CallerError):
            return None
        return response_to(request, exception)
