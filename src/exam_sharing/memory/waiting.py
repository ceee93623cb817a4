"""How long an act that lost a race waits before it is decided again."""

from typing import Final

__all__ = ["longest_wait"]

_FIRST: Final = 0.002
_LONGEST: Final = 0.5
_DOUBLINGS: Final = 8


def longest_wait(lost: int) -> float:
    """Return for how many seconds an act waits at most; doubled with each lost race, to a bound.

    Args:
        lost: how many races it has lost, from 1.
    """
    doubled: int = 2 ** min(lost - 1, _DOUBLINGS)
    return min(_LONGEST, _FIRST * doubled)
