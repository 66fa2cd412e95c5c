"""Commands that are interrupted as soon as they have written something to a certain file.

The signal comes from a thread of the command itself: on a busy machine another process could
see the file only after the command has ended.
"""

import subprocess
import sys
from pathlib import Path

_PROGRAM = """
import os, signal, sys, threading, time
from detect.cli import main

def interrupt(path, number, whom):
    while not (os.path.exists(path) and os.path.getsize(path)):
        time.sleep(0.002)
    os.kill(-os.getpgrp() if whom == "group" else os.getpid(), number)

watched, number, whom, *arguments = sys.argv[1:]
sys.setswitchinterval(0.001)
# A shell starts background jobs with SIGINT ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
threading.Thread(target=interrupt, args=(watched, int(number), whom), daemon=True).start()
main(arguments)
"""


def start_interrupted(
    watched: Path, number: int, *arguments: object, group: bool = False
) -> subprocess.Popen[str]:
    """Start `detect ARGUMENTS`; once `watched` holds anything it gets signal `number`.

    With `group` its children get it too, as from Ctrl-C on a terminal.
    """
    words = [str(watched), str(int(number)), "group" if group else "self", *map(str, arguments)]
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *words],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
