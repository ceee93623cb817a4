"""The laws of a rule of the host: `HostRule`.

Specification: `#decisions-are-pure`, `#disclosure`.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any, Final

import attrs
from hypothesis import assume
from hypothesis import strategies as st

import exam_sharing as es
from exam_sharing.acts import gathering
from exam_sharing.policy.facts import ExamFacts, ExamGrants, ShareFacts
from exam_sharing.ports import HostFacts
from exam_sharing.testing.laws.law import Law, Laws, insist, same
from exam_sharing.testing.opening import opened
from exam_sharing.testing.story import WORDS
from exam_sharing.testing.strategies import worlds
from exam_sharing.testing.worlds import World
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


@attrs.frozen(kw_only=True)
class _Case:
    """A share of exams that the actor sees, in a batch with exams that the actor does not see."""

    world: World
    request: es.ShareRequest
    facts: ShareFacts
    unseen: tuple[ExamFacts, ...]


@st.composite
def _cases(draw: st.DrawFn) -> _Case:
    world = draw(worlds(max_acts=4))
    can, now = world.sharing.can, world.clock.now
    held = [(u, e) for u in world.users for e in world.exams if can(u, es.Permission.VIEW, e)]
    assume(held)
    actor, exam = draw(st.sampled_from(held))
    recipients = st.sampled_from([each for each in world.principals if each != actor])
    unseen_names = [f"unseen {place}" for place in range(draw(st.integers(0, 3)))]
    asked: es.ShareRequest = draw(st.from_type(es.ShareRequest))
    request = attrs.evolve(
        asked,
        actor=actor,
        exam=exam,
        recipients=draw(st.lists(recipients, min_size=1, max_size=3)),
        scope=es.Scope.BATCH if unseen_names else asked.scope,
    )
    with opened(lambda: world.store) as store:
        ports = store.with_people(world.directory, notifier=world.notifier)
        facts = gathering.share_facts(ports, es.Policy(), request, now)
    subjects = st.sampled_from((None, "subject 1", "subject 2"))
    seen = tuple(
        attrs.evolve(each, exam=attrs.evolve(each.exam, subject=draw(subjects)))
        for each in facts.exams
        if can(actor, es.Permission.VIEW, each.id)
    )
    other = attrs.evolve(seen[0].exam, owner=es.UserId("stranger"), subject=draw(subjects))
    unseen = tuple(
        ExamFacts(exam=attrs.evolve(other, id=es.ExamId(name)), sharing=ExamGrants())
        for name in unseen_names
    )
    facts = attrs.evolve(facts, exams=seen)
    return _Case(world=world, request=request, facts=facts, unseen=unseen)


def _story(case: _Case) -> Iterator[str]:
    yield from case.world.story
    for exam in case.facts.exams:
        yield f"{exam.id} is of {exam.exam.subject or 'nobody'}."
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
