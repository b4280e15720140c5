"""Remakes the golden curves."""

from tests import golden

golden.write()
print(f"{len(golden.CASES)} runs in {golden.FILE}; look at the difference before you commit it")
