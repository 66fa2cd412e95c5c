"""What the commands that train have in common: options, processes, the run folder's beginning."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from detect.cli import options
from detect.cli.given import Given, check_same
from detect.cli.members import forget_ensemble
from detect.cli.progress import track
from detect.config import Section, to_toml
from detect.errors import UsageError

if TYPE_CHECKING:
    import torch

    from detect.runs import RunFolder
    from detect.training.call import Call
    from detect.training.distributed import Processes

_SHARED = (
    click.option("--split", required=True, metavar="NAME|FILE", help="The split to train on."),
    click.option(
        "--config", required=True, type=options.PATH, metavar="C", help="The recipe, a TOML file."
    ),
    click.option("--val-split", metavar="NAME|FILE", help="The split to validate on."),
    click.option(
        "--set", "changes", multiple=True, metavar="A.B=3", help="Change a value of the recipe."
    ),
    click.option(
        "--init",
        metavar="FILE|imagenet",
        help="Begin from weights: a run, a .safetensors or .pth file, or imagenet (a download).",
    ),
    click.option(
        "--batch-size",
        default="auto",
        show_default=True,
        metavar="N|auto",
        help="Samples a step; auto: the recipe's, in pieces when memory runs out.",
    ),
    options.resume,
    options.exist_ok,
    options.skip_bad,
    options.device,
    click.option("--seed", type=int, help="Of every random choice. [default: the recipe's]"),
    click.option(
        "--threads",
        type=click.IntRange(1),
        default=1,
        show_default=True,
        help="Threads that make batches ahead; more where a GPU waits for them.",
    ),
    options.debug,
)


def shared_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that every training takes."""
    for option in reversed(_SHARED):
        function = option(function)
    return function


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """DATA and the shared options of one call."""

    data: Path
    split: str
    config: Path
    val_split: str | None
    changes: tuple[str, ...]
    init: str | None
    batch_size: str
    out: Path | None
    resume: bool
    exist_ok: bool
    skip_bad: bool
    device: str
    seed: int | None
    threads: int

    def recipe_changes(self, batch_key: str) -> tuple[str, ...]:
        """Return --set and the options that stand for values of the recipe.

        `batch_key` is the recipe's name of the batch size. UsageError for a bad --batch-size.
        """
        found = list(self.changes)
        if self.init is not None:
            found.append(f"init={json.dumps(self.init, ensure_ascii=False)}")
        if self.batch_size != "auto":
            if not self.batch_size.isdecimal() or int(self.batch_size) < 2:
                raise UsageError(
                    f"--batch-size {self.batch_size}: expected auto or a number from 2 up."
                )
            found.append(f"{batch_key}={self.batch_size}")
        if self.seed is not None:
            found.append(f"seed={self.seed}")
        return tuple(found)

    def choose_out(self, command: str, processes: "Processes") -> Path:
        """Return --out or the next free runs/COMMAND/NAME; UsageError if it may not be written.

        The first of the `processes` decides for all.
        """
        from detect.runs import next_run_folder

        if self.resume and self.out is None:
            raise UsageError("--resume needs --out, the folder of the interrupted run.")

        def choose() -> Path:
            chosen = self.out or next_run_folder(command, self.config.stem)
            options.prepare_out(chosen, exist_ok=self.exist_ok, resume=self.resume)
            return chosen

        return processes.from_first(choose)

    def call(
        self,
        out: Path,
        recipe: Section,
        given: Given,
        device: "torch.device",
        processes: "Processes",
    ) -> "Call":
        """Return the call that trains in the run folder `out`.

        Where it begins, the folder does, or the interrupted run in it is checked to have had the
        same `recipe` and `given`. `recipe` has a `seed`. The first of the `processes` does it, and
        notes how many there are.
        """
        from detect.runs import RunFolder
        from detect.training.call import Call

        folder = RunFolder(out)

        def begin() -> None:
            if processes.first:
                _begin(folder, recipe, given, device, processes.count, self.resume)

        return Call(
            folder,
            device,
            resume=self.resume,
            threads=self.threads,
            processes=processes,
            show=lambda line: click.echo(line, err=True),
            track=track,
            begin=begin,
        )


@contextmanager
def together(device: str) -> Iterator[tuple["Processes", "torch.device"]]:
    """Join the processes that torchrun started, if it did, and choose the --device of this one.

    All but the first say nothing besides errors.
    """
    from detect.training.distributed import joined

    with joined(device) as (processes, chosen):
        if processes.first:
            yield processes, chosen
            return
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
            yield processes, chosen


def _begin(
    folder: "RunFolder",
    recipe: Section,
    given: Given,
    device: "torch.device",
    count: int,
    resume: bool,
) -> None:
    from detect.data import data_hash
    from detect.runs import describe_environment

    if resume and folder.state.exists():
        check_same(folder, recipe, given)
        return
    seed: int = recipe.model_dump()["seed"]
    environment = describe_environment(str(device), seed, data_hash(given.dataset))
    forget_ensemble(folder.path)
    folder.start(to_toml(recipe), {**environment, **given.record(), "processes": count})
