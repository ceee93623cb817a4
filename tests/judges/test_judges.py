"""Judges that share no code with the engine find the same: SPEC sections 1 and 3."""

from collections import Counter

import pytest

from judges.random_worlds import trial
from judges.verdicts import differences, reached

PORTION = 20


@pytest.mark.parametrize("first", range(0, 120, PORTION))
def test_three_judges_find_what_the_package_said_and_did(first):
    for seed in range(first, first + PORTION):
        assert list(differences(trial(seed))) == []


def test_the_worlds_that_are_judged_come_to_the_interesting_places():
    counted = sum((reached(trial(seed)) for seed in range(120)), Counter())
    assert counted["yes by several grants"] > 120
    assert counted["re-shares"] > 120
    assert counted["grants that expired"] > 40
    assert counted["cascades that end more than is named"] > 10
    assert counted["grants of which two parts are left"] > 1
