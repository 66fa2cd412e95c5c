"""The pages: links lead somewhere, the README stays short, the reference names what there is."""

import pkgutil
import re
from pathlib import Path

import pytest

from detect.cli import COMMANDS

ROOT = Path(__file__).parents[1]
PAGES = (
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
)
README = (ROOT / "README.md").read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """Return what a link to `page` can end in, as MkDocs names its headings."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", title)).lower() for title in titles}


def broken(page: Path) -> list[str]:
    """Return the relative links of `page`, pictures too, that lead to no file or heading."""
    links = re.findall(
        r"\]\((?!https?://)([^)#]*)(?:#([^)]*))?\)", page.read_text(encoding="utf-8")
    )
    targets = [(page.parent / file if file else page, anchor) for file, anchor in links]
    return [
        f"{file}#{anchor}"
        for file, anchor in targets
        if not file.is_file() or (anchor and anchor not in anchors(file))
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_and_picture_of_a_page_is_there(page: Path) -> None:
    assert broken(page) == []


def test_a_link_to_no_file_and_to_no_heading_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# The one, here\n[a](#the-one-here) [b](#other) ![c](c.png) [d](https://d.org)"
    )
    assert broken(page) == [f"{page}#other", f"{tmp_path / 'c.png'}#"]


def test_the_readme_has_at_most_200_lines() -> None:
    assert len(README.splitlines()) <= 200


def test_the_readme_lists_every_command_and_no_other() -> None:
    table = README.partition("\n## Commands\n")[2].partition("\n## ")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    names = re.findall(r"`(?:detect )?([a-z-]+)", "".join(cells))
    assert set(names) == set(COMMANDS)


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    named = re.findall(r"^ +- .+: (\S+\.md)$", navigation.partition("\n\n")[0], re.MULTILINE)
    pages = [str(page.relative_to(ROOT / "docs")) for page in PAGES[3:]]
    assert sorted(named) == sorted([*pages, "index.md", "contributing.md", "changelog.md"])


def test_the_reference_names_what_there_is() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES[3:])
    names = re.findall(r"^::: (\S+)$|\]\[(detect\.[\w.]+)\]", text, re.MULTILINE)
    assert len(names) > 10
    for name in names:
        pkgutil.resolve_name("".join(name))
