"""What the store and the model keep of each exam, and which grants of the two are the same."""

from collections.abc import Iterable, Mapping

import attrs

from exam_sharing.exams import Exam
from exam_sharing.grants import OWNER, EndedAs, EndedGrant, Grant, HowEnded, ShownGrant
from exam_sharing.identifiers import ExamId, GrantId, UserId
from exam_sharing.policy.facts import ExamGrants
from exam_sharing.testing import model
from exam_sharing.testing.machine.words import GrantNumber, clock_time
from exam_sharing.testing.opening import StorePorts

__all__ = ["Kept"]


@attrs.define
class Kept:
    """What both sides keep, as of the last time that they were read.

    Attributes:
        ports: of the store.
        world: of the model.
        numbers: the model's number of each grant of the store.
    """

    ports: StorePorts
    world: model.World
    numbers: dict[GrantId, int] = attrs.field(factory=dict, init=False)
    _kept: dict[ExamId, tuple[Exam | None, ExamGrants]] = attrs.field(factory=dict, init=False)
    _expected: dict[ExamId, tuple[Exam, int, bool]] = attrs.field(factory=dict, init=False)
    _recognised: dict[GrantId, Grant] = attrs.field(factory=dict, init=False)

    def changed(self) -> frozenset[ExamId]:
        """Return the exams of which the store or the model keeps something else than before.

        Grants that are new since then are matched with those of the model that say the same.
        """
        exams = tuple(self.world.exams)
        read = self.ports.grants.read(exams, ended=True)
        found = {exam.id: exam for exam in self.ports.exams.find(exams)}
        world = self.world
        kept = {exam: (found.get(exam), read[exam]) for exam in exams}
        expected = {
            exam: (world.exams[exam], world.versions.get(exam, 0), exam in world.hidden)
            for exam in exams
        }
        changed = frozenset(
            exam
            for exam in exams
            if kept[exam] != self._kept.get(exam) or expected[exam] != self._expected.get(exam)
        )
        self._kept, self._expected = kept, expected
        for exam in changed:
            self._match(exam, read[exam])
        return changed

    def _match(self, exam: ExamId, sharing: ExamGrants) -> None:
        """Give each new grant the number of one in the model: of the same words and the same past.

        Two grants may say the same when two others were narrowed to one bound; they then differ in
        what they replaced.
        """
        grants = [*sharing.grants, *(past.grant for past in sharing.ended)]
        new = [grant for grant in grants if grant.id not in self.numbers]
        if not new:
            return
        replaced = {
            new_id: self.numbers.get(past.grant.id)
            for past in sharing.ended
            for new_id in past.ending.replaced_by
        }
        taken = set(self.numbers.values())
        free: dict[object, list[int]] = {}
        for number, expected in self.world.grants.items():
            if expected.exam == exam and number not in taken:
                origin = self._replaced_in_model(number)
                free.setdefault((_content(expected), origin), []).append(number)
        for grant in new:
            same = free.get((_content(grant), replaced.get(grant.id)))
            if same:
                self.numbers[grant.id] = same.pop(0)

    def _replaced_in_model(self, number: int) -> int | None:
        endings = self.world.endings.items()
        return next((old for old, ending in endings if number in ending.replaced_by), None)

    def number(self, grant: Grant) -> object:
        """Return the model's number of a grant, or what it says where the model has none such."""
        if self._recognised.get(grant.id) == grant:
            return GrantNumber(self.numbers[grant.id])
        number = self.numbers.get(grant.id)
        if number is None or self._says(grant) != _says_in_model(self.world.grants[number]):
            return f"{_in_words(grant)}, of version {grant.version}, that should not be"
        self._recognised[grant.id] = grant
        return GrantNumber(number)

    def shown(self, grant: ShownGrant) -> tuple[object, object]:
        """Return the model's number of a grant that a person is shown, and what it rests on."""
        basis = "OWNER" if grant.basis is OWNER else _grants(map(self.numbers.get, grant.basis))
        number = self.numbers.get(grant.id)
        if number is None or _shown(grant) != _shown(self.world.grants[number]):
            return f"{_in_words(grant)}, that should not be", basis
        return GrantNumber(number), basis

    def _says(self, grant: Grant) -> tuple[object, ...]:
        if grant.basis is OWNER:
            return _content(grant), "OWNER"
        return _content(grant), frozenset(self.numbers.get(each) for each in grant.basis)

    def in_store(self, exam: ExamId) -> Mapping[str, object]:
        """Return what the store keeps of an exam; a sweep of what had expired changes nothing."""
        found, sharing = self._kept[exam]
        if sharing.withdrawn:
            found = None
        ended = [past for past in sharing.ended if not self._is_swept(past)]
        swept = [past.grant for past in sharing.ended if self._is_swept(past)]
        return {
            "owner": "nobody" if found is None else found.owner,
            "uploaded": () if found is None else (found.batch, found.uploaded_at),
            "version": f"{sharing.version}",
            "standing or expired": frozenset(map(self.number, (*sharing.grants, *swept))),
            "ended": {self.number(past.grant): self._ending(past) for past in ended},
        }

    def _is_swept(self, past: EndedGrant) -> bool:
        """Say whether a sweep has recorded that a grant expired: at its own time, by nobody."""
        ending, until = past.ending, past.grant.until
        expired = until is not None and ending.at == until
        return ending.how is HowEnded.EXPIRED and expired and ending.by is None

    def _ending(self, past: EndedGrant) -> tuple[object, ...]:
        ending = past.ending
        replaced_by = frozenset(self.numbers.get(each) for each in ending.replaced_by)
        as_owner = ending.acting_as is EndedAs.OWNER
        by_host = ending.acting_as is EndedAs.HOST
        return (
            ending.how.value,
            _ended_by(None if by_host else ending.by, as_owner=as_owner),
            f"version {ending.version}",
            _grants(replaced_by),
        )

    def in_model(self, exam: ExamId) -> Mapping[str, object]:
        """Return what the model keeps of an exam."""
        world = self.world
        numbers = frozenset(n for n, grant in world.grants.items() if grant.exam == exam)
        there, found = world.exams[exam], model.is_found(world, exam)
        return {
            "owner": there.owner if found else "nobody",
            "uploaded": (there.batch, there.uploaded_at) if found else (),
            "version": f"{world.versions.get(exam, 0)}",
            "standing or expired": _grants(numbers - world.endings.keys()),
            "ended": {
                GrantNumber(number): _ending_in_model(world.endings[number])
                for number in numbers & world.endings.keys()
            },
        }


