"""The laws of a rule of the host: `HostRule`.

Specification: `#decisions-are-pure`, `#disclosure`.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any, Final

import attrs
from hypothesis import strategies as st

import exam_sharing as es
from exam_sharing.policy.facts import ExamFacts, ExamGrants, People, Profile, ShareFacts
from exam_sharing.ports import HostFacts
from exam_sharing.testing.edges import DAY, START
from exam_sharing.testing.laws.law import Law, Laws, insist, same
from exam_sharing.testing.story import WORDS
from exam_sharing.validation import is_a, is_whole_from


def _is_host_facts(_instance: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if value is not None and not callable(getattr(value, "about", None)):
        raise es.WrongKind(attribute.name, HostFacts.__name__, type(value).__name__)


@attrs.frozen(kw_only=True)
class _Trial:
    rule: es.HostRule = attrs.field(validator=is_a(es.HostRule))
    host_facts: HostFacts | None = attrs.field(validator=_is_host_facts)
    examples: int = attrs.field(validator=is_whole_from(1))

    def answer(self, case: "_Case") -> object:
        covered = tuple(exam.id for exam in case.facts.exams if exam not in case.unseen)
        host = None if self.host_facts is None else self.host_facts.about(case.request, covered)
        return self.rule.refuses(case.request, attrs.evolve(case.facts, host=host), host)


law: Final = Laws[_Trial, _Trial](nullcontext)

_CD: Final = es.BatchId("cd")
_USERS: Final = tuple(map(es.UserId, "abcd"))
_ACTOR: Final = _USERS[0]
_BEHIND: Final[dict[es.PrincipalId, frozenset[es.UserId]]] = {
    **{user: frozenset({user}) for user in _USERS[1:3]},
    **{group: frozenset(_USERS[1:3]) for group in map(es.GroupId, "ab")},
}
"""The recipients, and the users behind each."""

_PROFILES: Final = {
    user: Profile(
        user=user,
        active=True,
        principals=frozenset({user.key}),
        sharing_in_plan=True,
        wants_notices=True,
    )
    for user in _USERS
}


@attrs.frozen(kw_only=True)
class _Case:
    """A share of exams that the actor sees, in a batch with exams that the actor does not see."""

    request: es.ShareRequest
    facts: ShareFacts
    unseen: tuple[ExamFacts, ...] = ()


def _exam(
    name: str, owner: es.UserId, subject: str | None, given: es.Permission | None
) -> ExamFacts:
    exam = es.Exam(id=es.ExamId(name), owner=owner, batch=_CD, uploaded_at=START, subject=subject)
    if given is None:
        return ExamFacts(exam=exam, sharing=ExamGrants())
    grant = es.Grant(
        id=es.GrantId(f"grant on {exam.id}"),
        exam=exam.id,
        grantor=owner,
        recipient=_ACTOR,
        permission=given,
        version=1,
        basis=es.OWNER,
        share=es.ShareId("share"),
        made_at=START,
    )
    return ExamFacts(exam=exam, sharing=ExamGrants(version=1, grants=(grant,)))


@st.composite
def _cases(draw: st.DrawFn) -> _Case:
    subjects = st.sampled_from([None, "subject 1", "subject 2"])
    owned = st.builds(lambda subject: (_ACTOR, subject, None), subjects)
    given = st.tuples(st.just(_USERS[3]), subjects, st.sampled_from(es.Permission))
    described = draw(st.lists(owned | given, min_size=1, max_size=3))
    exams = tuple(_exam(f"e{place}", *each) for place, each in enumerate(described))
    others = range(draw(st.integers(0, 2)))
    unseen = tuple(_exam(f"unseen {n}", _USERS[3], draw(subjects), None) for n in others)
    recipient = st.sampled_from(tuple(_BEHIND))
    recipients = draw(st.lists(recipient, min_size=1, max_size=3, unique=True))
    behind = {each: _BEHIND[each] for each in recipients}
    profiles = {user: _PROFILES[user] for users in behind.values() for user in users}
    people = People(behind=behind, profiles=profiles, seen=frozenset(recipients))
    request = es.ShareRequest(
        actor=_ACTOR,
        exam=exams[0].id,
        recipients=tuple(recipients),
        permission=draw(st.sampled_from(es.Permission)),
        scope=draw(st.sampled_from(es.Scope)) if len(exams) == 1 and not unseen else es.Scope.BATCH,
        until=draw(st.sampled_from([None, START + DAY, START + 3_650 * DAY])),
        attested=True,
        message=draw(st.sampled_from([None, "a message"])),
    )
    facts = ShareFacts(actor=_PROFILES[_ACTOR], exams=exams, people=people)
    return _Case(request=request, facts=facts, unseen=unseen)


def _story(case: _Case) -> Iterator[str]:
    for exam in case.facts.exams:
        yield f"There is {exam.id}, owned by {exam.exam.owner}, of {exam.exam.subject or 'nobody'}."
    for exam in case.unseen:
        yield f"In the same batch there is {exam.id}, which the actor does not see."
    yield f"{WORDS.request(case.request)}."


@law.of_examples(_cases(), _story)
def a_rule_answers_true_or_false(trial: _Trial, case: _Case) -> None:
    """The answer is a `bool` for every share; only `False` lets a share pass."""
    answer = trial.answer(case)
    insist(isinstance(answer, bool), f"the rule answered {answer!r}")


@law.of_examples(_cases(), _story)
def a_rule_answers_the_same_each_time(trial: _Trial, case: _Case) -> None:
    """The answer depends only on the request, the facts and the facts of the host."""
    first, second = trial.answer(case), trial.answer(case)
    same("the same question again", second, first)


@law.of_examples(_cases(), _story)
def a_rule_discloses_no_unseen_exams(trial: _Trial, case: _Case) -> None:
    """Exams that the actor cannot see do not change the answer."""
    alone = trial.answer(case)
    exams = (*case.facts.exams, *case.unseen)
    beside = attrs.evolve(case, facts=attrs.evolve(case.facts, exams=exams))
    same("the answer, with exams of the batch that are unseen", trial.answer(beside), alone)


def host_rule_laws(
    rule: es.HostRule, *, host_facts: HostFacts | None = None, examples: int = 50
) -> tuple[Law, ...]:
    """Return the laws of a rule of the host, each to be checked by itself.

    Args:
        rule: the rule.
        host_facts: returns the facts that the rule needs, as in the portal.
        examples: how many random shares each law tries.

    Raises:
        InvalidValue: `examples` is less than 1.
        WrongKind: an argument has another type.
    """
    return tuple(law.of(_Trial(rule=rule, host_facts=host_facts, examples=examples)))
