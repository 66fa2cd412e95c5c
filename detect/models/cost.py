"""What a network costs, from the shapes of its layers."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Cost:
    """One module's output shape without the batch, its parameters and multiply-adds.

    `weights`: the parameters without biases and without those of batch normalisation.
    """

    output: tuple[int, ...]
    parameters: int
    weights: int
    multiply_adds: int


def module_costs(network: nn.Module, input_shape: tuple[int, ...]) -> dict[str, Cost]:
    """Return the cost of every module that runs on one input of `input_shape` (C, H, W), by name.

    Multiply-adds are those of convolutions and linear layers, biases not counted, as in
    Table 1; a module's include those of the modules inside. Nothing is computed: the shapes
    come from a copy without storage. "" is the entire network.
    """
    leaves: dict[str, int] = {}
    outputs: dict[str, tuple[int, ...]] = {}
    modules = dict(network.named_modules())
    handles = [
        module.register_forward_hook(_recorder(name, leaves, outputs))
        for name, module in modules.items()
    ]
    try:
        _run_without_storage(network, input_shape)
    finally:
        for handle in handles:
            handle.remove()
    return {
        name: Cost(output, *_parameters(modules[name]), _inside(name, leaves))
        for name, output in outputs.items()
    }


def _run_without_storage(network: nn.Module, input_shape: tuple[int, ...]) -> None:
    tensors = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    empty = {name: torch.empty_like(value, device="meta") for name, value in tensors.items()}
    inputs = torch.empty(1, *input_shape, device="meta")
    torch.func.functional_call(network, empty, (inputs,))


def _recorder(
    name: str, leaves: dict[str, int], outputs: dict[str, tuple[int, ...]]
) -> Callable[[nn.Module, object, object], None]:
    """Return a hook that notes the module's output shape and its own multiply-adds."""

    def record(module: nn.Module, _: object, output: object) -> None:
        first = output[0] if isinstance(output, tuple) else output
        if not isinstance(first, Tensor):
            raise ValueError(f"{name}: expected a tensor, got {type(first).__name__}")
        outputs[name] = tuple(first.shape[1:])
        if isinstance(module, nn.Conv2d | nn.Linear):
            leaves[name] = module.weight[0].numel() * first[0].numel()

    return record


def _parameters(module: nn.Module) -> tuple[int, int]:
    """Return the number of parameters and how many of them are weights."""
    counts = [(parameter.numel(), parameter.ndim > 1) for parameter in module.parameters()]
    return sum(count for count, _ in counts), sum(count for count, is_weight in counts if is_weight)


def _inside(name: str, leaves: dict[str, int]) -> int:
    """Sum over the leaves that are the module `name` or lie in it."""
    prefix = f"{name}." if name else ""
    return sum(count for leaf, count in leaves.items() if leaf == name or leaf.startswith(prefix))
