"""Settings of every test."""

import os

from hypothesis import settings

# One thread a process, before anything imports torch: the networks here are tiny, several tests
# run at once, and threads that wait for a busy core make them ten times as slow.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Laws are tried on the same examples in every run, and never fail for being slow.
settings.register_profile("steady", max_examples=40, deadline=None, derandomize=True)
settings.load_profile("steady")
