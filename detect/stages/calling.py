"""A stage called from Python: `propose("data/voc", split="train", out="proposals")`.

Its options are keyword arguments; whoever has them as one object, as the command line does, hands
that over in their place.
"""

import functools
import inspect
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar, overload

from detect.errors import NoSpace, UsageError, as_arguments, option
from detect.progress import QUIET, Reporter, Spelled
from detect.stages.options import Options

StageOptions = TypeVar("StageOptions", bound=Options)
OfOptions = TypeVar("OfOptions", bound=Options, contravariant=True)
Result = TypeVar("Result")
OfResult = TypeVar("OfResult", covariant=True)

_REPORTS = ("track", "say", "warn")  # of a Reporter
# What may be the value of a first option, which needs no keyword.
First = str | Path | Sequence[str | Path]


class KeywordStage(Protocol[OfOptions, OfResult]):
    """A stage that takes its options as one object, or as keyword arguments."""

    @overload
    def __call__(self, options: OfOptions, /, reporter: Reporter = QUIET) -> OfResult: ...
    @overload
    def __call__(
        self, first: First = ..., /, reporter: Reporter = QUIET, **options: Any
    ) -> OfResult: ...


def by_keywords(
    stage: Callable[[StageOptions, Reporter], Result],
) -> KeywordStage[StageOptions, Result]:
    """Return `stage` with its options as keyword arguments, the first of them without as well.

    A wrong one is a UsageError that names it. `help` of it documents them all.
    """
    kind: type[StageOptions] = next(iter(inspect.signature(stage).parameters.values())).annotation
    main = next(iter(kind.model_fields))

    @functools.wraps(stage)
    def call(first: Any = None, /, reporter: Reporter = QUIET, **options: Any) -> Result:
        with _going_on(kind):
            if isinstance(first, kind):
                return stage(first.changed(**options) if options else first, _spelled(reporter))
            named = {} if first is None else {main: first}
            _check(main, named, options, reporter)
            return stage(kind(**named, **options), _spelled(reporter))

    call.__doc__ = f"{inspect.getdoc(stage)}\n\n{_documented(kind)}"
    call.__signature__ = _signature(stage, kind)  # type: ignore[attr-defined]
    return call


def _spelled(reporter: Reporter) -> Spelled:
    """Return what hands a stage's lines on, unless the command line or another stage did so.

    UsageError for what cannot be told.
    """
    told = all(callable(getattr(reporter, name, None)) for name in _REPORTS)
    if isinstance(reporter, type) or not told:
        expected = f"an object with {', '.join(_REPORTS)}"
        raise UsageError(f"{option('reporter')}: expected {expected}, got {reporter!r}.")
    return reporter if isinstance(reporter, Spelled) else Spelled(reporter)


@contextmanager
def _going_on(kind: type[Options]) -> Iterator[None]:
    """Let the error of a full disk say how to go on, where the stage has an option for that."""
    try:
        yield
    except NoSpace as error:
        if "resume" not in kind.model_fields:
            raise
        kept = f"What was finished is kept, go on with {option('resume')}."
        raise NoSpace(f"{error.marked} {kept}") from error


def _check(main: str, named: Collection[str], options: Collection[str], reporter: object) -> None:
    """Raise UsageError for `main` given twice, and for a second option without its keyword."""
    if named and main in options:
        raise UsageError(f"{option(main)} is given twice.")
    if not any(hasattr(reporter, name) for name in _REPORTS):
        raise UsageError(
            f"{reporter!r}: options but the first, {option(main)}, are keyword arguments."
        )


def _documented(kind: type[Options]) -> str:
    """Return a line an option: its name, and what its class says of it."""
    lines = (f"    {name}: {field.description}" for name, field in kind.model_fields.items())
    return as_arguments("\n".join(["Options:", *lines]))


def _signature(stage: Callable[..., Any], kind: type[Options]) -> inspect.Signature:
    """Return the options as parameters with their defaults, and the reporter."""
    # Without types: those of pydantic bury the names.
    main, *others = (
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in inspect.signature(kind).parameters.values()
    )
    _, reporter = inspect.signature(stage).parameters.values()
    parameters = [
        main.replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD),
        *others,
        reporter.replace(kind=inspect.Parameter.KEYWORD_ONLY),
    ]
    returned = inspect.signature(stage).return_annotation
    return inspect.Signature(parameters, return_annotation=returned)
