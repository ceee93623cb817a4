"""The portal that the commands work on: sharing, and the people and groups, of one database."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

import attrs

from exam_sharing import Group, PrincipalId, Sharing
from exam_sharing.cli.commands import CommandFailed
from exam_sharing.cli.parsing import spelled
from exam_sharing.cli.words import Words
from exam_sharing.directories import KeptDirectory, Known

OpenSharing: TypeAlias = Callable[..., tuple[Sharing, KeptDirectory]]
"""Takes the settings of a `Sharing` over an empty directory, and returns both."""


class _Names(dict[PrincipalId, str]):
    """Names with the ids to type; each is looked up once."""

    def __init__(self, directory: KeptDirectory) -> None:
        super().__init__()
        self._directory = directory

    def __missing__(self, who: PrincipalId) -> str:
        name = self._directory.names((who,)).get(who, "").strip()
        self[who] = f"{name} ({spelled(who)})" if name else spelled(who)
        return self[who]


def names_in(directory: KeptDirectory) -> Words:
    """Return words that name people and groups as a directory does."""
    return Words(names=_Names(directory))


@attrs.frozen(kw_only=True)
class Portal:
    """Sharing over one database; its place, for people, contains no password."""

    place: str
    sharing: Sharing
    directory: KeptDirectory

    def everybody(self) -> Iterator[Known]:
        """Yield all users and groups, by their ids, groups first."""
        page = self.directory.known()
        while page:
            yield from page
            last = page[-1]
            page = self.directory.known(last.id if isinstance(last, Group) else last.user.id)

    def require_known(self, argument: str, *named: PrincipalId) -> None:
        """Raise `CommandFailed` if somebody who was typed for an argument is not in the directory.

        What was typed is not repeated: it may be a message whose option was left out.
        """
        known = self.directory.names(named)
        unknown = [str(place) for place, each in enumerate(named, 1) if each not in known]
        if unknown:
            where = f" in place {' and '.join(unknown)}" if len(named) > 1 else ""
            raise CommandFailed(
                f"{argument} names nobody in the directory{where}; see: exam-sharing people"
            )
