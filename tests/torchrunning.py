"""Commands run by several processes under torchrun, whole or hit by a signal on their way.

As in interrupting.py the signal comes from a thread of a process itself, when a file appears.
"""

import subprocess
import sys
from pathlib import Path

_PROGRAM = """
import os, sys, threading, time
from detect.cli import main

def interrupt(path, number, whom):
    while not os.path.exists(path):
        time.sleep(0.002)
    os.kill(os.getppid() if whom == "torchrun" else os.getpid(), number)

watched, number, whom, *arguments = sys.argv[1:]
if watched and os.environ["RANK"] == "1":
    sys.setswitchinterval(0.001)
    threading.Thread(target=interrupt, args=(watched, int(number), whom), daemon=True).start()
main(arguments)
"""


def run_together(
    *arguments: object,
    processes: int = 2,
    watched: Path | None = None,
    number: int = 0,
    whom: str = "self",
) -> subprocess.CompletedProcess[str]:
    """Run `detect ARGUMENTS` in `processes` on this machine; return what torchrun did.

    Once the file `watched` exists, the second process sends signal `number` to itself or, with
    `whom` "torchrun", to torchrun, which passes it on.
    """
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    if watched and whom == "self":
        # Seconds until torchrun looks after the dead one, and ends the others: they speak before.
        launcher += ["--monitor-interval", "5"]
    count = ["--nproc-per-node", str(processes)]
    program = ["--no-python", sys.executable, "-c", _PROGRAM]
    words = [str(watched or ""), str(int(number)), whom, *map(str, arguments)]
    command = [*launcher, *count, *program, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
