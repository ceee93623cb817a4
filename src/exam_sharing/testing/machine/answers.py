"""Answers of the package, turned into the values of the model, so that they can be compared.

A grant becomes the number that the model gave it. If the model has no such grant, words take the
place of the number, and nothing in the model is equal to them.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias, cast

import attrs

from exam_sharing.events import ShareNotice
from exam_sharing.grants import OWNER, EndedAs, EndedGrant, Grant, ShownGrant
from exam_sharing.identifiers import GrantId, PrincipalId, UserId
from exam_sharing.policy.access import Holder
from exam_sharing.policy.decisions import Denied, Permitted, Reason, ReasonCode
from exam_sharing.policy.plans import Effect, Preview, ShareReceipt, UnshareReceipt
from exam_sharing.policy.requests import Request, RevokeRequest
from exam_sharing.policy.views import AccessEntry, AccessList, Choice, ShareForm
from exam_sharing.testing import model
from exam_sharing.testing.story import clock_time

Number: TypeAlias = Any
"""A number of the model, or words."""
UNEXPECTED: Final = "an unexpected grant"


class Answers:
    """Turns answers of the package into values of the model.

    Attributes:
        world: the facts of the model.
        numbers: the model's number of each grant in the store.
    """

    def __init__(self, world: model.World) -> None:
        """Start without numbers."""
        self.world = world
        self.numbers: dict[GrantId, model.GrantNumber] = {}

    def grants(self, ids: Iterable[GrantId]) -> frozenset[Number]:
        """Return the numbers of grants."""
        return frozenset(self.numbers.get(each, UNEXPECTED) for each in ids)

    def number(self, grant: Grant | ShownGrant) -> Number:
        """Return the number of a grant; words if the model has no grant with the same fields."""
        number = self.numbers.get(grant.id)
        if number is not None:
            expected = self.world.grants[number]
            if terms(grant) == terms(expected) and self._same_past(grant, expected):
                return number
        until = f" until {clock_time(grant.until)}" if grant.until else ""
        to = f"{grant.recipient} for {grant.permission.name}{until}"
        return f"{grant.grantor}'s grant of {grant.exam} to {to}, which is unexpected"

    def _same_past(self, grant: Grant | ShownGrant, expected: model.Grant) -> bool:
        """Whether version and basis agree; people are shown no version, and not the whole basis."""
        return isinstance(grant, ShownGrant) or (
            grant.version == expected.version and self._basis(grant) == expected.basis
        )

    def _basis(self, grant: Grant | ShownGrant) -> Any:  # noqa: ANN401  numbers or words
        return "OWNER" if grant.basis is OWNER else self.grants(grant.basis)

    def as_in_model(self, request: Request) -> Request:
        """Return the request for the model, which has its own ids of grants."""
        if isinstance(request, RevokeRequest):
            return attrs.evolve(request, grant=self._id(request.grant))
        return request

    def _id(self, grant: GrantId) -> GrantId:
        number = self.numbers.get(grant)
        return grant if number is None else GrantId(str(number))

    def ending(self, past: EndedGrant) -> model.Ending:
        """Return how a grant ended."""
        ending = past.ending
        by = None if ending.acting_as is EndedAs.HOST else ending.by
        return model.Ending(
            how=cast("model.How", ending.how.value),
            by=by or model.HOST,
            as_owner=ending.acting_as is EndedAs.OWNER,
            version=ending.version,
            replaced_by=self.grants(ending.replaced_by),
        )

    def refusal(self, reasons: Iterable[Reason]) -> model.Refused:
        """Return the codes of a refusal with their parameters."""
        codes: dict[str, frozenset[object]] = {}
        for reason in reasons:
            code = reason.code.value
            codes[code] = codes.get(code, frozenset()) | self._parameters(reason)
        return model.Refused(codes)

    def _parameters(self, reason: Reason) -> frozenset[object]:
        match reason.code:
            case ReasonCode.TOO_MANY:
                return frozenset({reason.limited})
            case ReasonCode.DOWNLOAD_NOT_HELD | ReasonCode.EXPIRY_BEYOND_OWN:
                return frozenset(reason.exams)
            case ReasonCode.HAS_RESHARES:
                return self.grants(reason.grants)
            case ReasonCode.NO_SUCH_GRANT if reason.grants:
                return frozenset(map(self._id, reason.grants))
            case _:
                return frozenset(reason.principals)

    def receipt(self, done: ShareReceipt | UnshareReceipt) -> model.Receipt:
        """Return what an act did."""
        names = dict(done.names)
        if isinstance(done, ShareReceipt):
            outcomes: Any = {
                (each.exam, each.recipient): (each.outcome.value, each.until)
                for each in done.outcomes
            }
            return model.Shared(outcomes=outcomes, names=names, repeated=done.repeated)
        shown = (*done.ended, *done.replacements, *done.left_standing)
        return model.Ended(
            ended=frozenset(map(self.number, done.ended)),
            replacements=frozenset(map(self.number, done.replacements)),
            left_standing=frozenset(map(self.number, done.left_standing)),
            bases={self.number(grant): self._basis(grant) for grant in shown},
            still_have_access=frozenset(done.still_have_access),
            names=names,
            repeated=done.repeated,
        )

    def preview(self, previewed: Preview) -> model.Preview:
        """Return what an act would do."""
        return model.Preview(
            refused=self.refusal(previewed.reasons),
            gains=_effects(previewed.gains),
            losses=_effects(previewed.losses),
            keeps=_effects(previewed.keeps),
            names=dict(previewed.names),
            repeated=previewed.repeated,
        )

    def explained(self, user: UserId, answer: Permitted | Denied) -> model.Explained:
        """Return what an answer rests on, or the nearest grants."""
        if isinstance(answer, Permitted):
            reached = (self._reached(user, each.grant, each.path) for each in answer.grounds)
            return model.Explained(as_owner=answer.as_owner, grants=frozenset(reached))
        nearest: dict[Number, Any] = {}
        for miss in answer.nearest:
            what = model.OWNERSHIP
            if miss.grant is not None:
                what = self._reached(user, miss.grant, miss.path)
            nearest[what] = miss.why_not.value
        codes = frozenset(code.value for code in answer.codes)
        return model.Explained(codes=codes, nearest=nearest)

    def _reached(self, user: UserId, grant: Grant, path: tuple[PrincipalId, ...]) -> Number:
        """Return the number of a grant if the path to its recipient is one of the shortest."""
        if path in model.shortest_ways(self.world, user, grant.recipient):
            return self.number(grant)
        return f"{self.number(grant)} by the way {', '.join(map(str, path))}"

    def holders(self, found: Iterable[Holder]) -> Mapping[UserId, model.Explained]:
        """Return who holds a permission, and by what."""
        return {
            each.user: model.Explained(
                as_owner=each.as_owner, grants=frozenset(map(self.number, each.grants))
            )
            for each in found
        }

    def access_list(self, answer: AccessList) -> model.AccessList:
        """Return what the access list shows."""
        entries = {each.principal: self._entry(each) for each in answer.entries}
        return model.AccessList(owner=answer.owner, entries=entries, names=dict(answer.names))

    def _entry(self, entry: AccessEntry) -> model.Entry:
        numbers = [(self.number(each.grant), each) for each in entry.grants]
        return model.Entry(
            name=entry.name,
            held=dict(entry.held),
            can_unshare=entry.can_unshare,
            grants={number: each.can_unshare for number, each in numbers},
            bases={number: self._basis(each.grant) for number, each in numbers},
        )


def terms(grant: Grant | ShownGrant | model.Grant) -> tuple[object, ...]:
    """Return what a grant gives to whom."""
    return grant.exam, grant.grantor, grant.recipient, grant.permission, grant.until


def _effects(effects: Iterable[Effect]) -> model.Effects:
    return {
        (each.principal, each.exam, each.permission): model.Effect(
            model.horizon_of(each.until_before) if each.held_before else model.NEVER,
            model.horizon_of(each.until_after) if each.held_after else model.NEVER,
        )
        for each in effects
    }


def share_form(form: ShareForm) -> model.Form:
    """Return what the share form shows."""
    return model.Form(**attrs.asdict(form, recurse=False) | {"exams": frozenset(form.exams)})


def choices(found: Iterable[Choice]) -> list[model.Choice]:
    """Return who can be chosen, in order."""
    return [model.Choice(each.principal, each.name, dict(each.held)) for each in found]


def notices(sent: Iterable[ShareNotice | model.Notice]) -> tuple[object, ...]:
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
        for exams in [each.exams if isinstance(each, ShareNotice) else len(each.exams)]
    ]
    return tuple(sorted(told, key=lambda each: [str(part) for part in each]))
