"""Values that are at the edge, or of another kind, and documents that hold them."""

import copy
import math
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DataObject

WHOLE = st.sampled_from([0, 1, -1, 2, 3, 7, 1000, 10**12, 10**15, 2**63])
REAL = st.sampled_from([0.5, 1.0, -0.0, 0.999, 1e-60, 5e-324, 1e11, 1e40, 1e308, math.nan, math.inf, -math.inf])
NUMBERS = WHOLE | REAL
TEXTS = st.sampled_from(["", " ", "0 8", "\x1b[31m", "[red]x[/]", "\u202ea", "é", "漢" * 99, "x" * 500, "a\nb", "=1+1"])
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    NUMBERS | TEXTS | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


def mutated(data: DataObject, document: Any, most: int = 3) -> Any:
    """``document`` (of JSON or TOML) with some of its values replaced, doubled or gone."""
    document = copy.deepcopy(document)
    for _ in range(data.draw(st.integers(0, most))):
        node = document
        while node:
            key = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
            if isinstance(node[key], dict | list) and node[key] and data.draw(st.booleans()):
                node = node[key]
                continue
            match data.draw(st.sampled_from(["replace", "replace", "remove", "double"])):
                case "replace":
                    node[key] = data.draw(ANYTHING)
                case "remove":
                    del node[key]
                case "double" if isinstance(node, list):
                    node.insert(key, node[key])
            break
    return document
