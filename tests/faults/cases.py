"""Commands ended before their time, on a full disk, or beside another: what they leave.

Whatever is done to a command, what it has written is whole: the earlier result, the new one, or
work to go on with; and called again it makes what it would have made.
"""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from faults.children import Child, Ended, Limits, call, call_whole
from faults.commands import COMMANDS, OUT, Command
from faults.results import is_hidden, meanings, unsound

from detect.stages.drawn import NAME

MEMORY = 2 * 2**30
_STARTING = 3.0  # seconds that a new interpreter imports
_KILLED = -signal.SIGKILL
_DONE, _IN_USE, _NO_SPACE, _REFUSED = 0, 1, 3, 4


@dataclass(frozen=True)
class Clean:
    """What the command `name` does undisturbed: its `result`, `changes` of files, `seconds`.

    `earlier` is the result in whose place it comes, `largest` the bytes of its largest file,
    `bytes` of all.
    """

    name: str
    earlier: dict[str, str]
    result: dict[str, str]
    changes: int
    seconds: float
    largest: int
    bytes: int


# The folder a disturbed command wrote to, how it ended (they, where several), the codes allowed.
_Disturbed = tuple[Path, list[Ended], Sequence[int]]


@dataclass(frozen=True)
class Place:
    """Where cases are tried: the commands' inputs, and what undisturbed commands have made."""

    world: Path
    made: Path

    def earlier(self, name: str) -> Path:
        """Return the folder with the result of `name`."""
        return self.made / name.replace(" ", "-")

    def begin(self, command: Command, out: Path) -> None:
        """Make `out` what is there before `command`."""
        if command.over:
            shutil.copytree(self.earlier(command.over), out)
        elif f"{OUT}/" in command.words:
            out.mkdir(parents=True)


@dataclass(frozen=True)
class Case:
    """`kind` of fault number `number` done to the command `name`."""

    name: str
    kind: str
    number: float


@dataclass(frozen=True)
class Tried:
    """What came of a case: in short, and what was wrong with it."""

    case: Case
    outcome: str
    faults: tuple[str, ...]


def clean(place: Place, name: str) -> Clean:
    """Run the command `name` undisturbed, into its place; exit where that fails."""
    command, out = COMMANDS[name], place.earlier(name)
    place.begin(command, out)
    earlier = meanings(out) if command.over else {}
    ended = call(command.call(place.world, out))
    if ended.code:
        sys.exit(f"{name} fails undisturbed: {ended}")
    sizes = [path.stat().st_size for path in out.rglob("*") if path.is_file()]
    numbers = (ended.changes, ended.seconds, max(sizes), sum(sizes))
    return Clean(name, earlier, meanings(out), *numbers)


def tried(place: Place, known: Clean, case: Case) -> Tried:
    """Try a case."""
    with ExitStack() as stack:
        folder = TemporaryDirectory(prefix="case-", dir=place.made.parent)
        scratch = Path(stack.enter_context(folder))
        out, ends, codes = KINDS[case.kind](place, stack, scratch, known, case)
        faults = [fault for end in ends for fault in _faults(end, codes)]
        faults += unsound(out, known.earlier, known.result) if out.exists() else []
        if not faults:
            faults = _called_again(place, known, out)
    outcome = " and ".join(_WORDS.get(end.code, f"ended with {end.code}") for end in ends)
    return Tried(case, outcome, tuple(faults))


_WORDS = {_KILLED: "killed", 0: "done", 1: "in use", 3: "no space", 4: "refused"}


def _faults(end: Ended, codes: Sequence[int]) -> Iterator[str]:
    """Yield what is wrong with how a command ended."""
    if end.hung:
        yield f"hangs: {end.said!r:.300}"
    elif end.code not in codes:
        yield f"ended with {end.code}: {end.said!r:.500}"
    if "This is a bug" in end.said or "Traceback" in end.said:
        yield f"says {end.said!r:.1000}"
    if end.peak > MEMORY:
        yield f"took {end.peak / 2**30:.1f} GB"


def _called_again(place: Place, known: Clean, out: Path) -> list[str]:
    """Call the command again until it succeeds; return what is wrong then."""
    command = COMMANDS[known.name]
    for added in command.again:
        end = call(command.call(place.world, out, added))
        last = added == command.again[-1]
        faults = list(_faults(end, (_DONE,) if last else (_DONE, _REFUSED)))
        if faults:
            return [f"called again with {added}: {fault}" for fault in faults]
        if end.code == _DONE:
            break
    return [*_differences(known.result, meanings(out)), *_leftovers(out)]


