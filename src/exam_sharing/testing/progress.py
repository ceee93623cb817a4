"""The progress of a search for a failing example, which is made smaller once one was found."""

from logging import getLogger
from time import monotonic
from typing import Final

import attrs

_LOG: Final = getLogger("exam_sharing.testing")
_SHORT: Final = 1.0
"""A longer search for a smaller example is logged; in seconds."""


@attrs.define
class Search:
    """Counts examples, called `unit`; logs once that a smaller one than the first is looked for."""

    unit: str
    tried: int = 0
    failed_first: int = 0
    _logged_from: float = float("inf")

    def next_example(self) -> None:
        """Count an example that is tried now."""
        self.tried += 1
        if monotonic() > self._logged_from:
            self._logged_from = float("inf")
            told = "%s %d breaks the rules; now looking for the smallest one"
            _LOG.warning(told, self.unit, self.failed_first)

    def failed(self) -> None:
        """Record that the example that was tried last has failed."""
        if not self.failed_first:
            self.failed_first, self._logged_from = self.tried, monotonic() + _SHORT
