"""Which databases the tests use, and which examples Hypothesis runs: see `profiles`."""

pytest_plugins = ["profiles", "databases", "where_kept", "every_directory", "every_store"]
