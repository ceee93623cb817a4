"""The pages of the portal."""

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.views import View
from django.views.decorators.http import require_POST

from exam_sharing import ExamId, Permission, web
from exam_sharing.adapters.django import (
    RequirePermission,
    open_sharing,
    require,
    user_id,
    viewer_of,
)
from imaging_portal.models import Letter


@require(Permission.VIEW)
def study(_request: HttpRequest, exam: int) -> HttpResponse:
    """Show the pictures."""
    return HttpResponse(f"The pictures of study {exam}.")


class StudyFile(RequirePermission, View):
    """Send the file."""

    exam_permission = Permission.DOWNLOAD

    def get(self, _request: HttpRequest, exam: int) -> HttpResponse:
        """Return the file."""
        return HttpResponse(f"The file of study {exam}.")


def studies(request: HttpRequest) -> JsonResponse:
    """List what the viewer can see, a page at a time."""
    page = viewer_of(request).visible_to(request.GET.get("after"), limit=20)
    return JsonResponse({"studies": [str(item.exam) for item in page.items], "next": page.next})


@require_POST
def share(request: HttpRequest, exam: int) -> HttpResponse:
    """Share a study, and write a letter, both or neither."""
    sharing = open_sharing()
    wanted = web.share_request(
        request.POST,
        actor=user_id(request.user),
        exam=ExamId(str(exam)),
        policy=sharing.policy,
    )
    with transaction.atomic():
        receipt = sharing.share(wanted)
        if not receipt.repeated:
            Letter.objects.create(study_id=exam, text=request.POST.get("letter", ""))
    return redirect("study", exam=exam)
