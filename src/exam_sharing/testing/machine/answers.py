"""Answers of the package and of the model, both turned into the same plain values.

A plain value is a bool, a time, a name, or a set, tuple or mapping of those. A grant is the number
that the model gave it. Two answers agree if their plain values are equal. For each answer there are
two functions: one for the package, and one for the model, whose name ends with `in_model`.
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
from exam_sharing.policy.views import AccessList, Choice, ShareForm, VisibleExam
from exam_sharing.testing import model
from exam_sharing.testing.story import GrantNumber, Refusal

Plain = Mapping[object, object]

Number = Callable[[Grant], object]
"""Gives the model's number of a grant."""

Shown = Callable[[ShownGrant], tuple[object, object]]
"""Gives the model's number of a grant that a person is shown, and its shown basis."""

Ways = Callable[[PrincipalId], frozenset[tuple[PrincipalId, ...]]]
"""Gives all shortest chains of memberships from a user to a principal."""

THE_NAMED_GRANT: Final = "the named grant"
OWNERSHIP: Final = "ownership"
NOT_HELD: Final = "not held"
BEFORE: Final = "before the act"


def refusal(reasons: Iterable[Reason], numbers: Mapping[GrantId, int]) -> Refusal:
    """Return the codes of a refusal with their parameters."""
    codes: dict[str, frozenset[object]] = {}
    for reason in reasons:
        code = reason.code.value
        codes[code] = codes.get(code, frozenset()) | _parameters(reason, numbers)
    return Refusal(codes)


def _parameters(reason: Reason, numbers: Mapping[GrantId, int]) -> frozenset[object]:
    match reason.code:
        case ReasonCode.TOO_MANY:
            return frozenset({reason.limited})
        case ReasonCode.DOWNLOAD_NOT_HELD | ReasonCode.EXPIRY_BEYOND_OWN:
            return frozenset(reason.exams)
        case ReasonCode.HAS_RESHARES:
            return frozenset(GrantNumber(numbers.get(each, 0)) for each in reason.grants)
        case ReasonCode.NO_SUCH_GRANT if reason.grants:
            return frozenset({THE_NAMED_GRANT})
        case _:
            return frozenset(reason.principals)


def refusal_in_model(refused: model.Refused) -> Refusal:
    """Return the codes of a refusal with their parameters."""
    codes = dict(refused.reasons)
    if any(isinstance(each, GrantId) for each in codes.get("NO_SUCH_GRANT", ())):
        codes["NO_SUCH_GRANT"] = frozenset({THE_NAMED_GRANT})
    if "HAS_RESHARES" in codes:
        grants = [each for each in codes["HAS_RESHARES"] if isinstance(each, int)]
        codes["HAS_RESHARES"] = frozenset(map(GrantNumber, grants))
    return Refusal(codes)


def receipt(done: ShareReceipt | UnshareReceipt, shown: Shown) -> Plain:
    """Return what an act did."""
    if isinstance(done, ShareReceipt):
        outcomes: Plain = {
            (each.exam, each.recipient): (each.outcome.value, each.until) for each in done.outcomes
        }
        return {**outcomes, "repeated": done.repeated, "names": dict(done.names)}
    return {
        "ended": dict(map(shown, done.ended)),
        "replacements": dict(map(shown, done.replacements)),
        "left standing": dict(map(shown, done.left_standing)),
        "still have access": frozenset(done.still_have_access),
        "repeated": done.repeated,
        "names": dict(done.names),
    }


