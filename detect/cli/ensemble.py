"""`detect ensemble`: other detections from kept scores, and what each network brings."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from detect.cli import options
from detect.cli.progress import track
from detect.cli.skipping import open_data
from detect.ensemble import DECAYS, KINDS, Combination
from detect.errors import UsageError

if TYPE_CHECKING:
    from detect.cli.recombining import Recombined
    from detect.regions import Dataset
    from detect.storage.scores import ScoresFile

_PROTOCOLS = ("voc2012", "voc2007", "ilsvrc", "coco")
_OF_DATA = ("split", "protocol", "iou", "seed", "json_out", "skip_bad")


@dataclass(frozen=True)
class Chosen:
    """The options of one call; None is what the run was told, or the kind's own default."""

    scores: Path
    out: Path
    models: str | None
    weights: str | None
    kind: str
    threshold: float | None
    nms: float | None
    per_class: int | None
    decay: str
    sigma: float
    fusion_iou: float
    data: Path | None
    split: str | None
    protocol: str
    iou: float
    seed: int
    json_out: Path | None
    exist_ok: bool
    skip_bad: bool


@click.command("ensemble")
@click.argument("scores", type=options.PATH)
@options.out("Folder for detections.json.")
@click.option("--models", metavar="0,2,5", help="Networks by their number.  [default: all]")
@click.option("--weights", metavar="W,W,W", help="One a network, above 0.  [default: equal]")
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    default=Combination.kind,
    show_default=True,
    help="nms and soft-nms average the networks; wbf fuses each one's own boxes.",
)
@click.option(
    "--threshold", type=click.FloatRange(0, 1), help="Lowest score written.  [default: the run's]"
)
@click.option(
    "--nms",
    type=click.FloatRange(0, 1),
    help="IoU above which the worse of two boxes of a class goes; where the linear decay begins."
    "  [default: the run's]",
)
@click.option(
    "--per-class",
    type=click.IntRange(1),
    help="Most detections of a class in an image.  [default: the run's]",
)
@click.option(
    "--decay",
    type=click.Choice(DECAYS),
    default=Combination.decay,
    show_default=True,
    help="Of soft-nms.",
)
@click.option(
    "--sigma",
    type=click.FloatRange(0, min_open=True),
    default=Combination.sigma,
    show_default=True,
    help="Of the gaussian decay.",
)
@click.option(
    "--fusion-iou",
    type=click.FloatRange(0, 1),
    default=Combination.fusion_iou,
    show_default=True,
    help="Above which boxes are fused (wbf).",
)
@click.option("--data", type=options.PATH, metavar="DATA", help="Score on it: table of mAP.")
@options.split
@click.option(
    "--protocol", type=click.Choice(_PROTOCOLS), default=_PROTOCOLS[0], show_default=True,
    help="Whose rules.",
)  # fmt: skip
@click.option(
    "--iou",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.5,
    show_default=True,
    help="That makes a match.",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Of the subsets drawn, above 8 networks."
)
@click.option("--json", "json_out", type=options.PATH, metavar="OUT", help="Write the table.")
@options.exist_ok
@options.skip_bad
@options.debug
@click.pass_context
def command(context: click.Context, /, **given: Any) -> None:
    """Make detections from SCORES, which detect run --keep-scores left: a file or its folder.

    Any networks of the run, weights and kinds of NMS, without running a network; all networks
    with the defaults give the run's own detections (of scores kept as float16 nearly so). With
    --data the mAP of 1, 2, ... networks over all subsets of the --models, of each alone, and of
    all but each.
    """
    _check(context, given)
    _run(Chosen(**given))


def _check(context: click.Context, given: dict[str, Any]) -> None:
    """Raise UsageError for an option that means nothing beside the others."""
    refused: dict[str, str] = {}
    if given["data"] is None:
        refused |= dict.fromkeys(_OF_DATA, "without --data")
    if given["kind"] != "wbf":
        refused["fusion_iou"] = f"with --kind {given['kind']}"
    if given["kind"] != "soft-nms":
        refused |= dict.fromkeys(("decay", "sigma"), f"with --kind {given['kind']}")
    elif given["decay"] == "linear":
        refused["sigma"] = "with --decay linear"
    else:
        refused["nms"] = "with --decay gaussian"
    for parameter in context.command.params:
        name = parameter.name or ""
        asked = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if name in refused and asked:
            raise UsageError(f"{parameter.opts[0]} means nothing {refused[name]}. Leave it out.")


