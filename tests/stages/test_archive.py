"""`archive` in one process: every image once, whatever is broken or interrupted."""

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from archives import check_same_detections, rows_of, write_archive, write_manifest
from builders import write_voc
from full_disk import no_file_above
from networks import multibox, network, shared
from proposing import propose_randomly

from detect.data import open_dataset
from detect.errors import DataError, DetectError, EnvironmentProblem, UsageError
from detect.models.checkpoints import save_model
from detect.progress import SILENT, Silence
from detect.stages import ArchiveResult, archive, evaluate, run
from detect.stages.archive.audit import Audit
from detect.stages.export_boxes import export_boxes
from detect.stages.load import load
from detect.storage.archive import Archive, recipe_digest, write_part
from detect.storage.proposals import ProposalFile

COUNT = 12


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archive(tmp_path_factory.mktemp("archive"), COUNT)


def call(root: Path, out: Path, manifest: Path | None = None, **more: object) -> ArchiveResult:
    given = {"model": root / "m.safetensors", "proposals": root / "proposals", "device": "cpu"}
    told = {"reporter": SILENT, **given, **more}
    return archive(manifest or root / "manifest.parquet", out=out, **told)


@pytest.fixture(scope="module")
def whole(root: Path) -> Path:
    """Return the output for the whole manifest."""
    call(root, root / "whole", part_images=5)
    return root / "whole"


def test_a_row_has_what_a_detector_finds_in_the_image_and_what_made_it(root, whole):
    detector = load(root / "m.safetensors", reporter=SILENT, device="cpu", precision="float32")
    proposals, rows = ProposalFile(root / "proposals"), rows_of(whole)
    assert sorted(rows) == [f"{number:05d}" for number in range(COUNT)]
    for name, row in rows.items():
        found = detector(root / f"images/{name}.png", proposals.read(name))
        assert len(found) > 0
        np.testing.assert_array_equal(np.reshape(row["boxes"], (-1, 4)), found.boxes)
        np.testing.assert_allclose(row["scores"], found.scores, rtol=0, atol=1e-5)
        assert row["labels"] == found.labels.tolist()
        assert (row["status"], row["error"], row["height"], row["width"]) == ("ok", "", 48, 64)
    recipe = Archive(whole).recipe
    assert {row["model"] for row in rows.values()} == set(recipe["models"])
    assert {row["recipe"] for row in rows.values()} == {recipe_digest(recipe)}
    assert (recipe["proposals"], recipe["precision"]) == ({"method": "random"}, "float32")


def test_the_audit_counts_and_what_is_done_is_not_done_again(root, whole):
    before = {part: part.stat().st_mtime_ns for part in whole.glob("part-*")}
    assert len(before) == 3
    audit = Audit(images=COUNT, detected=COUNT, broken=0, missing=0, parts=3)
    assert json.loads((whole / "audit.json").read_text()) == asdict(audit)
    again = call(root, whole, resume=True, part_images=2)
    assert again == ArchiveResult(whole, COUNT, COUNT, 0, new=0, parts=3)
    assert before == {part: part.stat().st_mtime_ns for part in whole.glob("part-*")}


def test_broken_images_are_rows_that_say_why_and_stop_nothing(root, tmp_path):
    (tmp_path / "text.jpg").write_text("no image")
    images = {f"{n:05d}": root / f"images/{n:05d}.png" for n in (0, 1)}
    broken = {"gone": "gone.jpg", "text": "text.jpg", "unknown": root / "images/00002.png"}
    manifest = write_manifest(tmp_path / "m.parquet", {**broken, **images})
    heard = []

    class Listener(Silence):
        def warn(self, line):
            heard.append(line)

    result = call(root, tmp_path / "out", manifest, reporter=Listener())
    assert (result.images, result.detected, result.broken) == (5, 2, 3)
    rows = rows_of(tmp_path / "out")
    assert rows["gone"]["error"] == f"{tmp_path}/gone.jpg: no such image file."
    assert "text.jpg: not an image (expected JPEG" in rows["text"]["error"]
    assert rows["unknown"]["error"] == "no stored proposals for image unknown."
    assert rows["gone"]["status"] == "broken"
    assert (rows["gone"]["boxes"], rows["gone"]["height"]) == ([], 0)
    assert heard == [
        f"{root}/proposals: no proposals for 3 of 5 images: they will be recorded as broken.",
        f"3 of 5 images are recorded as broken, such as 'gone': {rows['gone']['error']}",
    ]
    assert call(root, tmp_path / "out", manifest, resume=True).new == 0


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that gives EIO")
def test_a_disk_that_fails_breaks_no_image(root, tmp_path):
    (tmp_path / "b.png").symlink_to("/proc/self/mem")
    paths = {"00000": root / "images/00000.png", "00001": "b.png"}
    manifest = write_manifest(tmp_path / "m.parquet", paths)
    with pytest.raises(EnvironmentProblem, match=r"b\.png: its disk fails"):
        call(root, tmp_path / "out", manifest)
    (tmp_path / "b.png").unlink()
    (tmp_path / "b.png").symlink_to(root / "images/00001.png")
    result = call(root, tmp_path / "out", manifest, resume=True)
    assert (result.images, result.detected, result.broken) == (2, 2, 0)


