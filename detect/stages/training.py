"""What the trainings have in common: options, processes, the run folder's beginning."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_args

from pydantic import BeforeValidator, Field

from detect.callbacks import Callback, Callbacks
from detect.config import AnyRecipe, Section, load_recipe, to_toml
from detect.errors import UsageError, option
from detect.progress import SILENT, Reporter
from detect.stages import options as o
from detect.stages.opening import check_out, holding_out, is_earlier
from detect.stages.training_inputs import TrainingInputs, check_same
from detect.stages.transforms import check_transforms
from detect.stages.trunks import check_init, check_trunk
from detect.together import commit, is_workplace, workplace

if TYPE_CHECKING:
    import torch

    from detect.runs import RunFolder
    from detect.training.call import Call
    from detect.training.distributed import Processes

AnyKind = TypeVar("AnyKind", bound=AnyRecipe)


LogName = Literal["tensorboard", "mlflow"]
LOGS = get_args(LogName)


def _logs(value: Any) -> Any:
    """Take one log for a tuple of it; ValueError for what is none, and a name twice."""
    several = tuple(value) if isinstance(value, list | tuple) else (value,)
    for one in several:
        called = isinstance(one, str) and one in LOGS
        if not called and (isinstance(one, type) or not isinstance(one, Callback)):
            raise ValueError(
                f"expected {' or '.join(LOGS)}, or an object with the methods of "
                "detect.callbacks.Callback (start, step, validated, end)"
            )
        if called and several.count(one) > 1:
            raise ValueError(f"{one} is given twice, leave one out")
    return several


Log = Annotated[
    tuple[LogName | Callback, ...],
    BeforeValidator(_logs),
    Field(
        description="Log the figures as well, in the run folder or on MLflow's server. From Python "
        "also an object with the methods of detect.callbacks.Callback."
    ),
]


def _batch(value: Any) -> Any:
    """Take "auto" for None, and digits for a number; ValueError for anything else."""
    if value is None or value == "auto":
        return None
    if not str(value).isdecimal() or int(value) < 2:
        raise ValueError("expected auto or a number from 2 up")
    return int(value)


class TrainingOptions(o.Options):
    """What every training is told; a training's own class says where `out` is by default."""

    data: Path = Field(description="A data set.")
    out: Path | None = Field(None, description="Run folder.")
    split: o.Text = Field(description="The split to train on.")
    config: o.Recipe
    val_split: o.Text | None = Field(None, description="The split to validate on.")
    set: o.Texts = Field((), description="Change a value of the recipe.")
    init: o.Text | None = Field(
        None,
        description="Begin from weights: a run, a .safetensors or .pth file, or imagenet (an "
        "installed package of them, or a download); an ensemble from an ensemble.",
    )
    batch_size: Annotated[int | None, BeforeValidator(_batch)] = Field(
        None,
        description="Samples a step; auto: the recipe's, in pieces when memory runs out.",
    )
    resume: o.Resume = False
    exist_ok: o.ExistOk = False
    skip_bad: o.SkipBad = False
    device: o.Device = "auto"
    seed: int | None = Field(None, description="Of every random choice. [default: the recipe's]")
    log: Log = ()
    threads: int = Field(
        1, ge=1, description="Threads that make batches ahead; more where a GPU waits for them."
    )

    def read_recipe(self, kind: type[AnyKind], batch_key: str) -> AnyKind:
        """Return the recipe with what the options change; `batch_key` is its batch size's name.

        Raises DataError for a file that is missing or wrong, UsageError for a wrong change, and
        what check_trunk and check_init do.
        """
        recipe = load_recipe(kind, self.config, self._changes(batch_key))
        changed = {change.partition("=")[0].strip() for change in self.set}
        if changed & {"augment", "augment.more"}:
            check_transforms(recipe, option("set"), UsageError)
        elif isinstance(self.config, dict):
            check_transforms(recipe, option("config"), UsageError)
        else:
            check_transforms(recipe, str(self.config))
        check_trunk(recipe)
        check_init(recipe.init)
        return recipe

    def _changes(self, batch_key: str) -> tuple[str, ...]:
        """Return `set` and the options that stand for values of the recipe."""
        found = list(self.set)
        if self.init is not None:
            found.append(f"init={json.dumps(self.init, ensure_ascii=False)}")
        if self.batch_size is not None:
            found.append(f"{batch_key}={self.batch_size}")
        if self.seed is not None:
            found.append(f"seed={self.seed}")
        return tuple(found)


