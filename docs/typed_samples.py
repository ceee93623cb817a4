"""Write the Python samples of pages into modules, for a type checker to read.

`python docs/typed_samples.py FOLDER PAGE...` writes one module a page and prints their paths.
"""

import re
import sys
from doctest import DocTestParser
from pathlib import Path

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def source_of(page: Path) -> str:
    """Return the code of all samples of a page, without prompts and output."""
    parser = DocTestParser()
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    return "\n".join(
        "".join(example.source for example in parser.get_examples(block)) or block
        for block in blocks
    )


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for page in map(Path, sys.argv[2:]):
        module = folder / f"{page.stem.replace('-', '_').lower()}.py"
        module.write_text(source_of(page), encoding="utf-8")
        print(module)
