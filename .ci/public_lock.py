"""Say whether a lock file names any index or file host but the public ones.

Run by the Python of an environment that has pip: `python .ci/public_lock.py uv.lock`. The public
index is the one that pip itself is made for, so no host is written down here.
"""

import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

from pip._internal.models.index import PyPI


def main(lock: str) -> str | None:
    """Return what is wrong with this lock file, if anything."""
    text = Path(lock).read_text(encoding="utf-8")
    registries = set(re.findall(r'\bregistry = "([^"]*)"', text))
    hosts = {urlsplit(url).netloc for url in re.findall(r'\burl = "([^"]*)"', text)}
    paths = set(re.findall(r'\b(?:path|directory|git) = "[^"]*"', text))
    if registries != {PyPI.simple_url.rstrip("/")}:
        return f"{lock}: not the public index: {registries}"
    if hosts != {PyPI.file_storage_domain}:
        return f"{lock}: not the public files: {hosts}"
    if paths:
        return f"{lock}: local or unreleased: {paths}"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
