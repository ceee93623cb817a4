"""What each judge finds different from what the package said and did."""

from collections import Counter

from judges import cedar
from judges.answer_sets import Answer
from judges.naive import NaiveWorld


def differences(trial):
    """Yield in words, with the seed, whatever a judge does not agree with."""
    for judge, what, expected, got in _comparisons(trial):
        if expected != got:
            yield f"seed {trial.seed}: {judge} on {what}: {_differing(expected, got)}"


def reached(trial):
    """Count the interesting places that a trial came to."""
    gone = [pieces for pieces in trial.left.values() if not pieces]
    return Counter(
        {
            "trials": 1,
            "yes": len(trial.held_before),
            "yes by several grants": sum(len(why) > 1 for why in trial.explained.values()),
            "grants that expired": sum(g.expired(trial.before.now) for g in trial.before.grants),
            "re-shares": sum(isinstance(g.basis, frozenset) for g in trial.before.grants),
            "acts": trial.act is not None,
            "cascades that end more than is named": _cascades(trial) and len(gone) > 1,
            "grants of which two parts are left": sum(len(p) > 1 for p in trial.left.values()),
        }
    )


def _cascades(trial):
    return trial.act is not None and trial.act.reshares.name == "CASCADE"


def _comparisons(trial):
    before, after = Answer(trial.before, trial.act), Answer(trial.after)
    naive = NaiveWorld(trial.before)
    by_cedar, by_cedar_after = cedar.held(trial.before), cedar.held(trial.after)
    yield "clingo", "who holds what", before.held, trial.held_before
    yield "clingo", "who holds what afterwards", after.held, trial.held_after
    yield "clingo", "the grants that give it", before.gives, _by_grants(trial.explained)
    yield "the model", "who holds what", naive.held(), trial.held_before
    yield "the model", "who holds what afterwards", NaiveWorld(trial.after).held(), trial.held_after
    yield "Cedar", "who holds what afterwards", frozenset(by_cedar_after), trial.held_after
    yield "Cedar", "who holds what and why", by_cedar, trial.explained
    if trial.act is not None:
        yield "clingo", "what the act left", before.left, trial.left
        yield "the model", "what the act left", naive.left_by(trial.act), trial.left


def _by_grants(explained):
    found = {question: set(grants) - {None} for question, grants in explained.items()}
    return {question: grants for question, grants in found.items() if grants}


def _differing(expected, got):
    if isinstance(expected, dict):
        keys = [key for key in expected.keys() | got.keys() if expected.get(key) != got.get(key)]
        return [(key, expected.get(key), got.get(key)) for key in keys]
    return {"only the judge": expected - got, "only the package": got - expected}
