"""The pages of the portal."""

from django.http import HttpResponse, JsonResponse
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


def shared_with_me(request):
    page = viewer_of(request).shared_with(request.GET.get("after"), limit=1)
    return JsonResponse({"exams": [str(item.exam) for item in page.items], "next": page.next})


@require(Permission.VIEW)
def study(request, exam):
    return HttpResponse(f"the pictures of {exam}")


@require(Permission.VIEW, exam="named")
async def study_later(request, named):
    return HttpResponse(f"the pictures of {named}")


class File(RequirePermission, View):
    exam_permission = Permission.DOWNLOAD

    def get(self, request, exam):
        return HttpResponse(f"the file of {exam}")


@require_POST
def share(request, exam):
    sharing, actor = open_sharing(), user_id(request.user)
    asked = web.share_request(request.POST, actor=actor, exam=ExamId(exam), policy=sharing.policy)
    sharing.share(asked)
    return redirect("study", exam=exam)


@require(Permission.VIEW, exam="study")
def mistaken(request, exam):
    raise AssertionError
