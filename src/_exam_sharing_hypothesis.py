"""The entry point that Hypothesis runs when it is imported.

It lies beside the package because importing anything in the package imports all of it, which takes
longer than a program that never uses it should wait.
"""

import sys
from importlib import import_module

__all__ = ["register_once_imported"]


def register_once_imported() -> None:
    """Register the strategies for `from_type` if the program has imported the package already."""
    if "exam_sharing" in sys.modules:
        import_module("exam_sharing.testing.strategies")