def _differences(expected: dict[str, str], found: dict[str, str]) -> list[str]:
    """Return the files that are not as expected."""
    problems = {
        **{name: "is left" for name in found.keys() - expected.keys()},
        **{name: "is missing" for name in expected.keys() - found.keys()},
        **{name: "differs" for name in found if expected.get(name, found[name]) != found[name]},
    }
    return [f"called again: {name} {problem}" for name, problem in sorted(problems.items())]


def _leftovers(out: Path) -> list[str]:
    """Return what is left that is nobody's result."""
    names = [path.relative_to(out).as_posix() for path in sorted(out.rglob("*"))]
    left = [name for name in names if is_hidden(name) and name != NAME]
    return [f"called again: {name} is left over" for name in left]


def _alone(place: Place, scratch: Path, known: Clean, limits: Limits) -> tuple[Path, Ended]:
    """Run the command within `limits` in a folder of its own."""
    command, out = COMMANDS[known.name], scratch / "out"
    place.begin(command, out)
    return out, call(command.call(place.world, out), limits)


def _at_a_change(
    place: Place, stack: ExitStack, scratch: Path, known: Clean, case: Case
) -> _Disturbed:
    """Kill it before change `number` of files."""
    out, end = _alone(place, scratch, known, Limits(change=int(case.number)))
    return out, [end], (_KILLED, _DONE)


def _at_a_time(
    place: Place, stack: ExitStack, scratch: Path, known: Clean, case: Case
) -> _Disturbed:
    """Kill it after the share `number` of the time it takes."""
    out, end = _alone(place, scratch, known, Limits(seconds=case.number * known.seconds))
    return out, [end], (_KILLED, _DONE)


def _size_of_files(
    place: Place, stack: ExitStack, scratch: Path, known: Clean, case: Case
) -> _Disturbed:
    """Let no file be larger than the share `number` of its largest."""
    size = max(1, int(case.number * known.largest))
    out, end = _alone(place, scratch, known, Limits(file_size=size))
    return out, [end], (_NO_SPACE, _DONE)


def _full_disk(
    place: Place, stack: ExitStack, scratch: Path, known: Clean, case: Case
) -> _Disturbed:
    """Let it write to a disk that is full after the share `number` of what it writes."""
    command, disk = COMMANDS[known.name], scratch / "disk"
    disk.mkdir()
    _mount(disk, 2**30)
    stack.callback(subprocess.run, ["umount", str(disk)], check=True)
    out = disk / "out"
    place.begin(command, out)
    used = int(subprocess.check_output(["du", "-sk", disk], text=True).split()[0]) * 1024
    _mount(disk, used + max(4096, int(case.number * known.bytes)), "remount,")
    end = call(command.call(place.world, out))
    _mount(disk, 2**30, "remount,")
    return out, [end], (_NO_SPACE, _DONE)


def _mount(folder: Path, size: int, how: str = "") -> None:
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"{how}size={size}", "tmpfs", str(folder)], check=True
    )


def can_mount() -> bool:
    """Tell whether this process may mount a small disk."""
    with TemporaryDirectory() as folder:
        try:
            _mount(Path(folder), 4096)
        except (OSError, subprocess.CalledProcessError):
            return False
        subprocess.run(["umount", folder], check=True)
        return True


def _two_at_once(
    place: Place, stack: ExitStack, scratch: Path, known: Clean, case: Case
) -> _Disturbed:
    """Start it again, as it is gone on with, at the share `number` of the time it takes."""
    command, out = COMMANDS[known.name], scratch / "out"
    place.begin(command, out)
    first = Child(command.call(place.world, out))
    time.sleep(case.number * known.seconds)
    second = Child(command.call(place.world, out, command.again[0]))
    return out, [first.ended(), second.ended()], (_DONE, _IN_USE, _REFUSED)


def _whole(place: Place, stack: ExitStack, scratch: Path, known: Clean, case: Case) -> _Disturbed:
    """Kill a process of its own, with an interpreter of its own, at the share `number`."""
    command, out = COMMANDS[known.name], scratch / "out"
    command = replace(command, words=command.words.replace("--workers 1", "--workers 2"))
    place.begin(command, out)
    seconds = case.number * (known.seconds + _STARTING)
    return out, [call_whole(command.call(place.world, out), seconds)], (_KILLED, _DONE)


KINDS = {
    "killed at a change of files": _at_a_change,
    "killed at any time": _at_a_time,
    "a file is too large": _size_of_files,
    "the disk is full": _full_disk,
    "two at once": _two_at_once,
    "whole processes killed": _whole,
}
