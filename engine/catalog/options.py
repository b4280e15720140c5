"""Settings, each declared once for command line, form, files and pages. Light: help must not wait for pydantic."""

import inspect
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Any, ClassVar, Literal, NamedTuple, Self, Union, get_args, get_origin

WHAT, DATA, NETWORK, TRAINING = "What to train", "Data", "Network", "Training"
METHOD, WHERE = "Method", "Where and how"
"""The panels of the command line's help and of the form."""

LIMITS = ("ge", "gt", "le", "lt", "min_length", "max_length")
REQUIRED: Any = object()
"""The default of a setting that every stored configuration has."""


class Setting(NamedTuple):
    key: str = ""
    kind: Any = None
    default: Any = REQUIRED
    """Its value where it is not stored."""
    usual: Any = None
    """What a new run gets; None if that depends on other settings."""
    off: Any = None
    """The value that a user types for None: of a setting that does nothing unless it is given."""
    help: str = ""
    meaning: str = ""
    """A longer explanation, for the form and the method's page; the same as ``help`` if none is given."""
    panel: str = ""
    """Its panel on the command line; empty if only --set sets it."""
    symbol: str = ""
    """Its letter in the paper."""
    metavar: str | None = None
    negative: str = ""
    """The opposite option of a yes-or-no setting: --no-… if none is given."""
    affects: Literal["results", "place", "nothing"] = "results"
    """Whether it changes what is computed, only where, or neither."""
    is_path: bool = False
    from_data: bool = False
    """Whether a run's data say it, so that nobody types it."""
    limits: Mapping[str, float] = {}
    """Bounds of its value, by their names in ``LIMITS``."""
    owners: tuple[str, ...] = ()
    """The methods, networks or benchmarks that have this option; none if it is a setting of every run."""

    @property
    def flag(self) -> str:
        return "--" + self.key.replace("_", "-")

    @property
    def name(self) -> str:
        """Its key, and its symbol if it has one."""
        return f"{self.key} ({self.symbol})" if self.symbol else self.key

    def told(self, default: str | None = None) -> str:
        """Its help, and the default: a new run's if no other is given.

        >>> Setting(help="Random seed", usual=0).told(), Setting(help="Number of tasks").told("the session's")
        ('Random seed.  [default: 0]', "Number of tasks.  [default: the session's]")
        """
        usual = self.off if self.usual is None else self.usual
        default = default or ("" if usual is None else str(usual))
        return f"{self.help.removesuffix('.')}." + (f"  [default: {default}]" if default else "")

    @property
    def is_list(self) -> bool:
        return mentions(self.kind, tuple)

    @property
    def is_flag(self) -> bool:
        return self.kind in (bool, bool | None)

    @property
    def choices(self) -> tuple[str, ...]:
        """The only values that it can have; none if it can have others too."""
        return ("yes", "no") if self.is_flag else literals(self.kind)


def setting(default: Any = REQUIRED, **declared: Any) -> Any:
    """Declares a setting in the body of a subclass of Settings; its type is the annotation.

    ``help`` or ``meaning`` may stand for both. Bounds have pydantic's names; a part of the type has its own within it:
    ``tuple[Annotated[int, ("ge", 1)], ...]``.
    """
    limits = {name: declared.pop(name) for name in LIMITS if name in declared}
    shorter, longer = declared.pop("help", ""), declared.pop("meaning", "")
    words = {"help": shorter or longer, "meaning": longer or shorter.removesuffix(".")}
    return Setting(default=default, limits=limits, **words, **declared)


class Settings:
    """A frozen record of settings. It checks nothing: ``engine.settings.run.resolve`` does."""

    declared: ClassVar[Mapping[str, Setting]] = {}
    """All its settings by key. One that is declared as a ClassVar is an option on the command line, but not kept."""
    kept: ClassVar[Mapping[str, Setting]] = {}
    texts: ClassVar[Mapping[str, bool]] = {}
    """Those that may be any text, and whether it is a path."""
    offs: ClassVar[Mapping[str, Any]] = {}
    """The values that users type for None, by key."""
    records: ClassVar[Mapping[str, "type[Settings]"]] = {}
    """Those that are records themselves, such as first_task, or None."""
    _defaults: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls) -> None:
        found = dict(cls.declared)
        for key, kind in inspect.get_annotations(cls).items():
            if isinstance(given := cls.__dict__.get(key), Setting):
                declared = given._replace(key=key, kind=kind)
                negative = given.negative or ("--no-" + key.replace("_", "-") if declared.is_flag else "")
                found[key] = declared._replace(negative=negative)
                delattr(cls, key)
        cls.declared = found
        cls.kept = {key: setting for key, setting in found.items() if get_origin(setting.kind) is not ClassVar}
        cls.texts = {key: setting.is_path for key, setting in cls.kept.items() if mentions(setting.kind, str)}
        cls.offs = {key: setting.off for key, setting in cls.kept.items() if setting.off is not None}
        parts = [(key, part) for key, setting in cls.kept.items() for part in get_args(setting.kind)]
        cls.records = {key: part for key, part in parts if isinstance(part, type) and issubclass(part, Settings)}
        cls._defaults = {key: setting.default for key, setting in cls.kept.items()}

    def __init__(self, **values: Any) -> None:
        if not values.keys() <= self.kept.keys():
            unknown = values.keys() - self.kept.keys()
            raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(unknown))}")
        vars(self).update(self._defaults | values)
        if REQUIRED in vars(self).values():
            missing = [key for key, value in self if value is REQUIRED]
            raise TypeError(f"{type(self).__name__} needs {', '.join(missing)}")

    def replace(self, **changes: Any) -> Self:
        return type(self)(**(vars(self) | changes))

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(vars(self).items())

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(tuple(vars(self).values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in self)})"


class Options(Settings):
    """The settings that one method, network or benchmark has of its own."""


def mentions(kind: object, *wanted: type) -> bool:
    """Whether a type is or has a part that is one of the ``wanted``.

    >>> mentions(Literal["all"] | int, int, float), mentions(tuple[int, ...] | None, tuple), mentions(str | None, int)
    (True, True, False)
    """
    return kind in wanted or get_origin(kind) in wanted or any(mentions(part, *wanted) for part in get_args(kind))


def literals(kind: object) -> tuple[str, ...]:
    """The only values that a setting of this type can have; none if it can have others too.

    >>> literals(Literal["a", "b"] | None), literals(Literal["a"] | int), literals(str)
    (('a', 'b'), (), ())
    """
    parts = [part for part in get_args(kind) or (kind,) if part is not type(None)]
    if all(isinstance(part, str) for part in parts):
        return tuple(parts)
    return literals(parts[0]) if len(parts) == 1 and get_args(parts[0]) else ()


def words(kind: object) -> tuple[str, ...]:
    """The words that a setting of this type can be, among other values.

    >>> words(Literal["a", "b"] | None), words(tuple[Literal["a"], ...])
    (('a', 'b'), ())
    """
    parts = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    return tuple(word for part in parts if get_origin(part) is Literal for word in get_args(part))


HALF = setting(
    False,
    help="halve the penalty; --whole does not.",
    meaning="halve the penalty, k = strength/2: the convention of some libraries",
    negative="--whole",
    panel=METHOD,
)
IMPORTANCE_BATCH = setting(
    None,
    meaning="examples per mini-batch of the batched form; by default the training's batch size",
    ge=1,
    le=1_000_000,
)
IMPORTANCE_MEMORY = setting(
    None,
    meaning="MiB of memory for measuring importances, besides the network's own: it limits how many examples are "
    "measured at once; by default 1024",
    ge=1,
    le=1_000_000,
)