@dataclass(frozen=True)
class Training:
    """One training: its options, this one of the processes that train together, its device.

    `reporter` is that of the caller in the first process; the others' shows nothing. `held` keeps
    the run folder for this training alone until its end.
    """

    told: TrainingOptions
    processes: "Processes"
    device: "torch.device"
    reporter: Reporter
    held: ExitStack

    def choose_out(self, command: str, begun: str = "state.pt") -> tuple[Path, Path]:
        """Hold and return `out` or the next free runs/COMMAND/NAME, and the folder to train in.

        That is another one where something is in `out` that is not gone on with, which the file
        `begun` tells: it stays until `finish`. So with `exist_ok` an earlier run is kept until the
        new one is trained to its end; resuming goes on with the new one. The first of the
        processes does it for all. Raises UsageError if `out` may not be written, and as `holding`.
        """
        told = self.told
        if told.resume and told.out is None:
            raise UsageError(
                f"{option('resume')} needs {option('out')}, the folder of the interrupted run."
            )

        def choose() -> tuple[Path, Path]:
            name = o.recipe_name(told.config)
            free = holding_out(told.out, command, name, self.reporter)
            chosen = self.held.enter_context(free)
            check_out(chosen, exist_ok=told.exist_ok, resume=told.resume)
            goes_on = told.resume and (chosen / begun).exists()
            earlier = is_earlier(chosen) and not goes_on
            return chosen, workplace(chosen, earlier=earlier, resume=told.resume)

        return self.processes.from_first(choose)

    def finish(self, folder: Path) -> None:
        """Let what was trained in `folder` take the place of what was in `out`, if it is another.

        The first of the processes does it.
        """
        from detect.runs import RunFolder

        if self.processes.first and is_workplace(folder):
            commit(folder, RunFolder(folder.parent).files())

    def call(self, out: Path, recipe: Section, given: TrainingInputs) -> "Call":
        """Return the call that trains in the run folder `out`.

        Where it begins, the folder does, or the interrupted run in it is checked to have had the
        same `recipe` and `given`. `recipe` has a `seed`. The first of the processes does it, and
        notes how many there are.
        """
        from detect.runs import RunFolder
        from detect.training.call import Call

        folder = RunFolder(out)

        def begin() -> None:
            if self.processes.first:
                self._begin(folder, recipe, given)

        return Call(
            folder,
            self.device,
            resume=self.told.resume,
            threads=self.told.threads,
            processes=self.processes,
            reporter=self.reporter,
            callbacks=self._callbacks(),
            begin=begin,
        )

    def _callbacks(self) -> Callbacks:
        """Return who is told of one training; in the first of the processes."""
        from detect.training.logs import make_log

        if not self.processes.first:
            return Callbacks()
        made = (make_log(one) if isinstance(one, str) else one for one in self.told.log)
        return Callbacks(list(made), self.reporter)

    def _begin(self, folder: "RunFolder", recipe: Section, given: TrainingInputs) -> None:
        from detect.data import data_hash
        from detect.runs import describe_environment

        if self.told.resume and folder.state.exists():
            check_same(folder, recipe, given)
            return
        seed: int = recipe.model_dump()["seed"]
        environment = describe_environment(str(self.device), seed, data_hash(given.dataset))
        count = {"processes": self.processes.count}
        folder.start(to_toml(recipe), {**environment, **given.record(), **count})


@contextmanager
def together(told: TrainingOptions, reporter: Reporter) -> Iterator[Training]:
    """Join the processes that torchrun started, if it did, and choose the device of this one."""
    from detect.training.distributed import joined
    from detect.training.logs import check_log

    for one in told.log:
        if isinstance(one, str):
            check_log(one)
    with joined(told.device) as (processes, device), ExitStack() as held:
        yield Training(told, processes, device, reporter if processes.first else SILENT, held)
