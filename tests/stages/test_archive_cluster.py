"""`archive` on a Ray cluster that others started, which may want a token."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from archives import rows_of, write_archive

pytest.importorskip("ray", reason='Ray is not installed (pip install "ray[data]")')
pytestmark = pytest.mark.skipif(os.name == "nt", reason="Ray's clusters are not Windows'")
COUNT = 8
WANTED = "this Ray cluster wants a token, and did not get the right one. Set the environment"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archive(tmp_path_factory.mktemp("archive"), COUNT)


def archived(root: Path, on: str, out: Path, **environment: str) -> tuple[int, str]:
    """Return the exit code of `detect archive` on the cluster, and what it says."""
    command = (
        "archive", root / "manifest.parquet", "--model", root / "m.safetensors", "--proposals",
        root / "proposals", "--device", "cpu", "--actors", 1, "--on", on, "--out", out,
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", "from detect.cli import main; main()", *map(str, command)],
        env=os.environ | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr


@contextmanager
def cluster(port: int, **environment: str) -> Iterator[None]:
    """Start a Ray cluster, and wait until it answers."""
    # Short: the paths of sockets are bounded, and they lie there.
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
        command = (
            "start", "--head", "--node-ip-address=127.0.0.1", f"--port={port}", "--num-cpus=2",
            "--include-dashboard=false", "--disable-usage-stats", f"--temp-dir={folder}", "--block",
        )  # fmt: skip
        head = subprocess.Popen(
            [sys.executable, "-c", "from ray.scripts.scripts import main; main()", *command],
            env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, start_new_session=True,
        )  # fmt: skip
        try:
            assert head.stdout is not None
            assert any("Ray runtime started" in line for line in head.stdout)
            yield
        finally:
            head.send_signal(signal.SIGTERM)
            head.communicate()


def test_a_token_that_is_wanted_and_not_there_is_told(root, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        on = f"127.0.0.1:{listening.getsockname()[1]}"
        nowhere = {"HOME": str(tmp_path), "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": ""}
        code, text = archived(root, on, tmp_path / "out", **nowhere)
    assert code == 3
    assert f"Error: --on {on}: {WANTED}" in text
    assert "--debug" not in text


@pytest.mark.slow
def test_a_cluster_works_for_whoever_has_its_token(root, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    on, right = f"127.0.0.1:{port}", {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "a" * 64}
    with cluster(port, **right):
        for wrong in ({"RAY_AUTH_TOKEN": "b" * 64}, {"RAY_AUTH_MODE": "disabled"}):
            code, text = archived(root, on, tmp_path / "out", **(right | wrong))
            assert (code, WANTED in text) == (3, True)
            assert not (tmp_path / "out").exists()
        assert archived(root, on, tmp_path / "out", **right)[0] == 0
    assert len(rows_of(tmp_path / "out")) == COUNT
