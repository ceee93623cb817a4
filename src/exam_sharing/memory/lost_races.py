"""How an act that lost a race waits: before it is decided again, and for its turn."""

from random import random
from time import sleep
from typing import Final

__all__ = ["PATIENCE", "longest_wait", "wait_by_chance"]

PATIENCE: Final = 5.0
"""For how many seconds an act waits until nobody else changes its exams, before it races again."""

_FIRST: Final = 0.002
_LONGEST: Final = 0.5
_DOUBLINGS: Final = 8


def wait_by_chance(lost: int) -> None:
    """Wait, for at most `longest_wait`; of those who lost together, each waits differently.

    Args:
        lost: how many races the act has lost, from 1.
    """
    sleep(longest_wait(lost) * random())  # noqa: S311  guards no secret


def longest_wait(lost: int) -> float:
    """Return for how many seconds an act waits at most; doubled with each lost race, to a bound.

    Args:
        lost: how many races it has lost, from 1.
    """
    doubled: int = 2 ** min(lost - 1, _DOUBLINGS)
    return min(_LONGEST, _FIRST * doubled)
