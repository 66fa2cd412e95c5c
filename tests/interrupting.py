"""Commands that are interrupted as soon as they have written something to a certain file.

Or as soon as a first process of loky's was started, or has begun to import.

The signal comes from a thread of the command itself: on a busy machine another process could
see the file only after the command has ended.
"""

import subprocess
import sys
from pathlib import Path

_PROGRAM = """
import os, signal, sys, threading, time
from pathlib import Path
from detect.cli import main

def worker(text):
    "Whether a process of loky's among this one's has the library `text` mapped; any, if empty."
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            ours = os.getpgid(int(command.parent.name)) == os.getpgrp()
            if ours and b"popen_" + b"loky" in command.read_bytes():
                if text in command.with_name("maps").read_text():
                    return True
        except OSError:
            pass
    return False

def seen(watched):
    if watched in ("STARTED", "IMPORTING"):
        return worker("numpy" * (watched == "IMPORTING"))
    return os.path.exists(watched) and os.path.getsize(watched)

def interrupt(watched, number, whom):
    while not seen(watched):
        time.sleep(0.002)
    os.kill(-os.getpgrp() if whom == "group" else os.getpid(), number)

watched, number, whom, *arguments = sys.argv[1:]
sys.setswitchinterval(0.001)
# A shell starts background jobs with SIGINT ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
threading.Thread(target=interrupt, args=(watched, int(number), whom), daemon=True).start()
main(arguments)
"""

# Of a first worker (Linux).
STARTED, IMPORTING = Path("STARTED"), Path("IMPORTING")


def start_interrupted(
    watched: Path, number: int, *arguments: object, group: bool = False
) -> subprocess.Popen[str]:
    """Start `detect ARGUMENTS`; once `watched` holds anything it gets signal `number`.

    `watched` is a file, or STARTED or IMPORTING. With `group` its children get it too, as from
    Ctrl-C on a terminal.
    """
    words = [str(watched), str(int(number)), "group" if group else "self", *map(str, arguments)]
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *words],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
