"""Python files of the user that a run names as FILE.py:NAME: where they are, whether they may run, and what NAME is.

Code runs only if the user has once typed it, or has allowed it, on this machine: a session or a file of settings may be
from anybody. What is allowed is kept in the folder of the preferences, a small file for each FILE.py:NAME.
"""

import hashlib
import inspect
import os
import stat
import sys
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from engine.catalog.own import file_and_name
from engine.disk import expanded, write_whole
from engine.errors import ConfigError, UntrustedCode, first_line
from engine.settings.text import nearest, short
from engine.text import some

if TYPE_CHECKING:
    from engine.settings.run import RunConfig

MOST_BYTES = 10_000_000
"""Largest accepted file."""
HASHES = {"model": "model_file", "benchmark": "task_file"}
"""The option with the file's digest, by the setting that names the file."""
LONGEST_REASON = 500
_BESIDE = set[str]()
"""Modules that were imported from files beside the user's code."""
_ALLOWED = set[str]()
"""What may run in this process, even if the folder of the preferences cannot be written."""

Made = TypeVar("Made")


class Code(NamedTuple):
    setting: str
    """The setting that names it."""
    path: Path
    name: str

    @property
    def label(self) -> str:
        return f"{self.path.name}:{self.name}"

    @property
    def key(self) -> str:
        return f"{os.path.realpath(self.path)}:{self.name}"

    def problem(self, why: str, line: int = 0) -> ConfigError:
        """``line`` counts from 1; 0 names none."""
        where = f"{self.path}, line {line}" if line else str(self.path)
        return ConfigError(f"{self.setting} = {self.label}: {where}: {why}", self.setting)


# Where it is


def named(settings: Mapping[str, Any]) -> list[Code]:
    """The code that settings, or a configuration's ``dict``, name."""
    found = []
    for setting in HASHES:
        if (parts := file_and_name(settings.get(setting))) is not None:
            path = Path(settings.get("code_dir") or os.getcwd(), expanded(parts[0], setting))
            found.append(Code(setting, Path(os.path.abspath(path)), parts[1]))
    return found


def found(given: Mapping[str, Any]) -> dict[str, Any]:
    """What the files say of a run for which this is ``given``: their digests, and the folder that they are in. Reads no
    file whose digest is given. Raises ConfigError."""
    folder = given.get("code_dir")
    says: dict[str, Any] = {
        "code_dir": os.path.abspath(expanded(folder, "code_dir") if isinstance(folder, str) else "")
    }
    codes = named({**given, **says})
    if not codes:
        return {"code_dir": None}
    for code in codes:
        key = HASHES[code.setting]
        known = given.get(key)  # a stranger's may be empty, and still no file is opened for it
        says[key] = digest(_content(code)) if known is None else known
    return says


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def changed(config: "RunConfig") -> str:
    """A sentence on files that are not as they were when the session was made; empty if all are. Raises ConfigError."""
    codes = [code for code in named(dict(config)) if digest(_content(code)) != config.option(HASHES[code.setting])]
    names = list(dict.fromkeys(code.path.name for code in codes))
    return f"{' and '.join(names)} changed since the session was made" if names else ""


def _content(code: Code) -> bytes:
    try:
        if stat.S_ISFIFO(code.path.stat().st_mode):  # reading would wait
            raise code.problem("it is no file")
        with open(code.path, "rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise code.problem("there is no such file: correct the path, or name its folder with --code-dir") from None
    except OSError as error:
        raise code.problem(f"it cannot be read: {error.strerror or first_line(error)}") from None
    if len(content) > MOST_BYTES:
        raise code.problem(f"it is longer than {MOST_BYTES:,} bytes, which is no code")
    return content


# Whether it may run


def allow(codes: Iterable[Code]) -> None:
    """Lets code run, now and in sessions that are continued later: the user has typed it, or has allowed it."""
    for code in codes:
        _ALLOWED.add(code.key)
        with suppress(OSError):  # then a later resume asks for --trust-code
            path = _record(code.key)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, code.key.encode(errors="surrogateescape"))


def allow_here(keys: Iterable[str]) -> None:
    """Lets code run in this process, because the process that started it may run it."""
    _ALLOWED.update(keys)


def allowed_here() -> frozenset[str]:
    return frozenset(_ALLOWED)


def allowed(code: Code) -> bool:
    if code.key in _ALLOWED:
        return True
    try:
        return _record(code.key).read_bytes() == code.key.encode(errors="surrogateescape")
    except OSError:
        return False


def _record(key: str) -> Path:
    import platformdirs

    chosen = os.environ.get("CL_TUI_CONFIG_DIR")
    folder = Path(expanded(chosen)) if chosen else platformdirs.user_config_path("cl-tui", appauthor=False)
    return folder / "trusted-code" / hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()[:32]


def require_trust(config: "RunConfig", whose: str = "this run", how: str = "--trust-code") -> None:
    """Raises UntrustedCode if a run with ``config`` would run code that nobody here has typed or allowed."""
    codes = [code for code in named(dict(config)) if not allowed(code)]
    if codes:
        told = " and ".join(f"the function {code.name} in {code.path}" for code in codes)
        raise UntrustedCode(
            f"{whose} would run {told}, which nobody has typed or allowed here: read the code, and if you trust it, "
            f"allow it with {how}"
        )


# What it is


