"""A plan as a table with its reasons below, and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from detect.costs.stage_costs import StageCost, total
from detect.costs.units import bytes_text, duration
from detect.evaluation.tables import align

_LEFT_OUT = (
    "Not counted: validation, pictures, reading annotations. The disk of a training is its run",
    "folder, with the state that --resume needs.",
)


def busy_lines(load: float, cores: int) -> list[str]:
    """Return the warning that other work slowed the timings, if `load` leaves not half the cores.

    `load`: the processes that ran or waited, on average, in the minute before.
    """
    if load <= cores / 2:
        return []
    return [
        f"This machine is busy with other work (load {load:.1f} on {cores} cores): on its own it "
        "would be faster."
    ]


def lines(stages: Sequence[StageCost]) -> list[str]:
    """Return the table, a row a stage and one of all, and what each row comes from."""
    all_stages = [*stages, total(stages)] if len(stages) > 1 else list(stages)
    on_gpu = any(stage.gpu_memory for stage in all_stages)
    head = ["stage", "time", "memory", *(["on the GPU"] if on_gpu else []), "disk"]
    rows = [_row(stage, on_gpu) for stage in all_stages]
    reasons = [line for stage in stages for line in _reasons(stage)]
    return [*align([head, *rows]), "", *reasons, "", *_LEFT_OUT]


def _row(stage: StageCost, on_gpu: bool) -> list[str]:
    gpu = [bytes_text(stage.gpu_memory) if stage.gpu_memory else "-"] if on_gpu else []
    disk = bytes_text(stage.disk) if stage.disk else "-"
    return [_name(stage), duration(stage.seconds), bytes_text(stage.memory), *gpu, disk]


def _name(stage: StageCost) -> str:
    return f"{stage.command} {stage.what}".rstrip()


def _reasons(stage: StageCost) -> list[str]:
    """Return what the stage's figures come from, and what of them was concluded."""
    lines = [f"{_name(stage)}: {stage.basis}."]
    if stage.extrapolated:
        lines.append(f"  extrapolated: {'; '.join(stage.extrapolated)}.")
    return lines


def figures(stages: Sequence[StageCost]) -> dict[str, Any]:
    """Return the plan as JSON values: {"stages": [...], "total": {...}}, hours and bytes."""
    return {"stages": [_entry(stage) for stage in stages], "total": _costs(total(stages))}


def _entry(stage: StageCost) -> dict[str, Any]:
    return {
        "stage": stage.command,
        "on": stage.what,
        **_costs(stage),
        **(asdict(stage.figures) if stage.figures else {}),
        "basis": stage.basis,
        "extrapolated": list(stage.extrapolated),
    }


def _costs(stage: StageCost) -> dict[str, Any]:
    return {
        "hours": stage.seconds / 3600,
        "memory_bytes": stage.memory,
        "gpu_memory_bytes": stage.gpu_memory,
        "disk_bytes": stage.disk,
    }
