"""What an endpoint works with: who sent the request, what serves it, and the fields that it sends.

The dependencies of `SharingApi` find the first two; the endpoints read them here.
"""

import json
import re
from collections.abc import Awaitable, Callable
from datetime import tzinfo
from typing import Annotated, Any, Final, TypeAlias

import attrs
from fastapi import Depends, Path, Query, Request, Response
from pydantic import WithJsonSchema

from exam_sharing.acts.cursors import MAX_PAGE
from exam_sharing.asynchronous import AsyncSharing
from exam_sharing.errors import ExamSharingError, InvalidInput
from exam_sharing.identifiers import ExamId, GrantId, UserId
from exam_sharing.sharing import Sharing
from exam_sharing.web.answers import MEDIA_TYPE, Answer
from exam_sharing.web.rejections import Rejected, require_json

MAX_BODY: Final = 2_000_000
"""The most bytes that a request may have: the event loop stands while JSON is parsed."""


@attrs.frozen(kw_only=True)
class Asking:
    """The person who sent a request, and what serves it.

    Attributes:
        given: what the host gave; `sharing` calls it, in threads if need be.
        zone: the time zone of dates.
        answer_to: returns the answer to an error, with the names that the person may know.
    """

    user: UserId
    sharing: AsyncSharing
    given: Sharing | AsyncSharing
    zone: tzinfo | None
    answer_to: Callable[[ExamSharingError], Awaitable[Answer]]


def json_response(
    content: object, *, status: int = 200, media_type: str = "application/json"
) -> Response:
    """Return a document as a response that nobody may keep: who may see it can change at once."""
    return Response(
        json.dumps(content),
        status_code=status,
        media_type=media_type,
        headers={"Cache-Control": "no-store"},
    )


def problem_response(_request: Request, answer: Answer) -> Response:
    """Return an answer as the problem details of RFC 9457."""
    return json_response(answer.problem, status=answer.status, media_type=MEDIA_TYPE)


async def _found(request: Request) -> Asking:
    found: Asking = request.state.exam_sharing_asking
    return found


async def exam_of(exam: Annotated[str, Path(description="The id of an exam.")]) -> ExamId:
    """Return the exam of a path."""
    return ExamId(exam)


async def grant_of(grant: Annotated[str, Path(description="The id of a grant.")]) -> GrantId:
    """Return the grant of a path."""
    return GrantId(grant)


def _limit(usual: int) -> Callable[[str], Awaitable[int]]:
    shown = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": usual}
    query = Query(default_factory=lambda: str(usual), description="The most items of the answer.")

    async def limit(limit: Annotated[str, query, WithJsonSchema(shown)]) -> int:
        # The list itself refuses what is out of range.
        return int(limit) if re.fullmatch("[0-9]{1,9}", limit) else 0

    return limit


async def _after(
    after: Annotated[str, Query(description="The `next` of the page before.")] = "",
) -> str | None:
    return after or None


async def _fields(request: Request) -> dict[str, Any]:
    """Return the object of JSON that was sent.

    Raises:
        Rejected: it is not declared as JSON, or too large.
        InvalidInput: it is no object of JSON.
    """
    require_json(request.headers)
    sent = bytearray()
    async for part in request.stream():
        sent += part
        if len(sent) > MAX_BODY:
            raise Rejected("TOO_LARGE")
    try:
        fields = json.loads(sent)
    except (RecursionError, ValueError):
        fields = None
    if not isinstance(fields, dict):
        raise InvalidInput("body", "must be an object of JSON")
    return fields


By: TypeAlias = Annotated[Asking, Depends(_found)]
Exam: TypeAlias = Annotated[ExamId, Depends(exam_of)]
After: TypeAlias = Annotated[str | None, Depends(_after)]
PageLimit: TypeAlias = Annotated[int, Depends(_limit(50))]
SuggestionLimit: TypeAlias = Annotated[int, Depends(_limit(10))]
Fields: TypeAlias = Annotated[dict[str, Any], Depends(_fields)]
"""The parameters of endpoints."""
