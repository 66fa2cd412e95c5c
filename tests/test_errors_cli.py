"""Errors as a person meets them: one or two lines on stderr and the exit code of their kind."""

import errno
import importlib
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

import detect.cli
from detect import errors
from detect.cli import main
from detect.cli.debugging import debug


def _fails(capsys, *arguments):
    """Return the exit code and the text on stderr, which must be one or two lines."""
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("Error: ")
    assert printed.err.endswith("\n")
    assert printed.err.count("\n") <= 2
    return stop.value.code, printed.err


def _shell(line):
    """Run `line` in a shell where `detect` is this interpreter's."""
    program = f"{sys.executable} -c 'from detect.cli import main; main()'"
    whole = f"set -o pipefail; {line.replace('detect', program, 1)}"
    return subprocess.run(["bash", "-c", whole], capture_output=True, text=True, check=False)


@pytest.fixture
def raising(monkeypatch):
    """Return what makes `detect doctor` raise an error."""

    def set_error(error):
        @click.command("doctor")
        @debug
        def command():
            raise error

        monkeypatch.setattr(detect.cli.LazyGroup, "get_command", lambda *_: command)

    return set_error


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nonsense"], "Error: detect: No such command 'nonsense' (see detect --help)\n"),
        (["--nonsense"], "Error: detect: No such option '--nonsense' (see detect --help)\n"),
        (
            ["run", "x", "--out", "y"],
            "Error: detect run: Missing option '--model' (see detect run --help)\n",
        ),
        (
            ["run", "--model", "m", "--out", "y"],
            "Error: detect run: Missing argument 'DATA|IMAGE...' (see detect run --help)\n",
        ),
        (
            ["run", "x", "--model", "m", "--out", "y", "--seed", "few"],
            "Error: detect run: Invalid value for '--seed': 'few' is not a valid integer range "
            "(see detect run --help)\n",
        ),
    ],
)
def test_usage_errors_are_one_line_with_the_way_to_help(capsys, arguments, expected):
    assert _fails(capsys, *arguments) == (2, expected)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.DetectError, 1),
        (errors.UsageError, 2),
        (errors.EnvironmentProblem, 3),
        (errors.DataError, 4),
    ],
)
def test_each_kind_of_error_has_its_exit_code(capsys, raising, kind, code):
    raising(kind("labels.xml: not XML. Repair it."))
    assert _fails(capsys, "doctor") == (code, "Error: labels.xml: not XML. Repair it.\n")


def test_a_missing_path_is_a_data_error(capsys, tmp_path):
    missing = tmp_path / "missing"
    code, text = _fails(
        capsys, "propose", str(missing), "--split", "s", "--out", str(tmp_path / "p")
    )
    assert code == 4
    assert str(missing) in text


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        ImportError("libtorch.so: failed to map segment from shared object"),
        RuntimeError("can't start new thread"),
        OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
    ],
)
def test_out_of_memory_is_the_environments_problem(capsys, raising, error):
    raising(error)
    code, text = _fails(capsys, "doctor")
    assert code == 3
    assert text == "Error: out of memory. Use fewer --workers or smaller batches.\n"


@pytest.mark.parametrize("kilobytes", [300_000, 450_000, 502_000, 560_000])
def test_too_little_memory_to_load_libraries_is_said_before_they_crash(tmp_path, kilobytes):
    done = _shell(f"ulimit -v {kilobytes}; detect propose {tmp_path} --out {tmp_path / 'p'}")
    expected = (
        f"Error: this process may have {kilobytes / 1024:.0f} MiB of memory (ulimit -v); expected "
        "at least 768. Allow more.\n"
    )
    assert (done.returncode, done.stderr) == (3, expected)
    assert _shell(f"ulimit -v {kilobytes}; detect propose --help").returncode == 0


@pytest.mark.parametrize(
    ("command", "raised", "expected"),
    [
        ("propose", KeyboardInterrupt, "stopped. What was finished is kept: go on with --resume."),
        ("propose", errors.NothingKept, "stopped."),
        ("doctor", KeyboardInterrupt, "stopped."),
        ("eval", KeyboardInterrupt, "stopped."),
    ],
)
def test_ctrl_c_says_how_to_go_on_where_there_is_a_way(capsys, raising, command, raised, expected):
    importlib.import_module(detect.cli.COMMANDS[command][0])
    raising(raised())
    with pytest.raises(SystemExit) as stop:
        main([command])
    assert stop.value.code == 1
    # The blank line is click's, to leave the line that shows ^C.
    assert capsys.readouterr().err == f"\nError: {expected}\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", ["--help", "--version", "eval --help", "doctor"])
def test_output_that_cannot_be_written_is_the_environments_problem(arguments):
    done = _shell(f"detect {arguments} > /dev/full")
    expected = "the output cannot be written: No space left on device. Send it elsewhere."
    assert (done.returncode, done.stderr) == (3, f"Error: {expected}\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_where_errors_cannot_be_written_the_exit_code_tells():
    done = _shell("detect propose nowhere --split s --out p 2> /dev/full")
    assert (done.returncode, done.stdout) == (4, "")


def test_a_closed_pipe_is_quiet():
    read, write = os.pipe()
    os.close(read)
    program = [sys.executable, "-c", "from detect.cli import main; main()", "run", "--help"]
    done = subprocess.run(program, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_bug_is_told_from_a_mistake_of_the_user(capsys, raising):
    raising(ZeroDivisionError("division by zero"))
    code, text = _fails(capsys, "doctor")
    assert code == 1
    assert (
        text == "Error: ZeroDivisionError: division by zero. This is a bug: --debug shows where.\n"
    )


def test_debug_shows_the_traceback_before_the_error_and_keeps_the_exit_code(capsys, raising):
    raising(errors.DataError("labels.xml: not XML."))
    with pytest.raises(SystemExit) as stop:
        main(["doctor", "--debug"])
    assert stop.value.code == 4
    text = capsys.readouterr().err
    assert text.startswith("Traceback (most recent call last):\n")
    assert "raise error\n" in text
    assert text.endswith("Error: labels.xml: not XML.\n")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"]])
def test_help_and_version_are_no_errors(capsys, arguments):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 0
    assert capsys.readouterr().err == ""


def test_help_lists_every_command_with_its_line(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    for name, (_, line) in detect.cli.COMMANDS.items():
        assert f"{name} {line}" in text


def test_a_disk_that_fails_is_no_bug(raising, capsys):
    raising(OSError(errno.EIO, "Input/output error", "photos"))
    code, text = _fails(capsys, "doctor")
    assert code == 3
    assert text.startswith("Error: photos: its disk fails: Input/output error. Look after the disk")
    raising(OSError(errno.EACCES, "Permission denied", "photos"))
    code, text = _fails(capsys, "doctor")
    assert (code, "This is a bug" in text) == (1, True)
