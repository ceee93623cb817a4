"""Answers of the package and of the model, both put into the same plain values.

A plain value is a truth, a time, a name, or a set, tuple or mapping of those; a grant is the number
that the model gave it. Two answers agree when their plain values are equal.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final

from exam_sharing.events import ShareNotice
from exam_sharing.grants import Grant, ShownGrant
from exam_sharing.identifiers import GrantId, PrincipalId, UserId
from exam_sharing.policy.decisions import Denied, NearMiss, Permitted, Reason, ReasonCode
from exam_sharing.policy.explain import Holder
from exam_sharing.policy.plans import Effect, Preview, ShareReceipt, UnshareReceipt
from exam_sharing.policy.views import AccessEntry, AccessList, Choice, ShareForm, VisibleExam
from exam_sharing.testing import model
from exam_sharing.testing.machine.words import GrantNumber, No

__all__ = [
    "chosen_from",
    "ended",
    "ended_in_model",
    "explained",
    "explained_in_model",
    "holders",
    "holders_in_model",
    "listed",
    "notices",
    "notices_in_model",
    "previewed",
    "previewed_in_model",
    "refusal",
    "refusal_in_model",
    "seen_list",
    "seen_list_in_model",
    "shared",
    "shared_in_model",
    "shown_form",
]

Number = Callable[[Grant], object]
"""Gives the model's number of a grant."""

Shown = Callable[[ShownGrant], tuple[object, object]]
"""Gives the model's number of a grant that a person is shown, and what it is shown to rest on."""

NO_SHARE_TAB: Final = "no Share tab"


def refusal(reasons: Iterable[Reason], numbers: Mapping[GrantId, int]) -> No:
    """Return the codes of a refusal, each with what it is about."""
    told: dict[str, frozenset[object]] = {}
    for reason in reasons:
        code = reason.code.value
        told[code] = told.get(code, frozenset()) | _about(reason, numbers)
    return No(told)


def _about(reason: Reason, numbers: Mapping[GrantId, int]) -> frozenset[object]:
    match reason.code:
        case ReasonCode.TOO_MANY:
            return frozenset({reason.limited})
        case ReasonCode.DOWNLOAD_NOT_HELD | ReasonCode.EXPIRY_BEYOND_OWN:
            return frozenset(reason.exams)
        case ReasonCode.HAS_RESHARES:
            return frozenset(GrantNumber(numbers.get(each, 0)) for each in reason.grants)
        case ReasonCode.NO_SUCH_GRANT if reason.grants:
            return frozenset({"the one asked for"})
        case _:
            return frozenset(reason.principals)


def refusal_in_model(refused: model.Refused) -> No:
    """Return the codes of a refusal by the model, each with what it is about."""
    told = dict(refused.reasons)
    if any(isinstance(each, GrantId) for each in told.get("NO_SUCH_GRANT", ())):
        told["NO_SUCH_GRANT"] = frozenset({"the one asked for"})
    if "HAS_RESHARES" in told:
        told["HAS_RESHARES"] = frozenset(map(GrantNumber, _ints(told["HAS_RESHARES"])))
    return No(told)


def _ints(values: Iterable[object]) -> Iterable[int]:
    return (each for each in values if isinstance(each, int))


def shared(receipt: ShareReceipt) -> Mapping[object, object]:
    """Return what a share did, for every exam and recipient."""
    told: dict[object, object] = {
        (each.exam, each.recipient): (each.outcome.value, each.until) for each in receipt.outcomes
    }
    return told | {"repeated": receipt.repeated}


def shared_in_model(receipt: model.Shared) -> Mapping[object, object]:
    """Return what the model says that a share did."""
    told: dict[object, object] = dict(receipt.outcomes)
    return told | {"repeated": receipt.repeated}


def ended(receipt: UnshareReceipt, shown: Shown) -> Mapping[str, object]:
    """Return what an ending did."""
    return {
        "ended": dict(map(shown, receipt.ended)),
        "in their place": dict(map(shown, receipt.replacements)),
        "left standing": dict(map(shown, receipt.left_standing)),
        "still have access": frozenset(receipt.still_have_access),
        "repeated": receipt.repeated,
    }


