"""tools/docs_pages.py: what the site's reference is made of is what the package offers."""

import re
import runpy
from pathlib import Path

import detect
from detect import stages
from detect.cli import COMMANDS
from detect.stages import ProposeOptions

pages = runpy.run_path(str(Path(__file__).parents[2] / "tools/docs_pages.py"))


def generated(name: str) -> str:
    """Return what stands in place of `name` on a page."""
    return str(pages["on_page_markdown"](f"before\n<!-- {name} -->\nafter"))


def test_the_front_door_has_every_name_and_the_options_of_its_stages() -> None:
    text = generated("front door")
    assert [name for name in detect.__all__ if f'heading: "detect.{name}"' not in text] == []
    assert "detect.propose(data, *, reporter=SILENT, **options) -> ProposeResult" in text
    rows = text.partition("detect.propose(")[2].partition("heading:")[0]
    assert [
        name for name in ProposeOptions.model_fields if f"| <code>{name}</code> |" not in rows
    ] == []
    assert (
        "| <code>multibox_boxes</code> | int, ≥ 1 |  | Most boxes an image. "
        "&#91;default: the model&#x27;s] |"
    ) in rows


def test_every_stage_is_at_the_front_door_or_among_the_stages() -> None:
    headings = re.findall(r'heading: "(detect\.stages\.\w+)"', generated("stages"))
    names = [name for name in stages.__all__ if name.islower() and name not in detect.__all__]
    assert headings == [f"detect.stages.{name}" for name in names]


def test_commands_show_what_help_prints() -> None:
    text = generated("commands")
    headings = re.findall(r"^## detect (.+)$", text, re.MULTILINE)
    assert headings == list(COMMANDS)
    assert "detect propose [OPTIONS] DATA" in text
    assert "SPLIT1.txt and SPLIT2.txt.  &#91;required] |" in text


def test_recipes_have_the_limits_and_defaults_of_every_table() -> None:
    text = generated("recipes")
    assert "### [optimizer] { #train-multibox-optimizer }" in text
    assert "| <code>dropout</code> | float, ≥ 0, &lt; 1 | <code>0.4</code> |" in text


def test_pages_of_the_root_have_their_links_seen_from_docs() -> None:
    text = pages["seen_from_docs"]("README.md")
    assert "](demo.png)" in text
    assert "](contributing.md)" in text
    assert "](docs/" not in text
