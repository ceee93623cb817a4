"""The Hypothesis profiles of the tests; the variable `HYPOTHESIS_PROFILE` selects one by name.

- `same` (the default): every run tries the same examples, as long as the versions of Python and
  Hypothesis are the same. A failure thus belongs to the change under test.
- `explore`: every run tries new examples. A failing example is kept in `.hypothesis` and tried
  again by the next exploring run; `--hypothesis-seed` repeats a run.
- `quick`: as `same`, with fewer examples, for runs that repeat the suite to measure it.
- `few`: fewer still and without shrinking, for runs that only ask whether a mutant fails.

No profile fails a test because the machine is slow. No profile draws the constants that stand in
imported modules, as Hypothesis does: which modules are imported depends on the tests before.
"""

import os
from contextlib import suppress

from hypothesis import HealthCheck, Phase, settings

with suppress(ImportError):  # older versions of Hypothesis know no constants of modules
    from hypothesis.internal.conjecture import providers
    from hypothesis.internal.constants_ast import Constants

    # No setting turns them off.
    providers._get_local_constants = Constants

# Named, since Hypothesis itself loads another profile where it finds a CI server.
explore = settings(
    settings.get_profile("default"),
    print_blob=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
# The same examples find nothing new: half as many as an exploring run tries are enough.
same = settings(explore, derandomize=True, database=None, max_examples=50)

settings.register_profile("explore", explore)
settings.register_profile("same", same)
settings.register_profile("quick", same, max_examples=25)
settings.register_profile("few", same, max_examples=8, phases=[Phase.generate])

settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or "same")
