"""How long a keystroke takes among 1,000, 10,000 and 100,000 principals, as ratios of one run.

Run it as `python tests/benchmarks/suggestions.py`. It types names, letter by letter, into
`MemoryDirectory.suggest` and into `SqlDirectory.suggest` over SQLite; a naive scan of folded names,
which folds nothing but what is typed, stands beside the first. The times of a size are those of its
keystrokes, each the best of three, in time of the processor.
"""

import random
import tempfile
from collections.abc import Callable, Iterator
from heapq import nsmallest
from pathlib import Path
from statistics import median, quantiles
from time import process_time_ns
from typing import Final

from sqlalchemy import MetaData, event

from exam_sharing.adapters.sqlalchemy import SqlDirectory, sqlite_engine
from exam_sharing.adapters.sqlalchemy.tables import define_directory_tables
from exam_sharing.identifiers import GroupId, UserId
from exam_sharing.memory.directory import MemoryDirectory
from exam_sharing.names import Findable, Typed, folded
from exam_sharing.principals import Group, User

SIZES: Final = (1_000, 10_000, 100_000)
LIMIT: Final = 10
FEWEST_LETTERS: Final = 2
ACTOR: Final = UserId("nobody")

GIVEN: Final = """
    Aaliyah Abdul Adam Agnieszka Ahmed Aiko Alejandro Alice Amélie Ana Anders André Anna Anne-Marie
    Antonio Arjun Aylin Beatriz Björn Camille Carlos Chloë Chen Daniel Daria Diego Elena Émile Emma
    Eric Fatima Felix François Gabriel Giulia Grace Hannah Hiroshi Ibrahim Ines Ivan Jakub James
    Jana Jean-Luc João Johanna John José Julia Karen Kenji Lars Laura Léa Liam Lucía Łukasz Maria
    Marta Mateo Matthew Mehmet Mia Michael Mohammed Naomi Niamh Noah Olga Olivia Ömer Oscar Patrick
    Paul Priya Rachel Raúl Robert Rosa Ryan Samuel Sara Seán Siobhán Sofía Søren Susan Thomas Tomáš
    Uma Valentina Wei Yasmin Yuki Zoë Zsófia
"""
FAMILY: Final = """
    Adams Ahmed Andersen Baker Becker Bianchi Brown Campbell Castro Chen Clark Costa Cruz Davies
    Díaz Dubois Edwards Evans Fernández Fischer Fontaine Foster Gagnon García Ghosh Gonçalves Green
    Gruber Gupta Hansen Harris Hernández Hoffmann Horváth Hughes Ibrahim Ivanova Jackson Jensen
    Johansson Johnson Jones Kaya Kelly Khan Kim Kowalski Krüger Kumar Lambert Larsen Lee Lefèvre
    Lewis Li López MacDonald Martin Martínez Meyer Miller Moreau Moreno Müller Murphy Nakamura
    Nguyễn Nielsen Novák Núñez O'Brien O'Connor Okafor Olsen Patel Pereira Pérez Petrov Phillips
    Popescu Ramírez Reyes Richter Roberts Rodríguez Rossi Roux Sánchez Santos Sato Schäfer Schmidt
    Schneider Scott Silva Singh Smith Sokolov Sørensen Suzuki Szabó Takahashi Taylor Thompson
    Tremblay Turner Vargas Virtanen Wagner Walker Wang Weber White Williams Wilson Wood Wright
    Yıldız Young Zhang Zimmermann
"""
UNITS: Final = "Cardiology Oncology Paediatrics Radiology Neurology Surgery Trauma Urology"


def people(size: int) -> list[User | Group]:
    """Return principals, one in fifty of them a group, the same each time."""
    chance = random.Random(size)
    given, family, units = GIVEN.split(), FAMILY.split(), UNITS.split()
    made: list[User | Group] = []
    for number in range(size):
        if number % 50 == 0:
            name = f"{chance.choice(units)} Ward {number // 50}"
            made.append(Group(id=GroupId(f"{number:06}"), name=name))
            continue
        names = [chance.choice(given), chance.choice(family)]
        if chance.random() < 0.3:
            names.insert(1, chance.choice(given))
        if chance.random() < 0.1:
            names[-1] += "-" + chance.choice(family)
        if chance.random() < 0.1:
            names.insert(0, "Dr.")
        address = f"{folded(names[0]).strip('.')}.{folded(names[-1])}{number}@hospital.example"
        made.append(User(id=UserId(f"{number:06}"), name=" ".join(names), email=address))
    chance.shuffle(made)
    return made


