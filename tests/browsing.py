"""A page in headless Chromium, driven through its debugging pipe: no driver, no network."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium, to open the page in")
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
)  # fmt: skip
_LONGEST = 120  # s that a page may take on a loaded machine


class Browser:
    """A tab, spoken to in the DevTools protocol: JSON, each message ended by a zero byte."""

    def __init__(self, reading: int, writing: int) -> None:
        self._from, self._to = os.fdopen(reading, "rb"), os.fdopen(writing, "wb", buffering=0)
        self._number, self._rest = 0, b""
        self._session = ""
        target = self.tell("Target.createTarget", url="about:blank")["targetId"]
        attached = self.tell("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]

    def tell(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call `method` and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._to.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            part = os.read(self._from.fileno(), 2**16)
            assert part, "the browser has ended"
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer

    def open(self, page: Path, told: str = "") -> None:
        """Open `page` anew with what is `told` in its address, and wait until it is drawn."""
        self.tell("Page.navigate", url="about:blank")
        self.tell("Page.navigate", url=f"{page.as_uri()}#{told}")
        end = time.monotonic() + _LONGEST
        while self.run("document.body?.dataset.ready ?? ''") != "yes":
            said = self.run("document.getElementById('left-out')?.textContent ?? ''")
            assert "cannot be shown" not in str(said), said
            assert time.monotonic() < end, "the page was not drawn"
            time.sleep(0.1)

    def run(self, script: str) -> Any:
        """Return the value of `script` in the page."""
        done = self.tell("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def wait(self) -> None:
        """Wait until the page has drawn what it was about to draw."""
        frames = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        self.tell("Runtime.evaluate", expression=frames, awaitPromise=True)

    def set(self, element: str, value: object) -> None:
        """Give the control called `element` a `value`, as a hand would."""
        self.run(
            f"(() => {{ const one = document.getElementById({element!r}); "
            f"one.value = {json.dumps(value)}; one.dispatchEvent(new Event('input')); }})()"
        )


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Start a browser whose files are in `profile`, and end it."""
    (its_read, writing), (reading, its_write) = os.pipe(), os.pipe()
    command = [str(CHROMIUM), *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen(
        ["bash", "-c", f'exec "$@" 3<&{its_read} 4>&{its_write}', "bash", *command],
        pass_fds=(its_read, its_write),
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    os.close(its_read)
    os.close(its_write)
    try:
        yield Browser(reading, writing)
    finally:
        process.kill()
        process.wait()
