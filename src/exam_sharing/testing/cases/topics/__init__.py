"""Decision cases by topic: for each rule, in words, its cases by name; and the people in them."""

from functools import partial
from typing import Final

from exam_sharing.testing.cases.builders import case
from exam_sharing.testing.cases.people import Group, User

anna: Final = User("anna")
"""The owner of the exams."""
ben: Final = User("ben")
carla: Final = User("carla")
dan: Final = User("dan")
eva: Final = User("eva")
nurses: Final = Group("nurses")
"""Holds Dan and Éva."""
clinic: Final = Group("clinic")
"""Holds Carla and the nurses."""


class After:
    """Cases that start after Anna shared the CT with Ben or the nurses, or Ben with Carla."""

    share: Final = partial(case, anna.share(ben))
    reshare: Final = partial(case, anna.share(ben), ben.share(carla))
    download: Final = partial(case, anna.share_download(ben))
    downloads: Final = partial(case, anna.share_download(ben), ben.share_download(carla))
    group_share: Final = partial(case, anna.share(nurses))
