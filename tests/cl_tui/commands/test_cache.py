"""``cl-tui cache``: what is kept of resized images, and how it is removed."""

import os
from pathlib import Path

import pytest

from engine.streams.images import cache
from engine.streams.images.store import read_images
from tests import images
from tests.conftest import CommandLine


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A folder of images that was read twice, at two sizes."""
    folder = images.folder(tmp_path / "animals", ["ant", "bee"])
    read_images(folder)
    read_images(folder, 5)
    return folder


def test_an_empty_cache(cl_tui: CommandLine, tmp_path: Path) -> None:
    assert cl_tui("cache").out == f"no resized images are kept in {tmp_path / 'cache' / 'images'}\n"
    assert cl_tui("cache", "--clear", "--yes").exit_code == 0


def test_it_lists(cl_tui: CommandLine, kept: Path) -> None:
    out = cl_tui("cache").out
    assert out.count(str(kept)) >= 1
    assert "12 images" in out
    assert "of at most 20 GB in" in out
    assert len(cache.entries()) == 2


def test_it_clears_and_leaves_the_images(cl_tui: CommandLine, kept: Path) -> None:
    before = {path: path.read_bytes() for path in kept.rglob("*.png")}
    refused = cl_tui("cache", "--clear")
    assert (refused.exit_code, len(cache.entries())) == (2, 2)
    assert "add --yes" in refused.err
    assert "removed 2 of 2" in cl_tui("cache", "--clear", "--yes").out
    assert not cache.entries()
    assert {path: path.read_bytes() for path in kept.rglob("*.png")} == before
    assert cl_tui("cache", "--yes").exit_code == 2


def test_what_a_run_uses_stays_with_it(cl_tui: CommandLine, kept: Path) -> None:
    """Where the system allows to remove it, and otherwise it is said."""
    values = read_images(kept).values
    before = values.copy()
    cleared = cl_tui("cache", "--clear", "--yes")
    if os.name == "posix":
        assert cleared.exit_code == 0
    assert (values == before).all()


def test_nothing_but_its_own_files_is_removed(cl_tui: CommandLine, kept: Path) -> None:
    """Also where CL_TUI_CACHE_DIR names a folder with other things."""
    (entry, _) = cache.entries()
    (entry.path / "mine.txt").write_text("keep")
    photo = cache.root() / "holiday" / "photo.png"
    photo.parent.mkdir()
    photo.write_bytes(b"photo")
    cl_tui("cache", "--clear", "--yes")
    assert photo.exists()
    assert list(cache.root().rglob("mine.txt"))
    assert not list(cache.root().rglob("pixels.npy"))


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX names")
def test_a_folder_with_a_hostile_name(cl_tui: CommandLine, tmp_path: Path) -> None:
    read_images(images.folder(tmp_path / "\x1b[31m[red]x", ["a", "b"]))
    out = cl_tui("cache").out
    assert "\x1b[31m" not in out
    assert "[red]" in out.replace("\n", "")
