"""What happens next: Hypothesis draws plain numbers, and each picks something in the hospital.

A number picks from what exists at that moment, such as a grant that stands, so that few steps are
wasted. Hypothesis shrinks numbers: the first choice is always the simplest.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

import attrs
from hypothesis import strategies as st

import exam_sharing as es
from exam_sharing.policy.requests import Request
from exam_sharing.testing import model
from exam_sharing.testing.machine.hospital import EXAMS, STRANGER, Hospital
from exam_sharing.testing.story import PLAIN_POLICY

T = TypeVar("T")

BATCHES: Final = (es.BatchId("CD"), es.BatchId("transfer"))
RESHARES: Final = (None, *es.Reshares)
TYPED: Final = (
    *("al", "AL", "Åla", "alice", "smith a", "smith, alice"),
    *("bob@clinic", "team", "a", "A\u0301", "nobody"),
)
"""What people type to find recipients, to fit the names of the hospital."""
SUBJECTS: Final = (None, "one patient", "another patient")

numbers: Final = st.integers(0, 99)
"""So small that Hypothesis does not mix in constants of the modules that a project has imported."""
members: Final = st.lists(numbers, max_size=3)
booleans: Final = st.booleans()
seldom: Final = st.sampled_from((False, False, False, False, False, True))
policies: Final = st.builds(
    lambda **changes: attrs.evolve(PLAIN_POLICY, **changes),
    max_recipients=seldom.map(lambda odd: 2 if odd else 100),
    max_exams=seldom.map(lambda odd: 2 if odd else 1_000),
    max_people=seldom.map(lambda odd: 2 if odd else 10_000),
    max_duration=seldom.map(lambda odd: timedelta(minutes=5) if odd else None),
    reshares=st.sampled_from(es.Reshares),
    only_owner_readmits=booleans,
    batches_across_subjects=seldom.map(lambda odd: not odd),
    access_list=st.sampled_from(es.AccessListScope),
    sends_notices=seldom.map(lambda odd: not odd),
    suggestion_limit=seldom.map(lambda odd: 2 if odd else 50),
    whole_names_only=seldom,
)

PREVIEWED: Final[tuple[es.Permission | es.Reshares, ...]] = (*es.Permission, *es.Reshares)
"""Previewed in turn: shares of each permission, and unsharing with each fate of re-shares."""
KINDS: Final = 24
"""Most kinds of requests to share have something odd."""

shares: Final = st.fixed_dictionaries(
    {
        "by": numbers,
        "recipients": st.lists(numbers, min_size=1, max_size=3),
        "download": booleans,
        "batch": st.sampled_from((False, False, True)),
        "until": numbers,
        "kind": st.integers(0, KINDS - 1),
        "odd": numbers,
    }
)
"""The numbers that make one request to share."""


def pick(number: int, items: Sequence[T]) -> T:
    """Return one of the items: 0 picks the first."""
    return items[number % len(items)]


@attrs.frozen
class Choices:
    """What numbers pick in a hospital at one moment."""

    hospital: Hospital

    def principals(
        self, drawn: Iterable[int], among: Sequence[es.PrincipalId] = ()
    ) -> tuple[es.PrincipalId, ...]:
        """Return the picked principals, each once."""
        everybody = among or self.hospital.principals
        return tuple(dict.fromkeys(pick(number, everybody) for number in drawn))

    def arriving(self, batch: es.BatchId, drawn: Iterable[int]) -> tuple[es.Exam, ...]:
        """Return an exam that has not arrived yet for each number, as long as there are any."""
        hospital = self.hospital
        left = [exam for exam in EXAMS if exam not in hospital.world.exams]
        return tuple(
            es.Exam(
                id=exam,
                owner=pick(number, hospital.users),
                batch=batch,
                uploaded_at=hospital.now - _some_time(number // 6, 3),
                subject=pick(number // 18, SUBJECTS),
            )
            for number, exam in zip(drawn, left, strict=False)
        )

    def share_request(
        self, held: Sequence[tuple[es.UserId, es.ExamId]], drawn: Mapping[str, Any]
    ) -> es.ShareRequest:
        """Return a request of drawn `shares` by somebody who holds the exam, or by anybody."""
        hospital, kind = self.hospital, drawn["kind"]
        anybody = kind == KINDS - 1 or not held
        actor, exam = pick(drawn["by"], self.anybody() if anybody else held)
        owned = {actor} if anybody else {actor, hospital.world.exams[exam].owner}
        others = [each for each in hospital.principals if each not in owned]
        request = es.ShareRequest(
            actor=actor,
            exam=exam,
            recipients=self.principals(drawn["recipients"], others),
            permission=es.Permission.DOWNLOAD if drawn["download"] else es.Permission.VIEW,
            scope=es.Scope.BATCH if drawn["batch"] else es.Scope.EXAM,
            until=self.until(drawn["until"]),
            attested=True,
        )
        return request if anybody else self._made_odd(request, kind, drawn["odd"])

    def anybody(self) -> list[tuple[es.UserId, es.ExamId]]:
        """Return all pairs of a user, or a stranger, and an exam, whether it has arrived or not."""
        return [(user, exam) for exam in EXAMS for user in (*self.hospital.users, STRANGER)]

    def _made_odd(self, request: es.ShareRequest, kind: int, odd: int) -> es.ShareRequest:
        world = self.hospital.world
        recipients, owner = request.recipients, world.exams[request.exam].owner
        exams = frozenset(model.sharing.covered(world, request.actor, request.exam, request.scope))
        changes: Mapping[int, Mapping[str, Any]] = {
            6: {"performed_by": pick(odd, self.hospital.users)},
            7: {"performed_by": pick(odd, (owner, *self.hospital.users))},
            8: {"request_id": request_id(odd)},
            9: {"request_id": request_id(odd)},
            10: {"attested": False},
            11: {"wording": "I abide by an older wording."},
            12: {"message": "Please have a look."},
            13: {"message": "This is longer than allowed."},
            14: {"message": "a bell \a"},
            15: {"message": "one\r\ntwo"},
            16: {"expect": exams},
            17: {"expect": exams ^ {pick(odd, EXAMS)}},
            18: {"recipients": ()},
            19: {"recipients": (*recipients, request.actor)},
            20: {"recipients": (*recipients, owner)},
            21: {"recipients": (*recipients, STRANGER)},
            22: {"message": "Please have a look.", "request_id": request_id(odd)},
        }
        return attrs.evolve(request, **changes.get(kind, {}))

    def otherwise(self, request: Request, number: int) -> Request:
        """Return a request that differs in one field."""
        which = number // 9
        other, time = pick(which, self.hospital.principals), self.until(which)
        changes: list[Mapping[str, Any]] = [{"performed_by": pick(which, self.hospital.users)}]
        if not isinstance(request, es.RevokeRequest):
            changes.append({"exam": pick(which, EXAMS)})
        match request:
            case es.ShareRequest():
                changes += [{"recipients": (other,)}, {"until": time}, {"message": "Another word."}]
                changes += [{"scope": pick(which, tuple(es.Scope))}, {"expect": {request.exam}}]
                changes += [{"permission": pick(which, tuple(es.Permission))}]
            case es.UnshareRequest():
                changes += [{"recipient": other}, {"reshares": pick(which, RESHARES)}]
            case es.NarrowRequest():
                changes += [{"recipient": other}, {"permission": es.Permission.VIEW, "until": time}]
                changes += [{"reshares": pick(which, RESHARES)}]
            case es.RevokeRequest():
                changes += [{"grant": self.one_grant(which, which)[0]}]
                changes += [{"reshares": pick(which, RESHARES)}]
        return attrs.evolve(request, **pick(number, changes))

    def previewed(self, turn: int) -> Request:
        """Return a request that somebody might make, each time another one."""
        rest, kind = divmod(turn, len(PREVIEWED))
        hospital = self.hospital
        pairs = [(user, exam) for user in hospital.users for exam in hospital.exams]
        user, exam = pick(turn, pairs or hospital.not_found())
        recipient, asked = pick(rest, hospital.principals), PREVIEWED[kind]
        if isinstance(asked, es.Permission):
            return es.ShareRequest(actor=user, exam=exam, recipients=(recipient,), permission=asked)
        return es.UnshareRequest(actor=user, exam=exam, recipient=recipient, reshares=asked)

    def until(self, number: int) -> datetime | None:
        """Return no time, a time in the next minutes, an expiry, or a time in the past."""
        now, ends = self.hospital.now, self.hospital.expiries()
        minutes = now + timedelta(minutes=1) + _some_time(number // 8, 9)
        ending = pick(number // 8, ends) if ends else minutes
        past = pick(number // 8, (now, minutes, minutes))
        return pick(number, (None, None, None, None, minutes, minutes, ending, past))

    def moment(self, number: int) -> datetime:
        """Return a later time: in some minutes, at an expiry, or just before one."""
        now, ends = self.hospital.now, self.hospital.expiries()
        minutes = now + timedelta(minutes=1 + number // 4 % 5)
        ending = pick(number // 4, ends) if ends else minutes
        return pick(number, (minutes, minutes, ending, ending - timedelta(microseconds=1)))

    def ending(self, which: int, by: int) -> tuple[es.ExamId, es.PrincipalId, es.UserId]:
        """Return an exam, a recipient and an actor: mostly of a grant that stands."""
        hospital = self.hospital
        standing = [number for number in hospital.world.grants if self._stands(number)]
        anything = which % 12 == 11  # noqa: PLR2004  one in twelve
        if anything or not standing:
            actor, exam = pick(which // 12, self.anybody())
            return exam, pick(by, (*hospital.principals, STRANGER)), actor
        number = pick(which, standing)
        grant = hospital.world.grants[number]
        return grant.exam, grant.recipient, pick(by, self._who_may_end(number))

    def one_grant(self, which: int, by: int) -> tuple[es.GrantId, es.UserId]:
        """Return a grant and an actor: mostly a grant that stands, sometimes an unknown one."""
        hospital = self.hospital
        known = list(hospital.grants)
        standing = [each for each in known if self._stands(hospital.grants[each])]
        grant = pick(which, [*standing, *standing, *known, es.GrantId("none")])
        number = hospital.grants.get(grant)
        actors = (*hospital.users, STRANGER) if number is None else self._who_may_end(number)
        return grant, pick(by, actors)

    def _stands(self, number: model.world.GrantNumber) -> bool:
        return self.hospital.world.stands(self.hospital.world.grants[number])

    def _who_may_end(self, number: model.world.GrantNumber) -> Sequence[es.UserId]:
        """Return the owner, the grantor and the recipient twice, and every user once."""
        hospital = self.hospital
        grant = hospital.world.grants[number]
        first = [hospital.world.exams[grant.exam].owner, grant.grantor]
        if isinstance(grant.recipient, es.UserId):
            first.append(grant.recipient)
        return [*first, *first, *hospital.users]


def _some_time(number: int, minutes: int) -> timedelta:
    """Return less than that many minutes, two times in three with some microseconds."""
    return timedelta(minutes=number % minutes, microseconds=number // minutes % 3)


def request_id(number: int) -> str:
    """Return one of two request ids, so that they are used again."""
    return f"r{number % 2}"
