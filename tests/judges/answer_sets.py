"""The judge that is an answer-set program: `sharing.lp`, run by clingo.

From facts it derives who holds what, by which grants, and what an act leaves of each grant. Times
become small whole numbers in the same order.
"""

from pathlib import Path

import clingo

import exam_sharing as es
from exam_sharing.grants import FOREVER
from judges.trials import Facts

PROGRAM = Path(__file__).with_name("sharing.lp").read_text()


class Answer:
    """What follows from the facts.

    Attributes:
        held: who holds what before the act.
        gives: for each of these, the grants that give it.
        left: for each grant that stands before the act, the pieces left of it.
    """

    def __init__(self, facts: Facts, act=None):
        self._times = _times_in_order(facts, act)
        self._ids = [grant.id for grant in facts.ever_granted()]
        control = clingo.Control(["--warn=none"])
        control.add("base", [], PROGRAM + "\n".join(self._program(facts, act)))
        control.ground([("base", [])])
        shown = []
        found = control.solve(on_model=lambda model: shown.extend(model.symbols(shown=True)))
        assert found.satisfiable
        self.held, self.gives, self.left = self._read(facts, shown)

    def _program(self, facts, act):
        yield f"now({self._at(facts.now)}). permission(1..2)."
        yield from _people(facts)
        yield from _exams(facts)
        number = {grant: place for place, grant in enumerate(self._ids)}
        for grant in facts.ever_granted():
            yield self._grant(number[grant.id], grant)
            sources = () if grant.basis is es.OWNER else grant.basis
            yield from (f"basis({number[grant.id]}, {number[each]})." for each in sources)
        for past in facts.ended:
            yield f"ended({number[past.grant.id]})."
            new = (number[each] for each in past.ending.replaced_by)
            yield from (f"replaced({number[past.grant.id]}, {each})." for each in new)
        if act is not None:
            yield from self._act(act)

    def _grant(self, number, grant):
        whom = _text(grant.exam), _text(grant.grantor), _principal(grant.recipient)
        fields = (number, *whom, int(grant.permission), self._at(grant.horizon))
        as_owner = f" owner_basis({number})." if grant.basis is es.OWNER else ""
        return f"grant({', '.join(map(str, fields))}).{as_owner}"

    def _act(self, act):
        at_most, latest = _bound(act)
        whom = f"{_text(act.actor)}, {_principal(act.recipient)}"
        yield f"act({_text(act.exam)}, {whom}, {at_most}, {self._at(latest)})."
        if act.reshares is es.Reshares.CASCADE:
            yield "cascade."

    def _at(self, time):
        return self._times.index(time)

    def _read(self, facts, shown):
        held, gives = set(), {}
        left = {grant.id: set() for grant in facts.grants if not grant.expired(facts.now)}
        for symbol in shown:
            arguments = symbol.arguments
            if symbol.name == "left":
                grant, permission, time = (each.number for each in arguments)
                left[self._ids[grant]].add((es.Permission(permission), self._times[time]))
            else:
                user, exam, permission = arguments[-3:]
                key = (
                    es.UserId(user.string),
                    es.ExamId(exam.string),
                    es.Permission(permission.number),
                )
                if symbol.name == "held":
                    held.add(key)
                else:
                    gives.setdefault(key, set()).add(self._ids[arguments[0].number])
        return held, gives, left


def _people(facts):
    for user, active in facts.users.items():
        yield f"user({_text(user)})."
        if active:
            yield f"active({_text(user)})."
    for group, members in facts.groups.items():
        yield from (f"member({_principal(group)}, {_principal(each)})." for each in members)


def _exams(facts):
    for exam in facts.exams:
        yield f"owner({_text(exam.id)}, {_text(exam.owner)})."
    yield from (f"withdrawn({_text(exam)})." for exam in facts.withdrawn)


def _times_in_order(facts, act):
    times = {facts.now, FOREVER, *(grant.horizon for grant in facts.ever_granted())}
    return sorted(times | ({_bound(act)[1]} if act is not None else set()))


def _bound(act):
    """Return the highest permission and the latest time that the act leaves."""
    if not isinstance(act, es.NarrowRequest):
        return 0, FOREVER
    at_most = es.Permission.DOWNLOAD if act.permission is None else act.permission
    return int(at_most), FOREVER if act.until is None else act.until


def _text(identifier):
    return f'"{identifier}"'


def _principal(identifier):
    kind = "group" if isinstance(identifier, es.GroupId) else "user"
    return f"{kind}({_text(identifier)})"
