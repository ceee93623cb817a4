"""The portal that the commands work on: sharing, and the people and groups, of one database."""

from collections.abc import Iterator

import attrs

from exam_sharing import Group, GroupId, PrincipalId, Sharing
from exam_sharing.cli.arguments import spelled
from exam_sharing.cli.words import Words, local_time
from exam_sharing.errors import ExamSharingError
from exam_sharing.memory.kept_directory import KeptDirectory, Known

__all__ = ["NotInDirectory", "Portal", "words_for"]


class NotInDirectory(ExamSharingError):
    """Somebody was named whom the directory does not know.

    Args:
        named: as they were typed.
    """

    def __init__(self, named: tuple[str, ...]) -> None:
        """Keep what was typed."""
        super().__init__(named)
        self.named = named

    def __str__(self) -> str:
        """Say who is unknown and where the known ones are listed."""
        verb = "is" if len(self.named) == 1 else "are"
        return f"{', '.join(self.named)} {verb} not in the directory; see: exam-sharing people"


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

    def require_known(self, *named: PrincipalId) -> None:
        """Make sure that whoever was typed is in the directory.

        Raises:
            NotInDirectory: somebody is not; all of them are told.
        """
        known = self.directory.names(named)
        unknown = tuple(_with_kind(each) for each in dict.fromkeys(named) if each not in known)
        if unknown:
            raise NotInDirectory(unknown)


def _id_of(known: Known) -> PrincipalId:
    return known.id if isinstance(known, Group) else known.user.id


def _with_kind(who: PrincipalId) -> str:
    return f"{'group' if isinstance(who, GroupId) else 'user'} {str(who)!r}"
