"""RunConfig: what is filled in, what is refused and how, and TOML both ways."""

import contextlib
import os
import threading
import tomllib
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.catalog.benchmarks import BENCHMARKS
from engine.catalog.methods import METHODS
from engine.errors import ConfigError
from engine.settings.reading import from_toml, parse_assignments, read_settings
from engine.settings.run import default_threads, known_settings, resolve
from engine.settings.text import nearest
from engine.text import visible
from tests import runs

INF, NAN = float("inf"), float("nan")


@contextlib.contextmanager
def peak_memory() -> Iterator[Callable[[], int]]:
    """Of what Python allocates meanwhile, in bytes."""
    tracemalloc.start()
    try:
        yield lambda: tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def refused(settings: dict[str, Any]) -> str:
    """The one sentence with which ``settings`` are refused."""
    with pytest.raises(ConfigError) as caught:
        resolve(settings)
    message = str(caught.value)
    assert "\n" not in message
    assert 10 < len(message) < 300 or message.startswith("unknown setting"), "only the list of settings is long"
    assert "pydantic" not in message
    assert "RunConfig" not in message
    assert caught.value.exit_code == 2
    return message


# What is filled in


def test_with_nothing_given_si_runs_on_split_digits() -> None:
    config = resolve({})
    assert (config.method, config.benchmark, config.scenario, config.tasks) == ("si", "split-digits", "task", 5)
    assert (config.strength, config.option("xi"), config.option("gamma"), config.seed) == (1.0, 1e-3, None, 0)


@pytest.mark.parametrize("name", runs.FIXED)
@pytest.mark.parametrize("method", METHODS)
def test_each_benchmark_fills_in_what_is_left_open(name: str, method: str) -> None:
    """Its own defaults, each method's strength on it, and only the options that the method reads."""
    benchmark = BENCHMARKS[name]
    config = resolve({"benchmark": name, "method": method})
    assert config.model == benchmark.model
    for key, value in benchmark.defaults.items():
        if key != "hidden" or config.model == "mlp":
            assert config.flat()[key] == value
    assert (config.scenario, config.tasks) == (benchmark.scenario, benchmark.default_tasks)
    assert config.strength == benchmark.strengths.get(method, 0.0)
    assert (config.strength > 0) == bool(METHODS[method].symbol)
    assert (config.option("xi") is not None) == ("xi" in METHODS[method].options.kept)


def test_what_is_given_wins_over_the_benchmark_and_none_counts_as_left_open() -> None:
    config = resolve({"lr": 0.5, "epochs": 3, "strength": 0, "batch_size": None, "hidden": [7]})
    assert (config.lr, config.epochs, config.strength, config.option("hidden")) == (0.5, 3, 0.0, (7,))
    assert config.batch_size == BENCHMARKS["split-digits"].defaults["batch_size"]


def test_steps_take_the_place_of_epochs() -> None:
    assert (resolve({}).steps, resolve({"steps": 70}).steps, resolve({"steps": 70}).epochs) == (None, 70, None)


def test_a_first_task_of_its_own_leaves_open_what_it_does_not_say() -> None:
    first = resolve({"first_task": {"lr": 0.5}}).first_task
    assert first is not None
    assert (first.lr, first.batch_size, first.epochs) == (0.5, None, None)


def test_the_variants_of_a_method_are_the_papers_unless_chosen() -> None:
    si, ewc, mas = (resolve({"method": method}) for method in ("si", "ewc", "mas"))
    assert (si.option("gradient"), si.option("half"), si.option("clamp")) == ("task", False, None)
    assert (ewc.option("fisher"), ewc.option("fisher_samples"), ewc.option("gamma")) == ("exact", None, None)
    assert dict(mas.method_options) == {
        "sensitivity": "global",
        "importance_data": "train",
        "recompute": False,
        "half": False,
        "importance_batch": None,
        "importance_memory": None,
    }
    assert (mas.option("fisher"), si.option("sensitivity"), ewc.option("half")) == (None, None, None)


def test_momentum_belongs_to_sgd() -> None:
    assert resolve({"optimizer": "sgd"}).momentum == 0.9
    assert resolve({"optimizer": "sgd", "momentum": 0.0}).momentum == 0.0
    assert resolve({"optimizer": "adam"}).momentum is None


