"""`detect demo`: the whole pipeline on composed scenes, by what the commands do."""

from typing import Any

import click

from detect.cli import eval_, propose, run, train_classifier, visualize
from detect.cli.declaring import declared, told
from detect.cli.progress import Terminal
from detect.demo import NOTICE, DemoOptions, demo
from detect.stages import EvaluateResult, ProposeResult, RecallResult, RunResult, VisualizeResult


@click.command("demo")
@declared(DemoOptions, out={"metavar": "PATH"})
@click.pass_context
def command(context: click.Context, /, **_: Any) -> None:
    """Run the whole pipeline offline on composed scenes: about three minutes on two cores.

    Writes OUT/index.html, a page with figures and pictures. A demonstration, not a benchmark.
    """
    result = demo(told(context, DemoOptions), Terminal(), _print)
    click.echo(f"\nDone in {result.seconds:.0f} s. {NOTICE}\nOpen in a browser: {result.page}")


def _print(options: Any, result: Any) -> None:
    """Print the result of a stage as its command does."""
    click.echo(_shown(options, result))


def _shown(options: Any, result: Any) -> str:
    match result:
        case ProposeResult():
            return propose.shown(result)
        case RunResult():
            return run.shown(result)
        case EvaluateResult():
            return eval_.shown_scores(result, per_class=True)
        case RecallResult():
            return eval_.shown_recall(result, per_class=False)
        case VisualizeResult():
            return visualize.shown(result)
    return train_classifier.shown(result, options)
