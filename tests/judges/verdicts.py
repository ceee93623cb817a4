"""Where each judge disagrees with what the package did and answered."""

from collections import Counter

from judges import cedar
from judges.answer_sets import Answer
from judges.naive import NaiveWorld


def differences(trial):
    """Return, in words, every point on which a judge disagrees."""
    return [
        f"{judge} on {what}: {_differing(expected, got)}"
        for judge, what, expected, got in _comparisons(trial)
        if expected != got
    ]


def reached(trial):
    """Count the difficult places in a trial."""
    gone = [pieces for pieces in trial.left.values() if not pieces]
    cascades = trial.act is not None and trial.act.reshares.name == "CASCADE"
    return Counter(
        {
            "trials": 1,
            "yes": len(trial.held_before),
            "yes by several grants": sum(len(why) > 1 for why in trial.explained.values()),
            "expired grants": sum(g.expired(trial.before.now) for g in trial.before.grants),
            "re-shares": sum(isinstance(g.basis, frozenset) for g in trial.before.grants),
            "withdrawn exams": len(trial.before.withdrawn),
            "acts": trial.act is not None,
            "cascades that end more than one grant": cascades and len(gone) > 1,
            "grants with two parts left": sum(len(p) > 1 for p in trial.left.values()),
        }
    )


def _comparisons(trial):
    before, after = Answer(trial.before, trial.act), Answer(trial.after)
    naive = NaiveWorld(trial.before)
    by_grants = {question: set(why) - {None} for question, why in trial.explained.items()}
    by_grants = {question: grants for question, grants in by_grants.items() if grants}
    yield "clingo", "who holds what", before.held, trial.held_before
    yield "clingo", "who holds what after the act", after.held, trial.held_after
    yield "clingo", "the grants that give it", before.gives, by_grants
    yield "the model", "who holds what", naive.held(), trial.held_before
    again = trial.explained_again
    yield "clingo", "who held what, asked later", before.held, frozenset(again)
    yield "the model", "who held what, asked later", naive.held(), frozenset(again)
    held_after = NaiveWorld(trial.after).held()
    yield "the model", "who holds what after the act", held_after, trial.held_after
    held_after = frozenset(cedar.held(trial.after))
    yield "Cedar", "who holds what after the act", held_after, trial.held_after
    by_cedar = cedar.held(trial.before)
    yield "Cedar", "who holds what and why", by_cedar, trial.explained
    yield "Cedar", "who held what and why, asked later", by_cedar, again
    if trial.act is not None:
        yield "clingo", "what the act left", before.left, trial.left
        yield "the model", "what the act left", naive.left_by(trial.act), trial.left


def _differing(expected, got):
    if isinstance(expected, dict):
        keys = [key for key in expected.keys() | got.keys() if expected.get(key) != got.get(key)]
        return [(key, expected.get(key), got.get(key)) for key in keys]
    return {"only the judge": expected - got, "only the package": got - expected}
