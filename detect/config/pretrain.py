"""The recipe of an image classifier, to pre-train on."""

from typing import Self

from pydantic import Field, model_validator

from detect.config.region_classifier import ModelSection
from detect.config.sections import (
    AuxiliaryOptimizerSection,
    CropAugmentSection,
    RunSection,
    Section,
    SeededRecipe,
    check_auxiliary,
)


class PretrainModelSection(ModelSection):
    """The network: arXiv 1409.4842, Table 1 and section 5; see the region classifier's.

    `auxiliary_dropout` of the auxiliary classifiers, section 5.
    """

    auxiliary_dropout: float = Field(0.7, ge=0, lt=1)


class PatchSection(Section):
    """What a training sample shows: a patch of a share `area`, `aspect` wide to tall.

    Numbers of arXiv 1409.4842, section 6.
    """

    area: tuple[float, float] = (0.08, 1.0)
    aspect: tuple[float, float] = (3 / 4, 4 / 3)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not 0 < self.area[0] <= self.area[1] <= 1:
            raise ValueError("area needs 0 < low <= high <= 1")
        if not 0 < self.aspect[0] <= self.aspect[1]:
            raise ValueError("aspect needs 0 < low <= high")
        return self


class PretrainRunSection(RunSection):
    """How often to validate and to save; validation reads `validation_images` each time."""

    validation_images: int = Field(1000, ge=1)


class PretrainRecipe(SeededRecipe):
    """Everything `detect pretrain` is told besides the data.

    The paper does not give its batch size: 128 is our choice. An epoch shows every image once.
    """

    init: str = ""
    batch_size: int = Field(128, ge=2)
    model: PretrainModelSection = PretrainModelSection()
    patches: PatchSection = PatchSection()
    augment: CropAugmentSection = CropAugmentSection()
    optimizer: AuxiliaryOptimizerSection
    run: PretrainRunSection = PretrainRunSection()

    @model_validator(mode="after")
    def _auxiliary(self) -> Self:
        check_auxiliary(self.model, self.model, self.optimizer)
        return self
