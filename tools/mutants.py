"""Check that the tests notice wrong mathematics: each change of tests/mutants.toml, one at a time.

    make mutants
    python tools/mutants.py --only training/losses --only nms    # by parts of the files' names
    python tools/mutants.py --list MORE.toml

Every entry of the list is one small fault: `file`, a `text` that stands in it once, the
`replacement`, and the `tests` that must fail with it (pytest's node ids; of a parametrised test
one case is enough). First the tests must pass without any fault. Then each fault is put into a
copy of the tree, two copies side by side, and the tests named are run: one that passes has not
noticed. What nobody notices is printed, and the exit status is 1.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
LIST = ROOT / "tests" / "mutants.toml"
# What the tests read; nothing else is copied.
COPIED = (
    "detect", "tests", "tools", "configs", "docs", "pyproject.toml", "mkdocs.yml", "README.md",
    "CHANGELOG.md", "CONTRIBUTING.md",
)  # fmt: skip
AT_ONCE = 2
PATIENCE = 300.0  # seconds for the tests of one fault: a loop without end is no notice


@dataclass(frozen=True)
class Mutant:
    """One fault: `text` of `file` becomes `replacement`, and every one of `tests` must fail."""

    file: str
    text: str
    replacement: str
    tests: tuple[str, ...]

    def __str__(self) -> str:
        """Name the fault in one line."""
        before, after = (" ".join(part.split()) for part in (self.text, self.replacement))
        return f"{self.file}: {before!r} -> {after!r}"


def read_mutants(path: Path) -> list[Mutant]:
    """Return the entries of a list; KeyError or TypeError for one that is none."""
    entries = tomllib.loads(path.read_text(encoding="utf-8"))["mutant"]
    return [Mutant(**{**entry, "tests": tuple(entry["tests"])}) for entry in entries]


def passed_by(mutant: Mutant, tree: Path) -> str:
    """Put `mutant` into `tree`, run its tests, take it out; "" if all of them failed, else why."""
    file = tree / mutant.file
    right = file.read_text(encoding="utf-8")
    if right.count(mutant.text) != 1:
        return f"the text stands {right.count(mutant.text)} times in the file, expected once"
    file.write_text(right.replace(mutant.text, mutant.replacement), encoding="utf-8")
    try:
        failed = failures(mutant.tests, tree)
    except subprocess.TimeoutExpired:
        return f"the tests had not ended after {PATIENCE:.0f} s"
    finally:
        file.write_text(right, encoding="utf-8")
    unaware = [test for test in mutant.tests if not any(_is_of(test, one) for one in failed)]
    return f"not noticed by {', '.join(unaware)}" if unaware else ""


def failures(tests: Iterable[str], tree: Path) -> list[str]:
    """Return the node ids of the cases of `tests` that fail in `tree`, errors of set-up not."""
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--tb=no", "-rf", "-p", "no:cacheprovider", *tests],
        cwd=tree,
        env=_environment(tree),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    lines = ran.stdout.splitlines()
    return [line.split(" - ")[0].removeprefix("FAILED ") for line in lines if line[:7] == "FAILED "]


def _is_of(test: str, failed: str) -> bool:
    """Tell whether the node id `failed` is `test` or lies in it."""
    return failed == test or failed.startswith((f"{test}[", f"{test}::"))


def _environment(tree: Path) -> dict[str, str]:
    """Return what makes Python take the packages of `tree`, and keep no compiled file of it."""
    # A file that changes twice within a second can look the same to a cache.
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(tree), str(tree / "tests"))),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
    }


def copy_tree(target: Path) -> Path:
    """Copy what the tests need to `target` and return it."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=ignored)
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)
    return target


def passing(tests: Sequence[str], tree: Path) -> bool:
    """Tell whether `tests` pass in `tree` as it is, and say which do not."""
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-n", str(AT_ONCE), *tests]
    return subprocess.run(command, cwd=tree, env=_environment(tree), check=False).returncode == 0


def try_all(mutants: Sequence[Mutant], trees: Sequence[Path]) -> int:
    """Try every one of `mutants`, as many at once as there are `trees`; return how many stay."""
    free: SimpleQueue[Path] = SimpleQueue()
    for tree in trees:
        free.put(tree)

    def tried(mutant: Mutant) -> tuple[Mutant, str]:
        tree = free.get()
        try:
            return mutant, passed_by(mutant, tree)
        finally:
            free.put(tree)

    unnoticed = 0
    with ThreadPoolExecutor(len(trees)) as pool:
        for number, (mutant, why) in enumerate(pool.map(tried, mutants), 1):
            unnoticed += bool(why)
            print(f"{number:4d} {why or 'noticed'}: {mutant}", flush=True)
    return unnoticed


def main() -> int:
    """Try the mutants that the command line chooses; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--list", type=Path, default=LIST)
    parser.add_argument("--only", action="append", help="a part of the file's name")
    options = parser.parse_args()
    mutants = read_mutants(options.list)
    if options.only:
        mutants = [one for one in mutants if any(part in one.file for part in options.only)]
    start = time.monotonic()
    with TemporaryDirectory() as folder:
        trees = [copy_tree(Path(folder) / str(number)) for number in range(AT_ONCE)]
        if not passing(sorted({test for one in mutants for test in one.tests}), trees[0]):
            print("the tests fail without any fault: nothing was tried")
            return 1
        unnoticed = try_all(mutants, trees)
    minutes = (time.monotonic() - start) / 60
    print(f"{len(mutants)} mutants, {unnoticed} unnoticed, {minutes:.1f} min")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
