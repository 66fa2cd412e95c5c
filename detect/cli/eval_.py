"""`detect eval`: score detections (--map) or proposals (--recall) against annotations."""

from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from detect.cli import eval_recall, options
from detect.cli.skipping import warn_skipped
from detect.errors import UsageError

if TYPE_CHECKING:
    from detect.regions import Dataset

_PROTOCOLS = ("voc2007", "voc2012", "ilsvrc", "coco", "all")
_MAP_ONLY = ("detections", "protocol", "iou", "blacklist")
_RECALL_ONLY = ("proposals", "plot", "target", "target_iou", "input_size")


@click.command("eval")
@click.option("--map", "want_map", is_flag=True, help="Score detections: average precision.")
@click.option("--recall", "want_recall", is_flag=True, help="Score proposals: recall, coverage.")
@click.option(
    "--data", type=options.PATH, metavar="DATA", help="A data set; its annotations are enough."
)
@options.split
@click.option(
    "--annotations",
    type=options.PATH,
    metavar="FILE",
    help="A COCO JSON in place of --data and --split; needs no images.",
)
@click.option("--detections", type=options.PATH, metavar="F", help="COCO results JSON (--map).")
@click.option(
    "--proposals",
    type=options.PATH,
    metavar="P",
    multiple=True,
    help="From detect propose; may be given several times (--recall).",
)
@click.option(
    "--protocol",
    type=click.Choice(_PROTOCOLS),
    default="voc2012",
    show_default=True,
    help="Whose rules (--map).",
)
@click.option(
    "--iou",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.5,
    show_default=True,
    help="That makes a match (--map).",
)
@click.option(
    "--blacklist",
    type=options.PATH,
    metavar="B",
    help="Lines IMAGE CLASS that ilsvrc leaves out (--map).",
)
@click.option(
    "--plot", type=options.PATH, metavar="OUT.png", help="Draw every --proposals (--recall)."
)
@click.option(
    "--target",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="SHARE",
    help="Advise on the fewest boxes that cover this share of the objects (--recall).",
)
@click.option(
    "--target-iou",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.5,
    show_default=True,
    help="From which a box covers an object (--target).",
)
@click.option(
    "--input-size",
    type=click.IntRange(32),
    default=224,
    show_default=True,
    help="Side of the crops whose classification is timed, px (--target).",
)
@click.option("--json", "json_out", type=options.PATH, metavar="OUT", help="Write all figures.")
@click.option("--per-class", is_flag=True, help="Print every class as well.")
@options.skip_bad
@options.debug
@click.pass_context
def command(context: click.Context, /, **given: Any) -> None:
    """Score detections (--map) or proposals (--recall) against annotations.

    Figures are printed in percent, those of several --proposals in one table as well, all compared
    with the first. --json writes all of them in [0, 1]: for --map an object
    with a key a protocol; for --recall one object, or with several --proposals a list of them
    in that order, each with its "proposals".
    """
    _check(context, given)
    dataset = _open(given)
    score = _map if given["want_map"] else eval_recall.recall
    figures = score(dataset, given)
    if given["json_out"]:
        from detect.files import write_json

        write_json(given["json_out"], figures)


def _check(context: click.Context, given: dict[str, Any]) -> None:
    """Raise UsageError on options that do not go together."""
    if given["want_map"] == given["want_recall"]:
        raise UsageError("detect eval: give either --map or --recall (see detect eval --help).")
    mode, needed, other = (
        ("--map", "detections", _RECALL_ONLY)
        if given["want_map"]
        else ("--recall", "proposals", _MAP_ONLY)
    )
    if not given[needed]:
        raise UsageError(f"detect eval {mode} needs --{needed}.")
    sources = {name: context.get_parameter_source(name) for name in given}
    asked = {name for name, source in sources.items() if source is ParameterSource.COMMANDLINE}
    for name in other:
        if name in asked:
            raise UsageError(f"detect eval {mode} takes no --{name.replace('_', '-')}.")
    if given["blacklist"] and given["protocol"] not in ("ilsvrc", "all"):
        raise UsageError("--blacklist belongs to --protocol ilsvrc (or all).")
    eval_recall.check(given, asked)
    _check_truth(given)


def _check_truth(given: dict[str, Any]) -> None:
    """Raise UsageError unless the annotations are given in one way."""
    if bool(given["data"]) == bool(given["annotations"]):
        raise UsageError("detect eval: give either --data (with --split) or --annotations.")
    if given["annotations"] and given["split"]:
        raise UsageError("--split goes with --data; an --annotations file is one split.")
    if given["annotations"] and given["skip_bad"]:
        raise UsageError("--skip-bad goes with --data; correct the --annotations file.")


def _open(given: dict[str, Any]) -> "Dataset":
    """Return the annotated data set; lines of --skip-bad go to stderr."""
    from detect import data

    if given["annotations"]:
        return data.open_annotations(given["annotations"])
    dataset = data.open_dataset(
        given["data"], given["split"], skip_bad=given["skip_bad"], need_images=False
    )
    warn_skipped(dataset.skipped)
    return dataset


def _map(dataset: "Dataset", given: dict[str, Any]) -> dict[str, Any]:
    """Print the scores of --detections and return them."""
    from detect.evaluation.average_precision import evaluate
    from detect.evaluation.blacklist import read_blacklist
    from detect.evaluation.flat import FlatDetections
    from detect.evaluation.tables import score_lines
    from detect.storage.detections import read_columns

    blacklist = read_blacklist(given["blacklist"], dataset) if given["blacklist"] else ()
    detections = FlatDetections(*read_columns(given["detections"], dataset))
    scores = evaluate(dataset, detections, given["protocol"], given["iou"], blacklist)
    click.echo("\n".join(score_lines(scores, per_class=given["per_class"])))
    return scores