def ended_in_model(receipt: model.Ended) -> Mapping[str, object]:
    """Return what the model says that an ending did."""

    def shown(grants: Iterable[int]) -> Mapping[object, object]:
        return {GrantNumber(n): basis_in_model(receipt.bases[n]) for n in grants}

    return {
        "ended": shown(receipt.told_ended),
        "in their place": shown(receipt.told_replacements),
        "left standing": shown(receipt.left_standing),
        "still have access": receipt.still_have_access,
        "repeated": receipt.repeated,
    }


def notices(sent: Iterable[ShareNotice]) -> tuple[object, ...]:
    """Return what was sent to whom, in a fixed order."""
    return _sorted(
        _notice(each.to, each.actor, each.exams, each.permission, each.until, each.message)
        for each in sent
    )


def notices_in_model(sent: Iterable[model.Notice]) -> tuple[object, ...]:
    """Return what the model says that is sent to whom."""
    return _sorted(
        _notice(each.to, each.actor, len(each.exams), each.permission, each.until, each.message)
        for each in sent
    )


def _notice(to: UserId, actor: UserId, exams: int, *promised: object) -> tuple[object, ...]:
    permission, until, message = promised
    counted = f"{exams} exam{'' if exams == 1 else 's'}"
    return to, f"from {actor}", counted, permission, until, message or "no message"


def _sorted(values: Iterable[tuple[object, ...]]) -> tuple[object, ...]:
    return tuple(sorted(values, key=lambda each: [str(part) for part in each]))


def listed(exams: Iterable[VisibleExam]) -> tuple[object, ...]:
    """Return the exams of a list, in their order."""
    return tuple([(each.exam, each.permission) for each in exams])


Ways = Callable[[PrincipalId], frozenset[tuple[PrincipalId, ...]]]
"""Gives every shortest way of a user to a principal that they are in."""


def explained(answer: Permitted | Denied, number: Number, ways: Ways) -> Mapping[str, object]:
    """Return an answer with what it rests on, or what comes nearest, each with the way to it."""
    if isinstance(answer, Permitted):
        return {
            "holds": True,
            "as owner": answer.as_owner,
            "by": {
                number(ground.grant): _way(ground.path, ways(ground.grant.recipient))
                for ground in answer.grounds
            },
        }
    return {
        "holds": False,
        "codes": frozenset(code.value for code in answer.codes),
        "nearest": dict(_nearest(answer.nearest, number, ways)),
    }


def _nearest(
    nearest: Iterable[NearMiss], number: Number, ways: Ways
) -> Iterable[tuple[object, object]]:
    for miss in nearest:
        if miss.grant is None:
            yield "their ownership", miss.why_not.value
        else:
            way = _way(miss.path, ways(miss.grant.recipient))
            yield number(miss.grant), (miss.why_not.value, way)


def _way(path: tuple[PrincipalId, ...], ways: frozenset[tuple[PrincipalId, ...]]) -> object:
    """Return a way as *one of the shortest*: which of several is told does not matter."""
    return ways if path in ways else frozenset({path})


def explained_in_model(
    answer: model.Explained, way_to: Callable[[int], object]
) -> Mapping[str, object]:
    """Return what the model explains."""
    if answer.holds:
        return {
            "holds": True,
            "as owner": answer.as_owner,
            "by": {GrantNumber(n): way_to(n) for n in answer.grants},
        }
    views = "ONLY_VIEW" in answer.nearest.values()
    nearest: dict[object, object] = {
        GrantNumber(n): (why, way_to(n)) for n, why in answer.nearest.items()
    }
    if answer.ownership_lost:
        nearest["their ownership"] = "USER_NOT_ACTIVE"
    return {
        "holds": False,
        "codes": frozenset({"DOWNLOAD_NOT_HELD" if views else "EXAM_NOT_FOUND"}),
        "nearest": nearest,
    }


def holders(told: Iterable[Holder], number: Number) -> Mapping[object, object]:
    """Return who holds something, and by what."""
    return {each.user: _held_by(each.as_owner, map(number, each.grants)) for each in told}


