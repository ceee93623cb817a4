"""The sentences of the product page that started the project, as the specification has them."""

from pathlib import Path

SPECIFICATION = Path(__file__).parents[1] / "docs" / "reference" / "specification.md"


def sentences():
    """Return the sentences, in order."""
    section = SPECIFICATION.read_text(encoding="utf-8").partition("\n## The product page\n")[2]
    rows = [line.split("|")[1].strip() for line in section.splitlines() if line[:2] == "| "]
    return rows[1:]
