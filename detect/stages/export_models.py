"""A trained network for other engines, compared with PyTorch's before it is written."""

from pathlib import Path
from typing import TYPE_CHECKING

from detect.errors import UsageError, option
from detect.models.exported.forms import Form, need_to_write
from detect.progress import Reporter
from detect.stages.members import member_folders

if TYPE_CHECKING:
    from detect.models.exported.parity import Difference


def export_model(model: Path, to: Form, out: Path, reporter: Reporter) -> "Difference":
    """Write the region classifier, MultiBox or one trunk `model` to `out`; return the difference.

    UsageError for an ensemble, DataError for what is no such model,
    EnvironmentProblem where a package is missing, DetectError where the network cannot be
    exported or is another one then; nothing is written.
    """
    need_to_write(to)
    networks = member_folders(model)
    if len(networks) > 1:
        raise UsageError(
            f"{model}: {len(networks)} networks, and a file holds one. Export each of them, such "
            f"as {networks[0]}; detect run averages as many {option('model')} as it is given."
        )
    from detect.models.checkpoints import kind_among, load_model
    from detect.models.exported.exporting import export_network
    from detect.models.exported.files import write_exported
    from detect.models.kinds import MULTIBOX, REGION_CLASSIFIER, SHARED
    from detect.models.model_files import model_hash

    path = networks[0]
    network, card = load_model(path, kind_among(path, (REGION_CLASSIFIER, MULTIBOX, SHARED)))
    reporter.say("writing the network, and comparing it with PyTorch's")
    exported, difference = export_network(network, card, model_hash(path), to)
    write_exported(out, exported)
    return difference
