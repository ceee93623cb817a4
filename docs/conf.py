"""How Sphinx builds these pages: `sphinx-build -n -W docs docs/_build`."""

from importlib.metadata import version as installed_version

project = "exam_sharing"
author = "The exam_sharing authors"
copyright = "The exam_sharing authors"
release = installed_version("exam-sharing")
version = ".".join(release.split(".")[:2])

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"exam_sharing {release}"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"
napoleon_numpy_docstring = False

# Nothing is fetched while the docs build, so names outside this package have no target.
nitpick_ignore_regex = [
    (r"py:.*", r"(attrs?|collections|datetime|enum|pathlib|pydicom|typing|typing_extensions)\..*"),
]