def test_a_small_network_gets_one_thread_and_a_given_number_wins() -> None:
    assert resolve({"hidden": [100, 100]}).threads == 1
    assert default_threads(resolve({"hidden": [2000]})) == resolve({"hidden": [2000]}).threads >= 1
    assert resolve({"model": "conv"}).threads == 1
    assert resolve({"model": "conv", "benchmark": "split-mnist"}).threads == resolve({"hidden": [2000]}).threads
    assert resolve({"hidden": [2000], "threads": 3}).threads == 3
    assert resolve({"hidden": []}).threads == 1


def test_a_configuration_is_frozen() -> None:
    with pytest.raises(AttributeError, match="frozen"):
        setattr(resolve({}), "lr", 1.0)  # noqa: B010 (a type checker refuses the plain assignment)


# What is refused


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"method": "se"}, ["unknown method 'se'", "did you mean 'si'?", "ewc", "mas"]),
        ({"method": ""}, ["unknown method ''"]),
        ({"method": 3}, ["method = 3"]),
        ({"method": ["si"]}, ["method = ['si']"]),
        ({"benchmark": "split-digit"}, ["unknown benchmark", "'split-digits'"]),
        ({"benchmark": 7}, ["benchmark = 7"]),
        ({"benchmark": {}}, ["benchmark = {}"]),
        ({"model": "resnet"}, ["unknown model 'resnet'", "mlp"]),
        ({"method": "xx"}, ["unknown method 'xx': available: none, joint, l2,"]),
        ({"optimiser": "sgd"}, ["unknown setting 'optimiser': did you mean 'optimizer'? Available: method,"]),
        ({"volume": 0.5}, ["unknown setting 'volume': available: method, benchmark,", ", data_dir"]),
        ({"scenario": "tusk"}, ["scenario = 'tusk'", "'task'", "'class'"]),
        ({"optimizer": "lion"}, ["optimizer = 'lion'", "'adamw'"]),
        ({"device": "tpu"}, ["device = 'tpu'", "'cuda'"]),
        ({"tasks": 0}, ["tasks = 0"]),
        ({"tasks": 11}, ["tasks = 11", "at most 10"]),
        ({"tasks": 2.5}, ["tasks = 2.5"]),
        ({"tasks": True}, ["tasks = True"]),
        ({"hidden": [0]}, ["hidden", "0"]),
        ({"hidden": [-5, 10]}, ["hidden", "-5"]),
        ({"hidden": [10, 2.5]}, ["hidden", "2.5"]),
        ({"hidden": "100"}, ["hidden"]),
        ({"hidden": 100}, ["hidden", "100"]),
        ({"hidden": [65536, 65536]}, ["hidden", "parameters"]),
        ({"hidden": [1] * 201}, ["hidden"]),
        ({"lr": 0}, ["lr", "greater than 0"]),
        ({"lr": -0.1}, ["lr = -0.1"]),
        ({"lr": NAN}, ["lr = nan"]),
        ({"lr": INF}, ["lr = inf"]),
        ({"lr": 1e9}, ["lr"]),
        ({"lr": "fast"}, ["lr = 'fast'"]),
        ({"lr": "0.1"}, ["lr = '0.1'"]),
        ({"lr": True}, ["lr = True"]),
        ({"batch_size": 0}, ["batch_size = 0"]),
        ({"batch_size": -1}, ["batch_size = -1"]),
        ({"epochs": 0}, ["epochs = 0"]),
        ({"epochs": 10**9}, ["epochs"]),
        ({"strength": -1}, ["strength = -1"]),
        ({"strength": NAN}, ["strength = nan"]),
        ({"strength": INF}, ["strength = inf"]),
        ({"strength": 1e16}, ["strength"]),
        ({"method": "none", "strength": 1.0}, ["strength = 1", "none"]),
        ({"xi": 0}, ["xi = 0"]),
        ({"xi": 1e-60}, ["xi = 1e-60"]),  # 0 in float32: Ω of a weight that never moved would be 0/0
        ({"xi": -1.0}, ["xi = -1.0"]),
        ({"method": "ewc", "xi": 0.1}, ["xi = 0.1", "si", "ewc"]),
        ({"method": "ewc", "gamma": 0}, ["gamma = 0"]),
        ({"method": "ewc", "gamma": 1.5}, ["gamma = 1.5"]),
        ({"method": "si", "gamma": 0.9}, ["gamma = 0.9", "ewc"]),
        ({"momentum": 0.9}, ["momentum = 0.9", "sgd", "adam"]),
        ({"optimizer": "sgd", "momentum": 1.0}, ["momentum = 1.0"]),
        ({"seed": -1}, ["seed = -1"]),
        ({"seed": 2**63}, ["seed"]),
        ({"seed": 1.0}, ["seed = 1.0"]),
        ({"threads": 0}, ["threads = 0"]),
        ({"threads": 5000}, ["threads = 5000"]),
        ({"reset_optimizer": "yes"}, ["reset_optimizer = 'yes'"]),
        ({"data_dir": 5}, ["data_dir = 5"]),
        ({"class_order": [1, 2]}, ["class_order = 1,2", "0,1,2,3,4,5,6,7,8,9"]),
        ({"class_order": [0, 1, 2, 3, 4, 5, 6, 7, 8, 8]}, ["class_order", "once"]),
        ({"class_order": "sorted"}, ["class_order = 'sorted'", "'random'", "list"]),
        ({"class_order": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9.0]}, ["class_order", "list"]),
        ({"class_order": [[1]]}, ["class_order = [[1]]"]),
        ({"benchmark": "permuted-digits", "class_order": "random"}, ["class_order = random", "all classes"]),
        ({"first_task": 3}, ["first_task = 3"]),
        ({"first_task": {"lr": NAN}}, ["first_task.lr = nan", "finite"]),
        ({"first_task": {"lr": 0}}, ["first_task.lr = 0"]),
        ({"first_task": {"epochs": 0}}, ["first_task.epochs = 0"]),
        ({"first_task": {"batch_size": 2.5}}, ["first_task.batch_size = 2.5"]),
        ({"first_task": {"momentum": 0.5}}, ["first_task.momentum = 0.5"]),
        ({"first_task": 5}, ["first_task = 5", "{lr=0.01, epochs=1}"]),
        ({"normalize": [1.0]}, ["normalize = 1", "2 items"]),
        ({"xi": 0}, ["xi = 0", "equal to 1e-30"]),
        ({"normalize": [0.0, 0.0]}, ["normalize = 0,0", "greater than 0"]),
        ({"normalize": "automatic"}, ["normalize = 'automatic'", "auto, imagenet"]),
        ({"normalize": ["a", "b"]}, ["normalize = ['a', 'b']", "auto, imagenet"]),
        ({"normalize": "imagenet"}, ["normalize = imagenet", "for colours"]),
        ({"normalize": [0.1] * 6}, ["2 items"]),
        ({"normalize": [0.1] * 4, "benchmark": "split-cifar10"}, ["2 items", "3 means and then 3 deviations"]),
        ({"normalize": [float("nan"), 1.0]}, ["normalize = [nan, 1.0]"]),
        ({"normalize": [0.0, 1.0, 2.0]}, ["normalize = 0,1,2", "2 items"]),
        ({"init": "zero"}, ["init = 'zero'", "'glorot-zero-head'"]),
        ({"keep": "worst"}, ["keep = 'worst'", "'best'"]),
        ({"steps": 0}, ["steps = 0"]),
        ({"steps": 10, "epochs": 1}, ["in epochs or in steps, not both"]),
        ({"leave_alone": "*.bias"}, ["leave_alone = '*.bias'"]),
        ({"leave_alone": [""]}, ["leave_alone = ''"]),
        ({"freeze": "*.bias"}, ["freeze = '*.bias'"]),
        ({"freeze": []}, ["freeze"]),
        ({"method": "none", "leave_alone": ["*.bias"]}, ["leave_alone = *.bias", "none"]),
        ({"method": "ewc", "clamp": 1.0}, ["clamp = 1", "si", "ewc"]),
        ({"clamp": 0}, ["clamp = 0"]),
        ({"gradient": "both"}, ["gradient = 'both'", "'total'"]),
        ({"half": 1}, ["half = 1"]),
        ({"method": "ewc", "half": True}, ["half = true", "si or mas", "ewc"]),
        ({"method": "ewc", "fisher": "true"}, ["fisher = 'true'", "'exact'"]),
        ({"method": "ewc", "fisher_samples": 0}, ["fisher_samples = 0"]),
        ({"method": "ewc", "importance_batch": 3}, ["importance_batch = 3", "batched"]),
        ({"method": "mas", "sensitivity": "hebbian"}, ["sensitivity = 'hebbian'", "'local'"]),
        ({"method": "mas", "importance_data": ""}, ["importance_data = ''"]),
        ({"method": "rwalk", "alpha": 0}, ["alpha = 0"]),
        ({"method": "rwalk", "score_every": 0}, ["score_every = 0"]),
        ({"method": "rwalk", "epsilon": 0}, ["epsilon = 0"]),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_wrong_setting_is_named_in_one_sentence(settings: dict[str, Any], words: list[str]) -> None:
    message = refused(settings)
    for word in words:
        assert word in message


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["lr", "batch_size", "epochs", "momentum", ""]), inner, max_size=3)
    ),
    max_leaves=6,
)
first_task = st.fixed_dictionaries(
    {},
    optional={"lr": st.floats() | anything, "batch_size": st.integers(-1, 10**7), "epochs": st.integers() | anything},
)
class_order = (
    st.permutations(range(10)) | st.lists(st.integers(-1, 10) | st.floats(), max_size=11) | st.text(max_size=9)
)
settings_of_any_kind = st.dictionaries(st.sampled_from(sorted(known_settings())), anything, max_size=4)
nested_settings = st.fixed_dictionaries(
    {"benchmark": st.sampled_from(sorted(BENCHMARKS))}, optional={"first_task": first_task, "class_order": class_order}
)


