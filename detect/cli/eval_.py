"""`detect eval`: score detections (--map) or proposals (--recall) against annotations."""

from typing import Any

import click
from click.core import ParameterSource

from detect.cli.debugging import debug
from detect.cli.declaring import SPLIT, Decorator, declared_some, told
from detect.cli.progress import Terminal
from detect.errors import UsageError, as_flags, option
from detect.stages.evaluate import EvaluateOptions, EvaluateResult, evaluate
from detect.stages.options import Options
from detect.stages.recall import RecallOptions, RecallResult, recall

# The parameters that are of the command alone.
_OWN = {"want_map", "want_recall", "per_class"}


def _only(mode: str, kind: type[Options], *names: str, **shown: dict[str, Any]) -> Decorator:
    """Return what adds options that belong to `mode`, which their help says."""
    for name in names:
        text = as_flags(kind.model_fields[name].description or "").removesuffix(".")
        shown[name] = {"help": f"{text} ({mode}).", "required": False, **shown.get(name, {})}
    return declared_some(kind, *names, **shown)


@click.command("eval")
@click.option("--map", "want_map", is_flag=True, help="Score detections: average precision.")
@click.option("--recall", "want_recall", is_flag=True, help="Score proposals: recall, coverage.")
@declared_some(
    EvaluateOptions,
    "data",
    "split",
    "annotations",
    data={"metavar": "DATA"},
    split=SPLIT,
    annotations={"metavar": "FILE"},
)
@_only("--map", EvaluateOptions, "detections", detections={"metavar": "F"})
@_only("--recall", RecallOptions, "proposals", proposals={"metavar": "P"})
@_only("--map", EvaluateOptions, "protocol", "iou", "blacklist", blacklist={"metavar": "B"})
@_only(
    "--recall",
    RecallOptions,
    "plot",
    "target",
    plot={"metavar": "OUT.png"},
    target={"metavar": "SHARE"},
)
@declared_some(RecallOptions, "target_iou", "input_size")
@declared_some(EvaluateOptions, "json", json={"metavar": "OUT"})
@click.option("--per-class", is_flag=True, help="Print every class as well.")
@declared_some(EvaluateOptions, "skip_bad")
@debug
@click.pass_context
def command(
    context: click.Context, /, want_map: bool, want_recall: bool, per_class: bool, **_: Any
) -> None:
    """Score detections (--map) or proposals (--recall) against annotations.

    Figures are printed in percent, those of several --proposals in one table as well, all compared
    with the first. --json writes all of them in [0, 1]: for --map an object
    with a key a protocol; for --recall one object, or with several --proposals a list of them
    in that order, each with its "proposals".
    """
    if want_map == want_recall:
        raise UsageError("detect eval: give either --map or --recall (see detect eval --help).")
    if want_map:
        _check(context, "--map", EvaluateOptions)
        scored = evaluate(told(context, EvaluateOptions), Terminal())
        click.echo(shown_scores(scored, per_class=per_class))
    else:
        _check(context, "--recall", RecallOptions)
        covered = recall(told(context, RecallOptions), Terminal())
        click.echo(shown_recall(covered, per_class=per_class))


def _check(context: click.Context, mode: str, kind: type[Options]) -> None:
    """Raise UsageError for an option of the other mode."""
    for name in context.params:
        given = context.get_parameter_source(name) is not ParameterSource.DEFAULT
        if given and name not in kind.model_fields and name not in _OWN:
            raise UsageError(f"detect eval {mode} takes no {option(name)}.")


def shown_scores(result: EvaluateResult, *, per_class: bool) -> str:
    """Return the table of all protocols."""
    from detect.evaluation.tables import score_lines

    return "\n".join(score_lines(result.protocols, per_class=per_class))


def shown_recall(result: RecallResult, *, per_class: bool) -> str:
    """Return every file's table, with several the one that compares them, and the advice."""
    from detect.evaluation.comparison import comparison_rows
    from detect.evaluation.tables import markdown, recall_lines

    lines: list[str] = []
    for file in result.files:
        lines += [str(file.path), *recall_lines(file.scores, per_class=per_class)]
    if len(result.files) > 1:
        rows = comparison_rows([f.name for f in result.files], [f.scores for f in result.files])
        lines += ["", *markdown(rows)]
    return "\n".join([*lines, *_advice_lines(result)])


def _advice_lines(result: RecallResult) -> list[str]:
    """Return how few boxes of each file reach --target, nothing where that was not asked."""
    from detect.evaluation.tables import advice_line

    advised = [(file.name, file.advice) for file in result.files if file.advice is not None]
    if result.speed is None or not advised:
        return []
    first, speed = advised[0][1], result.speed
    return [
        "",
        f"fewest boxes that cover {100 * first.target:g} % of the objects at IoU {first.iou:g}",
        *(advice_line(name, advice) for name, advice in advised),
        "Chosen on these very objects: others may need more. Seconds are predicted, for "
        f"classification\nalone: GoogLeNet-bn at {speed.size} px takes "
        f"{1000 * speed.seconds:.3g} ms a crop on this machine ({speed.device}).",
    ]
