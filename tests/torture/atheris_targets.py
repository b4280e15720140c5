"""The targets of fuzz.py, steered by the lines that they reach, for whoever has atheris, which the tests do not need.

``python -m tests.torture.atheris_targets event_lines -runs=100000 -len_control=0 -max_len=2000``: a target, and what
libFuzzer takes.
"""

import sys
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject


def main() -> None:
    import atheris  # not at the top: pytest imports this module to look for doctests

    with atheris.instrument_imports(include=["engine", "cl_tui"]):
        from tests.torture import fuzz

    (target,) = (target for target in fuzz.TARGETS if target.__name__ == sys.argv[1])

    @settings(database=None, deadline=None)
    @given(st.data())
    def attempt(data: DataObject) -> None:
        with tempfile.TemporaryDirectory() as folder:
            target(data, Path(folder))

    atheris.Setup([sys.argv[0], *sys.argv[2:]], attempt.hypothesis.fuzz_one_input)  # type: ignore[attr-defined]
    atheris.Fuzz()


if __name__ == "__main__":
    main()
