"""Every anchor of `specification.md` that is referred to exists; every code has its entry."""

import re
from pathlib import Path

from exam_sharing import ReasonCode

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reference" / "specification.md"
IN_CODE = re.compile(r"[Ss]pecification:[\s#%*]*`#[\w-]+`(?:,[\s#%*]*`#[\w-]+`)*")
IN_PAGES = re.compile(r"specification\.md#([\w-]+)")


def anchors():
    titles = re.findall(r"^##+ (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles]


def references():
    for folder in ("src", "tests", "docs"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in {".py", ".md", ".lp"} and "_build" not in path.parts:
                text = path.read_text(encoding="utf-8")
                for listed in IN_CODE.findall(text):
                    yield from ((path, anchor) for anchor in re.findall(r"#([\w-]+)", listed))
                yield from ((path, anchor) for anchor in IN_PAGES.findall(text))


def test_every_anchor_referred_to_exists():
    known = set(anchors())
    assert not [f"{path}: #{name}" for path, name in references() if name not in known]


def test_no_anchor_is_there_twice():
    assert len(anchors()) == len(set(anchors()))


def test_every_reason_code_has_one_entry():
    page = PAGE.read_text(encoding="utf-8")
    entries = re.findall(r"^### `([A-Z_]+)`$", page, re.MULTILINE)
    assert sorted(entries) == sorted(code.name for code in ReasonCode)


def test_the_index_of_anchors_is_complete():
    page = PAGE.read_text(encoding="utf-8")
    index = page.split("\n## ")[0]
    listed = set(re.findall(r"#([\w-]+)", index))
    codes = {code.name.lower() for code in ReasonCode}
    assert listed - codes == set(anchors()) - codes
