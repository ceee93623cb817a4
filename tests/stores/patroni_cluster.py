"""A PostgreSQL cluster under Patroni and etcd, by the sample configuration of the docs.

Patroni and etcd are those of Debian's packages `patroni` and `etcd-server`. Every member has an
address of its own on this machine. What is filled in: addresses, folders, and that there is no
watchdog, which no container has. `pgbackrest` is a script that keeps nothing.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psycopg

from exam_sharing.testing.servers import Programs, account_for, programs_of

SAMPLE = Path(__file__).parents[2] / "docs/examples/patroni.yml"
PROGRAMS = {each: shutil.which(each) for each in ("patroni", "etcd", "openssl")}
MISSING = [name for name, path in PROGRAMS.items() if path is None]
PATIENCE = 120
PASSWORD = "only on this machine"  # noqa: S105
# The shell stops what it runs also when the tests were killed: its input has an end then.
KEEP = '"$@" & read -r _; kill -TERM $!; wait $!'


def free_ports(number):
    """Return so many ports that are free at every address of a member."""
    with ExitStack() as until_found:
        opened = [until_found.enter_context(socket.socket()) for _ in range(number)]
        for each in opened:
            each.bind(("0.0.0.0", 0))  # noqa: S104  closed at once
        return [each.getsockname()[1] for each in opened]


class Member:
    """A member of the cluster: Patroni, and the PostgreSQL that it runs."""

    def __init__(self, cluster, number):
        self.name, self.address = "abc"[number - 1], f"127.0.0.{number}"
        self._cluster = cluster
        self._folder = cluster.programs.new_folder(self.name, 0o755)
        self._settings = self._folder / "patroni.yml"
        self._data = self._folder / "data"

    @property
    def host(self):
        return f"{self.address}:{self._cluster.postgresql_port}"

    def write_settings(self):
        """Fill the sample in."""
        cluster, sample = self._cluster, SAMPLE.read_text()
        etcd = cluster.etcd_port
        for place, value in {
            "name: a ": f"name: {self.name} ",
            "10.0.0.1:8008": f"{self.address}:{cluster.api_port}",
            "10.0.0.1:5432": self.host,
            "10.0.0.1:2379,10.0.0.2:2379,10.0.0.3:2379": ",".join(
                f"127.0.0.{number}:{etcd}" for number in (1, 2, 3)
            ),
            "10.0.0.0/24": "127.0.0.0/24",
            "data_dir: /var/lib/postgresql/17/portal": f"data_dir: {self._data}\n"
            f"  parameters:\n    unix_socket_directories: {self._folder}",
            "/usr/lib/postgresql/17/bin": str(cluster.programs.home / "bin"),
            "/var/lib/postgresql/portal.pgpass": str(self._folder / "pgpass"),
            "/etc/postgresql/portal": str(cluster.programs.folder / "portal"),
            "mode: required": 'mode: "off"',
        }.items():
            assert place in sample, place
            sample = sample.replace(place, value)
        assert "10.0.0." not in sample
        self._settings.write_text(sample)

    def start(self):
        self._cluster.start(PROGRAMS["patroni"], self._settings)

    def kill(self):
        """Kill Patroni, and PostgreSQL with all of its processes, as a power failure does."""
        dying = [*processes_with(str(self._settings))]
        with suppress(FileNotFoundError):
            postmaster = int((self._data / "postmaster.pid").read_text().split()[0])
            dying += [postmaster, *children_of(postmaster)]
        kill(dying)

    def value(self, statement, *asked):
        """Return what the member answers, or `None` if it does not."""
        try:
            with psycopg.connect(
                host=self.address,
                port=self._cluster.postgresql_port,
                user="postgres",
                password=PASSWORD,
                dbname="postgres",
                autocommit=True,
                sslmode="require",
                connect_timeout=2,
            ) as connection:
                found = connection.execute(statement, asked or None)
                row = found.fetchone() if found.description else None
                return row and row[0]
        except psycopg.OperationalError:
            return None


class Cluster:
    """Members, of which none runs at first."""

    def __init__(self, programs: Programs, until_ended: ExitStack) -> None:
        self.programs, self._until_ended = programs, until_ended
        self.postgresql_port, self.api_port, self.etcd_port, self._peers = free_ports(4)
        self._account = account_for()
        self.members = [Member(self, number) for number in (1, 2, 3)]
        for each in self.members:
            each.write_settings()

    def start(self, *command):
        environment = {"PATH": f"{self.programs.folder / 'tools'}:{os.defpath}", "LC_ALL": "C"}
        for role in ("SUPERUSER", "REPLICATION", "REWIND"):
            environment[f"PATRONI_{role}_PASSWORD"] = PASSWORD
        log = self._until_ended.enter_context((self.programs.folder / "log").open("ab"))
        running = subprocess.Popen(
            ["/bin/sh", "-c", KEEP, "sh", *map(str, command)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=self.programs.folder,
            env=environment | {"HOME": str(self.programs.folder)},
            **self._account,
        )
        self._until_ended.enter_context(running)

    def start_etcd(self):
        own = [f"http://127.0.0.{number}:{self.etcd_port}" for number in (1, 2, 3)]
        peer = f"http://127.0.0.1:{self._peers}"
        self.start(
            PROGRAMS["etcd"],
            f"--data-dir={self.programs.new_folder('etcd', 0o700)}",
            f"--listen-client-urls={','.join(own)}",
            f"--advertise-client-urls={','.join(own)}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
            # Otherwise it asks for an address space of ten gigabytes.
            "--quota-backend-bytes=50000000",
        )

    def make_certificate(self):
        files = [self.programs.folder / f"portal.{each}" for each in ("key", "crt")]
        subprocess.run(
            [
                *(PROGRAMS["openssl"], "req", "-x509", "-nodes", "-subj", "/CN=portal"),
                *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
                *("-keyout", files[0], "-out", files[1]),
            ],
            check=True,
            capture_output=True,
        )
        account_for(*files)

    def make_tools(self):
        tools = self.programs.new_folder("tools", 0o755)
        (tools / "pgbackrest").write_text("#!/bin/sh\nexit 0\n")
        (tools / "pgbackrest").chmod(0o755)

    def log(self):
        return (self.programs.folder / "log").read_text(errors="replace")

    def wait_until(self, happened):
        deadline = time.monotonic() + PATIENCE
        while not happened():
            assert time.monotonic() < deadline, self.log()[-5000:]
            time.sleep(0.1)

    def wait_for(self, member, sync_state):
        """Wait until a member follows the first one, as one for which commits wait, or not."""
        leader, *_ = self.members
        streaming = (
            "SELECT sync_state FROM pg_stat_replication"
            " WHERE application_name = %s AND state = 'streaming'"
        )
        self.wait_until(lambda: leader.value(streaming, member.name) == sync_state)


@contextmanager
def patroni_cluster(home):
    """Run etcd and a cluster: the first member leads, and commits wait for the second alone."""
    with programs_of(home) as programs, ExitStack() as until_ended:
        cluster = Cluster(programs, until_ended)
        cluster.make_certificate()
        cluster.make_tools()
        cluster.start_etcd()
        a, b, c = cluster.members
        try:
            a.start()
            cluster.wait_until(lambda: a.value("SELECT NOT pg_is_in_recovery()"))
            b.start()
            cluster.wait_for(b, "sync")
            c.start()
            cluster.wait_for(c, "async")
            yield cluster
        finally:
            # Nobody needs what they would still write.
            for each in cluster.members:
                each.kill()
            kill(processes_with(str(programs.folder)))


def kill(processes):
    for each in processes:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)


def processes_with(text):
    """Return the processes with a text in their command lines."""
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if text.encode() in each.read_bytes():
                yield int(each.parent.name)


def children_of(parent):
    for each in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # After the name of the program, which is in parentheses: the state and the parent.
            if int(each.read_text().rpartition(")")[2].split()[1]) == parent:
                yield int(each.parent.name)
