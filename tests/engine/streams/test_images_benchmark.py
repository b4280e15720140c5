"""The benchmark ``images``: classes and tasks that only a folder knows."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.errors import BenchmarkError, ConfigError
from engine.record.one_class import one_class_tasks
from engine.sessions.session import Session
from engine.settings.reading import from_toml, parse_assignments, read_settings
from engine.settings.run import RunConfig, moved, resolve
from engine.streams.examples import ExampleStream
from engine.streams.images.stream import stream, title
from engine.training.control import Control
from engine.training.runner import train
from tests import images, runs

LETTERS = ("ant", "bee", "cat", "dog", "eel", "fox")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return images.folder(tmp_path / "animals", LETTERS)


def config(folder: Path, **settings: Any) -> RunConfig:
    usual = {"benchmark": "images", "data_dir": str(folder), "hidden": [8], "epochs": 1, "batch_size": 4}
    return resolve(usual | settings)


def made(folder: Path, **settings: Any) -> ExampleStream:
    return stream(config(folder, **settings))


def names(folder: Path, **settings: Any) -> list[str]:
    return [phase.name for phase in made(folder, **settings).phases]


def test_a_folder_alone_is_enough(folder: Path) -> None:
    found = config(folder)
    assert found.option("classes") == LETTERS
    assert (found.tasks, found.option("classes_per_task")) == (3, (2, 2, 2))
    assert names(folder) == ["ant, bee", "cat, dog", "eel, fox"]
    assert made(folder).inputs == (3, 6, 6)


def test_how_classes_are_divided(folder: Path) -> None:
    assert names(folder, tasks=2) == ["ant, bee, cat", "dog, eel, fox"]
    assert names(folder, classes_per_task=[3, 1, 2]) == ["ant, bee, cat", "dog", "eel, fox"]
    assert names(folder, classes_per_task=[1, 2]) == ["ant", "bee, cat"], "the others are left out"
    assert names(folder, class_order=["fox", 0, "eel", "bee"]) == ["fox, ant", "eel, bee"]
    backwards = parse_assignments(["class_order=5,4,3,2,1,0"])
    assert names(folder, **backwards, tasks=2) == ["fox, eel, dog", "cat, bee, ant"]
    random = [names(folder, class_order="random", seed=seed) for seed in (0, 0, 1)]
    assert random[0] == random[1] != random[2]
    assert sorted(", ".join(random[0]).split(", ")) == list(LETTERS)
    assert one_class_tasks(config(folder, classes_per_task=[3, 1, 2])) == (1,)


def test_a_number_may_be_a_class(tmp_path: Path) -> None:
    images.folder(tmp_path / "d", ["1", "2", "10"])
    assert names(tmp_path / "d", class_order=[10, 1, 2], tasks=3) == ["10", "1", "2"]
    assert names(tmp_path / "d", class_order=[0, 10], tasks=2) == ["1", "10"]


def test_a_folder_for_each_task(tmp_path: Path) -> None:
    images.tasks(tmp_path / "d", {"Task_1": ["ant", "bee"], "Task_2": ["ant", "cat", "dog"], "Task_10": ["eel"]})
    assert names(tmp_path / "d") == ["Task_1", "Task_2", "Task_10"]
    found = made(tmp_path / "d", scenario="class")
    assert [phase.classes for phase in found.phases] == [2, 3, 1]
    assert found.problem().outputs == 6
    assert any("counts as several: ant" in note for note in found.notes)
    assert names(tmp_path / "d", tasks=2) == ["Task_1", "Task_2"]
    assert one_class_tasks(config(tmp_path / "d")) == (2,)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"tasks": 7}, "tasks = 7: there are only 6 classes"),
        ({"classes_per_task": [4, 4]}, "classes_per_task = 4,4: there are only 6 classes"),
        ({"classes_per_task": [2, 2], "tasks": 3}, "classes_per_task = 2,2: it has 2 tasks instead of 3"),
        ({"classes_per_task": [0, 2]}, "greater than or equal to 1"),
        ({"classes_per_task": "many"}, "classes_per_task = 'many'"),
        ({"class_order": ["ant", "gnu"]}, "there is no class gnu among ant, bee, cat, dog, eel, fox"),
        ({"class_order": [0, 6]}, "there is no class 6"),
        ({"class_order": ["ant", 0]}, "name each class once"),
        ({"class_order": ["ant"], "tasks": 2}, "there is only 1 class"),
        ({"resize": 0}, "resize = 0"),
        ({"augment": ["spin"]}, "augment"),
        ({"data_dir": "nowhere"}, "data_dir = nowhere: there is no such folder"),
        ({"data_dir": 5}, "data_dir = 5"),
        ({"classes": 5}, "classes = 5"),
    ],
)
def test_what_does_not_fit_is_refused(folder: Path, settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        config(folder, **settings)


def test_task_folders_divide_the_classes_themselves(tmp_path: Path) -> None:
    images.tasks(tmp_path / "d", {"t1": ["ant", "bee"], "t2": ["cat"]})
    for settings, told in (
        ({"tasks": 3}, "has folders for 2 tasks"),
        ({"class_order": "random"}, "each task has a folder with its own classes"),
        ({"classes_per_task": [1, 2]}, "the tasks' folders have 2,1"),
    ):
        with pytest.raises(ConfigError, match=told):
            config(tmp_path / "d", **settings)


def test_a_task_without_test_images_is_refused(folder: Path) -> None:
    for name in ("cat", "dog"):
        shutil.rmtree(folder / "test" / name)
    with pytest.raises(BenchmarkError, match=r"no class of task 2 has test images \(cat, dog\)"):
        made(folder)
    assert made(folder, tasks=1).count(0, "test") == 8
    shutil.rmtree(folder / "test" / "fox")
    assert made(folder, tasks=2).count(1, "test") == 2, "dog and fox are trained and not tested"


def test_titles() -> None:
    assert title(["x" * 300]).endswith("…")
    assert all(len(title([name, "y"])) <= 24 for name in ("x", "x" * 10, "x" * 300))


# A stored configuration


def test_a_stored_configuration_needs_no_folder(folder: Path) -> None:
    before = config(folder, class_order=["fox", "ant"], augment=["flip"], resize=5)
    shutil.rmtree(folder)
    after = from_toml(before.to_toml(), "config.toml")
    assert after == before
    assert moved(after, {"data_dir": "elsewhere"}).data_dir == "elsewhere"
    assert resolve(before.plain()) == before
    with pytest.raises(ConfigError, match="there is no such folder"):
        stream(after)


def test_a_file_of_settings_serves_another_folder(folder: Path, tmp_path: Path) -> None:
    """The classes in a session's config.toml are those of its own folder."""
    session = Session.create(tmp_path / "sessions", "one", config(folder))
    images.folder(tmp_path / "letters", ["a", "b", "c", "d", "e", "f"])
    settings = read_settings(session.config_path) | {"data_dir": str(tmp_path / "letters")}
    assert resolve(settings).option("classes") == ("a", "b", "c", "d", "e", "f")