def naive_scan(made: list[User | Group]) -> Callable[[str], list[str]]:
    """Return the plainest way to the same answers."""
    rows = [
        (Findable.of(each.name, each.email if isinstance(each, User) else None), each.id.key)
        for each in made
    ]

    def suggest(text: str) -> list[str]:
        typed = Typed.of(text)
        assert typed is not None
        found = (
            (fit, findable.name, key)
            for findable, key in rows
            if (fit := typed.fit(findable)) is not None
        )
        return [key for _, _, key in nsmallest(LIMIT, found)]

    return suggest


def keystrokes(made: list[User | Group], names: int) -> list[str]:
    """Return what is in the field after each key, while some names are typed."""
    chance = random.Random(1)
    typed: list[str] = []
    for each in chance.sample(made, names):
        words = each.name.split()
        text = " ".join(words[chance.randrange(len(words)) :])
        if chance.random() < 0.3:
            text = f"{words[-1]} {words[0]}"
        if isinstance(each, User) and each.email and chance.random() < 0.2:
            text = each.email
        typed += (text[:stop] for stop in range(FEWEST_LETTERS, len(text) + 1))
    return typed


def times(ask: Callable[[str], object], typed: list[str]) -> tuple[float, float]:
    """Return the median and the 99th percentile of the times, in nanoseconds."""
    best: list[int] = []
    for text in typed:
        rounds: list[int] = []
        for _ in range(3):
            start = process_time_ns()
            ask(text)
            rounds.append(process_time_ns() - start)
        best.append(min(rounds))
    return median(best), quantiles(best, n=100)[-1]


def changing(directory: MemoryDirectory, ask: Callable[[str], object]) -> float:
    """Return the median time of adding one more and asking again, in nanoseconds."""
    taken: list[int] = []
    for number in range(300):
        start = process_time_ns()
        directory.add(User(id=UserId(f"new{number}"), name=f"Nova Newman {number}"))
        ask("no")
        taken.append(process_time_ns() - start)
    return median(taken)


def in_memory(made: list[User | Group]) -> Iterator[float]:
    """Yield the times of a keystroke in memory, and what else the table has about it."""
    start, directory = process_time_ns(), MemoryDirectory()
    for each in made:
        directory.add(each)
    adding = process_time_ns() - start

    def ask(text: str) -> list[str]:
        found = directory.suggest(ACTOR, text, LIMIT, frozenset())
        return [principal.key for principal, _ in found]

    start = process_time_ns()
    ask("an")
    first = process_time_ns() - start
    middle, worst = times(ask, keystrokes(made, 300))
    scan, few = naive_scan(made), keystrokes(made, 3)
    for text in few:
        assert ask(text) == scan(text), text
    scanning, _ = times(scan, few)
    yield from (middle, worst, scanning / middle, adding, first, changing(directory, ask))


def in_sqlite(made: list[User | Group]) -> Iterator[float]:
    with tempfile.TemporaryDirectory() as folder:
        engine = sqlite_engine(Path(folder) / "directory.db")
        # Each addition commits: nothing waits for the disk.
        event.listen(engine, "connect", lambda each, _: each.execute("PRAGMA synchronous = OFF"))
        tables = define_directory_tables(MetaData())
        tables.metadata.create_all(engine)
        directory = SqlDirectory(engine, tables)
        for each in made:
            directory.add(each)
        yield from times(
            lambda text: directory.suggest(ACTOR, text, LIMIT, frozenset()), keystrokes(made, 60)
        )
        engine.dispose()


def measured(kind: Callable[[list[User | Group]], Iterator[float]]) -> None:
    """Print a line for each size; the later ones are compared to the first."""
    base: tuple[float, float] | None = None
    for size in SIZES:
        middle, worst, *others = kind(people(size))
        base = base or (middle, worst)
        print(
            f"{size:>10,} {middle / 1e3:>10.1f} {worst / 1e3:>8.1f}"
            f" {middle / base[0]:>7.2f}x {worst / base[1]:>7.2f}x",
            end="",
        )
        if others:
            scan, adding, first, one_more = others
            print(
                f" {scan:>7.0f}x {adding / 1e9:>10.2f} {first / 1e9:>8.2f} {one_more / 1e3:>10.1f}",
                end="",
            )
        print(flush=True)


def main() -> None:
    print(
        f"{'principals':>10} {'median us':>10} {'p99 us':>8} {'median':>8} {'p99':>8}"
        f" {'scan':>8} {'add all s':>10} {'first s':>8} {'change us':>10}"
    )
    measured(in_memory)
    print(
        "median, p99: a keystroke, relative to the smallest directory\n"
        "scan: how many times as long a naive scan takes\n"
        "first: the first question after adding all\n"
        "change: adding one more and asking again, median of 300\n"
        "over SQLite:"
    )
    measured(in_sqlite)


if __name__ == "__main__":
    main()
