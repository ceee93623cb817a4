"""The JSON endpoints of sharing: acts, their previews, and what a portal shows.

An act takes the fields of a form of `exam_sharing.web` as an object of JSON. No endpoint has a rule
of its own.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Annotated, Any, Final

import attrs
from fastapi import APIRouter, Depends, Query, Response

from exam_sharing.adapters.fastapi import examples
from exam_sharing.adapters.fastapi.asking import (
    After,
    Asking,
    By,
    Exam,
    Fields,
    PageLimit,
    SuggestionLimit,
    exam_of,
    grant_of,
    json_response,
)
from exam_sharing.adapters.fastapi.schemas import (
    body_model,
    document,
    model_of,
    preview_document,
    preview_model,
    problem_model,
)
from exam_sharing.asynchronous import AsyncSharing
from exam_sharing.errors import InvalidInput
from exam_sharing.identifiers import ExamId, GrantId
from exam_sharing.policy import requests
from exam_sharing.policy.decisions import Refused, not_found
from exam_sharing.policy.plans import ShareReceipt, UnshareReceipt
from exam_sharing.policy.views import AccessList, Choice, Page, SharePage, Tab, VisibleExam
from exam_sharing.web.answers import MEDIA_TYPE, TITLES
from exam_sharing.web.forms import narrow_request, revoke_request, share_request, unshare_request

_OF_READS: Final = (401, 404, 422, 500, 503)
_OF_ACTS: Final = (401, 403, 404, 409, 413, 415, 422, 500, 503)
_NOT_FOUND: Final = 404
_NOT_SENT: Final = frozenset({"actor", "exam", "grant", "performed_by"})
"""What of a request is no field of a form."""


async def tabs(by: By, exam: Exam) -> Response:
    """Return the tabs; without access, there is no such exam."""
    found = await by.sharing.tabs(by.user, exam)
    if not found:
        raise Refused((not_found(exam),))
    return json_response(document(found))


async def share_page(by: By, exam: Exam) -> Response:
    """Return the page of the Share tab."""
    return json_response(document(await by.sharing.share_page(by.user, exam)))


async def access_list(by: By, exam: Exam) -> Response:
    """Return the access list."""
    return json_response(document(await by.sharing.access_list(by.user, exam)))


async def suggestions(
    by: By,
    exam: Exam,
    limit: SuggestionLimit,
    text: Annotated[str, Query(description="What was typed so far.")] = "",
) -> Response:
    """Return suggestions; none to somebody who may not share."""
    return json_response(document(await by.sharing.suggest(by.user, exam, text, limit)))


async def recipients(by: By, exam: Exam, after: After, limit: PageLimit) -> Response:
    """Return a page of recipients; none to somebody who may not share."""
    return json_response(document(await by.sharing.recipients(by.user, exam, after, limit)))


async def shared_with_me(by: By, after: After, limit: PageLimit) -> Response:
    """Return a page of the exams of others."""
    return json_response(document(await by.sharing.shared_with(by.user, after, limit)))


async def exams(by: By, after: After, limit: PageLimit) -> Response:
    """Return a page of exams, own ones included."""
    return json_response(document(await by.sharing.visible_to(by.user, after, limit)))


@attrs.frozen(kw_only=True)
class _Read:
    """An endpoint that shows something."""

    path: str
    endpoint: Callable[..., Awaitable[Response]]
    summary: str
    answer: Any
    example: Callable[[], object]


_READS: Final = (
    _Read(
        path="/exams",
        endpoint=exams,
        summary="All exams that you can see, newest upload first",
        answer=Page[VisibleExam],
        example=examples.exams,
    ),
    _Read(
        path="/shared-with-me",
        endpoint=shared_with_me,
        summary="The exams of others that you can see, newest upload first",
        answer=Page[VisibleExam],
        example=examples.exams,
    ),
    _Read(
        path="/exams/{exam:path}/tabs",
        endpoint=tabs,
        summary="The tabs that an exam has for you",
        answer=frozenset[Tab],
        example=examples.tabs,
    ),
    _Read(
        path="/exams/{exam:path}/share-page",
        endpoint=share_page,
        summary="The page of the Share tab: tabs, form, access list, names",
        answer=SharePage,
        example=examples.share_page,
    ),
    _Read(
        path="/exams/{exam:path}/access-list",
        endpoint=access_list,
        summary="Who has access to an exam, as far as you may know",
        answer=AccessList,
        example=examples.access_list,
    ),
    _Read(
        path="/exams/{exam:path}/suggestions",
        endpoint=suggestions,
        summary="The recipients that a typed text suggests, best first",
        answer=tuple[Choice, ...],
        example=examples.choices,
    ),
    _Read(
        path="/exams/{exam:path}/recipients",
        endpoint=recipients,
        summary="All possible recipients, by name",
        answer=Page[Choice],
        example=examples.recipients,
    ),
)


def _share(by: Asking, exam: ExamId, fields: Mapping[str, Any]) -> requests.ShareRequest:
    policy = by.sharing.policy
    return share_request(fields, actor=by.user, exam=exam, policy=policy, zone=by.zone)


def _unshare(by: Asking, exam: ExamId, fields: Mapping[str, Any]) -> requests.UnshareRequest:
    return unshare_request(fields, actor=by.user, exam=exam)


def _narrow(by: Asking, exam: ExamId, fields: Mapping[str, Any]) -> requests.NarrowRequest:
    return narrow_request(fields, actor=by.user, exam=exam, zone=by.zone)


def _revoke(by: Asking, grant: GrantId, fields: Mapping[str, Any]) -> requests.RevokeRequest:
    return revoke_request(fields, actor=by.user, grant=grant)


@attrs.frozen(kw_only=True)
class _Act:
    """An act, which has an endpoint and one for its preview."""

    path: str
    named: Callable[..., Awaitable[ExamId | GrantId]]
    summary: str
    read: Callable[[Asking, Any, Mapping[str, Any]], requests.Request]
    perform: Callable[[AsyncSharing, Any], Awaitable[ShareReceipt | UnshareReceipt]]
    request: type[requests.Request]
    receipt: Any
    example: Mapping[str, object]

    @property
    def fields(self) -> Any:  # noqa: ANN401  a model
        """The model of its form."""
        kind: type = self.request
        return body_model(kind, _NOT_SENT)

    def request_of(self, by: Asking, named: object, fields: Mapping[str, Any]) -> requests.Request:
        """Return the request of a form; an unknown field is an error, as it may be misspelt."""
        known = self.fields.model_fields
        if not fields.keys() <= known.keys():
            raise InvalidInput("body", f"must have no other fields than {', '.join(known)}")
        return self.read(by, named, fields)


_ACTS: Final = (
    _Act(
        path="/exams/{exam:path}/share",
        named=exam_of,
        summary="Share an exam, or all exams of its upload",
        read=_share,
        perform=AsyncSharing.share,
        request=requests.ShareRequest,
        receipt=ShareReceipt,
        example=examples.SHARE,
    ),
    _Act(
        path="/exams/{exam:path}/unshare",
        named=exam_of,
        summary="End what a person or a group has on an exam",
        read=_unshare,
        perform=AsyncSharing.unshare,
        request=requests.UnshareRequest,
        receipt=UnshareReceipt,
        example=examples.UNSHARE,
    ),
    _Act(
        path="/exams/{exam:path}/narrow",
        named=exam_of,
        summary="Cut what a person or a group has on an exam",
        read=_narrow,
        perform=AsyncSharing.narrow,
        request=requests.NarrowRequest,
        receipt=UnshareReceipt,
        example=examples.NARROW,
    ),
    _Act(
        path="/grants/{grant:path}/revoke",
        named=grant_of,
        summary="End one grant",
        read=_revoke,
        perform=AsyncSharing.revoke,
        request=requests.RevokeRequest,
        receipt=UnshareReceipt,
        example=examples.REVOKE,
    ),
)


def _performing(act: _Act) -> Callable[..., Awaitable[Response]]:
    async def perform(
        by: By, named: Annotated[ExamId | GrantId, Depends(act.named)], fields: Fields
    ) -> Response:
        receipt = await act.perform(by.sharing, act.request_of(by, named, fields))
        return json_response(document(receipt))

    return perform


def _previewing(act: _Act) -> Callable[..., Awaitable[Response]]:
    async def preview(
        by: By, named: Annotated[ExamId | GrantId, Depends(act.named)], fields: Fields
    ) -> Response:
        found = await by.sharing.preview(act.request_of(by, named, fields))
        if not found.reasons:
            return json_response(preview_document(found, None))
        refused = Refused(found.reasons)
        answer = await by.answer_to(refused)
        if answer.status == _NOT_FOUND:
            raise refused
        return json_response(preview_document(found, answer.problem))

    return preview


def sharing_router(
    asking: Callable[..., Any], same_site: Callable[..., Any], marked: Callable[..., Any]
) -> APIRouter:
    """Return a router with all endpoints.

    Args:
        asking: a dependency that leaves an `Asking` in the state of the request.
        same_site: a dependency that rejects what another site sent.
        marked: a dependency that marks requests whose errors are answered with problem details.
    """
    router = APIRouter(
        dependencies=[Depends(marked), Depends(asking, scope="function")], tags=["sharing"]
    )
    for read in _READS:
        router.add_api_route(
            read.path,
            read.endpoint,
            response_model=model_of(read.answer),
            responses={**_shown(read.example()), **_problems(_OF_READS)},
            summary=read.summary,
        )
    for act in _ACTS:
        add = partial(
            router.add_api_route,
            methods=["POST"],
            dependencies=[Depends(same_site)],
            openapi_extra=_sent(act),
        )
        name = act.path.rpartition("/")[2]
        add(
            act.path,
            _performing(act),
            name=name,
            response_model=model_of(act.receipt),
            responses={**_shown(examples.receipt(act.receipt)), **_problems(_OF_ACTS)},
            summary=act.summary,
        )
        add(
            f"{act.path}/preview",
            _previewing(act),
            name=f"preview_{name}",
            response_model=preview_model(),
            responses={**_shown(examples.preview()), **_problems(_OF_ACTS)},
            summary=f"What it would do, without doing it: {act.summary.lower()}",
        )
    return router


def _shown(example: object) -> dict[int | str, dict[str, Any]]:
    content = {"application/json": {"example": example}}
    return {200: {"description": "Done.", "content": content}}


def _sent(act: _Act) -> dict[str, Any]:
    content = {"schema": act.fields.model_json_schema(), "example": act.example}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def _problems(statuses: Iterable[int]) -> dict[int | str, dict[str, Any]]:
    """Return what a schema says of errors; previews bring the model."""
    schema = {"$ref": f"#/components/schemas/{problem_model().__name__}"}
    return {
        status: {
            "description": TITLES[status],
            "content": {MEDIA_TYPE: {"schema": schema, "example": examples.problem(status)}},
        }
        for status in statuses
    }