def load(code: Code) -> Callable[..., Any]:
    """What the file defines under the name. The file runs afresh at each call, so that a run does not depend on what
    another one left in its variables. Raises ConfigError, and UntrustedCode for code that may not run."""
    if not allowed(code):
        raise UntrustedCode(f"{code.path} may not run here: allow it with --trust-code")
    content = _content(code)
    while _BESIDE:  # another run's, or older; another folder may have a file of the same name
        sys.modules.pop(_BESIDE.pop(), None)
    module = ModuleType(f"cl_tui_own_{digest(content)}")
    module.__file__ = str(code.path)
    sys.modules[module.__name__] = module  # dataclasses look there for the types of their fields
    try:
        program = compile(content, str(code.path), "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise code.problem(f"{type(error).__name__}: {_reason(error)}", getattr(error, "lineno", 0) or 0) from None
    except (RecursionError, MemoryError):
        raise code.problem("it cannot be compiled: an expression is nested too deeply") from None
    if b"torchvision" in content:
        with suppress(ImportError):  # the code itself will say so
            from engine.torchvision_import import torchvision_datasets  # torch, which the code needs anyway

            torchvision_datasets()
    with running(code):
        exec(program, vars(module))  # noqa: S102 (the user has allowed it)
    if code.name not in vars(module):
        functions = [name for name, of in vars(module).items() if _defined_in(of, module)]
        near = nearest(code.name, functions)
        there = f"did you mean {near}?" if near else f"it defines {some(functions) or 'no function'}"
        raise code.problem(f"it has no {code.name}: {there}")
    function: Callable[..., Any] = vars(module)[code.name]
    if not callable(function):
        raise code.problem(f"{code.name} is {a_kind(function)}, not a function")
    return function


def _defined_in(value: object, module: ModuleType) -> bool:
    return callable(value) and getattr(value, "__module__", None) == module.__name__


def called(code: Code, function: Callable[..., Any], offered: Mapping[str, Any], example: str) -> Any:
    """Calls ``function`` with those of the ``offered`` arguments that it takes. ``example``: how its definition may
    look. Raises ConfigError."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # it is written in C
        parameters = []
    line = _line_of(function)
    by_name = {of.name for of in parameters if of.kind in (of.POSITIONAL_OR_KEYWORD, of.KEYWORD_ONLY)}
    if any(of.kind == of.VAR_KEYWORD for of in parameters):
        by_name = set(offered)
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = [of.name for of in parameters if of.default is of.empty and of.kind not in variadic]
    if unknown := [name for name in needed if name not in offered or name not in by_name]:
        raise code.problem(
            f"{code.name} needs {some(unknown)}, which a run does not give: it gives {_listed(offered)}, by these "
            f"names, as in {example}",
            line,
        )
    with running(code):
        return function(**{name: value for name, value in offered.items() if name in by_name})


@contextmanager
def running(code: Code, doing: str = "") -> Iterator[None]:
    """While code of the user runs: files beside it can be imported. Raises ConfigError instead of what it raises,
    naming its line; ``doing`` says what went wrong, or where."""
    folder, before = str(code.path.parent), set(sys.modules)
    sys.path.insert(0, folder)
    try:
        yield
    except (KeyboardInterrupt, MemoryError, ConfigError):
        raise
    except BaseException as error:
        if _is_ours(error):
            raise
        what = "it ends the program" if isinstance(error, SystemExit) else f"{type(error).__name__}: {_reason(error)}"
        raise code.problem(f"{doing}: {what}" if doing else what, _line(error, code.path)) from error
    finally:
        with suppress(ValueError):
            sys.path.remove(folder)
        if folder not in sys.path:  # for what it imports later; nothing that is installed is hidden then
            sys.path.append(folder)
        _BESIDE.update(name for name in sys.modules.keys() - before if _lies_in(folder, name))


def _lies_in(folder: str, name: str) -> bool:
    file = str(getattr(sys.modules.get(name), "__file__", None) or "")
    ours = name.partition(".")[0] in ("engine", "cl_tui")
    return file.startswith(os.path.join(folder, "")) and "site-packages" not in file and not ours


def _is_ours(error: BaseException) -> bool:
    """Whether it is not about the code: a wish to stop, or an error that is a sentence already."""
    return type(error).__module__.startswith("engine.")


def _reason(error: BaseException) -> str:
    with suppress(Exception):
        if told := str(getattr(error, "msg", "")):
            return told[:LONGEST_REASON]
    return first_line(error)[:LONGEST_REASON]


def _line(error: BaseException, path: Path) -> int:
    """The line of the file that was running; 0 if none was."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno or 0
    lines = [frame.lineno or 0 for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return lines[-1] if lines else 0


def _line_of(function: Callable[..., Any]) -> int:
    with suppress(TypeError, OSError):
        return inspect.getsourcelines(inspect.unwrap(function))[1]
    return 0


def _listed(names: Collection[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def a_kind(value: object) -> str:
    """
    >>> a_kind(3), a_kind((1, 2)), a_kind(None)
    ('an int', 'a tuple', 'nothing')
    """
    noun = type(value).__name__
    return "nothing" if value is None else f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def misnamed(setting: str, value: object) -> str:
    """What to write instead of a name that looks like a file's; empty if it does not.

    >>> misnamed("model", "my_nets.py"), misnamed("benchmark", "my_tasks:tasks"), misnamed("model", "resnet")
    ("name a function in it, too, such as --model 'my_nets.py:build'", "name the file, as in --benchmark \
'my_tasks.py:tasks'", '')
    """
    if not isinstance(value, str):
        return ""
    file, colon, name = value.rpartition(":")
    if value.endswith(".py") or (colon and file.endswith(".py") and not name):
        usual = "build" if setting == "model" else "tasks"
        return f"name a function in it, too, such as --{setting} {short(value.rstrip(':') + ':' + usual)}"
    if name.isidentifier() and Path(file.replace(".", "/")).name.isidentifier():
        return f"name the file, as in --{setting} {short(file.replace('.', '/') + '.py:' + name)}"
    return ""
