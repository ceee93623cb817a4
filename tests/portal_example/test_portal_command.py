"""The command of the README that opens the portal."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

from docs_examples import require_portal

require_portal("uvicorn")

ROOT = Path(__file__).parents[2]


def test_the_command_of_the_readme_opens_the_portal_and_prints_its_address():
    command = re.search(
        r"PYTHONPATH=(\S+) \.venv/bin/python (-m .*)", (ROOT / "README.md").read_text()
    )
    path = os.pathsep.join([command[1], *filter(None, [os.environ.get("PYTHONPATH")])])
    running = subprocess.Popen(
        [sys.executable, *command[2].split()],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        address = re.search(r"http://127\.0\.0\.1:\d+/", running.stdout.readline())[0]
        with urlopen(address) as page:  # noqa: S310  it is ours
            assert b"<h1>Sign in</h1>" in page.read()
        running.send_signal(signal.SIGINT)
        assert running.communicate(timeout=60) == ("", None)
        assert running.returncode == 0
    finally:
        running.kill()
        running.stdout.close()
