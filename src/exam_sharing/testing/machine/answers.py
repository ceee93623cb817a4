"""What the package answers and what the store keeps, turned into values of the model to compare.

A grant becomes the number that the model gave it. If the model has no such grant, words take the
place of the number, and nothing in the model is equal to them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from datetime import datetime
from functools import partial
from types import NoneType
from typing import Any, Final, TypeAlias, TypeVar, cast

import attrs

import exam_sharing as es
from exam_sharing.grants import EndedGrant
from exam_sharing.policy.facts import ExamGrants
from exam_sharing.policy.requests import Asked
from exam_sharing.testing import model
from exam_sharing.testing.opening import StorePorts
from exam_sharing.testing.story import ANSWERS, clock_time

ItemT = TypeVar("ItemT")
AskedT = TypeVar("AskedT", bound=Asked)

Answer: TypeAlias = Any
"""An answer of the package, or of the model."""
Number: TypeAlias = Any
"""A number of the model, or words."""
UNEXPECTED: Final = "an unexpected grant"

RECIPIENTS: Final = 3
"""A page of recipients is this many times as long as a page of exams."""
PAGES: Final = {"visible_to": 1, "shared_with": 1, "recipients": RECIPIENTS, "accesses": 1}
MOST_PAGES: Final = 20
"""More pages than any list in a hospital has."""

ALIKE: Final = (NoneType, int, str, datetime, es.UserId, es.GroupId, es.ExamId)
"""Values that are the same in the package and in the model; permissions are numbers, too."""
KINDS: Final[Mapping[type[Any], type[Any]]] = {
    es.Access: model.world.ShownAccess,
    es.Reason: model.world.Reason,
    **{getattr(es, kind.__name__): kind for kind in ANSWERS if hasattr(es, kind.__name__)},
}
"""The kinds of answers of the package, each with that of the model, whose fields it has too."""
FIELDS: Final = {
    kind: attrs.fields_dict(kind).keys() & attrs.fields_dict(ours).keys()
    for kind, ours in KINDS.items()
}
"""The fields that both have."""


class Answers:
    """Turns answers of the package, and what the store keeps, into values of the model.

    Its `numbers` are those that the model gave to the grants in the store.
    """

    page: int
    """The number of exams on a page of a list; one of recipients is three times as long."""

    def __init__(self, world: model.world.World, ports: StorePorts, sharing: es.Sharing) -> None:
        self.world = world
        self.ports = ports
        self.sharing = sharing
        self.numbers: dict[es.GrantId, model.world.GrantNumber] = {}
        self._read: dict[es.ExamId, tuple[es.Exam | None, ExamGrants]] = {}

    def of(self, world: model.world.World) -> "Answers":
        """Return the answers about the same store at an earlier moment."""
        then = copy(self)
        then.world = world
        return then

    def read(self) -> None:
        """Read the store, and match its new grants with those of the model."""
        exams = tuple(self.world.exams)
        sharing = self.ports.grants.read(exams, ended=True)
        found = {exam.id: exam for exam in self.ports.exams.find(exams)}
        self._read = {exam: (found.get(exam), sharing[exam]) for exam in exams}
        for exam in exams:
            self._match(exam, sharing[exam])

    def _match(self, exam: es.ExamId, sharing: ExamGrants) -> None:
        """Number each new grant like a grant of the model with the same fields and the same past.

        Two grants have the same fields if two others were narrowed to one bound. They then differ
        in what they replaced.
        """
        world, numbers = self.world, self.numbers
        grants = [*sharing.grants, *(past.grant for past in sharing.ended)]
        new = [grant for grant in grants if grant.id not in numbers]
        if not new:
            return
        replaced = {
            new_id: numbers.get(past.grant.id)
            for past in sharing.ended
            for new_id in past.ending.replaced_by
        }
        replaced_in_model = {
            new_id: old for old, ending in world.endings.items() for new_id in ending.replaced_by
        }
        taken = set(numbers.values())
        free: dict[object, list[model.world.GrantNumber]] = {}
        for number, expected in world.grants.items():
            if expected.exam == exam and number not in taken:
                key = terms(expected), expected.version, replaced_in_model.get(number)
                free.setdefault(key, []).append(number)
        for grant in new:
            same = free.get((terms(grant), grant.version, replaced.get(grant.id)))
            if same:
                numbers[grant.id] = same.pop(0)

    def in_store(self, exam: es.ExamId) -> Mapping[str, object]:
        """Return what the store keeps of an exam. A sweep of expired grants changes nothing."""
        found, sharing = self._read[exam]
        if sharing.withdrawn:
            found = None
        swept = [past.grant for past in sharing.ended if _is_swept(past)]
        ended = [past for past in sharing.ended if not _is_swept(past)]
        return {
            "owner": "nobody" if found is None else found.owner,
            "uploaded": () if found is None else (found.batch, found.uploaded_at),
            "version": f"{sharing.version}",
            "standing or expired": frozenset(map(self.number, (*sharing.grants, *swept))),
            "ended": {self.number(past.grant): self.ending(past) for past in ended},
        }

    def in_model(self, exam: es.ExamId) -> Mapping[str, object]:
        """Return what the model keeps of an exam."""
        world = self.world
        grants = frozenset(n for n, grant in world.grants.items() if grant.exam == exam)
        kept, found = world.exams[exam], world.is_found(exam)
        return {
            "owner": kept.owner if found else "nobody",
            "uploaded": (kept.batch, kept.uploaded_at) if found else (),
            "version": f"{world.versions.get(exam, 0)}",
            "standing or expired": grants - world.endings.keys(),
            "ended": {each: world.endings[each] for each in grants & world.endings.keys()},
        }

    def grants(self, ids: Iterable[es.GrantId]) -> frozenset[Number]:
        return frozenset(self.numbers.get(each, UNEXPECTED) for each in ids)

    def number(self, grant: es.Grant | es.ShownGrant) -> Number:
        """Return the number of a grant; words if the model has no grant with the same fields."""
        number = self.numbers.get(grant.id)
        expected = None if number is None else self.world.grants.get(number)
        if expected is not None:
            # People are shown no version, and not the whole basis.
            same_past = isinstance(grant, es.ShownGrant) or (
                grant.version == expected.version and self._basis(grant) == expected.basis
            )
            if same_past and terms(grant) == terms(expected):
                return number
        until = f" until {clock_time(grant.until)}" if grant.until else ""
        to = f"{grant.recipient} for {grant.permission.name}{until}"
        return f"{grant.grantor}'s grant of {grant.exam} to {to}, which is unexpected"

    def _basis(self, grant: es.Grant | es.ShownGrant) -> Any:  # noqa: ANN401  numbers or words
        return "OWNER" if grant.basis is es.OWNER else self.grants(grant.basis)

    def as_in_model(self, request: AskedT) -> AskedT:
        """Return the request for the model, which has its own ids of grants."""
        if isinstance(request, es.RevokeRequest):
            return attrs.evolve(request, grant=self._id(request.grant))
        return request

    def _id(self, grant: es.GrantId) -> es.GrantId:
        number = self.numbers.get(grant)
        return grant if number is None else es.GrantId(str(number))

    def ending(self, past: EndedGrant) -> model.world.Ending:
        ending = past.ending
        by = None if ending.acting_as is es.EndedAs.HOST else ending.by
        return model.world.Ending(
            how=cast("model.world.How", ending.how.value),
            by=by or model.world.HOST,
            as_owner=ending.acting_as is es.EndedAs.OWNER,
            version=ending.version,
            replaced_by=self.grants(ending.replaced_by),
        )

    def asked(self, question: str, *about: object, **named: object) -> Answer:
        """Return the answer of the package to a question; lists are read page by page."""
        of_operators = question in {"access_at", "explain", "who_can"}
        if question in {"all_accesses", "whole_graph"}:
            of_operators, question = True, question.split("_")[1]
        door = self.sharing.admin if of_operators else self.sharing
        ask = partial(getattr(door, question), *about, **named)
        if question in PAGES:
            items = list(_every_item(partial(ask, limit=PAGES[question] * self.page)))
            # The order of accesses of one time is for laws.
            return self.value(tuple(items) if question == "accesses" else items)
        return self.value(list(ask()) if question == "suggest" else ask())

    def value(self, answer: Answer) -> Answer:  # noqa: C901, PLR0911, PLR0912  by kind
        """Return an answer of the package as one of the model."""
        if isinstance(answer, ALIKE):
            return answer
        if type(answer) in KINDS:
            fields = {name: getattr(answer, name) for name in FIELDS[type(answer)]}
            if isinstance(answer, es.AccessList):
                fields["entries"] = list(answer.entries)
            named = {name: self.value(each) for name, each in fields.items()}
            return KINDS[type(answer)](**named)
        match answer:
            case tuple() | frozenset():
                return frozenset(map(self.value, answer))
            case list():
                return list(map(self.value, answer))
            case Mapping():
                return {key: self.value(each) for key, each in answer.items()}
            case es.GrantId():
                return self._id(answer)
            case es.Grant():
                return self.number(answer)
            case es.ShownGrant():
                return model.world.Shown(self.number(answer), self._basis(answer))
            case es.Ground():
                return self._reached(answer.grant, answer.path)
            case es.Permitted():
                reached = self.value(answer.grounds)
                return model.views.Explained(as_owner=answer.as_owner, grants=reached)
            case es.Denied():
                nearest = {
                    self._reached(each.grant, each.path): self.value(each.why_not)
                    for each in answer.nearest
                }
                return model.views.Explained(codes=self.value(answer.codes), nearest=nearest)
            case _:
                return answer.value

    def _reached(self, grant: es.Grant | None, way: tuple[es.PrincipalId, ...]) -> Number:
        """Return the number of a grant if the way to its recipient is one of the shortest."""
        if grant is None:
            return model.views.OWNERSHIP
        if way and way in model.views.shortest_ways(self.world, way[0], grant.recipient):
            return self.number(grant)
        return f"{self.number(grant)} by the way {', '.join(map(str, way))}"


def _is_swept(past: EndedGrant) -> bool:
    """Return whether a sweep has recorded that a grant expired: at its own time, by nobody."""
    ending = past.ending
    expired = ending.how is es.HowEnded.EXPIRED and ending.by is None
    return expired and ending.at == past.grant.until


def terms(grant: es.Grant | es.ShownGrant | model.world.Grant) -> tuple[object, ...]:
    return grant.exam, grant.grantor, grant.recipient, grant.permission, grant.until


def _every_item(ask: Callable[..., es.Page[ItemT]]) -> Iterator[ItemT]:
    """Read a list to its end; stop after more pages than any list has."""
    after = None
    for _ in range(MOST_PAGES):
        page = ask(after=after)
        yield from page.items
        after = page.next
        if after is None:
            return


def notices(sent: Iterable[es.ShareNotice | model.world.Notice]) -> tuple[object, ...]:
    """Return what was sent to whom, in a fixed order, from the package and from the model."""
    told = [
        (
            each.to,
            f"from {each.actor}",
            f"{exams} exam{'' if exams == 1 else 's'}",
            each.permission,
            each.until,
            each.message or "no message",
        )
        for each in sent
        for exams in [each.exams if isinstance(each, es.ShareNotice) else len(each.exams)]
    ]
    return tuple(sorted(told, key=lambda each: [str(part) for part in each]))
