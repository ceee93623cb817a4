"""Grants, shares and notices in the admin: operators see them, and change nothing there.

What ends a grant is an act, which keeps the rules: see `Sharing` and `Admin`.
"""

from datetime import MINYEAR
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from typing_extensions import override

from exam_sharing.adapters.django import settings
from exam_sharing.adapters.django.models import Grant, Notice, Share
from exam_sharing.web.answers import in_utc

if TYPE_CHECKING:
    _ModelAdmin: TypeAlias = admin.ModelAdmin[Any]  # It is generic in stubs alone.
else:
    _ModelAdmin = admin.ModelAdmin


def _time(name: str) -> Any:
    """Return what shows a time in UTC: the first and the last time have no other time zone."""

    @admin.display(description=name.replace("_", " "), ordering=name)
    def shown(row: Any) -> str | None:
        time = getattr(row, name)
        # A new notice has the first time of all.
        return None if time is None or time.year == MINYEAR else in_utc(time)

    return shown


class _Shown(_ModelAdmin):
    """Shows rows of ours, to those who have the permission to view them."""

    times: ClassVar[tuple[str, ...]] = ()
    actions: None = None
    list_per_page: ClassVar[int] = 50
    show_full_result_count: ClassVar[bool] = False

    @override
    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    @override
    def has_change_permission(self, _request: HttpRequest, _row: object = None) -> bool:
        return False

    @override
    def has_delete_permission(self, _request: HttpRequest, _row: object = None) -> bool:
        return False

    @override
    def get_exclude(self, _request: HttpRequest, _row: object = None) -> tuple[str, ...]:
        return self.times

    @override
    def get_readonly_fields(self, _request: HttpRequest, _row: object = None) -> tuple[Any, ...]:
        return tuple(map(_time, self.times))

    @override
    def get_list_display(self, _request: HttpRequest) -> tuple[Any, ...]:
        return (*self.list_display, *map(_time, self.times))

    @override
    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        rows: QuerySet[Any] = super().get_queryset(request).using(settings.database())
        return rows


@admin.register(Grant)
class GrantAdmin(_Shown):
    """Grants, standing and ended."""

    list_display: tuple[str, ...] = (
        "id",
        "exam",
        "grantor",
        "recipient",
        "permission",
        "ended_how",
    )
    times: ClassVar[tuple[str, ...]] = ("until", "made_at", "ended_at")
    search_fields: ClassVar[tuple[str, ...]] = ("exam__exact", "recipient__exact", "id__exact")
    search_help_text: ClassVar[str] = "the id of an exam or a grant, or a recipient, as u:17 or g:5"


@admin.register(Share)
class ShareAdmin(_Shown):
    """Shares, with who attested what."""

    list_display: tuple[str, ...] = ("id", "actor", "exam", "permission", "scope")
    times: ClassVar[tuple[str, ...]] = ("at", "until", "attested_at")
    search_fields: ClassVar[tuple[str, ...]] = ("exam__exact", "actor__exact", "id__exact")
    search_help_text: ClassVar[str] = "the id of an exam, a share or a user"


@admin.register(Notice)
class NoticeAdmin(_Shown):
    """Notices that wait or were given up."""

    list_display: tuple[str, ...] = (
        "number",
        "id",
        "reader",
        "actor",
        "attempts",
        "problem",
    )
    times: ClassVar[tuple[str, ...]] = ("due", "given_up_at")
    search_fields: ClassVar[tuple[str, ...]] = ("reader__exact", "share__exact", "id__exact")
    search_help_text: ClassVar[str] = "the id of a notice, a share or its reader"
