"""The command that does what a stage does, as one would type it."""

import shlex
from collections.abc import Iterator
from typing import Any

from detect.stages import (
    EvaluateOptions,
    ProposeOptions,
    RecallOptions,
    RunOptions,
    TrainClassifierOptions,
    VisualizeOptions,
)
from detect.stages.options import Options

# The words of the command, and the field that is its argument.
_COMMANDS: dict[type[Options], tuple[tuple[str, ...], str | None]] = {
    ProposeOptions: (("propose",), "data"),
    TrainClassifierOptions: (("train-classifier",), "data"),
    RunOptions: (("run",), "images"),
    EvaluateOptions: (("eval", "--map", "--per-class"), None),
    RecallOptions: (("eval", "--recall"), None),
    VisualizeOptions: (("visualize",), None),
}


def command_line(options: Options) -> str:
    """Return "detect COMMAND ARGUMENT --FLAG VALUE ...", with the options that were given."""
    words, argument = _COMMANDS[type(options)]
    tokens = ["detect", *words]
    if argument is not None:
        tokens += _texts(getattr(options, argument))
    for name in options.gave(*type(options).model_fields):
        if name != argument:
            tokens += _spelled(f"--{name.replace('_', '-')}", getattr(options, name))
    return shlex.join(tokens)


def _spelled(flag: str, value: Any) -> Iterator[str]:
    """Yield `flag` with its value, with several once for each."""
    if isinstance(value, bool):
        yield flag if value else f"--no-{flag.removeprefix('--')}"
        return
    for text in _texts(value):
        yield from (flag, text)


def _texts(value: Any) -> list[str]:
    return [str(item) for item in (value if isinstance(value, tuple) else (value,))]