def receipt_in_model(world: model.World, done: model.Receipt | model.Refused) -> object:
    """Return what an act did, or why it was refused."""
    match done:
        case model.Refused():
            return refusal_in_model(done)
        case model.Shared():
            outcomes: dict[object, object] = dict(done.outcomes)
            names = _names(world, {recipient for _, recipient in done.outcomes})
            return {**outcomes, "repeated": done.repeated, "names": names}
        case model.Ended(bases=bases):
            mentioned = {*_people(world, bases), *done.still_have_access}
            return {
                "ended": {GrantNumber(n): _basis(bases[n]) for n in done.shown_ended},
                "replacements": {GrantNumber(n): _basis(bases[n]) for n in done.shown_replacements},
                "left standing": {GrantNumber(n): _basis(bases[n]) for n in done.left_standing},
                "still have access": done.still_have_access,
                "repeated": done.repeated,
                "names": _names(world, mentioned),
            }


def _people(world: model.World, grants: Iterable[int]) -> set[PrincipalId]:
    found = [world.grants[each] for each in grants]
    return {one for grant in found for one in (grant.grantor, grant.recipient)}


def _names(world: model.World, principals: Iterable[PrincipalId]) -> Mapping[PrincipalId, str]:
    """Return the names of those principals that the directory knows."""
    return {each: world.names[each] for each in principals if each in world.names}


def _basis(basis: model.Basis) -> object:
    return basis if basis == "OWNER" else frozenset(map(GrantNumber, basis))


def notices(sent: Iterable[ShareNotice]) -> tuple[object, ...]:
    """Return what was sent to whom, in a fixed order."""
    return _in_order(
        _notice(each.to, each.actor, each.exams, each.permission, each.until, each.message)
        for each in sent
    )


def notices_in_model(sent: Iterable[model.Notice]) -> tuple[object, ...]:
    """Return what was sent to whom, in a fixed order."""
    return _in_order(
        _notice(each.to, each.actor, len(each.exams), each.permission, each.until, each.message)
        for each in sent
    )


def _notice(to: UserId, actor: UserId, exams: int, *gained: object) -> tuple[object, ...]:
    permission, until, message = gained
    counted = f"{exams} exam{'' if exams == 1 else 's'}"
    return to, f"from {actor}", counted, permission, until, message or "no message"


def _in_order(values: Iterable[tuple[object, ...]]) -> tuple[object, ...]:
    return tuple(sorted(values, key=lambda each: [str(part) for part in each]))


def exams_listed(exams: Iterable[VisibleExam]) -> tuple[object, ...]:
    """Return the exams of a list, in their order."""
    return tuple([(each.exam, each.permission) for each in exams])


def explained(answer: Permitted | Denied, number: Number, ways: Ways) -> Plain:
    """Return what an answer rests on, or the nearest grants, each with the way to it."""
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
        "nearest": dict(_nearest(miss, number, ways) for miss in answer.nearest),
    }


def _nearest(miss: NearMiss, number: Number, ways: Ways) -> tuple[object, object]:
    if miss.grant is None:
        return OWNERSHIP, miss.why_not.value
    return number(miss.grant), (miss.why_not.value, _way(miss.path, ways(miss.grant.recipient)))


def _way(path: tuple[PrincipalId, ...], ways: frozenset[tuple[PrincipalId, ...]]) -> object:
    """Return all shortest ways if the path is one of them: any of them will do."""
    return ways if path in ways else frozenset({path})


def explained_in_model(answer: model.Explained, way_to: Callable[[int], object]) -> Plain:
    """Return what an answer rests on, or the nearest grants, each with the way to it."""
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
        nearest[OWNERSHIP] = "USER_NOT_ACTIVE"
    return {
        "holds": False,
        "codes": frozenset({"DOWNLOAD_NOT_HELD" if views else "EXAM_NOT_FOUND"}),
        "nearest": nearest,
    }


def holders(found: Iterable[Holder], number: Number) -> Plain:
    """Return who holds a permission, and by what."""
    return {
        each.user: frozenset(map(number, each.grants)) | ({OWNERSHIP} if each.as_owner else set())
        for each in found
    }


def holders_in_model(found: Mapping[UserId, model.Explained] | model.Refused) -> object:
    """Return who holds a permission, and by what."""
    if isinstance(found, model.Refused):
        return refusal_in_model(found)
    return {
        user: frozenset(map(GrantNumber, held.grants)) | ({OWNERSHIP} if held.as_owner else set())
        for user, held in found.items()
    }


