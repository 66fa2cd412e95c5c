"""Imports go down only and in no circle, torch stays where it belongs, and help loads none of it.

An import is one wherever it stands: at the top, inside a function, under `if TYPE_CHECKING`. The
last two keep commands light and are no way around the order, nor out of a circle: two modules that
need each other cannot be read or changed one at a time, whenever the imports are run.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping, Set
from importlib.util import resolve_name
from pathlib import Path

import pytest

import detect
from detect.cli import COMMANDS

ROOT = Path(detect.__file__).parent

# From the top down; a module may import its own layer and those below it.
LAYERS = (
    ("detect",),
    ("detect.cli",),
    ("detect.demo",),
    ("detect.stages",),
    ("detect.doctor", "detect.costs", "detect.report"),
    ("detect.training",),
    ("detect.detector", "detect.proposals.multibox"),
    ("detect.ensemble", "detect.models"),
    ("detect.checks",),
    ("detect.data", "detect.storage", "detect.proposals", "detect.evaluation", "detect.visualize"),
    ("detect.matching", "detect.images", "detect.inspection", "detect.crops"),
    ("detect.runs",),
    (
        "detect.errors", "detect.structures", "detect.conversions", "detect.frozen", "detect.boxes",
        "detect.nms", "detect.files", "detect.json_values", "detect.callbacks", "detect.reading",
        "detect.formats", "detect.locks", "detect.memory", "detect.together", "detect.config",
        "detect.progress", "detect.foreign", "detect.trunks",
    ),
)  # fmt: skip
# The stages may name its devices and ask it for them, and detections become its tensors, inside
# their functions.
TORCH = (
    "detect.stages",
    "detect.conversions",
    "detect.doctor",
    "detect.models",
    "detect.training",
    "detect.detector",
    "detect.proposals.multibox",
    "detect.crops.batched",
    "detect.crops.resampled",
    "detect.crops.taps",
    "detect.crops.uploads",
)
# What only some may import, and who: recipes, torch, and what brings torch along.
ONLY_FOR = {
    "detect.config": ("detect.stages", "detect.training", "detect.config"),
    "detect.crops.batched": ("detect.detector",),
    "detect.crops.resampled": ("detect.training",),
    "torch": TORCH,
    "torchvision": ("detect.models",),
    "timm": ("detect.models",),
    "onnx": ("detect.models",),
    "onnxruntime": ("detect.models",),
    "openvino": ("detect.models",),
    "ray": ("detect.stages.archive",),
    "numba": ("detect.proposals.search",),
}
HEAVY = (
    "torch", "torchvision", "albumentations", "matplotlib", "cv2", "scipy", "pyarrow", "numba",
)  # fmt: skip


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_name(path): path for path in sorted(ROOT.rglob("*.py"))}
ENTRIES = [entry for row in LAYERS for entry in row]


def _is_in(module: str, *packages: str) -> bool:
    return any(module == one or module.startswith(one + ".") for one in packages)


def _imports(text: str, package: str) -> Iterator[str]:
    """Yield the modules that `text`, in `package`, imports anywhere, relative names resolved."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import(names=aliases):
                yield from (alias.name for alias in aliases)
            case ast.ImportFrom(module=module, names=aliases, level=level):
                source = resolve_name("." * level + (module or ""), package)
                names = [f"{source}.{alias.name}" for alias in aliases]
                yield from (name if name in MODULES else source for name in names)
            case ast.Call(
                func=ast.Attribute(attr="import_module") | ast.Name(id="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield name


def _imports_of(module: str) -> set[str]:
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return set(_imports(path.read_text(encoding="utf-8"), package))


IMPORTS = {module: _imports_of(module) for module in MODULES}
OWN = {module: names & MODULES.keys() for module, names in IMPORTS.items()}


def _entry(module: str) -> str:
    """Return the longest entry of LAYERS that `module` is in."""
    return max((entry for entry in ENTRIES if _is_in(module, entry)), key=len)


def _layer(module: str) -> int:
    return next(number for number, row in enumerate(LAYERS) if _entry(module) in row)


def _reached(graph: Mapping[str, Set[str]], start: str) -> set[str]:
    """Return what is reached from `start` in one step or more."""
    found: set[str] = set()
    ahead = [start]
    while ahead:
        new = graph[ahead.pop()] - found
        found |= new
        ahead += new
    return found


def _circles(graph: Mapping[str, Set[str]]) -> list[tuple[str, ...]]:
    """Return the strongly connected components with a circle, sorted."""
    reached = {name: _reached(graph, name) for name in graph}
    circular = [name for name in graph if name in reached[name]]
    return sorted(
        {tuple(sorted(o for o in reached[name] if name in reached[o])) for name in circular}
    )


def test_the_parser_sees_every_form_of_import() -> None:
    text = """
import torch.nn
from detect import boxes
from detect.crops import batched, opencv
from . import stage_costs
from .. import files
from ..data.voc import read
if TYPE_CHECKING:
    from detect.cli import main
def later():
    from detect.errors import DataError
    importlib.import_module("detect.models.device")
"""
    assert set(_imports(text, "detect.costs")) == {
        "torch.nn", "detect.boxes", "detect.crops.batched", "detect.crops.opencv",
        "detect.costs.stage_costs", "detect.files", "detect.data.voc", "detect.cli",
        "detect.errors", "detect.models.device",
    }  # fmt: skip


def test_circles_are_told_from_ways_that_end() -> None:
    graph = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": {"d"}, "f": {"f", "a"}}
    assert _circles(graph) == [("a", "b", "c"), ("d", "e"), ("f",)]
    assert _circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_every_module_has_a_layer_of_its_own() -> None:
    assert [name for name in MODULES if _entry(name) == "detect"] == ["detect"]


def test_every_name_here_is_of_a_module_and_every_permission_is_used() -> None:
    assert len(set(ENTRIES)) == len(ENTRIES)
    named = {*ENTRIES, *TORCH, *(place for places in ONLY_FOR.values() for place in places)}
    assert named - MODULES.keys() == set()
    for what, places in ONLY_FOR.items():
        users = [name for name in MODULES if any(_is_in(one, what) for one in IMPORTS[name])]
        unused = [place for place in places if not any(_is_in(user, place) for user in users)]
        assert unused == [], what


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down_only(module: str) -> None:
    assert [name for name in OWN[module] if _layer(name) < _layer(module)] == []


@pytest.mark.parametrize("module", MODULES)
def test_torch_recipes_and_batched_crops_stay_where_they_belong(module: str) -> None:
    forbidden = [what for what, places in ONLY_FOR.items() if not _is_in(module, *places)]
    assert [name for name in IMPORTS[module] if _is_in(name, *forbidden)] == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert _circles(OWN) == []


def test_no_packages_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {entry: set() for entry in ENTRIES}
    for module, names in OWN.items():
        graph[_entry(module)] |= {_entry(name) for name in names} - {_entry(module)}
    assert _circles(graph) == []


def _loaded(program: str) -> set[str]:
    """Return which of HEAVY are imported after `program` in a new process."""
    shown = f"{program}\nimport sys\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_help_and_version_load_nothing_heavy() -> None:
    calls = [["--help"], ["--version"], *([name, "--help"] for name in COMMANDS)]
    program = f"""
import contextlib, io, sys
from detect.cli import main
for arguments in {calls!r}:
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()) as text:
        main(arguments)
    if not text.getvalue():
        sys.exit(f"{{arguments}} printed nothing")
"""
    assert _loaded(program) == set()


def test_what_may_not_import_torch_does_not_load_it_by_way_of_others() -> None:
    light = [name for name in MODULES if not _is_in(name, *TORCH)]
    program = "import os\nos.environ['NO_ALBUMENTATIONS_UPDATE'] = '1'\nimport " + ", ".join(light)
    loaded = _loaded(program)
    assert "cv2" in loaded  # what is imported is seen
    assert not loaded & {"torch", "torchvision"}