def one_sentence_or_none(settings: dict[str, Any]) -> None:
    problem = ""
    try:
        config = resolve(settings)
    except ConfigError as error:
        problem = str(error)
    else:
        assert from_toml(config.to_toml(), "config.toml") == config
    assert "\n" not in problem


@given(settings_of_any_kind | nested_settings)
def test_whatever_is_given_gives_a_configuration_or_one_sentence(settings: dict[str, Any]) -> None:
    one_sentence_or_none(settings)


@given(
    st.sampled_from(["first_task", "class_order", "normalize", "leave_alone", "lr", "preset", "seed", "hidden"]),
    st.text(max_size=30) | st.text(alphabet="[]{}=,.\"'0123456789aelrx-_ ", max_size=30),
)
def test_whatever_is_set_gives_a_configuration_or_one_sentence(key: str, text: str) -> None:
    """By --set, as TOML or as plain text."""
    with contextlib.suppress(ConfigError):  # a line break
        one_sentence_or_none(parse_assignments([f"{key}={text}"]))


@pytest.mark.parametrize(
    "text", ["[" * 3000, "1" * 5000, "0x" + "f" * 6000, "{a=" * 2000], ids=["lists", "digits", "hexadecimal", "tables"]
)
def test_a_value_too_long_or_deep_for_toml_is_one_sentence(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(parse_assignments([f"seed={text}"]))
    assert len(str(caught.value)) < 300
    path = tmp_path / "long.toml"
    path.write_text(f"seed = {text}\n")
    with pytest.raises(ConfigError):
        resolve(read_settings(path))
    with pytest.raises(ConfigError):
        from_toml(path.read_text(), "config.toml")


# TOML

valid = st.builds(
    lambda method, given, xi, gamma, momentum, leave_alone: (
        {"method": method}
        | given
        | ({"xi": xi} if method == "si" else {})
        | ({"gamma": gamma} if method == "ewc" else {})
        | ({} if METHODS[method].symbol else {"strength": 0.0})
        | ({"momentum": momentum} if given["optimizer"] == "sgd" else {})
        | ({"leave_alone": leave_alone} if METHODS[method].symbol else {})
    ),
    st.sampled_from(sorted(METHODS)),
    st.fixed_dictionaries(
        {
            "benchmark": st.sampled_from(sorted(runs.FIXED)),
            "scenario": st.sampled_from(runs.SCENARIOS),
            "optimizer": st.sampled_from(runs.OPTIMIZERS),
            "device": st.sampled_from(["auto", "cpu", "cuda", "mps"]),
            "tasks": st.integers(1, 6),
            "model": st.just("mlp"),
            "hidden": st.lists(st.integers(1, 500), max_size=4),
            "lr": st.floats(1e-300, 1000),
            "strength": st.floats(0, 1e15),
            "seed": st.integers(0, 2**63 - 1),
            "epochs": st.integers(1, 10**6),
            "reset_optimizer": st.booleans(),
            "data_dir": st.text().filter(lambda path: not path.startswith("~")).map(visible),
            "init": st.sampled_from(["torch", "glorot", "glorot-zero-head"]),
            "keep": st.sampled_from(["last", "best"]),
            "normalize": st.none() | st.tuples(st.floats(-1e9, 1e9), st.floats(1e-9, 1e9)),
            "first_task": st.none()
            | st.fixed_dictionaries({}, optional={"lr": st.floats(1e-9, 1000), "epochs": st.integers(1, 10**6)}),
        }
    ),
    st.floats(1e-30, 1e6),
    st.floats(1e-300, 1) | st.none(),
    st.floats(0, 1, exclude_max=True),
    st.lists(st.text(min_size=1, max_size=9).map(visible), max_size=3),
)


@given(valid.filter(lambda of: BENCHMARKS[of["benchmark"]].problem == "classification" or of["scenario"] != "class"))
def test_a_configuration_survives_toml_to_the_last_digit(settings: dict[str, Any]) -> None:
    config = resolve(settings)
    assert from_toml(config.to_toml(), "config.toml") == config


@given(valid)
def test_a_written_configuration_can_be_used_as_a_config_file(settings: dict[str, Any]) -> None:
    """Nothing is filled in differently: all is written."""
    config = resolve(settings)
    assert resolve(tomllib.loads(config.to_toml())) == config


@pytest.mark.parametrize(
    "text", ["method = ", "method = 'si'", "\x00", "a = 1\n", resolve({}).to_toml() + "\ntypo = 1\n"], ids=repr
)
def test_a_broken_config_toml_is_named(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^here/config\.toml: ") as caught:
        from_toml(text, "here/config.toml")
    assert "\n" not in str(caught.value)


def test_a_config_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('method = "ewc"\nhidden = [10, 20]\ngamma = 0.5\n', encoding="utf-8")
    config = resolve(read_settings(path))
    assert (config.method, config.option("hidden"), config.option("gamma")) == ("ewc", (10, 20), 0.5)


@pytest.mark.parametrize("content", [b"lr = = 1", b"\xff\xfe", b"lr = 1\nlr = 2", b"[["])
def test_a_config_file_that_is_not_toml_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"broken\.toml is not a valid file of settings") as caught:
        read_settings(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["huge.toml", "/dev/zero"])
def test_a_config_file_of_any_size_is_refused_in_little_memory(path: str, tmp_path: Path) -> None:
    huge = tmp_path / path
    if not huge.exists():
        with open(huge, "wb") as file:
            file.truncate(1 << 40)
    with peak_memory() as peak, pytest.raises(ConfigError, match="longer than 100,000 bytes"):
        read_settings(huge)
    assert peak() < 10 << 20


@pytest.mark.parametrize(
    "content",
    [
        "".join(f"k{number}=1\n" for number in range(11_000)),
        "first_task." + "a." * 49_000 + "a = 1",
        "".join(f"first_task.a{line}." + "a." * 990 + "a = 1\n" for line in range(50)),
        "lr = " + "[" * 99_000,
        "k" * 99_000 + " = 1",
        f"class_order = [{'1,' * 49_000}]",
        f'data_dir = "{"d" * 99_000}"',
        f'method = "{"m" * 99_000}"',
    ],
    ids=["keys", "tables", "long lines", "lists", "key", "classes", "folder", "name"],
)
def test_a_config_file_that_is_as_long_as_it_may_be_is_one_sentence(content: str, tmp_path: Path) -> None:
    path = tmp_path / "long.toml"
    path.write_text(content)
    with pytest.raises(ConfigError) as caught:
        resolve(read_settings(path))
    assert len(str(caught.value)) < 2000
    with pytest.raises(ConfigError) as caught:
        from_toml(content, "config.toml")
    assert len(str(caught.value)) < 2000


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_config_file_may_come_through_a_pipe(tmp_path: Path) -> None:
    """As with --config <(…)."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=('method = "ewc"\n',))
    writer.start()
    assert read_settings(pipe) == {"method": "ewc"}
    writer.join()


def test_a_config_file_that_is_missing_or_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_settings(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="directory"):
        read_settings(tmp_path)


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("lr=0.01", {"lr": 0.01}),
        ("hidden=[100, 50]", {"hidden": [100, 50]}),
        ("optimizer=sgd", {"optimizer": "sgd"}),
        ('optimizer="sgd"', {"optimizer": "sgd"}),
        ("reset_optimizer=false", {"reset_optimizer": False}),
        (" lr = 1e-3", {"lr": 1e-3}),
        ("data_dir=a=b", {"data_dir": "a=b"}),
        ("seed=", {"seed": ""}),
    ],
)
def test_set_takes_toml_values_or_plain_text(assignment: str, expected: dict[str, Any]) -> None:
    assert parse_assignments([assignment]) == expected


def test_the_last_of_two_assignments_counts() -> None:
    assert parse_assignments(["lr=1", "lr=2"]) == {"lr": 2}


@pytest.mark.parametrize(
    "assignment", ["lr", "", "=3", " =3", "first_task.lr=3", "[lr]=3", '"lr"=3', "l r=3", "l\nr=3"]
)
def test_set_without_a_key_and_a_value_is_refused(assignment: str) -> None:
    with pytest.raises(ConfigError, match="KEY=VALUE") as caught:
        parse_assignments([assignment])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("optimiser", "optimizer"),
        ("hiden", "hidden"),
        ("hidden_sizes", "hidden"),
        ("batchsize", "batch_size"),
        ("strenght", "strength"),
        ("sede", "seed"),
        ("Fischer", "fisher"),
        ("volume", None),
        ("weight_decai", "weight_decay"),
        ("lambda", None),
        ("layers", None),
        ("activation", None),
    ],
)
def test_a_hint_names_only_what_is_near(typed: str, meant: str | None) -> None:
    assert nearest(typed, known_settings()) == meant


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("hidden=200,100", [200, 100]),
        ("hidden=200", [200]),
        ("hidden= 200, 100 ", [200, 100]),
        ("hidden=[200, 100]", [200, 100]),
        ("hidden=", []),
        ("class_order=7,3,0", [7, 3, 0]),
        ("class_order=random", "random"),
        ("normalize=0.1307,0.3081", [0.1307, 0.3081]),
        ("leave_alone=*.bias,head.*", ["*.bias", "head.*"]),
        ("leave_alone=*.bias", ["*.bias"]),
        ("freeze=features.*", ["features.*"]),
        ("targets=1,y2", ["1", "y2"]),
    ],
)
def test_a_list_is_typed_with_commas(typed: str, value: object) -> None:
    """As in an option, or as TOML."""
    assert list(parse_assignments([typed]).values()) == [value]


def test_every_setting_that_is_a_list_is_known_as_one() -> None:
    lists = {key for key, declared in known_settings().items() if declared.is_list}
    own = {"hidden", "channels", "dropout", "classes_per_task", "classes", "augment"}
    own |= {"task_classes", "task_labels", "example", "targets", "ignore_columns"}
    own |= {"more", "more_at", "more_classes", "more_sizes"}
    assert lists == own | {"class_order", "normalize", "leave_alone", "freeze", "extended_at"}
    assert resolve(parse_assignments(["class_order=7,3,0,1,2,4,5,6,8,9"])).class_order == (7, 3, 0, 1, 2, 4, 5, 6, 8, 9)


@pytest.mark.parametrize("typed", ["hidden=10,", "hidden=,10", "class_order=1,,2"])
def test_a_list_with_a_gap_is_refused(typed: str) -> None:
    with pytest.raises(ConfigError, match="write commas only between values") as caught:
        parse_assignments([typed])
    assert caught.value.setting == typed.partition("=")[0]


@pytest.mark.parametrize("assignment", ["lr=0.1\nseed=5", "data_dir=a\nb", "hidden=[10,\n20]"])
def test_a_value_of_several_lines_is_refused(assignment: str) -> None:
    """Rather than that the first line counts and the others are dropped."""
    with pytest.raises(ConfigError, match="on one line") as caught:
        parse_assignments([assignment])
    assert "\n" not in str(caught.value)
