"""How Sphinx builds these pages: `sphinx-build -n -W docs docs/_build`."""

import inspect
import sys
from enum import Enum
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
from sphinx.util.inspect import stringify_signature

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "exam_sharing"
author = "The exam_sharing authors"
copyright = "The exam_sharing authors"
release = installed_version("exam-sharing")
version = ".".join(release.split(".")[:2])

sys.path.insert(0, str(Path(__file__).resolve().parent))

from public_names import attrs_signature  # noqa: E402  beside this file

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "graph_page",
    "rules_page",
]
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"exam_sharing {release}"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# The one script that pages load from elsewhere, to draw flowcharts; without it they are text.
mermaid_version = "11.17.2"

# Docstrings are written as Markdown is: single backticks are code.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

# Nothing is fetched while the docs build, so names outside this package have no target. Type
# variables and private names have none on purpose.
nitpick_ignore_regex = [
    (
        r"py:.*",
        r"(attrs?|collections|contextlib|datetime|django|enum|fastapi|hypothesis|os|pathlib|pydicom|sqlalchemy|ssl|starlette|typing|typing_extensions)\..*",
    ),
    (r"py:.*", r"(.*\.)?(AnswerT|CaseT|ItemT|ResultT|ViewT)"),
    (r"py:exc", r"Http404|ImproperlyConfigured"),
    (r"py:class", r".*\.database\.Transactions"),
]


def show_fields(
    _app: "Sphinx",
    _what: str,
    _name: str,
    obj: object,
    _options: object,
    _signature: str | None,
    returns: str | None,
) -> tuple[str, str | None] | None:
    """Show the types that the fields of a value have, not what their converters take."""
    if inspect.isclass(obj) and issubclass(obj, Enum):
        return "", None
    if not (inspect.isclass(obj) and attrs.has(obj)):
        return None
    return stringify_signature(attrs_signature(obj), unqualified_typehints=True), returns


def setup(app: "Sphinx") -> None:
    """Connect the hook for signatures."""
    app.connect("autodoc-process-signature", show_fields)
