"""Damaged files, made from valid ones: every reader reads them or refuses them in its own words.

A format is an entry of FORMATS (faults/formats.py): how to make a small valid file, what to call on
it, and how it is damaged beside its bytes. Every input is read in a process of its own, forked from
this one, under limits of memory and time. The same seed gives the same inputs.

    python -m faults.fuzzing --inputs 10000 --seed 0 [--format NAME]    # alone, to look at one
"""

import argparse
import gc
import os
import resource
import signal
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from faults.children import import_those

from detect.errors import DataError, UsageError
from detect.memory import forget_peak

MEMORY, SECONDS = 2 * 2**30, 10
Random = np.random.Generator
# A file's bytes -> the same with one thing wrong.
Damage = Callable[[bytes, Random], bytes]


@dataclass(frozen=True)
class Format:
    """How the valid file is made in a folder, what reads it and what belongs to it.

    `damages` know the format; those of BYTES are tried on every one.
    """

    make: Callable[[Path], Path]
    read: Callable[[Path], object]
    damages: Sequence[Damage] = ()


@dataclass(frozen=True)
class Fault:
    """What went wrong with input `number` of format `name`, and the bytes that did it."""

    name: str
    number: int
    damage: str
    what: str
    content: bytes


def flipped(content: bytes, random: Random) -> bytes:
    """Flip one to eight bits."""
    changed = bytearray(content)
    for place in random.integers(0, max(len(changed), 1), random.integers(1, 9)):
        if changed:
            changed[place] ^= 1 << int(random.integers(8))
    return bytes(changed)


def truncated(content: bytes, random: Random) -> bytes:
    """Cut the end off, or the beginning."""
    place = int(random.integers(0, len(content) + 1))
    return content[:place] if random.random() < 0.8 else content[place:]


def overwritten(content: bytes, random: Random) -> bytes:
    """Put zeros, ones or noise over a piece."""
    start = int(random.integers(0, len(content) + 1))
    count = int(random.integers(1, 64))
    pieces = (bytes(count), b"\xff" * count, random.bytes(count))
    return content[:start] + pieces[random.integers(3)] + content[start + count :]


def moved(content: bytes, random: Random) -> bytes:
    """Put a piece in another place, once or many times."""
    start, place = (int(random.integers(0, len(content) + 1)) for _ in range(2))
    piece = content[start : start + int(random.integers(1, 64))]
    return content[:place] + piece * int(random.choice([1, 2, 300])) + content[place:]


BYTES: tuple[Damage, ...] = (flipped, truncated, overwritten, moved)


def damaged(name: str, one: Format, content: bytes, number: int, seed: int) -> tuple[str, bytes]:
    """Return the damage's name and input `number` of format `name`, a valid `content` damaged."""
    random = np.random.default_rng([seed, number, *name.encode()])
    # What knows the format reaches deeper than what does not.
    damages = (*BYTES, *one.damages, *one.damages)
    damage = damages[int(random.integers(len(damages)))]
    return damage.__name__, damage(content, random)


def fuzz(
    formats: dict[str, Format],
    numbers: Iterable[int],
    seed: int = 0,
    tell: Callable[[Fault], None] = lambda fault: None,
) -> tuple[Counter[str], list[Fault]]:
    """Read damaged files of these `numbers`, the formats in turn; count outcomes, return faults.

    `tell` is called with each fault as it is found.
    """
    outcomes: Counter[str] = Counter()
    faults = []
    names = list(formats)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of forking, and of what the readers find odd.
        made = {name: _made(one, _below(folder, name)) for name, one in formats.items()}
        valid = {name: path.read_bytes() for name, path in made.items()}
        gc.freeze()  # children look for garbage, which copies what they share with this process
        for name, one in formats.items():
            outcome = outcome_of(lambda one=one, name=name: one.read(made[name]))
            if outcome != "read":
                raise AssertionError(f"{name}: the valid file is not read: {outcome}")
        for number in numbers:
            name = names[number % len(names)]
            damage, content = damaged(name, formats[name], valid[name], number, seed)
            made[name].write_bytes(content)
            outcome = outcome_of(lambda name=name: formats[name].read(made[name]))
            outcomes[outcome.partition(":")[0]] += 1
            if outcome not in ("read", "refused"):
                faults.append(Fault(name, number, damage, outcome, content))
                tell(faults[-1])
    return outcomes, faults


def outcome_of(read: Callable[[], object]) -> str:
    """Call `read` in a process of its own: "read", "refused", or what else happened."""
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(source)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libraries complain to it
            _limit()
            with os.fdopen(sink, "w") as told:
                told.write(_told(read))
        finally:
            os._exit(0)  # Whatever happened: the tests of the parent are not the child's.
    os.close(sink)
    with os.fdopen(source) as told:
        text = told.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return f"hang: {SECONDS} s" if number == signal.SIGALRM else f"killed: signal {number}"
    return text or "killed: no answer"


def _made(one: Format, folder: Path) -> Path:
    """Make the valid file in a child, read it there, and import what that needed.

    Networks compute, and what has computed cannot fork.
    """
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            path = one.make(folder)
            content = path.read_bytes()
            one.read(path)
            path.write_bytes(content)
            os.write(sink, "\n".join([str(path), *sys.modules]).encode())
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(sink)
    with os.fdopen(source) as told:
        path, *modules = told.read().split("\n")
    os.waitpid(child, 0)
    if not path:
        raise AssertionError(f"{folder.name}: the valid file could not be made and read")
    import_those(modules)
    return Path(path)


def _below(folder: str, name: str) -> Path:
    path = Path(folder) / name.replace(" ", "-")
    path.mkdir()
    return path


def _limit() -> None:
    """Bound this process: MEMORY more than it has, SECONDS."""
    # After a training in this process malloc keeps what is freed: gigabytes that would not count.
    forget_peak()
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    signal.alarm(SECONDS)


def _told(read: Callable[[], object]) -> str:
    try:
        read()
    except (DataError, UsageError) as error:
        return "refused" if str(error) else "fault: an error without words"
    except BaseException as error:
        *_, last = traceback.extract_tb(error.__traceback__)
        place = f"{Path(last.filename).name}:{last.lineno}"
        return f"fault: {type(error).__name__} at {place}: {error!s:.100}".replace("\n", " ")
    return "read"


def report(fault: Fault, keep: Path | None = None) -> None:
    """Print a line of the fault at once; `keep` its input in a folder."""
    print(f"{fault.name} #{fault.number} ({fault.damage}): {fault.what}", flush=True)
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        (keep / f"{fault.name}-{fault.number}".replace(" ", "-")).write_bytes(fault.content)


def main() -> int:
    """Fuzz, print the table of outcomes and every fault; 1 where there is any."""
    from faults.formats import FORMATS

    parser = argparse.ArgumentParser()
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--format", choices=FORMATS)
    parser.add_argument("--keep", type=Path, help="folder for the inputs that did it")
    told = parser.parse_args()
    chosen = {told.format: FORMATS[told.format]} if told.format else FORMATS
    tell = partial(report, keep=told.keep)
    outcomes, faults = fuzz(chosen, range(told.inputs), told.seed, tell)
    for name, count in sorted(outcomes.items()):
        print(f"{count:6} {name}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
