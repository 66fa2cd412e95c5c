"""Errors a user can act on: one or two lines saying what, where, expected, got, what to do.

`ValueError` is for a caller's bug; these are for a user's input, and the command line turns
each into its exit code: 1 failed, 2 usage, 3 environment, 4 data.
"""


class DetectError(Exception):
    """The work failed for a reason the user can read; exit code 1."""

    exit_code = 1


class UsageError(DetectError):
    """An option or argument is wrong; exit code 2."""

    exit_code = 2


class EnvironmentProblem(DetectError):
    """This machine or installation cannot do the job (package, device, disk); exit code 3."""

    exit_code = 3


class DataError(DetectError):
    """A path, file, annotation, split or model is missing or wrong; exit code 4."""

    exit_code = 4
