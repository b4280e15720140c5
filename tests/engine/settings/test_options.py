"""Options of a method, a network or a benchmark: whose they are, in files and on the command line."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import typer

from cl_tui.commands.options import Set, Typed, takes_settings
from engine.catalog.choices import CHOICES
from engine.catalog.entries import MethodInfo
from engine.catalog.methods import METHODS
from engine.catalog.options import Options, Settings, setting
from engine.errors import ConfigError
from engine.settings.layers import over
from engine.settings.reading import from_toml, parse_assignments, read_settings, typed_as
from engine.settings.run import WITHOUT_EFFECT, RunConfig, known_settings, resolve, typed_settings
from engine.settings.text import as_typed, shown

OLD = Path(__file__).parents[2] / "old_sessions"
FLAT = 'method = "si"\nlr = 0.01\nhidden = [7]\nxi = 0.5\nhalf = true\n'
IN_TABLES = 'method = "si"\nlr = 0.01\n[mlp]\nhidden = [7]\n[si]\nxi = 0.5\nhalf = true\n'


def test_a_file_says_whose_an_option_is_or_does_not(tmp_path: Path) -> None:
    for content in (FLAT, IN_TABLES):
        (tmp_path / "my.toml").write_text(content)
        config = resolve(read_settings(tmp_path / "my.toml"))
        assert (config.lr, config.option("hidden")) == (0.01, (7,))
        assert dict(config.method_options) == {
            "xi": 0.5,
            "gradient": "task",
            "half": True,
            "clamp": None,
            "signed": None,
        }


def test_what_is_written_says_whose_its_options_are() -> None:
    written = tomllib.loads(resolve({"method": "mas", "recompute": True}).to_toml())
    assert written["mas"] == {"sensitivity": "global", "importance_data": "train", "recompute": True, "half": False}
    assert written["mlp"] == {"hidden": [100, 100], "init": "torch"}
    assert not {"recompute", "half", "hidden", "init"} & written.keys()


@pytest.mark.parametrize("path", sorted(OLD.glob("*/config.toml")), ids=lambda path: path.parent.name)
def test_the_settings_of_an_old_session_are_read_and_written_with_tables(path: Path) -> None:
    text = "".join(line for line in path.read_text().splitlines(True) if not line.startswith(("format", "checksum")))
    stored = tomllib.loads(text)
    assert "hidden" in stored, "its options are not in tables"
    config = from_toml(text, "config.toml")
    values = config.plain()
    assert {key: values[key] for key in stored} == stored
    assert from_toml(config.to_toml(), "config.toml") == config


@pytest.mark.parametrize(
    ("layers", "xi"),
    [
        ([{"xi": 0.1}, {"si.xi": 0.2}], 0.2),
        ([{"si": {"xi": 0.1}}, {"xi": 0.2}], 0.2),
        ([{"si": {"xi": 0.1}}, {"xi": 0.2}, {"si.xi": 0.3}], 0.3),
        ([{"si.xi": 0.1}, {}, {"si.xi": 0.3}], 0.3),
        ([{"si.xi": 0.1}, {"xi": None}], 0.1),
    ],
)
def test_what_is_typed_later_wins_whether_it_says_whose_it_is_or_not(layers: list[dict[str, Any]], xi: float) -> None:
    assert resolve(over(*layers)).option("xi") == xi


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        (["method=ewc", "si.xi=0.1"], "xi = 0.1: only method si uses it, not ewc"),
        (["method=mas", "si.half=true"], "half = true: only method si uses it, not mas"),
        (["method=ewc", "half=true"], "half = true: only method si or mas uses it, not ewc"),
        (["si.xy=0.1"], "unknown setting 'si.xy': did you mean 'si.xi'?"),
        (["foo.xi=0.1"], "unknown setting 'foo.xi'"),
        (["si.xi=0"], "xi = 0 cannot be used: it should be greater than or equal to 1e-30"),
        (["si.xi=big"], "xi = 'big' cannot be used: it should be a number"),
        (["si=3"], "unknown setting 'si'"),
        (["mlp.hidden=0,5"], "hidden = 0 cannot be used"),
    ],
)
def test_an_option_of_another_or_a_wrong_one_is_refused(typed: list[str], why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(parse_assignments(typed))
    assert why in str(caught.value)


def test_a_table_of_a_session_s_file_is_checked_too() -> None:
    text = resolve({}).to_toml()
    for wrong, why in (("xi = -1.0", "xi = -1.0 cannot be used"), ("zeta = 1", "unknown setting 'si.zeta'")):
        with pytest.raises(ConfigError, match=r"^here: ") as caught:
            from_toml(text.replace("xi = 0.001", wrong), "here")
        assert why in str(caught.value)
    with pytest.raises(ConfigError, match="only method si uses it, not ewc"):
        from_toml(text.replace('method = "si"', 'method = "ewc"'), "here")


def test_no_option_has_the_name_of_a_setting_or_of_another_choice_s_option() -> None:
    options = [key for choice in CHOICES for info in CHOICES[choice].values() for key in {*info.options.kept}]
    by_choice = [{key for info in CHOICES[choice].values() for key in info.options.kept} for choice in CHOICES]
    assert not set(options) & RunConfig.declared.keys()
    assert sum(map(len, by_choice)) == len(set(options))
    owners = [name for entries in CHOICES.values() for name in entries]
    assert not set(owners) & known_settings().keys(), "a table would look like a setting"
    assert len(owners) == len(set(owners))


def test_a_declaration_says_everything_once() -> None:
    """Each setting has words, and says if it changes no result."""
    for key, declared in typed_settings().items():
        assert declared.help, key
    for key, declared in known_settings().items():
        assert declared.meaning, key
    assert {
        "preset",
        "device",
        "compile",
        "threads",
        "data_dir",
        "code_dir",
        "keep_checkpoints",
        "forward",
    } == WITHOUT_EFFECT
    assert RunConfig.declared["pace"].affects == "nothing"
    assert "pace" not in RunConfig.kept


class Every(Options):
    """An option of each kind, on the command line and not."""

    count: int = setting(1, help="a number", panel="Method")
    share: float | None = setting(None, help="a number", panel="Method")
    form: Literal["a", "b"] = setting("a", help="a word", panel="Method")
    sizes: tuple[int, ...] = setting((), help="numbers", panel="Method")
    path: str = setting("", help="a text", panel="Method")
    kept: Literal["all"] | Annotated[int, ("ge", 1)] = setting("all", help="a word or a number", panel="Method")
    quick: bool = setting(False, help="a choice", panel="Method")
    silent: bool = setting(False, help="a choice")
    most: int = setting(3, help="a number")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("count", 7), ("share", 0.5), ("form", "b"), ("sizes", (3, 4)), ("path", "7"), ("kept", 2), ("kept", "all")),
        *(("quick", True), ("quick", False), ("silent", True), ("silent", False), ("most", 9)),
    ],
)
def test_what_is_shown_to_type_gives_the_value_again(key: str, value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the command line, as a repeated run's line shows it, and in a field of the form."""
    info = MethodInfo("every", "", "", "", "engine.methods.l2:EqualImportance", symbol="λ", options=Every)
    monkeypatch.setitem(METHODS, "every", info)
    seen: list[dict[str, Any]] = []

    @takes_settings()
    def run(*, typed: Typed, assignments: Set = None) -> None:
        seen.append(over(typed, parse_assignments(assignments or [])))

    app = typer.Typer()
    app.command()(run)
    declared = known_settings()[key]
    words = as_typed(declared, value)
    app(["--method", "every", *words], standalone_mode=False)
    assert resolve(seen[0]).option(key) == value
    text = {True: "yes", False: "no"}[value] if isinstance(value, bool) else shown(value)
    assert resolve({"method": "every", key: typed_as(declared, text)}).option(key) == value
    if isinstance(value, bool):
        assert declared.choices == ("yes", "no")


def test_a_record_takes_only_what_it_declares() -> None:
    class Two(Options):
        first: int = setting(help="of two")
        second: str = setting("b", help="of two")

    assert dict(Two(first=1)) == {"first": 1, "second": "b"}
    assert Two(first=1) == Two(first=1, second="b") != Two(first=2)
    assert Two(first=1).replace(second="c") == Two(first=1, second="c")
    for wrong in ({}, {"first": 1, "third": 3}):
        with pytest.raises(TypeError, match="Two"):
            Two(**wrong)
    assert dict(Settings()) == {}


def test_each_flag_belongs_to_one_setting() -> None:
    """Also a flag that turns something off: --accumulate of mas once hid the number of parts of a step."""
    flags = [flag for known in typed_settings().values() for flag in (known.flag, known.negative) if flag]
    assert len(flags) == len(set(flags))
