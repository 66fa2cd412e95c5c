"""The command `detect`: one file a command, imported when it is called.

`--help` never imports torch. Errors are one or two lines on stderr; exit codes: errors.py.
"""

import errno
import importlib
import io
import logging
import math
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from detect.errors import (
    DetectError,
    DiskFailure,
    EnvironmentProblem,
    NothingKept,
    unreadable,
)
from detect.memory import allowed_memory

# name -> (module with the click command `command`, its one-line help)
COMMANDS = {
    "doctor": ("detect.cli.doctor", "Check that this environment can do the job."),
    "demo": ("detect.cli.demo", "Run the whole pipeline offline on composed scenes."),
    "check": ("detect.cli.check", "Tell everything wrong or odd about a data set at once."),
    "train": ("detect.cli.train", "Train the best detector of a labelled folder."),
    "plan": ("detect.cli.plan", "Estimate hours, memory and disk of every stage beforehand."),
    "split": ("detect.cli.split", "Cut a split in two halves with the same classes in both."),
    "propose": ("detect.cli.propose", "Propose regions for every image of a data set."),
    "import": ("detect.cli.import_", "Import proposals or detections from other formats."),
    "export": ("detect.cli.export", "Export boxes, data sets and models to other formats."),
    "pretrain": ("detect.cli.pretrain", "Train GoogLeNet to classify images, to start from."),
    "train-multibox": ("detect.cli.train_multibox", "Train MultiBox to propose boxes."),
    "train-classifier": ("detect.cli.train_classifier", "Train GoogLeNet to classify regions."),
    "train-shared": ("detect.cli.train_shared", "Train a detector that sees an image once."),
    "train-regression": ("detect.cli.train_regression", "Learn to move a network's boxes."),
    "train-svm": ("detect.cli.train_svm", "Fit linear SVMs to a network's features."),
    "run": ("detect.cli.run", "Detect objects in a data set or in images."),
    "archive": ("detect.cli.archive", "Detect in an archive of images, on Ray as well; audited."),
    "ensemble": ("detect.cli.ensemble", "Recombine kept scores of several networks."),
    "classify": ("detect.cli.classify", "Classify images with 1, 10 or 144 crops; the errors."),
    "refine": ("detect.cli.refine", "Move the boxes of detections by train-regression's result."),
    "eval": ("detect.cli.eval_", "Score detections (--map) or proposals (--recall)."),
    "visualize": ("detect.cli.visualize", "Draw ground truth, proposals or detections."),
    "explain": ("detect.cli.explain", "Show an R-CNN at work on some images, in one page."),
    "report": ("detect.cli.report", "Make a scoreboard of runs beside the paper's figures."),
}


# How libraries say that memory ran out: the loader of their parts, threads, torch, OpenCV, Linux.
_NO_MEMORY = (
    "failed to map segment", "can't start new thread", "out of memory", "Insufficient memory",
    "allocate memory", "could not create a primitive", os.strerror(errno.EAGAIN),
)  # fmt: skip


# Address space below which OpenCV crashes while it is loaded (580 MB on two cores), and workers
# could not be started.
_LEAST_MEMORY = 768 * 2**20


class LazyGroup(click.Group):
    """A group whose commands are imported only when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of COMMANDS."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import the module of `name` and return its `command`."""
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="detect")
def group() -> None:
    """R-CNN as in GoogLeNet's ILSVRC14 entry: propose, train-classifier, run, eval, visualize."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with 0, 1, 2, 3 or 4 (errors.py)."""
    # albumentations asks the network for a newer version when imported, unless told not to.
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    _say_anything()
    try:
        _check_memory(arguments)
        result: Any = group.main(arguments, prog_name="detect", standalone_mode=False)
    except BaseException as error:
        if "--debug" in arguments and not isinstance(error, SystemExit):
            traceback.print_exc()
        result = _explain(error, arguments)
    sys.exit(result if isinstance(result, int) else 0)


def _say_anything() -> None:
    """Let letters that the terminal's encoding lacks stand as escapes, and libraries be silent.

    Matplotlib logs where it keeps its caches when HOME cannot be written, joblib warns of a small
    /dev/shm: nothing that anybody at the command line could act on.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="joblib")


def _check_memory(arguments: Sequence[str]) -> None:
    """Raise EnvironmentProblem where a command could only crash."""
    allowed = allowed_memory()
    if allowed < _LEAST_MEMORY and not {"-h", "--help", "--version"} & set(arguments):
        raise EnvironmentProblem(
            f"this process may have {allowed / 2**20:.0f} MiB of memory (ulimit -v); expected at "
            f"least {_LEAST_MEMORY // 2**20}. Allow more."
        )


def _explain(error: BaseException, arguments: Sequence[str]) -> int:
    """Print `error` for a person on stderr and return its exit code; re-raise SystemExit."""
    if isinstance(error, SystemExit):
        raise error
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        # click raises its own from it.
        nothing = isinstance(error.__cause__ or error, NothingKept)
        kept = not nothing and _can_resume(arguments)
        return _fail("stopped." + " What was finished is kept: go on with --resume." * kept)
    if isinstance(error, click.ClickException):
        where = error.ctx.command_path + ": " if getattr(error, "ctx", None) else ""  # type: ignore[attr-defined]
        help_hint = f" (see {where.rstrip(': ') or 'detect'} --help)"
        return _fail(f"{where}{error.format_message().rstrip('.')}{help_hint}", 2)
    if isinstance(error, DetectError):
        return _fail(error.for_command_line, error.exit_code)
    if isinstance(error, OSError) and _was_printing(error):
        return _fail(f"the output cannot be written: {error.strerror}. Send it elsewhere.", 3)
    if isinstance(error, OSError) and error.filename is not None:
        failed = unreadable(Path(str(error.filename)), error)
        if isinstance(failed, DiskFailure):
            return _fail(failed.for_command_line, failed.exit_code)
    if _lacks_memory(error):
        more = ", or allow more (ulimit -v)" * (allowed_memory() < math.inf)
        return _fail(f"out of memory. Use fewer --workers or smaller batches{more}.", 3)
    return _fail(f"{type(error).__name__}: {error}. This is a bug: --debug shows where.")


def _can_resume(arguments: Sequence[str]) -> bool:
    """Tell whether the command in `arguments` has --resume; one not imported yet did nothing.

    Nor does a dry run.
    """
    module = sys.modules.get(COMMANDS.get("".join(arguments[:1]), ("",))[0])
    command: click.Command | None = getattr(module, "command", None)
    kept = command is not None and any(one.name == "resume" for one in command.params)
    return kept and "--dry-run" not in arguments


def _lacks_memory(error: BaseException | None) -> bool:
    """Tell whether `error`, or one that it followed, came from a want of memory."""
    if error is None:
        return False
    said = any(text in str(error) for text in _NO_MEMORY)
    return isinstance(error, MemoryError) or said or _lacks_memory(error.__context__)


def _was_printing(error: OSError) -> bool:
    """Tell whether `error` is of stdout or stderr, which are written by click.echo alone."""
    where = [frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)]
    return click.echo.__code__ in where


def _fail(message: str, code: int = 1) -> int:
    with suppress(OSError):  # Where stderr cannot be written the exit code still tells.
        click.echo(f"Error: {message}", err=True)
    return code
