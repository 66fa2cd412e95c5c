"""`detect report`: the scoreboard of one or several runs, one HTML file with plots beside it."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from detect.cli import options
from detect.cli.progress import track
from detect.cli.skipping import open_data
from detect.errors import UsageError

if TYPE_CHECKING:
    from detect.regions import Sample


@click.command("report")
@click.argument("runs", type=options.PATH, nargs=-1, required=True, metavar="RUN...")
@click.option(
    "--data", type=options.PATH, required=True, metavar="DATA", help="The data they ran on."
)
@options.split
@click.option(
    "--proposals",
    type=options.PATH,
    multiple=True,
    metavar="P",
    help="Regions of the same split: recall, ceiling, the paper's claims.",
)
@click.option(
    "--ensemble",
    type=options.PATH,
    metavar="JSON",
    help="From detect ensemble --json: what each network brings.",
)
@click.option(
    "--classification",
    type=options.PATH,
    metavar="JSON",
    help="From detect classify --split --json: beside the paper's Table 3.",
)
@options.out("Folder for index.html and the plots. [default: runs/report/NAME]", required=False)
@click.option(
    "--blacklist", type=options.PATH, metavar="B", help="Lines IMAGE CLASS that ilsvrc leaves out."
)
@click.option(
    "--pictures",
    type=click.IntRange(0),
    default=4,
    show_default=True,
    help="Most of the best, and of the worst, images drawn.",
)
@click.option(
    "--picture-threshold",
    type=float,
    default=0.5,
    show_default=True,
    help="Lowest score drawn, and judged for best and worst; 0 for those of detect run --svm.",
)
@options.exist_ok
@options.skip_bad
@options.debug
def command(**given: Any) -> None:
    """Make a scoreboard of folders that `detect run` wrote: one HTML file, PNGs beside it.

    mAP by all protocols, curves, what each stage and each type of error costs, best and worst
    images, and the paper's figures beside yours. With several RUNs the first is shown in detail.
    """
    _check(given)
    from detect.evaluation.blacklist import read_blacklist
    from detect.report.measure import check_objects, measure
    from detect.report.page import write_report
    from detect.report.runs import read_runs
    from detect.runs import next_run_folder

    out = given["out"] or next_run_folder("report", given["runs"][0].resolve().name)
    options.prepare_out(out, exist_ok=given["exist_ok"])
    dataset = open_data(given["data"], given["split"], skip_bad=given["skip_bad"])
    check_objects(dataset)
    runs = read_runs(given["runs"], dataset)
    blacklist = read_blacklist(given["blacklist"], dataset) if given["blacklist"] else ()
    measured = measure(
        dataset,
        runs,
        given["proposals"],
        blacklist=blacklist,
        ensemble=given["ensemble"],
        classification=given["classification"],
        shown=given["picture_threshold"],
        track=_track,
    )
    click.echo(write_report(out, dataset, measured, given["pictures"]))


def _check(given: dict[str, Any]) -> None:
    """Raise UsageError for folders named twice and for more proposals than a plot can show."""
    for name in ("runs", "proposals"):
        paths = [path.resolve() for path in given[name]]
        twice = next((path for path in given[name] if paths.count(path.resolve()) > 1), None)
        if twice is not None:
            raise UsageError(f"{twice} is named twice. Name every {_ONE[name]} once.")
    if given["proposals"]:
        from detect.report.recall_plots import MOST_FILES

        if len(given["proposals"]) > MOST_FILES:
            count = len(given["proposals"])
            raise UsageError(f"a report shows at most {MOST_FILES} --proposals, got {count}.")


_ONE = {"runs": "RUN", "proposals": "--proposals"}


def _track(samples: Sequence["Sample"], what: str) -> Iterable["Sample"]:
    return track(samples, len(samples), what)
