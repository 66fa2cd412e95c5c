"""`detect eval --recall`: figures of proposals, the claim's table, advice, the plot."""

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from detect.cli.progress import track
from detect.cli.skipping import proposed
from detect.errors import UsageError

if TYPE_CHECKING:
    from detect.models.timing import CropTime
    from detect.regions import Dataset, Proposals
    from detect.storage.proposals import ProposalFile


def check(given: dict[str, Any], asked: Collection[str]) -> None:
    """Raise UsageError for a plot or advice that cannot be had; `asked`: the options given."""
    for name in ("target_iou", "input_size"):
        if name in asked and given["target"] is None:
            raise UsageError(f"--{name.replace('_', '-')} belongs to --target.")
    plot, count = given["plot"], len(given["proposals"])
    if plot is None:
        return
    if plot.suffix.lower() != ".png":
        raise UsageError(f"--plot {plot}: it writes a PNG. Name it {plot.with_suffix('.png')}.")
    from detect.report.recall_plots import MOST_FILES

    if count > MOST_FILES:
        raise UsageError(f"--plot shows at most {MOST_FILES} --proposals, got {count}.")


def recall(dataset: "Dataset", given: dict[str, Any]) -> Any:
    """Print the scores of every --proposals and what else was asked for; return the figures."""
    from detect.evaluation.claim import claim_rows, short_names
    from detect.evaluation.tables import markdown
    from detect.storage.proposals import ProposalFile

    files = [ProposalFile(path) for path in given["proposals"]]
    if given["skip_bad"]:
        dataset = proposed(dataset, files)
    names = short_names([str(file.path) for file in files])
    reports = [_report(dataset, file, per_class=given["per_class"]) for file in files]
    if len(reports) > 1:
        click.echo("\n".join(["", *markdown(claim_rows(names, reports))]))
    if given["target"] is not None:
        _advise(dataset, given, files, names, reports)
    if given["plot"] is not None:
        from detect.report.recall_plots import plot_recall

        plot_recall(given["plot"], names, reports)
    return reports[0] if len(reports) == 1 else reports


def _report(dataset: "Dataset", file: "ProposalFile", *, per_class: bool) -> dict[str, Any]:
    """Print the scores of one proposals file and return them."""
    from detect.evaluation.recall import recall_report
    from detect.evaluation.tables import recall_lines

    report = recall_report(dataset, _read(dataset, file, "scoring"))
    click.echo("\n".join([f"{file.path}", *recall_lines(report, per_class=per_class)]))
    return {"proposals": str(file.path), **report}


def _read(dataset: "Dataset", file: "ProposalFile", what: str) -> Iterator["Proposals"]:
    """Return the proposals of every image, read one at a time."""
    samples = track(dataset.samples, len(dataset), what)
    return (file.read(sample.image_id, sample.size) for sample in samples)


def _advise(
    dataset: "Dataset",
    given: dict[str, Any],
    files: Sequence["ProposalFile"],
    names: Sequence[str],
    reports: Sequence[dict[str, Any]],
) -> None:
    """Print how few boxes of each file reach --target, and add it to `reports` as "advice"."""
    from detect.evaluation.budget import advise, first_ranks
    from detect.evaluation.tables import advice_line

    target, iou, size = given["target"], given["target_iou"], given["input_size"]
    ranks = [first_ranks(dataset, _read(dataset, file, "ranking"), iou) for file in files]
    crop = _time_crops(size)
    click.echo(f"\nfewest boxes that cover {100 * target:g} % of the objects at IoU {iou:g}")
    for name, report, one in zip(names, reports, ranks, strict=True):
        advice = {"iou": iou, "input_size": size, **advise(one, target)}
        advice["seconds_per_image"] = advice["boxes_per_image"] * crop.seconds
        report["advice"] = advice
        click.echo(advice_line(name, advice))
    click.echo(
        "Chosen on these very objects: others may need more. Seconds are predicted, for "
        f"classification\nalone: GoogLeNet-bn at {size} px takes {1000 * crop.seconds:.3g} ms a "
        f"crop on this machine ({crop.device})."
    )


def _time_crops(size: int) -> "CropTime":
    """Time the classifier at crops of `size` px, in the batches `detect run` would take."""
    from detect.detector.batches import CropSettings, automatic_size
    from detect.models.device import choose_device
    from detect.models.timing import time_crops

    device = choose_device("auto")
    settings = CropSettings(size, context=0, mode="warp", image_side=0, mean=(0, 0, 0))
    return time_crops(size, automatic_size(settings, device), device)