def test_a_run_goes_on_where_the_folder_was_moved_to(folder: Path, tmp_path: Path) -> None:
    settings = {"tasks": 2, "augment": ["flip", "crop", "colour", "erase"], "lr": 0.01, "device": "cpu"}
    whole = runs.finished(tmp_path / "sessions", config(folder, **settings), "whole")
    stopped = runs.create(tmp_path / "sessions", config(folder, **settings), "stopped")
    assert train(stopped, runs.AtStep(4)).state == "stopped"
    folder.rename(tmp_path / "moved")
    opened = Session.open(tmp_path / "sessions", "stopped")
    assert [task.name for task in opened.history().tasks] == ["ant, bee, cat", "dog, eel, fox"]
    opened.config = moved(opened.config, {"data_dir": str(tmp_path / "moved")})
    assert train(opened, Control()).state == "finished"
    runs.assert_same_tensors(runs.newest(whole)[0], runs.newest(opened)[0])
    runs.assert_same_history(whole.history(), opened.history())


def test_another_folder_is_refused(folder: Path) -> None:
    before = config(folder)
    (folder / "train" / "ant").rename(folder / "train" / "gnu")
    (folder / "test" / "ant").rename(folder / "test" / "gnu")
    with pytest.raises(BenchmarkError, match=r"other classes than this run \(missing: ant; new: gnu\)"):
        stream(before)


def test_another_image_is_refused_by_the_digest(folder: Path) -> None:
    before = made(folder).digest
    assert made(folder).digest == before
    images.drawn(77).save(folder / "train" / "ant" / "0.png")
    assert made(folder).digest != before


# Training batches


def everything(found: ExampleStream, phase: int = 0) -> Tensor:
    return torch.cat([batch.inputs for batch in found.passes(phase, 100)])


def test_augmentation_changes_training_batches_alone(folder: Path) -> None:
    plain, changed = made(folder), made(folder, augment=["flip", "crop"])
    assert torch.equal(everything(plain), everything(changed))
    assert plain.digest == changed.digest
    one, other, again = plain.batch(0, 0), changed.batch(0, 0), made(folder, augment=["flip", "crop"]).batch(0, 0)
    assert torch.equal(one.targets, other.targets)
    assert not torch.equal(one.inputs, other.inputs)
    assert torch.equal(other.inputs, again.inputs)
    assert not torch.equal(changed.batch(0, 1).inputs, plain.batch(0, 1).inputs)


def test_importance_may_be_measured_on_a_folder_of_colour_images(folder: Path, tmp_path: Path) -> None:
    """They are read as the benchmark's own: the same images give the same inputs, normalised alike."""
    mine = tmp_path / "mine"
    shutil.copytree(folder / "test" / "ant", mine / "1")
    shutil.copytree(folder / "test" / "bee", mine / "2")
    found = made(folder, method="mas", importance_data=str(mine), normalize=(0.5, 0.2))
    own = torch.cat([batch.inputs for batch in found.passes(0, 3, str(mine))])
    assert torch.allclose(own, torch.cat([batch.inputs for batch in found.passes(0, 100, "test")]), atol=1e-6)
    assert len(found.digest.split()) == 2
