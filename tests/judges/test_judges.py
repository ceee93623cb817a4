"""Judges that share no code with the engine agree with it.

Specification: `#access`, `#unsharing-and-narrowing`, `#re-shares`.
"""

from collections import Counter

from hypothesis import given, settings

from judges.trials import trials
from judges.verdicts import differences, reached


def test_three_judges_agree_with_the_package():
    counted = Counter()

    @settings(max_examples=150)
    @given(trials())
    def judge(trial):
        counted.update(reached(trial))
        assert differences(trial) == []

    judge()
    assert counted["yes by several grants"] > 60
    assert counted["re-shares"] > 60
    assert counted["expired grants"] > 20
    assert counted["cascades that end more than one grant"] > 5
    assert counted["grants with two parts left"] > 0
