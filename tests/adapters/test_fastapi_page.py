"""The how-to page of FastAPI: how much a portal must write."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "use-with-fastapi.md"


def test_a_portal_with_tables_of_its_own_needs_at_most_sixty_connecting_lines():
    sections = dict(
        re.findall(r"^## (.+?)$(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    )
    blocks = re.findall(r"^```python\n(.*?)^```", sections["Connect it"], re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.strip()]

    assert "SharingApi(" in "\n".join(lines)
    assert len(lines) <= 60