def _ending_in_model(ending: model.Ending) -> tuple[object, ...]:
    return (
        ending.how.value,
        _ended_by(ending.by, as_owner=ending.as_owner),
        f"version {ending.version}",
        _grants(ending.replaced_by),
    )


def _ended_by(user: UserId | None, *, as_owner: bool) -> str:
    if user is None:
        return "by the host"
    return f"by {user} as the owner" if as_owner else f"by {user}"


def _grants(numbers: Iterable[int | None]) -> frozenset[object]:
    return frozenset(
        "a grant that should not be" if number is None else GrantNumber(number)
        for number in numbers
    )


def _content(grant: Grant | model.Grant) -> tuple[object, ...]:
    """Return what a grant says by itself, apart from those that it rests on."""
    return (*_shown(grant), grant.version)


def _shown(grant: Grant | ShownGrant | model.Grant) -> tuple[object, ...]:
    return grant.exam, grant.grantor, grant.recipient, grant.permission, grant.until


def _in_words(grant: Grant | ShownGrant) -> str:
    until = f" until {clock_time(grant.until)}" if grant.until else ""
    given = f"{grant.permission.name}{until}"
    return f"a grant of {grant.exam} by {grant.grantor} to {grant.recipient}: {given}"


def _says_in_model(grant: model.Grant) -> tuple[object, ...]:
    return _content(grant), grant.basis
