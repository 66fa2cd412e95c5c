"""Faults done to every command that writes, and damaged files given to every reader, counted.

    make faults                                                    # before a release
    python -m faults.harness --kills 60 --inputs 1500              # tests/ in PYTHONPATH

Cases: each command is killed before every one of its changes of files and at random, gets a full
disk, and another beside it (faults/cases.py). Inputs: faults/fuzzing.py. What is wrong is printed
and the exit status is 1; the table goes into docs/reliability.md.
"""

import argparse
import math
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import repeat
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from faults.cases import Case, Clean, Place, Tried, can_mount, clean, tried
from faults.children import import_everything
from faults.commands import COMMANDS, MADE, write_world
from faults.fuzzing import Fault, fuzz, report

AT_ONCE = 2
# Other cases for each kill before a change of files.
_OTHERS = {
    "killed at any time": 1 / 5,
    "a file is too large": 1 / 10,
    "the disk is full": 1 / 10,
    "two at once": 1 / 10,
    "whole processes killed": 1 / 50,
}


def make_place(root: Path) -> Place:
    """Write what the commands take into `root`, in a child, and make what others have made."""
    place = Place(root / "world", root / "made")
    for folder in (place.world, place.made):
        folder.mkdir()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            write_world(place.world)
            code = 0
        finally:
            os._exit(code)
    if os.waitpid(child, 0)[1]:
        sys.exit("the inputs of the commands cannot be written")
    import_everything(
        COMMANDS[made].call(place.world, place.world / name) for name, made in MADE.items()
    )
    return place


def chosen(known: Sequence[Clean], kills: int, seed: int) -> list[Case]:
    """Return `kills` cases of commands killed at a change, or all there are, and the others."""
    random = np.random.default_rng(seed)
    share = kills / sum(one.changes for one in known)
    cases = [
        Case(one.name, "killed at a change of files", 1 + int(number))
        for one in known
        for number in random.permutation(one.changes)[: math.ceil(share * one.changes)]
    ]
    for kind, fraction in _OTHERS.items():
        places = random.permutation(max(1, round(fraction * kills))) % len(known)
        names = [known[place].name for place in places]
        cases += [Case(name, kind, round(random.uniform(), 4)) for name in names]
    if not can_mount():
        cases = [case for case in cases if case.kind != "the disk is full"]
    return [cases[place] for place in random.permutation(len(cases))]


def try_all(place: Place, kills: int, seed: int) -> Iterator[Tried]:
    """Yield what comes of the cases, as they end."""
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(AT_ONCE, context) as pool:
        first = [name for name, command in COMMANDS.items() if not command.over]
        known = {one.name: one for one in pool.map(partial(clean, place), first)}
        rest = [name for name in COMMANDS if name not in first]
        known |= {one.name: one for one in pool.map(partial(clean, place), rest)}
        print(
            f"{len(known)} commands, {sum(one.changes for one in known.values())} changes of files"
        )
        cases = chosen(list(known.values()), kills, seed)
        yield from pool.map(tried, repeat(place), (known[case.name] for case in cases), cases)


def read_all(inputs: int, seed: int) -> tuple[Counter[str], list[Fault]]:
    """Give `inputs` damaged files to their readers, in several processes."""
    shares = [range(first, inputs, AT_ONCE) for first in range(AT_ONCE)]
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(AT_ONCE, context) as pool:
        parts = list(pool.map(_read, shares, repeat(seed)))
    return sum((part[0] for part in parts), Counter()), [one for part in parts for one in part[1]]


def _read(numbers: Iterable[int], seed: int) -> tuple[Counter[str], list[Fault]]:
    from faults.formats import FORMATS

    return fuzz(FORMATS, _counted(numbers), seed, report)


def _counted(numbers: Iterable[int]) -> Iterator[int]:
    begun = time.monotonic()
    for done, number in enumerate(numbers):
        if done % 500 == 499:
            print(f"{number} inputs, {time.monotonic() - begun:.0f} s", flush=True)
        yield number


def table(every: Iterable[Tried], outcomes: Counter[str]) -> str:
    """Return the counts as a table in Markdown."""
    rows = Counter((one.case.kind, one.outcome, bool(one.faults)) for one in every)
    lines = ["| what was done | how it ended | times | wrong |", "|---|---|---|---|"]
    for kind, outcome in sorted({(kind, outcome) for kind, outcome, _ in rows}):
        sound, unsound = rows[kind, outcome, False], rows[kind, outcome, True]
        lines.append(f"| {kind} | {outcome} | {sound + unsound:,} | {unsound} |")
    for outcome, count in sorted(outcomes.items()):
        wrong = 0 if outcome in ("read", "refused") else count
        lines.append(f"| a damaged file | {outcome} | {count:,} | {wrong} |")
    return "\n".join(lines)


def main() -> int:
    """Try, print what went wrong and the table; 1 where anything did."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=1050, help="before changes of files; others")
    parser.add_argument("--inputs", type=int, default=10_000, help="damaged files")
    parser.add_argument("--seed", type=int, default=0)
    told = parser.parse_args()
    begun, every = time.monotonic(), []
    with TemporaryDirectory(prefix="detect-faults-") as folder:
        for one in try_all(make_place(Path(folder)), told.kills, told.seed):
            every.append(one)
            for fault in one.faults:
                print(f"{one.case}: {fault}", flush=True)
            if len(every) % 50 == 0:
                print(f"{len(every)} cases, {time.monotonic() - begun:.0f} s", flush=True)
    outcomes, faults = read_all(told.inputs, told.seed)
    print(f"{time.monotonic() - begun:.0f} s")
    print(table(every, outcomes))
    return 1 if faults or any(one.faults for one in every) else 0


if __name__ == "__main__":
    if os.environ.get("OMP_NUM_THREADS") != "1":  # Read when torch is loaded: threads do not fork.
        command = [sys.executable, "-m", "faults.harness", *sys.argv[1:]]
        os.execve(sys.executable, command, {**os.environ, "OMP_NUM_THREADS": "1"})
    sys.exit(main())
