"""What a host's own statements about what a user may see cost, in one table for each database.

Run it from the root of a checkout as `python -m tests.benchmarks.host_queries`. `--grants` says how
large the worlds are, `--quick` takes small ones. Each number is how many times as long a statement
takes as `SELECT 1` over the same connection: the best of several rounds. The host's table holds
each exam once; it is sorted by a column of its own, which has an index.
"""

import argparse
from collections.abc import Iterator, Mapping
from time import perf_counter
from typing import Final

import attrs
import sqlalchemy as sa
from sqlalchemy import Column, Index, Integer, Select, String, Table, select
from tests.benchmarks.harness import databases, progress, table
from tests.benchmarks.sql_worlds import ASKED, FLOATER, GRANTS_AN_EXAM, RADIOLOGIST, Place, filled

from exam_sharing import Permission, UserId
from exam_sharing.adapters.sqlalchemy import may, permission_held, visible_exams
from exam_sharing.adapters.sqlalchemy.reading import counts, owned
from exam_sharing.adapters.sqlalchemy.tables import Instant

PAGE: Final = 50
A_PATIENT: Final = 20
"""How many exams each patient has."""
PATIENCE: Final = 5.0
"""Seconds after which a statement is timed no more."""

SHAPES: Final = ("page", "filtered", "patient", "count")
FORMS: Final = ("may", "permission_held", "visible_exams", "EXISTS")


@attrs.frozen
class Portal:
    """A world with the host's own table beside it."""

    place: Place
    exams: Table

    def forms(self, user: UserId) -> Mapping[str, Select]:
        """Return the host's select of what a user may view, in every form."""
        asker = {
            "user": user,
            "principals": self.place.world.principals_of(user),
            "now": ASKED,
            "tables": self.place.tables,
        }
        columns = self.exams.c.accession, self.exams.c.doctor
        rows = select(self.exams.c.accession, self.exams.c.arrived)
        visible = visible_exams(permission=Permission.VIEW, **asker).subquery()
        return {
            "may": rows.where(may(*columns, permission=Permission.VIEW, **asker)),
            "permission_held": rows.where(permission_held(*columns, **asker) >= Permission.VIEW),
            "visible_exams": rows.join(visible, visible.c.exam == self.exams.c.accession),
            "EXISTS": rows.where(self._exists(asker)),
        }

    def _exists(self, asker: Mapping) -> sa.ColumnElement[bool]:
        """Return the condition that everybody would write first."""
        tables, user = self.place.tables, sa.literal(asker["user"].value)
        grants, exam = tables.grants, self.exams.c.accession
        given = select(grants.c.id).where(
            grants.c.exam == exam,
            grants.c.recipient.in_(sorted(asker["principals"])),
            counts(grants, user=user, now=sa.literal(ASKED, Instant())),
            grants.c.permission >= int(Permission.VIEW),
        )
        return sa.or_(
            sa.exists(given), owned(exam, self.exams.c.doctor == user.value, tables.versions)
        )

    def shaped(self, mine: Select, shape: str) -> Select:
        """Return what a host makes of its select."""
        newest = (self.exams.c.arrived.desc(), self.exams.c.accession.desc())
        match shape:
            case "page":
                return mine.order_by(*newest).limit(PAGE)
            case "filtered":
                ct = self.exams.c.modality == "CT"
                return mine.where(ct).order_by(*newest).limit(PAGE)
            case "patient":
                return mine.where(self.exams.c.patient == 7).order_by(*newest)
            case _:
                return select(sa.func.count()).select_from(mine.subquery())


def portal_beside(place: Place) -> Portal:
    exams = Table(
        "portal_exams",
        sa.MetaData(),
        Column("accession", String(255), primary_key=True),
        Column("doctor", String(255), nullable=False),
        Column("arrived", Integer, nullable=False),
        Column("modality", String(2), nullable=False),
        Column("patient", Integer, nullable=False),
        Index("ix_portal_exams_arrived", "arrived", "accession"),
        Index("ix_portal_exams_doctor", "doctor"),
        Index("ix_portal_exams_patient", "patient"),
    )
    drawn = _drawn(place)
    arrived = drawn.c.arrived
    modality = sa.case({0: "CT", 1: "MR", 2: "US"}, value=arrived % 4, else_="XR")
    patient = arrived % max(1, place.world.size // GRANTS_AN_EXAM // A_PATIENT)
    rows = select(drawn.c.id, drawn.c.owner, arrived, modality, patient)
    names = ["accession", "doctor", "arrived", "modality", "patient"]
    with place.engine.begin() as connection:
        exams.create(connection)
        connection.execute(exams.insert().from_select(names, rows))
    with place.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    return Portal(place, exams)


def _drawn(place: Place) -> sa.Subquery:
    """Return every exam with a number drawn for it, by which the host sorts."""
    number = sa.func.abs(sa.func.random()) % 1_000_000
    if place.engine.dialect.name == "postgresql":
        number = sa.cast(sa.func.random() * 1_000_000, Integer)
    exams = place.tables.exams.c
    return select(exams.id, exams.owner, number.label("arrived")).subquery()


def seconds(connection: sa.Connection, statement: Select, rounds: int) -> tuple[float, int]:
    """Return the best time of a statement, and how many rows it gives."""
    found, best, since = 0, float("inf"), perf_counter()
    for _ in range(rounds):
        start = perf_counter()
        rows = connection.execute(statement).all()
        best = min(best, perf_counter() - start)
        found = len(rows) if len(rows) != 1 else (rows[0][0] if len(rows[0]) == 1 else 1)
        if perf_counter() - since > PATIENCE:
            break
    return best, found


def measured(portal: Portal, rounds: int) -> Iterator[tuple[str, ...]]:
    users = {"some": portal.place.world.user(7), "more": FLOATER, "all": RADIOLOGIST}
    with portal.place.engine.connect() as connection:
        trip, _ = seconds(connection, select(1), rounds * 50)
        for which, user in users.items():
            forms = portal.forms(user)
            _, sees = seconds(connection, portal.shaped(forms["may"], "count"), 1)
            for shape in SHAPES:
                progress(f"{which}: {shape}")
                cells = [f"{which}: {sees:,}", shape]
                answers = set()
                for form in FORMS:
                    statement = portal.shaped(forms[form], shape)
                    best, found = seconds(connection, statement, rounds)
                    answers.add(found)
                    cells.append(
                        f"{best / trip:,.0f}" if best / trip >= 10 else f"{best / trip:.1f}"
                    )
                if len(answers) != 1:
                    raise SystemExit(f"the forms disagree: {which}, {shape}, {answers}")
                yield tuple(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grants", type=int, nargs="+", default=[200_000, 1_000_000])
    parser.add_argument("--quick", action="store_true", help="small worlds and few rounds")
    asked = parser.parse_args()
    sizes, rounds = ([2_000], 2) if asked.quick else (asked.grants, 15)
    heads = ("who sees how many", "statement", *FORMS)
    for size in sizes:
        with databases() as engines:
            for name, engine in engines.items():
                lines = list(measured(portal_beside(filled(engine, size)), rounds))
                print(f"\n{name}, {size:,} grants\n")
                print(table(heads, lines, right=range(2, len(heads))), flush=True)


if __name__ == "__main__":
    main()
