"""What every stage is told: one frozen class a stage, its fields documented, defaults here alone.

A field's description, default, choices and range are those of the command's option as well
(cli/declaring.py). `model_fields_set` tells what a caller gave from what was left to its default.
"""

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from detect.errors import UsageError, option
from detect.reading import NAME_BYTES

_PATH_BYTES = 4096  # Linux's PATH_MAX

# A field's name in several stages; pydantic's own method of that name is deprecated.
warnings.filterwarnings("ignore", 'Field name "json" in "[A-Za-z]*Options" shadows')


class Options(BaseModel):
    """Options of a stage, keyword arguments all; a wrong one is a UsageError that names it.

    None says nothing: the default stands.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False
    )
    if TYPE_CHECKING:
        json: Any

    def __init__(self, **given: Any) -> None:
        known = type(self).model_fields
        said = {k: value for k, value in given.items() if value is not None or k not in known}
        try:
            super().__init__(**said)
        except ValidationError as error:
            raise UsageError(self._problem(error)) from None
        for name in known:
            values = getattr(self, name)
            for value in values if isinstance(values, tuple) else (values,):
                if isinstance(value, Path) and _is_empty(said.get(name)):
                    raise UsageError(f"{option(name)}: expected a path, got an empty text.")
                if _is_place(name, value) and not _is_text(value):
                    got = os.fsencode(value).decode("utf-8", "backslashreplace")
                    raise UsageError(
                        f"{option(name, got)}: not UTF-8 text, as the records of what is written "
                        "are. Give it another name (mv), or a link."
                    )
                if _is_place(name, value) and not _can_be(value):
                    got = f"{value!s:.60}..."
                    raise UsageError(f"{option(name, got)}: no file can have this name.")

    @classmethod
    def _problem(cls, error: ValidationError) -> str:
        """Say the first problem: which option, what was expected, what was got."""
        problem = error.errors()[0]
        name = str(problem["loc"][0]) if problem["loc"] else ""
        if problem["type"] == "missing":
            return f"{option(name)} is missing: {cls.model_fields[name].description}"
        if problem["type"] == "extra_forbidden":
            return f"no option {name!r}; there are {', '.join(cls.model_fields)}."
        text = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "path_type":
            text = "expected a path"
        elif problem["type"] == "finite_number":
            text = "expected a finite number"
        got = _shown(problem["input"])
        return f"{option(name, got)}: {text}." if name else f"{text}."

    def gave(self, *names: str) -> list[str]:
        """Return which of the options `names` the caller gave, in their order.

        None and an empty tuple say nothing: who calls a stage for others hands them on.
        """
        said = [name for name in names if name in self.model_fields_set]
        return [name for name in said if getattr(self, name) not in (None, ())]

    def changed(self, **values: Any) -> Self:
        """Return these options with other `values`."""
        needed = [name for name, field in type(self).model_fields.items() if field.is_required()]
        checked = type(self)(**{**{name: getattr(self, name) for name in needed}, **values})
        return self.model_copy(update={name: getattr(checked, name) for name in values})


def _shown(value: Any) -> str:
    """Return what was given in one short line, whatever it is; of other objects only their kind."""
    plain = isinstance(value, str | Path | int | float | list | tuple | dict)
    return " ".join(f"{value!s:.80}".split()) if plain else f"<{type(value).__name__}>"


def _text(value: Any) -> Any:
    """Take a path for its text."""
    return str(value) if isinstance(value, Path) else value


def _is_place(name: str, value: Any) -> bool:
    """Tell whether the option `name` is a path, or may be one."""
    return isinstance(value, Path) or (isinstance(value, str) and name.endswith("split"))


def _is_empty(given: Any) -> bool:
    """Tell whether a path was given as "", which Path takes for the folder one is in."""
    return given == "" or (isinstance(given, list | tuple) and "" in given)


def _is_text(path: Path | str) -> bool:
    """Tell whether `path` is text: bytes of a name that are not UTF-8 stand as half surrogates."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _can_be(path: Path | str) -> bool:
    """Tell whether a file can be called `path`: whoever looked would only get an OSError."""
    whole = os.fsencode(path)
    longest = max(map(len, whole.split(b"/")))
    return b"\0" not in whole and longest <= NAME_BYTES and len(whole) < _PATH_BYTES


def several(value: Any) -> Any:
    """Take one value for a tuple of it."""
    return (value,) if isinstance(value, str | Path | int) else value


def _crops(value: Any) -> Any:
    """Take "auto" for None, and digits for a number; ValueError for anything else."""
    if value is None or value == "auto":
        return None
    if not str(value).isdecimal() or int(value) < 1:
        raise ValueError("expected auto or a number from 1 up")
    return int(value)


Text = Annotated[str, BeforeValidator(_text)]
CONFIDENT = 0.8  # score from which a detection contradicts a label
Texts = Annotated[tuple[str, ...], BeforeValidator(several)]
Paths = Annotated[tuple[Path, ...], BeforeValidator(several)]
Split = Annotated[
    Text | None,
    Field(description="A split's name, or a text file of ids."),
]
Device = Annotated[str, BeforeValidator(str), Field(description="auto, cpu, cuda or cuda:N.")]
Precision = Annotated[
    Literal["auto", "float32", "bfloat16"],
    Field(description="auto: bfloat16 where the hardware multiplies it faster."),
]
Compile = Annotated[
    Literal["auto", "on", "off"],
    Field(
        description="Compile the networks, which takes some time at first. auto: on a GPU, for so "
        "many stored regions that it pays."
    ),
]
BatchSize = Annotated[
    int | None,
    BeforeValidator(_crops),
    Field(description="Crops at a time; halved when memory runs out."),
]
# What the file would hold, as a dictionary, is for Python alone.
Recipe = Annotated[Path | dict[Any, Any], Field(description="The recipe, a TOML file.")]
Workers = Annotated[
    int | None,
    Field(ge=0, description="Processes. [default: one a core, where each has a few images to do]"),
]
Seed = Annotated[int, Field(ge=0, lt=2**63, description="Of every random choice.")]
Resume = Annotated[bool, Field(description=f"Go on with the interrupted work in {option('out')}.")]
ExistOk = Annotated[bool, Field(description=f"Write into {option('out')} even if it exists.")]
SkipBad = Annotated[bool, Field(description="Leave bad images out, counted.")]


def recipe_name(recipe: Path | dict[str, Any]) -> str:
    """Return what a run by `recipe` is called where nobody named it."""
    return "recipe" if isinstance(recipe, dict) else recipe.stem
