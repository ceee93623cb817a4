"""The judge that is Cedar: one policy for each grant and one for owners, run by cedarpy.

Cedar gets the groups, the owners and the time. Its answer names every policy that allows, so it
also judges explanations.
"""

from datetime import UTC, datetime, timedelta
from itertools import product

import cedarpy

from exam_sharing import GroupId, Permission
from exam_sharing.grants import FOREVER
from judges.trials import Facts

ACTIONS = {Permission.VIEW: "view", Permission.DOWNLOAD: "download"}

OWNER_POLICY = """
@id("")
permit(principal, action, resource)
when { principal.active && principal == resource.owner && !resource.withdrawn };
"""


def held(facts: Facts):
    """Return who holds what, each with the grants that give it, and `None` for ownership."""
    policies = OWNER_POLICY + "".join(_policy(grant) for grant in facts.grants)
    exams = [exam.id for exam in facts.exams]
    asked = list(product(facts.users, exams, Permission))
    requests = [
        {
            "principal": f'User::"{user}"',
            "action": f'Action::"{ACTIONS[permission]}"',
            "resource": f'Exam::"{exam}"',
            "context": {"now": _microseconds(facts.now)},
        }
        for user, exam, permission in asked
    ]
    answers = cedarpy.is_authorized_batch(requests, policies, list(_entities(facts)))
    by_name = {str(grant.id): grant.id for grant in facts.grants} | {"": None}
    found = {}
    for question, answer in zip(asked, answers, strict=True):
        diagnostics = answer.diagnostics
        assert not diagnostics.errors, diagnostics.errors
        if answer.allowed:
            names = diagnostics.id_annotations_by_reason
            found[question] = frozenset(by_name[names[each]] for each in diagnostics.reasons)
    return found


def _policy(grant):
    whom = "in" if isinstance(grant.recipient, GroupId) else "=="
    may = ", ".join(
        f'Action::"{word}"' for each, word in ACTIONS.items() if each <= grant.permission
    )
    lasts = "true" if grant.until is None else f"context.now < {_microseconds(grant.until)}"
    return f"""
@id("{grant.id}")
permit(principal {whom} {_entity(grant.recipient)}, action in [{may}], resource)
when {{ principal.active && principal != {_entity(grant.grantor)} && {lasts} }}
when {{ resource == Exam::"{grant.exam}" && !resource.withdrawn }};
"""


def _entities(facts):
    parents = {}
    for group, members in facts.groups.items():
        for member in members:
            parents.setdefault(member, []).append(_uid(group))
    for user, active in facts.users.items():
        yield {"uid": _uid(user), "attrs": {"active": active}, "parents": parents.get(user, [])}
    for group in facts.groups:
        yield {"uid": _uid(group), "attrs": {}, "parents": parents.get(group, [])}
    for exam in facts.exams:
        attributes = {
            "owner": {"__entity": _uid(exam.owner)},
            "withdrawn": exam.id in facts.withdrawn,
        }
        yield {"uid": {"type": "Exam", "id": str(exam.id)}, "attrs": attributes, "parents": []}


def _kind(principal):
    return "Group" if isinstance(principal, GroupId) else "User"


def _uid(principal):
    return {"type": _kind(principal), "id": str(principal)}


def _entity(principal):
    return f'{_kind(principal)}::"{principal}"'


def _microseconds(time):
    assert time != FOREVER
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
