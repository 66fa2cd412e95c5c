"""The list of `make mutants` follows the code: every text is there, every test exists."""

import ast
import runpy
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
mutants = runpy.run_path(str(ROOT / "tools/mutants.py"))
MUTANTS = mutants["read_mutants"](ROOT / "tests/mutants.toml")


def test_there_are_at_least_eighty() -> None:
    assert len(MUTANTS) >= 80
    assert [one for one, count in Counter(MUTANTS).items() if count > 1] == []


def test_every_text_stands_in_its_file_once() -> None:
    texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in {m.file for m in MUTANTS}}
    wrong = [str(one) for one in MUTANTS if texts[one.file].count(one.text) != 1]
    assert wrong == []


def test_every_replacement_is_another_program() -> None:
    for one in MUTANTS:
        right = (ROOT / one.file).read_text(encoding="utf-8")
        wrong = right.replace(one.text, one.replacement)
        # Comments and spaces alone change nothing; what cannot be parsed is noticed by anything.
        assert ast.dump(ast.parse(right)) != ast.dump(ast.parse(wrong)), str(one)


def test_every_test_named_exists() -> None:
    named = {test for one in MUTANTS for test in one.tests}
    known: set[str] = set()
    for file in {test.split("::")[0] for test in named}:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        known |= {f"{file}::{name}" for name in functions if name.startswith("test_")}
    assert named - known == set()
    assert all(one.tests for one in MUTANTS)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a small project: a function, one test that looks at it and one that does not."""
    (tmp_path / "half.py").write_text("def half(x):\n    return x / 2\n")
    (tmp_path / "test_half.py").write_text(
        "from half import half\n\n\ndef test_looks():\n    assert half(6) == 3\n\n\n"
        "def test_looks_away():\n    assert half(0) == 0\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("replacement", "tests", "expected"),
    [
        ("x / 3", ["looks"], ""),
        ("x / 3", ["looks", "looks_away"], "not noticed by test_half.py::test_looks_away"),
        ("0.5 * x", ["looks"], "not noticed by test_half.py::test_looks"),
    ],
)
def test_a_fault_counts_as_noticed_by_the_tests_that_fail(
    tree: Path, replacement: str, tests: list[str], expected: str
) -> None:
    named = tuple(f"test_half.py::test_{name}" for name in tests)
    fault = mutants["Mutant"]("half.py", "x / 2", replacement, named)
    assert mutants["passed_by"](fault, tree) == expected
    assert (tree / "half.py").read_text() == "def half(x):\n    return x / 2\n"


def test_a_text_that_is_not_there_is_no_fault(tree: Path) -> None:
    fault = mutants["Mutant"]("half.py", "x / 4", "x", ("test_half.py::test_looks",))
    expected = "the text stands 0 times in the file, expected once"
    assert mutants["passed_by"](fault, tree) == expected


@pytest.mark.slow
def test_tests_that_fail_without_a_fault_are_told(tree: Path) -> None:
    (tree / "half.py").write_text("def half(x):\n    return x\n")
    assert not mutants["passing"](["test_half.py::test_looks"], tree)
    assert mutants["passing"](["test_half.py::test_looks_away"], tree)
