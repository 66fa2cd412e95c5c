"""Which of several processes speaks: under torchrun all run the same command."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout


@contextmanager
def first_alone() -> Iterator[None]:
    """Let all but the first process that torchrun started say nothing besides errors."""
    # torch would tell as well, but it is loaded late.
    if "TORCHELASTIC_RUN_ID" not in os.environ or os.environ["RANK"] == "0":
        yield
        return
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield
