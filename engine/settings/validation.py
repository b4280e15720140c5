"""Pydantic's models of declared settings, and its refusals as sentences."""

from collections.abc import Mapping
from functools import cache, reduce
from operator import or_
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic_core import ErrorDetails

from engine.catalog.options import REQUIRED, Options, Settings
from engine.errors import ConfigError
from engine.settings.text import in_plain_words, short


def checked(kind: type[Settings], values: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` as ``kind`` declares them, without options. Raises ConfigError, naming the first that is wrong."""
    if not kind.kept:
        return {}
    try:
        records = {key: dict(values[key]) for key in kind.records if isinstance(values.get(key), Settings)}
        valid = vars(_model(kind).model_validate({**values, **records}))  # type: ignore[arg-type]  # a class can be hashed
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(_sentence(first, kind), str(first["loc"][0]) if first["loc"] else "") from None
    return valid | {key: of(**vars(valid[key])) for key, of in kind.records.items() if valid[key] is not None}


@cache
def _model(kind: type[Settings]) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for key, declared in kind.kept.items():
        if not (_is_group(declared.kind) and issubclass(declared.kind, Options)):
            default = ... if declared.default is REQUIRED else declared.default
            limits: dict[str, Any] = dict(declared.limits)
            fields[key] = (_strict(declared.kind), Field(default, **limits))
    config = ConfigDict(extra="forbid", allow_inf_nan=False, protected_namespaces=())
    return create_model(kind.__name__, __config__=config, **fields)


def _strict(kind: Any) -> Any:
    """The type with numbers strict, bounds as pydantic's fields, and groups of settings as models."""
    if kind in (int, float, bool):
        return Annotated[kind, Field(strict=True)]
    if _is_group(kind):
        return _model(kind)
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return Annotated[_strict(parts[0]), Field(**dict[str, Any](parts[1:]))]
    if origin is tuple:
        return tuple.__class_getitem__(tuple(part if part is ... else _strict(part) for part in parts))
    if origin in (None, Literal):
        return kind
    return reduce(or_, map(_strict, parts))


def _is_group(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Settings)


def _sentence(first: ErrorDetails, kind: type[Settings]) -> str:
    key = ".".join(str(part) for part in first["loc"] if part in kind.declared) or "the configuration"
    if first["type"] == "missing" and len(first["loc"]) == 1:
        return f"{key} is missing"
    reason = in_plain_words(first["msg"])
    if key == "class_order":
        reason = "it should be 'random' or a list of the classes"
    elif key == "normalize":
        reason = "it should be auto, imagenet, or a mean and a standard deviation"
    elif key == "channels" and first["type"] in ("literal_error", "int_type"):
        reason = "it should be a number of channels, or pool"
    if key == "keep_checkpoints":
        reason = "it should be all, last, or a whole number from 1 to 1000"
    try:
        value = short(first["input"])
    except (ValueError, RecursionError):  # Python formats no integer of more than 4,300 digits
        value = "a value this long"
    return f"{key} = {value} cannot be used: {reason}"
