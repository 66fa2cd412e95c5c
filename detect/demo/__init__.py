"""A demonstration that needs nothing but this program: scenes composed by cut-and-paste."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from detect.demo.options import DemoOptions, DemoResult
from detect.demo.steps import NOTICE, RECIPE, pipeline_steps
from detect.files import write_text
from detect.progress import QUIET, Reporter
from detect.stages import EvaluateResult, RecallResult
from detect.stages.opening import check_out, holding_out

__all__ = ["NOTICE", "DemoOptions", "DemoResult", "demo"]

Result = TypeVar("Result")


def _unseen(options: Any, result: Any) -> None:
    """Do nothing with a result."""


def demo(
    options: DemoOptions,
    reporter: Reporter = QUIET,
    done: Callable[[Any, Any], None] = _unseen,
) -> DemoResult:
    """Run the whole pipeline on composed scenes, and write a page with figures and pictures.

    `done` is called with the options and the result of every stage that has ended. Raises
    UsageError where `out` is taken, EnvironmentProblem without scikit-image, and the errors of
    the stages.
    """
    with holding_out(options.out, "demo", "scenes", reporter) as out:
        check_out(out, exist_ok=options.exist_ok, resume=options.resume)
        return _demo(options, out, reporter, done)


def _demo(
    options: DemoOptions, out: Path, reporter: Reporter, done: Callable[[Any, Any], None]
) -> DemoResult:
    from detect.demo.page import write_page

    steps = pipeline_steps(out, options)
    seconds = [_compose(out, options.scenes, len(steps), reporter)]
    results = []
    for number, step in enumerate(steps, start=2):
        reporter.say(f"\n{number}/{len(steps) + 1} {step.title}\n$ {step.line}")
        start = time.monotonic()
        results.append(step.stage(step.options, reporter))
        seconds.append(time.monotonic() - start)
        done(step.options, results[-1])
    score = _result_of(EvaluateResult, results).protocols["voc2012"]
    recall = _result_of(RecallResult, results).files[0].scores
    page = write_page(out, steps, seconds, score, recall)
    return DemoResult(page, sum(seconds), score, recall)


def _compose(out: Path, scenes: int, steps: int, reporter: Reporter) -> float:
    """Write the scenes, the same every time, and the recipe; return the seconds it took."""
    from detect.demo.scenes import write_scenes

    test = scenes // 3
    reporter.say(f"{NOTICE}\n\n1/{steps + 1} Compose {scenes + test} scenes")
    start = time.monotonic()
    write_scenes(out / "data", scenes, test)
    seconds = time.monotonic() - start
    write_text(out / "demo.toml", RECIPE)
    return seconds


def _result_of(kind: type[Result], results: Iterable[object]) -> Result:
    return next(result for result in results if isinstance(result, kind))
