"""What a step makes besides its update: gradients of all processes, moved statistics."""

import torch
from torch import Tensor, nn

from detect.training.distributed import Processes
from detect.training.optimization import by_type


class GradientSum:
    """Sums the gradients and running statistics of `model` over `processes`.

    They travel in one buffer that is kept between steps: on a CPU, fresh memory of that size and
    copies there and back cost more than the sum itself.
    """

    def __init__(self, model: nn.Module, processes: Processes) -> None:
        self._model, self._processes = model, processes
        self._buffer: Tensor | None = None

    def add(self, losses: dict[str, Tensor], share: float) -> dict[str, Tensor]:
        """Replace every gradient by the sum over all processes, and return that of `losses`.

        Running statistics of batch norms, which are means already, count by `share`: this
        process's part of the batch. Raises EnvironmentProblem if a process is gone.
        """
        if self._processes.alone:
            return losses
        statistics = [
            buffer
            for module in self._model.modules()
            if module.training  # Those of others stay to the bit, which a sum of shares does not.
            for name, buffer in module.named_buffers(recurse=False)
            if name.startswith("running_")
        ]
        trained = [p for p in self._model.parameters() if p.grad is not None]
        last = torch.stack([*losses.values()]).float()
        ours = [*(p.grad for p in trained), *(b * share for b in statistics), last]
        sums = self._summed([tensor for tensor in ours if tensor is not None])
        for parameter, total in zip(trained, sums, strict=False):
            parameter.grad = total
        for statistic, total in zip(statistics, sums[len(trained) :], strict=False):
            statistic.copy_(total)
        return dict(zip(losses, sums[-1].clone().unbind(), strict=True))

    def _summed(self, tensors: list[Tensor]) -> list[Tensor]:
        """Return the sums of `tensors`, laid out in memory as these are."""
        # Of a kernel that is stored channels last, flatten() would make a copy.
        rows = [tensor.as_strided((tensor.numel(),), (1,)) for tensor in tensors]
        self._buffer = torch.cat(rows, out=self._buffer)
        self._processes.add(self._buffer)
        parts = torch.split(self._buffer, [len(row) for row in rows])
        pairs = zip(parts, tensors, strict=True)
        return [part.as_strided(tensor.size(), tensor.stride()) for part, tensor in pairs]


class RunningStatistics:
    """The buffers of `model` as they were before a step, to try the step again.

    They are copied into memory that is kept, those of one type at once: on a GPU two hundred small
    copies a step would take longer to order than to make.
    """

    def __init__(self, model: nn.Module) -> None:
        self._buffers = [*model.buffers()]
        self._kept = [torch.empty_like(buffer) for buffer in self._buffers]

    @torch.no_grad()
    def keep(self) -> None:
        """Remember the buffers as they are."""
        for kept, buffers in by_type(self._kept, self._buffers):
            torch._foreach_copy_(kept, buffers)

    @torch.no_grad()
    def restore(self) -> None:
        """Let the buffers be again as they were."""
        for kept, buffers in by_type(self._kept, self._buffers):
            torch._foreach_copy_(buffers, kept)
