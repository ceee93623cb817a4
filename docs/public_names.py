"""Write the page of public names, with signatures, from the package.

`python docs/public_names.py` writes `docs/reference/names.md`; a sample there holds that the page
is what this would write.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from textwrap import fill

import attrs
from sphinx.util.inspect import stringify_signature

import exam_sharing
from exam_sharing import memory
from exam_sharing.adapters import sqlalchemy
from exam_sharing.asynchronous import AsyncSharing
from exam_sharing.memory.asynchronous import open_async_sharing

PAGE = Path(__file__).parent / "reference" / "names.md"

HEAD = """\
# Public names

The names of `exam_sharing`, each with its signature and one line. `python docs/public_names.py`
writes this page. The pages after it document each name in full.

<!--- invisible-code-block: python
from docs.public_names import PAGE, page
assert PAGE.read_text(encoding="utf-8") == page(), "run python docs/public_names.py"
-->
"""

NOTES = {
    "OWNER": "The basis of a grant that its grantor made as the owner.",
    "PrincipalId": "`UserId | GroupId`, to whom a grant can be made.",
}


def attrs_signature(cls: type) -> inspect.Signature:
    """Return the signature of an attrs class, with the types of its fields."""
    attrs.resolve_types(cls)
    return inspect.Signature(
        [
            inspect.Parameter(
                field.alias,
                inspect.Parameter.KEYWORD_ONLY
                if field.kw_only
                else inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=_default(field),
                annotation=field.type,
            )
            for field in attrs.fields(cls)
            if field.init and not field.alias.startswith("_")
        ]
    )


def _default(field: "attrs.Attribute[object]") -> object:
    if field.default is attrs.NOTHING:
        return inspect.Parameter.empty
    return ... if isinstance(field.default, attrs.Factory) else field.default


def _signature(thing: object) -> str:
    """Return the signature of a public name, or its values, as Markdown code."""
    if inspect.isclass(thing) and issubclass(thing, Enum):
        return ": " + ", ".join(member.name for member in thing)
    if inspect.isclass(thing) and attrs.has(thing):
        signature = attrs_signature(thing)
    elif callable(thing) and not (inspect.isclass(thing) and issubclass(thing, Exception)):
        signature = inspect.signature(thing)
        parameters = [each for each in signature.parameters.values() if each.name != "self"]
        signature = signature.replace(parameters=parameters)
    else:
        return ""
    return stringify_signature(signature, unqualified_typehints=True)


def _entry(name: str, thing: object) -> str:
    code = f"{name}{_signature(thing)}"
    code = re.sub(r"~[\w.]+\.", "", code).replace("UserId | GroupId", "PrincipalId")
    code = re.sub(r"Ellipsis|<function \w+>", "...", code)
    summary = NOTES.get(name) or (inspect.getdoc(thing) or "").split("\n\n")[0]
    summary = re.sub(r"\s*Specification:\s.*", "", summary, flags=re.DOTALL)
    return _bullet(f"`{code}`: {summary}")


def _bullet(text: str) -> str:
    return fill(text, 100, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)


def _methods(cls: type) -> Iterator[str]:
    for name, thing in vars(cls).items():
        if not name.startswith("_"):
            if isinstance(thing, property):
                yield _bullet(f"`{name}`: {inspect.getdoc(thing)}")
            elif inspect.isfunction(thing):
                yield _entry(name, thing)


def _sections() -> Iterator[tuple[str, list[str]]]:
    opened: list[tuple[str, Callable[..., object]]] = [
        ("exam_sharing.memory.open_sharing", memory.open_sharing),
        ("exam_sharing.adapters.sqlalchemy.open_sharing", sqlalchemy.open_sharing),
        ("exam_sharing.adapters.sqlalchemy.joined", sqlalchemy.joined),
        ("exam_sharing.asynchronous.AsyncSharing", AsyncSharing),
        ("exam_sharing.memory.asynchronous.open_async_sharing", open_async_sharing),
    ]
    yield "Open a `Sharing`", [_entry(*each) for each in opened]
    doors = (exam_sharing.Sharing, exam_sharing.Viewer, exam_sharing.Admin)
    for door in doors:
        yield f"`{door.__name__}`", list(_methods(door))
    things = {name: getattr(exam_sharing, name) for name in exam_sharing.__all__}
    rest = {name: thing for name, thing in things.items() if thing not in (*doors, memory)}
    kinds = {name: _kind(thing) for name, thing in rest.items()}
    for kind in ("Values", "Enumerations", "Errors"):
        yield kind, [_entry(name, rest[name]) for name in rest if kinds[name] == kind]


def _kind(thing: object) -> str:
    if inspect.isclass(thing) and issubclass(thing, Exception):
        return "Errors"
    return "Enumerations" if inspect.isclass(thing) and issubclass(thing, Enum) else "Values"


def page() -> str:
    """Return the page."""
    sections = ("\n".join([f"## {title}\n", *entries]) for title, entries in _sections())
    return "\n".join([HEAD, *("\n\n".join(sections),), ""])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