def choices(found: Iterable[Choice] | Iterable[model.Choice]) -> tuple[object, ...]:
    """Return who can be chosen, in order: by which name, and what they hold until when."""
    return tuple([(each.principal, each.name, dict(each.held)) for each in found])


def share_form(form: ShareForm | model.Form | None) -> object:
    """Return what the share form shows; the model has `None` if there is no Share tab."""
    if form is None or (isinstance(form, ShareForm) and not form.has_share_tab):
        return "no Share tab"
    return {
        "download box": form.offers_download,
        "batch": frozenset(form.exams),
        "subjects": f"{form.subjects}",
        "wording": form.wording,
        "messages": form.sends_messages,
        "latest time": form.latest_until,
    }


def access_list(answer: AccessList, shown: Shown) -> Plain:
    """Return what the access list shows."""
    entries: dict[object, object] = {"owner": answer.owner, "names": dict(answer.names)}
    for entry in answer.entries:
        grants = [(*shown(each.grant), each.can_unshare) for each in entry.grants]
        entries[entry.principal] = {
            "name": entry.name,
            "holds until": dict(entry.held),
            "can be unshared": entry.can_unshare,
            "grants that can be unshared": {number: can for number, _, can in grants},
            "basis of each grant": {number: basis for number, basis, _ in grants},
        }
    return entries


def access_list_in_model(world: model.World, answer: model.AccessList | model.Refused) -> object:
    """Return what the access list shows."""
    if isinstance(answer, model.Refused):
        return refusal_in_model(answer)
    shown = [grant for entry in answer.entries.values() for grant in entry.grants]
    names = _names(world, {answer.owner, *_people(world, shown)})
    entries: dict[object, object] = {"owner": answer.owner, "names": names}
    for principal, entry in answer.entries.items():
        entries[principal] = {
            "name": world.names[principal],
            "holds until": dict(entry.until),
            "can be unshared": entry.can_unshare,
            "grants that can be unshared": {GrantNumber(n): can for n, can in entry.grants.items()},
            "basis of each grant": {GrantNumber(n): _basis(b) for n, b in entry.bases.items()},
        }
    return entries


def preview(previewed: Preview, numbers: Mapping[GrantId, int]) -> Plain:
    """Return what an act would do."""
    return {
        "refused": refusal(previewed.reasons, numbers),
        "gains": _effects(previewed.gains),
        "losses": _effects(previewed.losses),
        "keeps": _effects(previewed.keeps),
        "repeated": previewed.repeated,
        "names": dict(previewed.names),
    }


def _effects(effects: Iterable[Effect]) -> Plain:
    return {
        (each.principal, each.exam, each.permission): (
            each.until_after if each.held_after else NOT_HELD,
            BEFORE,
            each.until_before if each.held_before else NOT_HELD,
        )
        for each in effects
    }


def preview_in_model(world: model.World, previewed: model.Preview) -> Plain:
    """Return what an act would do."""
    refused = previewed.refused
    effects = (*previewed.gains, *previewed.losses, *previewed.keeps)
    return {
        "refused": Refusal({}) if refused is None else refusal_in_model(refused),
        "gains": _effects_in_model(previewed.gains),
        "losses": _effects_in_model(previewed.losses),
        "keeps": _effects_in_model(previewed.keeps),
        "repeated": previewed.repeated,
        "names": _names(world, {principal for principal, _, _ in effects}),
    }


def _effects_in_model(effects: model.Effects) -> Plain:
    return {
        what: (_until(after), BEFORE, _until(before)) for what, (before, after) in effects.items()
    }


def _until(horizon: datetime) -> object:
    if horizon == model.FOREVER:
        return None
    return NOT_HELD if horizon == model.NEVER else horizon
