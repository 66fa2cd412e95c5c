"""Messages name options once; the command line reads its flags in them, Python its arguments."""

import ast
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import write_voc

import detect
from detect.data import open_dataset
from detect.errors import DataError, DetectError, UsageError, as_arguments, as_flags, option
from detect.proposals.worker import ProposedImage

ROOT = Path(detect.__file__).parent
# These speak to who types commands; those about commands, which their errors do not.
OF_COMMANDS, ABOUT_COMMANDS = ("cli", "demo"), ("costs", "report")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
# Whole commands to type, ours and others', and the arguments that we call git with.
TYPED = (
    "detect ensemble --json",
    "detect classify --split --json",
    "pip install --force-reinstall --no-deps",
    "pip install --force-reinstall",
    "--always",
    "--dirty",
)


@pytest.mark.parametrize(
    ("marked", "flag", "argument"),
    [
        (option("iou", 0.7), "--iou 0.7", "iou=0.7"),
        (option("skip_bad"), "--skip-bad", "skip_bad"),
        (option("out", Path("a_b")), "--out a_b", "out=a_b"),
        (option("workers", 0), "--workers 0", "workers=0"),
        (option("set", "a.b=3"), "--set a.b=3", "set=a.b=3"),
        (option("split", ""), "--split", "split"),
        ("skip_bad of a-b", "skip_bad of a-b", "skip_bad of a-b"),
    ],
)
def test_an_option_is_spelled_as_its_reader_types_it(marked: str, flag: str, argument: str) -> None:
    text = f"{marked}: wrong. Leave {marked} out."
    assert as_flags(text) == f"{flag}: wrong. Leave {flag} out."
    assert as_arguments(text) == f"{argument}: wrong. Leave {argument} out."
    error = UsageError(text)
    assert (error.for_command_line, str(error)) == (as_flags(text), as_arguments(text))
    # What is spelled stays as it is.
    assert as_arguments(as_flags(text)) == as_flags(text)
    assert as_flags(str(error)) == str(error)


def test_an_error_put_into_another_keeps_its_options() -> None:
    inner = DataError(f"a.xml: cut. Leave it out with {option('skip_bad')}.")
    outer = DetectError(f"{option('split', 'val')}: no image can be used: {inner.marked}")
    end = "no image can be used: a.xml: cut. Leave it out with"
    assert outer.for_command_line == f"--split val: {end} --skip-bad."
    assert str(outer) == f"split=val: {end} skip_bad."


def test_errors_and_outcomes_come_back_from_other_processes() -> None:
    error = DataError(f"a.jpg: cut; {option('skip_bad')} leaves it out.")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.marked) == (DataError, error.marked)
    outcome = pickle.loads(pickle.dumps(ProposedImage("a", None, error.marked)))
    assert as_flags(outcome.problem) == error.for_command_line


def test_an_error_on_what_was_left_out_keeps_its_options(tmp_path: Path) -> None:
    root = write_voc(tmp_path / "set", {"train": 1})
    (root / "Annotations/train_000.xml").write_text("<annotation>")
    with pytest.raises(DataError, match=r"no usable image .* with skip_bad\.$") as caught:
        open_dataset(root, "train", skip_bad=True)
    assert caught.value.for_command_line.endswith(" with --skip-bad.")


def test_messages_name_options_by_option_and_not_by_flags() -> None:
    """In every text but docstrings; in what is raised, where texts are about commands."""
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        folder = path.relative_to(ROOT).parts[0]
        if folder not in OF_COMMANDS:
            texts = _raised(tree) if folder in ABOUT_COMMANDS else _texts(tree)
            found += [f"{path.relative_to(ROOT)}: {text}" for text in texts if _has_flag(text)]
    assert found == []


def test_the_search_finds_a_flag_in_a_message() -> None:
    source = '"""Of --map."""\nHINT = "with --a-b."\ndef f(x):\n    raise E(f"{x}--c, --d {x}")\n'
    tree = ast.parse(source)
    assert [text for text in _texts(tree) if _has_flag(text)] == ["with --a-b.", "--c, --d "]
    assert [text for text in _raised(tree) if _has_flag(text)] == ["--c, --d "]
    assert not _has_flag("git describe --always")
    assert _has_flag("detect ensemble --json --iou")


def _has_flag(text: str) -> bool:
    for command in TYPED:
        text = text.replace(command, "")
    return FLAG.search(text) is not None


def _raised(tree: ast.AST) -> Iterator[str]:
    """Yield the texts in what `tree` raises."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise):
            yield from _texts(node)


def _texts(tree: ast.AST) -> Iterator[str]:
    """Yield the texts in `tree`, docstrings left out."""
    documented = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in documented:
            yield str(node.value)
