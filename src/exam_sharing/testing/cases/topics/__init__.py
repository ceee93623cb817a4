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
nobody: Final = User("nobody")
"""An unknown user."""
nurses: Final = Group("nurses")
"""Holds Dan and Éva."""
clinic: Final = Group("clinic")
"""Holds Carla and the nurses."""
board: Final = Group("board")
"""A group that a case has to add."""

shared_with_ben = partial(case, given=anna.share(ben))
passed_on_to_carla = partial(case, given=[anna.share(ben), ben.share(carla)])
download_for_ben = partial(case, given=anna.share_download(ben))
shared_with_nurses = partial(case, given=anna.share(nurses))
own_grants = partial(case, policy={"access_list": "OWN_GRANTS"})
one_day = partial(case, policy={"max_duration": 86400})
"""As `case`, after these acts or under this policy."""