class _Stop(BaseException):
    pass


class _After(Silence):
    """Stops the work after so many images."""

    def __init__(self, count: int) -> None:
        self.left = count

    def track(self, items: Iterator, total: int, what: str) -> Iterator:
        for item in items:
            yield item
            self.left -= 1
            if not self.left:
                raise _Stop


def test_interrupted_it_goes_on_with_what_has_no_row(root, whole, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(_Stop):
        call(root, out, reporter=_After(4), part_images=4)
    kept = rows_of(out)
    assert 4 <= len(kept) < COUNT
    result = call(root, out, resume=True, part_images=4)
    assert (result.detected, result.new) == (COUNT, COUNT - len(kept))
    check_same_detections(out, whole)


def test_a_manifest_may_grow(root, whole, tmp_path):
    names = sorted(rows_of(whole))
    paths = {name: root / f"images/{name}.png" for name in names}
    first = {name: paths[name] for name in names[3:7]}
    call(root, tmp_path / "out", write_manifest(tmp_path / "m.parquet", first))
    grown = write_manifest(tmp_path / "grown.parquet", paths)
    result = call(root, tmp_path / "out", grown, resume=True)
    assert result.new == COUNT - 4
    check_same_detections(tmp_path / "out", whole)


def test_an_output_of_another_recipe_model_or_manifest_is_refused(root, whole, tmp_path):
    with pytest.raises(UsageError, match=r"whole exists already\. Choose another, or add resume"):
        call(root, whole)
    with pytest.raises(DataError, match=r"made by different recipes: selection\.nms 0\.3 and 0\.5"):
        call(root, whole, resume=True, nms=0.5)
    save_model(tmp_path / "other.safetensors", *network(seed=1))
    with pytest.raises(DataError, match=r"different recipes: models \['"):
        call(root, whole, resume=True, model=tmp_path / "other.safetensors")
    manifest = write_manifest(tmp_path / "m.parquet", {"00001": "a.png"})
    with pytest.raises(DataError, match=r"has rows of 11 images that .*m\.parquet does not list"):
        call(root, whole, manifest, resume=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").touch()
    with pytest.raises(DataError, match=r"expected what detect archive writes .* found notes\.txt"):
        call(root, tmp_path / "mine", resume=True)


def test_two_lists_of_ids_never_name_the_same_part(root, tmp_path):
    image = root / "images/00000.png"
    paths = {"a\nb": image, "a": image, "b": image}
    manifest = write_manifest(tmp_path / "m.parquet", paths)
    call(root, tmp_path / "one", manifest, proposals=None, part_images=1)
    (tmp_path / "two").mkdir()
    archive = Archive(tmp_path / "one")
    rows = pa.concat_tables(map(pq.read_table, archive.parts)).sort_by("image_id")
    for part in (rows.slice(1, 1), rows.filter(pc.not_equal(rows["image_id"], "a\nb"))):
        write_part(tmp_path / "two", part, archive.recipe)
    assert len(rows_of(tmp_path / "two")) == 3


def test_two_rows_of_an_image_are_told_with_their_parts(root, whole, tmp_path):
    shutil.copytree(whole, tmp_path / "out")
    parts = sorted((tmp_path / "out").glob("part-*"))
    shutil.copy(parts[0], tmp_path / "out/part-0123456789abcdef.parquet")
    text = r"have two rows, first '0.*' in part-.*\.parquet and part-.*Delete one of the two and go"
    with pytest.raises(DataError, match=text):
        call(root, tmp_path / "out", resume=True)
    parts[0].unlink()
    assert call(root, tmp_path / "out", resume=True).new == 0


def test_a_part_that_is_gone_or_damaged_is_made_again(root, whole, tmp_path):
    shutil.copytree(whole, tmp_path / "out")
    first, second, _ = sorted((tmp_path / "out").glob("part-*"))
    size = pq.read_table(first).num_rows
    first.unlink()
    assert call(root, tmp_path / "out", resume=True).new == size
    second.write_bytes(second.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"not a readable part of an archive .* Delete it"):
        call(root, tmp_path / "out", resume=True)


def test_it_goes_on_where_no_image_left_has_proposals(root, tmp_path):
    paths = {"00000": root / "images/00000.png"}
    call(root, tmp_path / "out", write_manifest(tmp_path / "m.parquet", paths))
    grown = write_manifest(tmp_path / "m.parquet", {**paths, "x": root / "images/00001.png"})
    assert call(root, tmp_path / "out", grown, resume=True).broken == 1


def test_paths_of_another_place_are_told_before_all_images_are_broken(root, tmp_path):
    paths = {"00000": "elsewhere/0.png", "00001": "elsewhere/1.png"}
    manifest = write_manifest(tmp_path / "m.parquet", paths)
    with pytest.raises(DataError, match=r"none of its first 2 images is there, such as .*/0\.png"):
        call(root, tmp_path / "out", manifest)
    assert not (tmp_path / "out").exists()


def test_proposals_of_none_of_the_images_are_refused(root, tmp_path):
    manifest = write_manifest(tmp_path / "m.parquet", {"x": root / "images/00000.png"})
    with pytest.raises(DataError, match="no proposals for any of the 1 images of"):
        call(root, tmp_path / "out", manifest)
    assert not (tmp_path / "out").exists()


def test_a_full_disk_says_how_to_go_on(root, whole, tmp_path):
    with (
        no_file_above(1000),
        pytest.raises(EnvironmentProblem, match=r"no space left .* go on with resume\."),
    ):
        call(root, tmp_path / "out")
    call(root, tmp_path / "out", resume=True)
    check_same_detections(tmp_path / "out", whole)


def test_it_proposes_by_itself(root, tmp_path):
    save_model(tmp_path / "boxes.safetensors", *multibox())
    told = {"method": "multibox", "multibox": tmp_path / "boxes.safetensors"}
    result = call(root, tmp_path / "out", proposals=None, **told)
    assert result.detected == COUNT
    assert Archive(tmp_path / "out").recipe["proposals"]["method"] == "multibox"
    with pytest.raises(UsageError, match="multibox and proposals: stored proposals are not made"):
        call(root, tmp_path / "out", multibox=tmp_path / "boxes.safetensors")


def test_one_trunk_detects_and_proposes(root, tmp_path):
    save_model(tmp_path / "one.safetensors", *shared())
    given = {"model": tmp_path / "one.safetensors"}
    call(root, tmp_path / "out", **given)
    detector = load(
        tmp_path / "one.safetensors", reporter=SILENT, device="cpu", precision="float32"
    )
    stored = ProposalFile(root / "proposals")
    for name, row in rows_of(tmp_path / "out").items():
        found = detector(root / f"images/{name}.png", stored.read(name))
        assert len(found) > 0
        np.testing.assert_allclose(row["scores"], found.scores, rtol=0, atol=1e-5)
        assert row["labels"] == found.labels.tolist()
    own = {"proposals": None, "method": "multibox", "multibox": tmp_path / "one.safetensors"}
    assert call(root, tmp_path / "own", **given, **own).detected == COUNT
    with pytest.raises(UsageError, match=r"mirror: .*one\.safetensors is a detector of one trunk"):
        call(root, tmp_path / "mirror", **given, mirror=True)
    assert not (tmp_path / "mirror").exists()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"on": "dask"}, r"on=dask: expected local, ray, or HOST:PORT of a Ray cluster\."),
        ({"on": "ray://host:10001"}, r"expected local, ray, or HOST:PORT"),
        ({"actors": 2}, r"actors means nothing with on=local\."),
        ({"on": "host:6379", "workers": 2}, r"workers means nothing with on=host:6379\."),
    ],
)
def test_options_that_mean_nothing_are_refused(root, tmp_path, options, text):
    with pytest.raises(UsageError, match=text):
        call(root, tmp_path / "out", **options)


