"""What a training is given besides its recipe: noted where it begins, compared when it goes on."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from detect.config import Section, to_toml

if TYPE_CHECKING:
    from detect.runs import RunFolder
    from detect.structures import Dataset


@dataclass(frozen=True)
class TrainingInputs:
    """The images to train on, those to validate on, and `more` that decides the samples.

    `more` is plain JSON, such as {"leave_out": "1/2"}, with the same keys in every call of a
    command.
    """

    dataset: "Dataset"
    validation: "Dataset | None"
    more: dict[str, Any] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """Return what environment.json holds of it; of the images their digests."""
        from detect.data import samples_hash

        validation = "none" if self.validation is None else samples_hash(self.validation)
        return {"images": samples_hash(self.dataset), "val_images": validation, **self.more}


def check_same(folder: "RunFolder", recipe: Section, given: TrainingInputs) -> None:
    """Raise DataError unless the run in `folder` was begun with the same `recipe` and `given`.

    What an earlier version did not note there is unknown, and not compared. Where the run goes
    on does not matter: the device, and the number of threads and processes.
    """
    from detect.storage.recipe import check_same_recipe

    folder.check_same(to_toml(recipe))
    noted = folder.environment()
    now = {key: value for key, value in given.record().items() if key in noted}
    then = {key: noted[key] for key in now}
    check_same_recipe(folder.path, then, "this command's training", now)
