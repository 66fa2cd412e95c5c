"""Imports go down only, torch stays where it belongs, and asking for help loads none of it."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import detect
from detect.cli import COMMANDS

ROOT = Path(detect.__file__).parent

# From the top down; a module may import its own layer and those below it.
LAYERS = (
    ("detect.cli",),
    ("detect.demo", "detect.planning", "detect.report"),
    ("detect.training",),
    ("detect.detector", "detect.proposals.multibox"),
    ("detect.ensemble", "detect.models"),
    ("detect.data", "detect.storage", "detect.proposals", "detect.evaluation", "detect.visualize"),
    ("detect.matching", "detect.images", "detect.crops"),
    ("detect.runs",),
    (
        "detect", "detect.errors", "detect.regions", "detect.boxes", "detect.files",
        "detect.memory", "detect.config",
    ),
)  # fmt: skip
# The commands may ask torch for its version and devices, inside their functions.
TORCH = (
    "detect.cli",
    "detect.models",
    "detect.training",
    "detect.detector",
    "detect.proposals.multibox",
    "detect.crops.batched",
)
CONFIG = ("detect.cli", "detect.demo", "detect.training")
HEAVY = ("torch", "torchvision", "albumentations", "matplotlib", "cv2", "scipy", "pyarrow")


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_name(path): path for path in sorted(ROOT.rglob("*.py"))}


def _is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def _entry(module: str) -> str:
    """Return the longest entry of LAYERS that `module` is in."""
    return max((entry for row in LAYERS for entry in row if _is_in(module, entry)), key=len)


def _layer(module: str) -> int:
    return next(number for number, row in enumerate(LAYERS) if _entry(module) in row)


def _imports(node: ast.AST) -> Iterator[str]:
    """Yield the modules that `node` imports anywhere, but not for type checkers alone."""
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
        return
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        source = node.module or ""
        names = [f"{source}.{alias.name}" for alias in node.names]
        yield from (name if name in MODULES else source for name in names)
    for child in ast.iter_child_nodes(node):
        yield from _imports(child)


def _imports_of(module: str) -> set[str]:
    return set(_imports(ast.parse(MODULES[module].read_text(encoding="utf-8"))))


def test_the_parser_sees_every_form_of_import():
    text = """
import torch.nn
from detect import boxes
from detect.crops import batched, opencv
def later():
    from detect.errors import DataError
if TYPE_CHECKING:
    from detect.cli import main
"""
    assert set(_imports(ast.parse(text))) == {
        "torch.nn", "detect.boxes", "detect.crops.batched", "detect.crops.opencv", "detect.errors",
    }  # fmt: skip


def test_every_module_has_a_layer_of_its_own_and_every_layer_a_module():
    assert [name for name in MODULES if _entry(name) == "detect"] == ["detect"]
    later = {"detect.report", "detect.proposals.multibox"}
    assert {entry for row in LAYERS for entry in row} - set(MODULES) == later - set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down_only(module):
    own = [name for name in _imports_of(module) if _is_in(name, "detect")]
    upward = [name for name in own if _layer(name) < _layer(module)]
    assert upward == []


@pytest.mark.parametrize("module", MODULES)
def test_torch_and_config_and_batched_crops_stay_where_they_belong(module):
    imports = _imports_of(module)
    if not any(_is_in(module, place) for place in TORCH):
        assert [name for name in imports if name.split(".")[0] in ("torch", "torchvision")] == []
    if not any(_is_in(module, place) for place in CONFIG):
        assert "detect.config" not in imports
    if _layer(module) > _layer("detect.models"):
        assert "detect.crops.batched" not in imports


def _loaded(*calls: list[str]) -> set[str]:
    """Return which of HEAVY are imported after `calls` of detect in one new process."""
    program = f"""
import contextlib, io, sys
from detect.cli import main
for arguments in {list(calls)!r}:
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()) as text:
        main(arguments)
    if not text.getvalue():
        sys.exit(f"{{arguments}} printed nothing")
print(*[name for name in {HEAVY!r} if name in sys.modules])
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_help_and_version_load_nothing_heavy():
    available = [name for name, (module, _) in COMMANDS.items() if module in MODULES]
    helps = [[name, "--help"] for name in available]
    assert _loaded(["--help"], ["--version"], *helps) == set()
