"""Hooks of mkdocs (mkdocs.yml): pages from README.md and its neighbours, and from options.

Where a page has `<!-- stages -->` or another name of GENERATED, its text is made here from what the
package itself lists, so that nothing is listed twice. mkdocstrings then reads the docstrings,
without importing anything. What it cannot see are the fields of options and recipes: their types
and descriptions are put together when they are imported, so their tables are made here.
"""

import html
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

import detect
from detect import stages
from detect.cli import COMMANDS, group
from detect.config import MultiBoxRecipe, PretrainRecipe, RegionClassifierRecipe, SharedRecipe
from detect.errors import as_arguments

ROOT = Path(__file__).parents[1]
# Pages that lie in the root of the repository, and where they are in the site.
OUTSIDE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "&lt;"}
RECIPES: dict[str, type[BaseModel]] = {
    "train-classifier": RegionClassifierRecipe,
    "train-multibox": MultiBoxRecipe,
    "train-shared": SharedRecipe,
    "pretrain": PretrainRecipe,
}


def on_files(files: Any, config: Any) -> Any:
    """Add the pages of OUTSIDE."""
    from mkdocs.structure.files import File

    for source, page in OUTSIDE.items():
        files.append(File.generated(config, page, content=seen_from_docs(source)))
    return files


def seen_from_docs(source: str) -> str:
    """Return a page of OUTSIDE with its links as they are from docs/."""
    text = (ROOT / source).read_text(encoding="utf-8").replace("](docs/", "](")
    for name, page in OUTSIDE.items():
        text = text.replace(f"]({name})", f"]({page})")
    return text


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put what is generated in place of its name."""
    names = "|".join(GENERATED)
    return re.sub(
        rf"^<!-- ({names}) -->$",
        lambda found: "\n".join(GENERATED[found[1]]()),
        markdown,
        flags=re.MULTILINE,
    )


def on_page_content(content: str, **_: Any) -> str:
    """Keep short code in one line: browsers break `--debug` after its first hyphen."""
    return re.sub("<code>(?=[^<\n]{1,32}</code>)", '<code class="short">', content)


def front_door() -> Iterator[str]:
    """Yield the reference of every name that `import detect` offers."""
    for name in detect.__all__:
        yield from _object(getattr(detect, name), f"detect.{name}", 2)


def all_stages() -> Iterator[str]:
    """Yield the reference of every stage that is not at the front door."""
    for name in stages.__all__:
        stage = getattr(stages, name)
        if inspect.isfunction(stage) and name not in detect.__all__:
            yield from _object(stage, f"detect.stages.{name}", 2)


def commands() -> Iterator[str]:
    """Yield what `--help` of every command prints, in their order."""
    top = click.Context(group, info_name="detect")
    for name in COMMANDS:
        command = group.get_command(top, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=top)
        usage = command.get_usage(context).removeprefix("Usage: ")
        yield from (f"## detect {name}", "", "```text", usage, "```", "")
        yield from (inspect.cleandoc(command.help or ""), "")
        options = (one for one in command.get_params(context) if isinstance(one, click.Option))
        records = filter(None, (option.get_help_record(context) for option in options))
        rows = [(_code(flags), _prose(said)) for flags, said in records]
        yield from _lines(("option", "what it says"), rows)


def recipes() -> Iterator[str]:
    """Yield a table for every table of every recipe."""
    for command, recipe in RECIPES.items():
        yield from (f"## {command}", "", inspect.getdoc(recipe) or "", "")
        tables = {n: tuple(_sections(f.annotation)) for n, f in recipe.model_fields.items()}
        yield from _table({n: f for n, f in recipe.model_fields.items() if not tables[n]})
        for name, sections in tables.items():
            for section in sections:
                yield from (f"### [{name}] {{ #{command}-{name} }}", "")
                yield from (inspect.getdoc(section) or "", "", *_table(section.model_fields))


def _sections(kind: Any) -> Iterator[type[BaseModel]]:
    """Yield the tables that a key of a recipe may hold."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for inner in get_args(kind):
        yield from _sections(inner)


def _object(value: Any, name: str, level: int) -> Iterator[str]:
    """Yield what mkdocstrings is told of `value`, called `name`, and the tables of a stage."""
    path = f"{value.__module__}.{value.__name__}"
    yield from (f"[](){{#{name}}}", "", f"::: {path}", "    options:")
    yield from (f"      heading_level: {level}", f'      heading: "{name}"')
    yield f'      toc_label: "{name.removeprefix("detect.")}"'
    if not hasattr(value, "__wrapped__"):
        yield ""
        return
    options, returned = _signature(value)
    yield from ("      show_signature: false", "      separate_signature: false", "")
    first = next(iter(options.model_fields))
    call = f"{name}({first}, *, reporter=SILENT, **options) -> {returned.__name__}"
    yield from ("```python", call, "```", "", "Options, keyword arguments all but the first:", "")
    yield from _table(options.model_fields)
    if returned.__name__.endswith("Result"):
        yield from _object(returned, returned.__name__, level + 1)


def _signature(stage: Any) -> tuple[type[BaseModel], type]:
    """Return the class of a stage's options, and that of its result."""
    signature = inspect.signature(inspect.unwrap(stage))
    options = next(iter(signature.parameters.values())).annotation
    return options, signature.return_annotation


def _table(fields: dict[str, FieldInfo]) -> Iterator[str]:
    """Yield a table of options or of a recipe's keys; these say nothing one by one."""
    head = ("name", "values", "default", "what it says")
    rows = [
        (
            _code(name),
            _values(field),
            _default(field),
            _prose(as_arguments(field.description or "")),
        )
        for name, field in fields.items()
    ]
    width = 4 if any(row[3] for row in rows) else 3
    return _lines(head[:width], [row[:width] for row in rows])


def _lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(row)} |"
    yield ""


def _code(text: str) -> str:
    return f"<code>{_prose(text)}</code>"


def _prose(text: str) -> str:
    """Return plain text as it is put into a cell of a table."""
    return html.escape(text).replace("|", "&#124;").replace("*", "&#42;").replace("[", "&#91;")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    return "" if default in (None, (), "") else _code(str(default))


def _values(field: FieldInfo) -> str:
    """Return a field's type and limits in words."""
    limits = (limit for part in field.metadata for limit in _limits(part))
    return ", ".join((_words(field.annotation), *limits))


def _words(kind: Any) -> str:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _words(inner[0])
    if origin is Literal:
        return ", ".join(_code(str(choice)) for choice in inner)
    if origin in (Union, UnionType):
        return " or ".join(_words(one) for one in inner if one is not NoneType)
    if origin is tuple:
        return f"several: {_words(inner[0])}" if ... in inner else ", ".join(map(_words, inner))
    return "path" if kind is Path else str(getattr(kind, "__name__", kind))


def _limits(part: Any) -> Iterator[str]:
    for limit in getattr(part, "metadata", [part]):
        for name, sign in SIGNS.items():
            if hasattr(limit, name):
                yield f"{sign} {getattr(limit, name)}"


GENERATED: dict[str, Callable[[], Iterable[str]]] = {
    "front door": front_door,
    "stages": all_stages,
    "commands": commands,
    "recipes": recipes,
}
