"""The people of the tour, and the groups that they are in. None of them exists."""

from typing import Final

import attrs

from exam_sharing import Group, GroupId, PrincipalId, User, UserId
from exam_sharing.directories import KeptDirectory

ANNA: Final = UserId("anna")
JOSE: Final = UserId("jose")
MAELLE: Final = UserId("maelle")
BAO: Final = UserId("bao")
INGRID: Final = UserId("ingrid")
TOMASZ: Final = UserId("tomasz")
PRIYA: Final = UserId("priya")
CHLOE: Final = UserId("chloe")
SAMUEL: Final = UserId("samuel")
EMIL: Final = UserId("emil")
AYLIN: Final = UserId("aylin")
RADU: Final = UserId("radu")

RADIOLOGY: Final = GroupId("radiology")
NIGHT_SHIFT: Final = GroupId("night-shift")
TUMOUR_BOARD: Final = GroupId("tumour-board")
STUDENTS: Final = GroupId("students")


@attrs.frozen(kw_only=True)
class Person:
    """A user, their role in the tour, and their settings in the directory."""

    user: User
    role: str
    sharing_in_plan: bool = True
    notices: bool = True


def _person(user: UserId, name: str, mailbox: str, role: str, **settings: bool) -> Person:
    active = settings.pop("active", True)
    email = f"{mailbox}@clinic.example"
    return Person(user=User(id=user, name=name, email=email, active=active), role=role, **settings)


PEOPLE: Final = (
    _person(ANNA, "Anna Kovács", "anna.kovacs", "family doctor; brings the CD"),
    _person(JOSE, "José Núñez", "jose.nunez", "surgeon"),
    _person(MAELLE, "Maëlle Lefèvre", "m.lefevre", "neurologist"),
    _person(BAO, "Bảo Trần", "bao.tran", "works with Maëlle Lefèvre"),
    _person(INGRID, "Ingrid Sørensen", "ingrid.sorensen", "oncologist"),
    _person(TOMASZ, "Tomasz Łukasik", "tomasz.lukasik", "radiologist"),
    _person(PRIYA, "Priya Raman", "priya.raman", "radiologist; wants no notices", notices=False),
    _person(CHLOE, "Chloé Dubois", "chloe.dubois", "radiologist on nights"),
    _person(
        SAMUEL,
        "Samuel Okafor",
        "samuel.okafor",
        "physiotherapist; plan without sharing",
        sharing_in_plan=False,
    ),
    _person(EMIL, "Emil Novák", "emil.novak", "student for a month"),
    _person(AYLIN, "Aylin Demir", "aylin.demir", "anaesthetist"),
    _person(RADU, "Radu Ionescu", "radu.ionescu", "has left; inactive", active=False),
)

GROUPS: Final = (
    Group(id=RADIOLOGY, name="Radiology", members=frozenset({TOMASZ, PRIYA, NIGHT_SHIFT})),
    Group(id=NIGHT_SHIFT, name="Night shift", members=frozenset({CHLOE})),
    Group(id=TUMOUR_BOARD, name="Tumour board", members=frozenset({MAELLE, INGRID})),
    Group(id=STUDENTS, name="Visiting students", members=frozenset({EMIL})),
)

NAMES: Final[dict[PrincipalId, str]] = {
    **{person.user.id: person.user.name for person in PEOPLE},
    **{group.id: group.name for group in GROUPS},
}


def introduce(directory: KeptDirectory) -> None:
    """Add them all to a directory."""
    for person in PEOPLE:
        directory.add(person.user, sharing_in_plan=person.sharing_in_plan, notices=person.notices)
    for group in GROUPS:
        directory.add(group)
