"""How the tests run: which Hypothesis profile, and why, and with which databases.

`dev` looks at new examples each time, so that somebody's run finds what nobody has met yet; `ci`
(chosen where `CI` is `true`) looks at the same ones each time, so that a change is judged by itself
alone; `quick` is for runs that repeat the suite to measure it, and `few` for those that repeat it
for every mutant and ask no more than whether it fails. `HYPOTHESIS_PROFILE` overrides.
"""

import os

from hypothesis import Phase, settings

pytest_plugins = ["databases", "where_kept", "every_directory", "every_store"]

settings.register_profile("dev", print_blob=True, deadline=None)
settings.register_profile("ci", parent=settings.get_profile("dev"), derandomize=True, database=None)
settings.register_profile("quick", parent=settings.get_profile("ci"), max_examples=25)
settings.register_profile(
    "few", parent=settings.get_profile("ci"), max_examples=8, phases=[Phase.generate]
)

settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") == "true" else "dev")
)
