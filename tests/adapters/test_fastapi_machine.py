"""The endpoints decide as the package does: stories beside the model, and decision cases."""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from types import UnionType
from typing import Literal, Union, get_args, get_origin, get_type_hints

import attrs
import pytest
from hypothesis import settings

import exam_sharing as es
from exam_sharing.asynchronous import AsyncSharing
from exam_sharing.identifiers import Identifier
from exam_sharing.memory import open_sharing
from exam_sharing.testing import run_portal_machine
from exam_sharing.testing.cases import cases, over_sharing, run

pytest.importorskip("fastapi", reason="no FastAPI: install exam-sharing[fastapi]")

from fastapi_clients import client_in

few = settings(derandomize=True, database=None, max_examples=2, stateful_step_count=4)
HAS_NOT = {"performed_by"}
"""What a form has no field for."""


def value_of(kind, document, given=None):  # noqa: C901, PLR0911  by kind
    """Return the value that a document of JSON was made from."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is not None and attrs.has(origin):
        return value_of(origin, document, dict(zip(origin.__parameters__, parts, strict=True)))
    match kind:
        case _ if document is None or kind in {bool, int, str}:
            return document
        case _ if given and kind in given:
            return value_of(given[kind], document)
        case _ if origin is Literal:
            return parts[0]
        case _ if origin in {tuple, frozenset}:
            return origin(value_of(parts[0], each, given) for each in document)
        case _ if es.UserId in {kind, *parts} and origin is not Mapping:
            return es.principal_of(document)
        case _ if origin in {Union, UnionType}:  # with `None`, or the basis of a grant
            return value_of(parts[isinstance(document, list)], document)
        case _ if origin is Mapping:
            key, value = parts
            return {value_of(key, k): value_of(value, v) for k, v in document.items()}
        case _ if issubclass(kind, Identifier):
            return kind(document)
        case _ if issubclass(kind, Enum):
            return kind[document]
        case _ if kind is datetime:
            return datetime.fromisoformat(document)
    hints = get_type_hints(kind)
    return kind(**{name: value_of(hints[name], each, given) for name, each in document.items()})


def reason_of(document, exam):
    hints = get_type_hints(es.Reason)
    found = {name: value_of(hints[name], document[name]) for name in hints if name in document}
    if found["code"] is es.ReasonCode.EXAM_NOT_FOUND:
        found["exams"] = (exam,)  # The answer names no exam that may not be seen.
    return es.Reason(**found)


def error_of(problem, exam):
    """Return the error that problem details were made from."""
    reasons = problem["reasons"]
    match reasons[0]["code"]:
        case "REQUEST_ID_REUSED":
            return es.RequestIdReused("sent")
        case "INVALID_INPUT":
            return es.InvalidInput(reasons[0]["field"], reasons[0]["problem"])
        case _:
            return es.Refused(tuple(reason_of(each, exam) for each in reasons))


class OverHttp:
    """What a `Sharing` does, by the endpoints; operators use the `Sharing` itself."""

    def __init__(self, kind, **parts):
        self.sharing = open_sharing(**parts)
        self.admin, self._kind = self.sharing.admin, kind
        self._batches, self._sent = {}, {}

    def add_upload(self, batch, exams):
        self.sharing.add_upload(batch, exams)
        self._batches |= {exam.id: batch.id for exam in exams}

    def share(self, request):
        return self._act(request, "share", es.ShareReceipt)

    def unshare(self, request):
        return self._act(request, "unshare", es.UnshareReceipt)

    def narrow(self, request):
        return self._act(request, "narrow", es.UnshareReceipt)

    def revoke(self, request):
        return self._act(request, "revoke", es.UnshareReceipt)

    def preview(self, request):
        kinds = {es.ShareRequest: "share", es.UnshareRequest: "unshare", es.NarrowRequest: "narrow"}
        try:
            found = self._act(request, f"{kinds.get(type(request), 'revoke')}/preview", dict)
        except es.Refused as refused:
            return es.Preview(reasons=refused.reasons)
        problem = found.pop("problem")
        reasons = error_of(problem, None).reasons if problem else ()
        return attrs.evolve(value_of(es.Preview, found), reasons=reasons)

    def can(self, user, permission, exam):
        return permission.name in {tab.name for tab in self.tabs(user, exam)}

    def tabs(self, user, exam):
        return self._seen(frozenset[es.Tab], frozenset(), user, exam, "tabs")

    def share_form(self, user, exam):
        page = self._seen(es.SharePage, None, user, exam, "share-page")
        return es.ShareForm() if page is None else page.form

    def access_list(self, user, exam):
        return self._read(es.AccessList, user, f"/exams/{exam}/access-list", exam)

    def suggest(self, user, exam, text):
        path = f"/exams/{exam}/suggestions"
        return self._read(tuple[es.Choice, ...], user, path, params={"text": text})

    def recipients(self, user, exam):
        return self._read(es.Page[es.Choice], user, f"/exams/{exam}/recipients")

    def shared_with(self, user):
        return self._read(es.Page[es.VisibleExam], user, "/shared-with-me")

    def visible_to(self, user):
        return self._read(es.Page[es.VisibleExam], user, "/exams")

    def _seen(self, kind, otherwise, user, exam, path):
        try:
            return self._read(kind, user, f"/exams/{exam}/{path}", exam)
        except es.Refused:
            return otherwise

    def _read(self, kind, user, path, exam=None, **more):
        return self._answered(kind, client_in(self, user, self._kind).get(path, **more), exam)

    def _act(self, request, act, kind):
        exam = getattr(request, "exam", None)
        path = f"/exams/{exam}/{act}" if exam else f"/grants/{request.grant}/{act}"
        client = client_in(self, request.actor, self._kind)
        return self._answered(kind, client.act(path, **self._fields(request)), exam)

    def _answered(self, kind, answer, exam):
        if answer.status_code != 200:
            raise error_of(answer.json(), exam)
        return answer.json() if kind is dict else value_of(kind, answer.json())

    def _fields(self, request):
        """Return the fields of a form, the same each time for the same request."""
        named = {field.name: getattr(request, field.name) for field in attrs.fields(type(request))}
        fields = {
            name: plain(value)
            for name, value in named.items()
            if name not in {"actor", "exam", "grant", "performed_by"} and value is not None
        }
        if fields.get("attested"):
            fields.setdefault("wording", self.sharing.policy.attestation_wording)
        if fields.get("scope") == "BATCH" and "expect" not in fields:
            key = attrs.evolve(request, message=None)
            fields["expect"] = self._sent.setdefault(key, self._seen_of_batch(request))
        return fields

    def _seen_of_batch(self, request):
        """Return the exams that a page would show."""
        batch = self._batches.get(request.exam)
        same = [exam for exam, of in self._batches.items() if of == batch]
        seen = self.sharing.can_many(request.actor, es.Permission.VIEW, same)
        return [exam.value for exam in same if exam in seen] or [request.exam.value]


def plain(value):
    match value:
        case es.UserId() | es.GroupId():
            return value.key
        case es.ExamId():
            return value.value
        case Enum():
            return value.name
        case datetime():
            return value.isoformat()
        case tuple() | frozenset():
            return [plain(each) for each in value]
        case _:
            return value if isinstance(value, bool) else str(value)


def over_http(kind=es.Sharing):
    return over_sharing(lambda **parts: OverHttp(kind, **parts))


def test_every_answer_of_the_endpoints_is_the_one_of_the_model():
    run_portal_machine(over_http(), without=HAS_NOT, settings=few)


@pytest.mark.parametrize("kind", [es.Sharing, AsyncSharing])
def test_decision_cases_pass_over_the_endpoints(kind):
    chosen = cases()[kind is AsyncSharing :: 20]
    failed = {case["name"]: found for case in chosen if (found := run(case, over_http(kind)))}

    assert failed == {}


class SharesForDownloading(OverHttp):
    def _fields(self, request):
        fields = super()._fields(request)
        return fields | {"permission": "DOWNLOAD"} if "recipients" in fields else fields


def test_a_client_that_loses_a_field_is_found():
    broken = over_sharing(lambda **parts: SharesForDownloading(es.Sharing, **parts))

    assert any(run(each, broken) for each in cases(questions={"can"})[::40])
