"""Settings in words: values as a user would type them, hints at what was meant, and reasons for a refusal."""

import difflib
import json
import re
from collections.abc import Collection

from engine.catalog.options import Setting, Settings
from engine.errors import ConfigError


def shown(value: object) -> str:
    """Formats a setting as a user would type it.

    >>> shown(1e-3), shown(True), shown((256, 256)), shown("adam"), shown(1e7), shown(2.5e-6)
    ('0.001', 'true', '256,256', 'adam', '1e7', '2.5e-6')
    """
    match value:
        case bool():
            return str(value).lower()
        case float():
            mantissa, power, exponent = f"{value:g}".partition("e")
            return f"{mantissa}e{int(exponent)}" if power else mantissa
        case tuple() | list():
            return ",".join(map(shown, value))
        case Settings():
            return shown({key: of for key, of in value if of is not None})
        case dict():
            return ", ".join(f"{key} {shown(of)}" for key, of in value.items())
        case _:
            return str(value)


def as_typed(declared: Setting, value: object) -> list[str]:
    """The words of the command line that set it to ``value``: its own option if it has one.

    >>> as_typed(Setting("batch_size", panel="Training"), 16), as_typed(Setting("momentum"), 0.5)
    (['--batch-size', '16'], ['--set', 'momentum=0.5'])
    """
    match value:
        case Settings():
            text = f"{{{', '.join(f'{key} = {of}' for key, of in value if of is not None)}}}"
        case tuple() | list():
            text = ",".join(_number(part) for part in value)
            if any("," in str(part) for part in value):
                text = json.dumps(list(value), ensure_ascii=False, allow_nan=False)  # a list in TOML looks the same
        case bool():
            text = str(value).lower()
        case _:
            text = _number(value) if declared.panel else str(value)
    if not declared.panel:
        return ["--set", f"{declared.key}={text}"]
    if declared.is_flag:
        return [declared.flag if value else declared.negative]
    return [declared.flag, text]


def _number(value: object) -> str:
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)


def short(value: object) -> str:
    told = repr(value)
    return told if len(told) <= 100 else told[:100] + "…"


def in_plain_words(reason: str) -> str:
    """Pydantic's reason for refusing a value, in plain words.

    >>> in_plain_words("Input should be a valid integer, unable to parse string as an integer")
    'it should be a whole number'
    >>> in_plain_words("Input should be a valid dictionary or instance of FirstTask")
    'it should be settings in braces, such as {lr=0.01, epochs=1}'
    >>> in_plain_words("Input should be greater than or equal to 0.000000000000000000000000000001")
    'it should be greater than or equal to 1e-30'
    >>> in_plain_words("Tuple should have at most 2 items after validation, not 5")
    'it should have at most 2 items, not 5'
    """
    reason = reason.replace("Input should be", "it should be").replace("Tuple should", "it should")
    reason = reason.replace("String should", "it should")
    reason = reason.replace(" after validation", "")
    reason = reason.replace(
        "a valid dictionary or instance of FirstTask", "settings in braces, such as {lr=0.01, epochs=1}"
    )
    reason = re.sub(r"\b0\.0{4,}\d+", lambda small: f"{float(small[0]):g}", reason)
    reason = reason.replace("a valid tuple", "a list").replace("a valid integer", "a whole number")
    return reason.replace("a valid number", "a number").partition(", unable to parse")[0]


def unknown(kind: str, name: object, known: Collection[str]) -> ConfigError:
    """
    >>> print(unknown("method", "xx", ["none", "si"]), unknown("method", "nome", ["none", "si"]), sep="\\n")
    unknown method 'xx': available: none, si
    unknown method 'nome': did you mean 'none'? Available: none, si
    """
    near = nearest(str(name), known)
    start = f"did you mean {near!r}? Available" if near else "available"
    at_fault = kind if kind != "setting" else ""
    return ConfigError(f"unknown {kind} {short(name)}: {start}: {', '.join(known)}", at_fault)


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name that ``name`` probably misspells, or None. A third of the letters may be wrong, and one of two.

    >>> known = ["optimizer", "recompute", "batch_size", "xi"]
    >>> [nearest(name, known) for name in ("optimiser", "batchsize", "x", "dropout", "weight_decay")]
    ['optimizer', 'batch_size', 'xi', None, None]
    """
    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5 if len(name) <= 2 else 0.65)
    return near[0] if near else None
