"""What Hypothesis runs when it is imported: it lets `from_type` know the types of `exam_sharing`.

This lies beside the package, as Hypothesis' own pytest plugin does: whatever lies in the package
imports all of it first. Hypothesis must not wait for that, nor fail if that fails, in programs that
never use it. So nothing is imported here until somebody imports the package, whose types nobody can
name before.
"""

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["register_once_imported"]

_PACKAGE = "exam_sharing"


def register_once_imported() -> None:
    """Register strategies for the types of the package, at once if it is imported already."""
    if _PACKAGE in sys.modules:
        _register()
    else:
        sys.meta_path.insert(0, _Waiting())


def _register() -> None:
    from exam_sharing.testing.registration import register  # noqa: PLC0415  the point of it

    register()


class _Waiting(MetaPathFinder):
    """Finds the package as everybody else does, and registers once it has been imported."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Return how the package is imported by others, with one step more at its end."""
        if fullname != _PACKAGE:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        specs = (finder.find_spec(fullname, path, target) for finder in others)
        spec = next((each for each in specs if each is not None), None)
        if spec is not None and spec.loader is not None:
            spec.loader = _Registering(spec.loader, self)
        return spec


class _Registering(Loader):
    """Loads the package as another loader does, then registers."""

    def __init__(self, loader: Loader, waiting: _Waiting) -> None:
        self._loader = loader
        self._waiting = waiting

    def __getattr__(self, name: str) -> object:
        """Answer whatever else a loader can be asked for."""
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Create the module as the other loader does."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Import the package, and no more wait for it."""
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        if self._waiting in sys.meta_path:
            sys.meta_path.remove(self._waiting)
        _register()