def _run(chosen: Chosen) -> None:
    """Recombine, write, and score where there is data to score on."""
    from detect.cli.recombining import Recombined
    from detect.storage.scores import ScoresFile

    scores = ScoresFile(chosen.scores)
    networks, weights = _networks(chosen, scores.card.names)
    recombined = Recombined(scores, _combination(chosen, scores), networks, weights)
    if chosen.out.resolve() == scores.path.parent.resolve():
        raise UsageError(f"--out {chosen.out}: the run's own detections are there. Choose another.")
    options.prepare_out(chosen.out, exist_ok=chosen.exist_ok)
    dataset = _open(chosen, scores) if chosen.data else None
    click.echo(recombined.write(chosen.out))
    if dataset is not None:
        _table(chosen, recombined, dataset)


def _networks(
    chosen: Chosen, names: Sequence[str]
) -> tuple[tuple[int, ...], tuple[float, ...] | None]:
    """Return --models as places and --weights, one each; UsageError where they are wrong."""
    places = tuple(range(len(names)))
    if chosen.models is not None:
        places = tuple(int(word) if word.isdecimal() else -1 for word in _words(chosen.models))
        if len(set(places)) != len(places) or not set(places) <= set(range(len(names))):
            there = ", ".join(f"{place} {name}" for place, name in enumerate(names))
            raise UsageError(
                f"--models {chosen.models}: expected different numbers of networks whose scores "
                f"were kept: {there}."
            )
    if chosen.weights is None:
        return places, None
    try:
        weights = tuple(map(float, _words(chosen.weights)))
    except ValueError:
        weights = ()
    if len(weights) != len(places) or not all(0 < one < float("inf") for one in weights):
        raise UsageError(
            f"--weights {chosen.weights}: expected {len(places)} numbers above 0, one a network. "
            "Leave a network out with --models."
        )
    return places, weights


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]


def _combination(chosen: Chosen, scores: "ScoresFile") -> Combination:
    """Return how to combine: the options, else what the run was told."""
    limits = ("threshold", "nms", "per_class")
    given = {name: getattr(chosen, name) for name in limits}
    run = {name: getattr(scores.card, name) for name in limits}
    return Combination(
        kind=chosen.kind,
        decay=chosen.decay,
        sigma=chosen.sigma,
        fusion_iou=chosen.fusion_iou,
        **{name: run[name] if given[name] is None else given[name] for name in limits},
    )


def _open(chosen: Chosen, scores: "ScoresFile") -> "Dataset":
    """Return the split to score on; DataError where its images are not those of `scores`."""
    from detect.cli.recombining import check_same_data

    dataset = open_data(chosen.data or Path(), chosen.split, skip_bad=chosen.skip_bad)
    check_same_data(scores, dataset)
    return dataset


def _table(chosen: Chosen, recombined: "Recombined", dataset: "Dataset") -> None:
    """Print, and with --json write, mAP over the subsets of the networks."""
    from detect.ensemble.curve import choose_subsets, curve_lines, ensemble_curve
    from detect.files import write_json

    subsets = choose_subsets(recombined.networks, chosen.seed)
    maps = {
        subset: recombined.score(subset, dataset, chosen.protocol, chosen.iou)
        for subset in track(subsets, len(subsets), "scoring subsets")
    }
    figures = ensemble_curve(recombined.networks, maps)
    names = recombined.scores.card.names
    protocol = f"{chosen.protocol}, IoU {chosen.iou:g}"
    percent = 100 * figures["map"]
    click.echo(f"mAP of {len(recombined.networks)} networks ({protocol}): {percent:.2f} %")
    click.echo("\n".join(curve_lines(figures, names)))
    if chosen.json_out:
        told = {
            "protocol": chosen.protocol,
            "iou": chosen.iou,
            "split": dataset.split,
            "seed": chosen.seed,
            "names": {str(place): names[place] for place in recombined.networks},
            "weights": recombined.weights,
            "combination": asdict(recombined.combination),
        }
        write_json(chosen.json_out, {**told, **figures})
