"""What of a network a training leaves as it was: its first stages, its trunk's statistics."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from detect.config import OptimizerSection
from detect.errors import DataError
from detect.models.normalised import NormalisedNetwork
from detect.training.passes import as_one, pairs_of


class Frozen:
    """The modules of `model` that a training by `optimizer` leaves as they are.

    Of the first `frozen_stages` no weight and no running statistic changes, with
    `frozen_statistics` no running statistic of the trunk: these modules compute as they do when
    they are evaluated. DataError where the trunk has fewer stages.
    """

    def __init__(self, model: nn.Module, optimizer: OptimizerSection) -> None:
        self._model = model
        self._modules: list[nn.Module] = []
        if optimizer.frozen_stages:
            self._modules += _first_stages(model, optimizer.frozen_stages)
            for module in self._modules:
                module.requires_grad_(False)
        if optimizer.frozen_statistics:
            self._modules += [one for one in trunk(model) if isinstance(one, _BatchNorm)]
        self._pairs = pairs_of(model, self._modules)

    @contextmanager
    def training(self) -> Iterator[None]:
        """Let the model train, and what is frozen evaluate; convolutions normalise meanwhile.

        The model stays to train afterwards.
        """
        self._model.train()
        for module in self._modules:
            module.eval()
        with as_one(self._pairs):
            yield


def check_stages(model: nn.Module, optimizer: OptimizerSection) -> None:
    """Raise DataError where `optimizer` freezes more stages than the trunk has."""
    if optimizer.frozen_stages:
        _first_stages(model, optimizer.frozen_stages)


def trunk(model: nn.Module) -> list[nn.Module]:
    """Return every module of `model`'s network that is in none of its new layers."""
    network = _network(model)
    new = {id(inner) for layer in network.new_layers() for inner in layer.modules()}
    return [module for module in network.network.modules() if id(module) not in new]


def _first_stages(model: nn.Module, count: int) -> list[nn.Module]:
    stages = _network(model).network.stages()
    if count > len(stages):
        raise DataError(
            f"optimizer.frozen_stages: the trunk has {len(stages)} stages, got {count}."
        )
    return [module for stage in stages[:count] for module in stage]


def _network(model: nn.Module) -> NormalisedNetwork:
    if not isinstance(model, NormalisedNetwork):
        raise ValueError(f"expected a network on pixels, got {type(model).__name__}")
    return model
