"""Settings of every test."""

from hypothesis import settings

# Laws are tried on the same examples in every run, and never fail for being slow.
settings.register_profile("steady", max_examples=40, deadline=None, derandomize=True)
settings.load_profile("steady")
