"""Which databases the tests use, and which examples Hypothesis runs: see `profiles`."""

import signal

pytest_plugins = ["profiles", "databases", "where_kept", "every_directory", "every_store"]
pytest_plugins += ["clinic_on_a_pair", "next_shape"]

# A shell starts what runs in the background with interrupts ignored, and some tests send them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
