"""The portal that the commands work on: sharing, and the people and groups, of one database."""

from collections.abc import Iterator

import attrs

from exam_sharing import Group, PrincipalId, Sharing
from exam_sharing.cli.arguments import spelled
from exam_sharing.cli.words import Words, local_time
from exam_sharing.directories import KeptDirectory, Known
from exam_sharing.errors import ExamSharingError

__all__ = ["NotInDirectory", "Portal", "words_for"]


class NotInDirectory(ExamSharingError):
    """Somebody was named whom the directory does not know.

    What was typed for them is not repeated: it may be a message whose option was left out.

    Args:
        argument: where they were typed, as `--with`.
        places: which of several there, from 1; empty where there can be one alone.
    """

    def __init__(self, argument: str, places: tuple[int, ...] = ()) -> None:
        """Keep where it was typed."""
        super().__init__(argument, places)
        self.argument = argument
        self.places = places

    def __str__(self) -> str:
        """Say who is unknown and where the known ones are listed."""
        places = " and ".join(map(str, self.places))
        where = f" in place {places}" if self.places else ""
        return f"{self.argument} names nobody in the directory{where}; see: exam-sharing people"


class _Names(dict[PrincipalId, str]):
    """Names with the id behind them, to be typed; each is looked up once."""

    def __init__(self, directory: KeptDirectory) -> None:
        super().__init__()
        self._directory = directory

    def __missing__(self, who: PrincipalId) -> str:
        name = self._directory.names((who,)).get(who, "").strip()
        self[who] = f"{name} ({spelled(who)})" if name else spelled(who)
        return self[who]


def words_for(directory: KeptDirectory) -> Words:
    """Return how to say things: people by name and id, exams by id, times in full."""
    return Words(names=_Names(directory), numbers={}, when=local_time)


@attrs.frozen(kw_only=True)
class Portal:
    """Sharing over one database.

    Attributes:
        place: where the database is, for people; it tells no password.
        sharing: the library.
        directory: the people and groups in the same database.
    """

    place: str
    sharing: Sharing
    directory: KeptDirectory

    def words(self) -> Words:
        """Return how to say things of this portal."""
        return words_for(self.directory)

    def everybody(self) -> Iterator[Known]:
        """Yield all users and groups, by their ids, groups first."""
        page = self.directory.known()
        while page:
            yield from page
            page = self.directory.known(_id_of(page[-1]))

    def require_known(self, argument: str, *named: PrincipalId) -> None:
        """Make sure that whoever was typed is in the directory.

        Args:
            argument: where they were typed, as `--with`.
            named: who.

        Raises:
            NotInDirectory: somebody is not; all of them are told.
        """
        known = self.directory.names(named)
        unknown = tuple(place for place, each in enumerate(named, start=1) if each not in known)
        if unknown:
            raise NotInDirectory(argument, unknown if len(named) > 1 else ())


def _id_of(known: Known) -> PrincipalId:
    return known.id if isinstance(known, Group) else known.user.id