def holders_in_model(told: Mapping[UserId, model.Explained]) -> Mapping[object, object]:
    """Return who holds something by the model, and by what."""
    return {
        user: _held_by(held.as_owner, map(GrantNumber, held.grants)) for user, held in told.items()
    }


def _held_by(as_owner: bool, grants: Iterable[object]) -> frozenset[object]:  # noqa: FBT001
    return frozenset(grants) | ({"their ownership"} if as_owner else set())


def chosen_from(choices: Iterable[Choice] | Iterable[model.Choice]) -> tuple[object, ...]:
    """Return who can be chosen, in order: by which name, and what they are given until when."""
    return tuple([(each.principal, each.name, dict(each.held)) for each in choices])


def shown_form(form: ShareForm | model.Form | None) -> object:
    """Return what the share form shows; the model has none where there is no Share tab."""
    if form is None or (isinstance(form, ShareForm) and not form.has_share_tab):
        return NO_SHARE_TAB
    return {
        "download box": form.offers_download,
        "batch box": frozenset(form.exams),
        "subjects": f"{form.subjects}",
        "wording": form.wording,
        "messages": form.sends_messages,
        "latest time": form.latest_until,
    }


def seen_list(answer: AccessList, shown: Shown) -> Mapping[object, object]:
    """Return what the access list shows."""
    entries: dict[object, object] = {"owner": answer.owner}
    for entry in answer.entries:
        entries[entry.principal] = _entry(entry, shown)
    return entries


def _entry(entry: AccessEntry, shown: Shown) -> Mapping[str, object]:
    bases = [(*shown(each.grant), each.can_unshare) for each in entry.grants]
    return {
        "holds until": dict(entry.held),
        "can be unshared": entry.can_unshare,
        "each of": {number: can_unshare for number, _, can_unshare in bases},
        "resting on": {number: basis for number, basis, _ in bases},
    }


def seen_list_in_model(answer: model.AccessList) -> Mapping[object, object]:
    """Return what the model's access list shows."""
    entries: dict[object, object] = {"owner": answer.owner}
    for principal, entry in answer.entries.items():
        entries[principal] = {
            "holds until": dict(entry.until),
            "can be unshared": entry.can_unshare,
            "each of": {GrantNumber(n): can for n, can in entry.grants.items()},
            "resting on": {GrantNumber(n): basis_in_model(b) for n, b in entry.bases.items()},
        }
    return entries


def basis_in_model(basis: model.Basis) -> object:
    """Return what a grant rests on by the model."""
    return basis if basis == "OWNER" else frozenset(map(GrantNumber, basis))


NOT_HELD: Final = "not held"


def effects(told: Iterable[Effect]) -> Mapping[object, object]:
    """Return what would change for whom, on which exam, in which permission, until when."""
    return {
        (each.principal, each.exam, each.permission): (
            each.until_before if each.held_before else NOT_HELD,
            each.until_after if each.held_after else NOT_HELD,
        )
        for each in told
    }


def effects_in_model(told: model.Effects) -> Mapping[object, object]:
    """Return what the model says would change."""
    return {what: (_until(before), _until(after)) for what, (before, after) in told.items()}


def _until(horizon: datetime) -> object:
    if horizon == model.FOREVER:
        return None
    return NOT_HELD if horizon == model.NEVER else horizon


def previewed(preview: Preview, numbers: Mapping[GrantId, int]) -> Mapping[str, object]:
    """Return what an act would do."""
    return {
        "refused": refusal(preview.reasons, numbers),
        "gains": effects(preview.gains),
        "losses": effects(preview.losses),
        "keeps": effects(preview.keeps),
        "repeated": preview.repeated,
    }


def previewed_in_model(preview: model.Preview) -> Mapping[str, object]:
    """Return what the model says that an act would do."""
    refused = preview.refused
    return {
        "refused": No({}) if refused is None else refusal_in_model(refused),
        "gains": effects_in_model(preview.gains),
        "losses": effects_in_model(preview.losses),
        "keeps": effects_in_model(preview.keeps),
        "repeated": preview.repeated,
    }