@pytest.fixture(scope="module")
def voc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a VOC set, proposals for it, and what an archive made of its images."""
    folder = tmp_path_factory.mktemp("voc")
    write_voc(folder / "voc", {"test": 6}, seed=1)
    propose_randomly(open_dataset(folder / "voc", "test"), folder / "proposals")
    save_model(folder / "m.safetensors", *network())
    call(folder, folder / "out", folder / "voc/JPEGImages", part_images=4)
    return folder


def test_eval_reads_the_output_as_the_detections_of_run(voc, tmp_path):
    told = {"model": voc / "m.safetensors", "proposals": voc / "proposals", "device": "cpu"}
    found = run(voc / "voc", split="test", out=tmp_path, precision="float32", **told)
    scored = [
        evaluate(data=voc / "voc", split="test", protocol="all", detections=path)
        for path in (found.path, voc / "out")
    ]
    assert scored[0].protocols["voc2012"].map > 0
    assert scored[0] == scored[1]


def test_a_submission_can_be_made_of_the_output(voc, tmp_path):
    told = {"to": "ilsvrc", "data": voc / "voc", "split": "test", "out": tmp_path / "s.txt"}
    result = export_boxes(voc / "out", **told)
    rows = rows_of(voc / "out").values()
    assert result.detections == sum(len(row["labels"]) for row in rows) > 0
    assert len((tmp_path / "s.txt").read_text().splitlines()) == result.detections


def test_eval_of_a_part_of_the_archive_needs_a_row_of_each_of_its_images(voc, tmp_path):
    (tmp_path / "two.txt").write_text("test_001\ntest_004\n")
    told = {"data": voc / "voc", "split": tmp_path / "two.txt"}
    assert evaluate(detections=voc / "out", **told).protocols["voc2012"].map >= 0
    shutil.copytree(voc / "out", tmp_path / "out")
    part = next(p for p in (tmp_path / "out").glob("part-*") if "test_004" in str(pq.read_table(p)))
    part.unlink()
    with pytest.raises(DataError, match=r"no row of image test_004 \(1 of 2 images have none\)"):
        evaluate(detections=tmp_path / "out", **told)


def test_eval_of_classes_that_the_data_set_has_not_is_refused(voc, tmp_path):
    write_voc(tmp_path / "voc", {"test": 6}, classes=("circle", "square", "star"), seed=1)
    with pytest.raises(DataError, match=r"has the class triangle, which .*voc does not have"):
        evaluate(data=tmp_path / "voc", split="test", detections=voc / "out")


def test_images_without_a_row_are_an_error_that_says_how_to_go_on(root, whole, tmp_path):
    from detect.stages.archive.audit import audited
    from detect.storage.manifest import read_manifest

    shutil.copytree(whole, tmp_path / "out")
    next((tmp_path / "out").glob("part-*")).unlink()
    manifest = read_manifest(root / "manifest.parquet")
    with pytest.raises(DetectError, match=r"of 12 images have no row, first '.* go on with resume"):
        audited(Archive(tmp_path / "out"), manifest)
    audit = json.loads((tmp_path / "out/audit.json").read_text())
    assert audit["missing"] > 0
    assert audit["images"] == audit["detected"] + audit["broken"] + audit["missing"]


def test_rows_are_in_the_manifests_order_broken_ones_too(root, tmp_path):
    names = [f"{n:05d}" for n in range(6)]
    paths = {name: root / f"images/{name}.png" for name in names}
    for name in ("00000", "00002", "00003", "00005"):
        paths[name] = root / "gone.png"
    call(root, tmp_path / "out", write_manifest(tmp_path / "m.parquet", paths))
    (part,) = (tmp_path / "out").glob("part-*")
    assert pq.read_table(part).column("image_id").to_pylist() == names


def test_ray_that_is_not_installed_is_told(root, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(
        EnvironmentProblem, match=r"Ray, which is not installed. .* 'detect\[ray\]'"
    ):
        call(root, tmp_path / "out", on="ray")
