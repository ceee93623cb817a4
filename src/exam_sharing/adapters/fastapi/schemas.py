"""Values as documents of JSON, and the models that describe these documents.

Both read the fields of the value, so that neither repeats the other. A principal is its key,
another id its text, a member of an enum its name, and a time ISO 8601 in UTC.
"""

import inspect
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from functools import cache
from types import UnionType
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import attrs
from pydantic import AwareDatetime, ConfigDict, Field, create_model

from exam_sharing import documents
from exam_sharing.documents import Forms
from exam_sharing.identifiers import GroupId, Identifier, UserId
from exam_sharing.policy.decisions import Reason
from exam_sharing.policy.plans import Names, Preview
from exam_sharing.policy.requests import Request
from exam_sharing.validation import PrivateText

_FORMS: Final[Forms] = dict.fromkeys((UserId, GroupId), lambda principal: principal.key)

_EXACT: Final = ConfigDict(extra="forbid")

_KEY: Final[Any] = Annotated[
    str, Field(pattern="^[ug]:", description="A user, `u:…`, or a group, `g:…`.")
]


_OF_FORMS: Final = {
    "until": "A date, through whose end it lasts, or a time in ISO 8601.",
    "wording": "The wording that was shown; required if it is attested.",
    "expect": "The exams that were shown; required for a batch.",
    "request_id": "A new one for each form: the same request sent again is done once.",
}
"""What schemas say of the fields of forms; `exam_sharing.web.forms` reads them."""


def document(value: object) -> Any:  # noqa: ANN401  JSON
    """Return a value as plain data, which JSON can hold."""
    return documents.plain(value, _FORMS)


def preview_document(preview: Preview, problem: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a preview as plain data, with the answer that the act would get if it is refused."""
    return {"problem": problem} | {
        name: found for name, found in document(preview).items() if name != "reasons"
    }


def model_of(kind: Any) -> Any:  # noqa: ANN401  types
    """Return the type of the documents of a type of values, models of pydantic included."""
    return _form(kind, {})


@cache
def body_model(kind: type[Request], left_out: frozenset[str]) -> Any:  # noqa: ANN401  as above
    """Return the model of the fields of a form, which make a request."""
    hints = get_type_hints(kind)
    fields = {
        each.name: (
            _form(str | None if each.name == "until" else hints[each.name], {}),
            Field(
                ... if each.default is attrs.NOTHING else document(each.default),
                description=_OF_FORMS.get(each.name),
            ),
        )
        for each in attrs.fields(kind)
        if each.name not in left_out
    }
    return _model(f"{kind.__name__}Form", _summary(kind), fields)


def _model(name: str, summary: str, fields: Mapping[str, Any]) -> Any:  # noqa: ANN401  as above
    return create_model(name, __config__=_EXACT, __doc__=summary, **fields)


def _summary(kind: type) -> str:
    return (inspect.getdoc(kind) or "").partition("\n")[0].partition(" Specification:")[0]


def _form(kind: Any, given: Mapping[Any, Any]) -> Any:  # noqa: ANN401, PLR0911  by kind
    origin = get_origin(kind)
    if isinstance(kind, TypeVar):
        return _form(given[kind], {})
    if origin is Literal:
        return Literal.__getitem__(tuple(each.name for each in get_args(kind)))
    if attrs.has(origin or kind):
        return _of_value(kind) if origin or kind not in {UserId, GroupId} else _KEY
    parts = [_form(each, given) for each in get_args(kind) if each is not ...]
    if origin in {Union, UnionType}:
        return Union.__getitem__(tuple(dict.fromkeys(parts)))
    if origin in {tuple, frozenset}:
        return list.__class_getitem__(parts[0])
    if origin is not None and issubclass(origin, Mapping):
        return dict.__class_getitem__(tuple(parts))
    if issubclass(kind, PrivateText):
        return str
    if issubclass(kind, Enum):
        return Literal.__getitem__(tuple(each.name for each in kind))
    return AwareDatetime if kind is datetime else kind


@cache
def _of_value(kind: Any) -> Any:  # noqa: ANN401  as above
    """Return the model of the documents of an attrs class; the same each time, as they nest."""
    origin = get_origin(kind) or kind
    if issubclass(origin, Identifier):
        return str
    given = dict(zip(getattr(origin, "__parameters__", ()), get_args(kind), strict=True))
    hints = get_type_hints(origin)
    fields = {each.name: (_form(hints[each.name], given), ...) for each in attrs.fields(origin)}
    name = "Of".join([origin.__name__, *(each.__name__ for each in given.values())])
    return _model(name, _summary(origin), fields)


def _optional(description: str | None = None) -> Any:  # noqa: ANN401  of pydantic
    """Return a field that may be left out, and is never null."""
    return Field(default_factory=lambda: None, description=description)


@cache
def reason_model() -> Any:  # noqa: ANN401  as above
    """Return the model of one entry of the reasons in problem details."""
    return _model(
        "SharingReason",
        "One thing that is wrong.",
        {name: (_form(hint, {}), _optional()) for name, hint in get_type_hints(Reason).items()}
        | {
            "code": (str, Field()),
            "field": (str, _optional("The field of the form that it concerns.")),
            "detail": (str, Field(description="A sentence for people.")),
            "problem": (str, _optional("What is wrong with an input.")),
            "names": (_form(Names, {}), _optional("Of those principals whom you may know.")),
        },
    )


@cache
def problem_model() -> Any:  # noqa: ANN401  as above
    """Return the model of problem details."""
    return _model(
        "SharingProblem",
        "The problem details of RFC 9457, with every reason.",
        {
            "type": (str, ...),
            "title": (str, ...),
            "status": (int, ...),
            "detail": (str, Field(description="The sentences of all reasons.")),
            "reasons": (list.__class_getitem__(reason_model()), ...),
        },
    )


@cache
def preview_model() -> Any:  # noqa: ANN401  as above
    """Return the model of a `preview_document`."""
    fields = {name: (_form(hint, {}), ...) for name, hint in get_type_hints(Preview).items()}
    del fields["reasons"]
    return _model(
        "SharingPreview",
        "What an act would do; `problem` is the answer that it would get if it is refused.",
        {"problem": (problem_model() | None, ...), **fields},
    )
