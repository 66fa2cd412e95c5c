"""Recipes: TOML files checked by pydantic, changed from the command line by --set a.b=3."""

import difflib
import json
from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from detect import reading
from detect.config.sections import Section
from detect.errors import DataError, UsageError, option
from detect.formats import FORMAT, upgraded

_UNKNOWN = ("extra_forbidden", "invalid_key")
# Of pydantic's problems those that it words for who writes Python.
_IN_WORDS = {
    "tuple_type": "expected a list",
    "model_type": "expected a table",
    "model_attributes_type": "expected a table",
    "invalid-json-value": "expected text, a number, true, false, a list or a table, as in TOML",
}

SomeRecipe = TypeVar("SomeRecipe", bound=Section)


def load_recipe(
    kind: type[SomeRecipe], source: Path | dict[str, Any], changes: Sequence[str] = ()
) -> SomeRecipe:
    """Read a TOML file, or the dictionary it would be, apply `changes` ("a.b=3"), check the whole.

    Raises DataError for a file that is missing or wrong, UsageError for a wrong dictionary and a
    wrong change.
    """
    values = deepcopy(source) if isinstance(source, dict) else read_toml(source)
    try:
        kind.model_validate(values)
    except ValidationError as error:
        problem = first_problem(kind, error)
        if isinstance(source, dict):
            raise UsageError(f"{option('config')}: {problem}") from None
        raise DataError(f"{source}: {problem}") from None
    for change in changes:
        _apply(values, change)
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise UsageError(f"{option('set')}: {first_problem(kind, error)}") from None


def to_toml(recipe: Section) -> str:
    """Return `recipe` as TOML text that load_recipe reads back to an equal one."""
    return "\n".join(_lines(recipe.model_dump(mode="json"), "")) + "\n"


def read_toml(path: Path) -> dict[str, Any]:
    """Read the TOML file `path`, a run's or written by hand.

    DataError if it is missing, not TOML or of a newer format.
    """
    values = reading.read_toml(path, "a recipe", "Correct it, or copy one of configs/ again.")
    return upgraded(values, "recipe", path, unstamped=FORMAT)


def _apply(values: dict[str, Any], change: str) -> None:
    """Set one "a.b=3" in `values`; the value is TOML, or a bare word taken as a string."""
    name, equals, text = change.partition("=")
    if not equals or not name.strip():
        raise UsageError(
            f"{option('set', change)}: expected NAME=VALUE, for example optimizer.steps=900."
        )
    *tables, key = name.strip().split(".")
    for table in tables:
        values = values.setdefault(table, {})
        if not isinstance(values, dict):
            raise UsageError(f"{option('set', change)}: {table} is a value, not a table.")
    values[key] = _parse_value(text.strip())


def _parse_value(text: str) -> Any:
    """Return a TOML value; what TOML does not take is a bare word, or a list of them."""
    try:
        return reading.parse_toml(f"value = {text}", option("set", text), "a value")["value"]
    except DataError:
        if text.startswith("[") and text.endswith("]"):
            return [word.strip().strip("\"'") for word in text[1:-1].split(",") if word.strip()]
        return text


def first_problem(kind: type[Section], error: ValidationError) -> str:
    """Say the first problem of `error`: where, what was expected, what was got."""
    # An unknown key first: it is why a required one of nearly the same name is missing.
    problem = min(error.errors(), key=lambda found: found["type"] not in _UNKNOWN)
    where = ".".join(str(part) for part in problem["loc"]) or "the recipe"
    if problem["type"] == "extra_forbidden":
        near = _near(where, [name for name in key_names(kind) if not where.startswith(f"{name}.")])
        return f"unknown key {where}." + (f" Did you mean {near[0]}?" if near else "")
    text = problem["msg"].removeprefix("Value error, ")  # Before what our own validators say.
    text = _IN_WORDS.get(problem["type"], text)
    # What is missing, and a whole table, says nothing.
    silent = problem["type"] == "missing" or isinstance(problem["input"], dict)
    return f"{where}: {text}." if silent else f"{where}: {text}, got {problem['input']!r}."


def _near(where: str, names: Sequence[str]) -> Sequence[str]:
    """Return the name in another table, or else the most similar one of `names`; [] if none is."""
    key = where.rpartition(".")[2]
    moved = [name for name in names if name.rpartition(".")[2] == key]
    return moved or difflib.get_close_matches(where, names, 1, 0.4)


def key_names(kind: type[Section], prefix: str = "") -> Iterator[str]:
    """Yield the dotted name of every key of `kind`, tables included."""
    for name, field in kind.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            yield prefix + name
            yield from key_names(inner, f"{prefix}{name}.")
        else:
            yield prefix + name


def _lines(values: dict[str, Any], table: str) -> Iterator[str]:
    """Yield TOML lines: plain keys first, then the tables, then the lists of tables."""
    lists = {key: value for key, value in values.items() if _is_tables(value)}
    for key, value in values.items():
        if not isinstance(value, dict) and key not in lists and value is not None:  # no null
            # JSON's numbers, strings, booleans and lists of them are TOML as well.
            yield f"{key} = {json.dumps(value, ensure_ascii=False)}"
    for key, value in values.items():
        if isinstance(value, dict):
            name = f"{table}{key}"
            yield from ("", f"[{name}]")
            yield from _lines(value, f"{name}.")
    for key, entries in lists.items():
        for entry in entries:
            yield from ("", f"[[{table}{key}]]")
            yield from _lines(entry, f"{table}{key}.")


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)
