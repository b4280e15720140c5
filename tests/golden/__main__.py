"""Remakes the golden curves and the digests of this kind of machine."""

from tests import golden
from tests.golden import digests

golden.write()
digests.write()
print(
    f"{len(golden.CASES)} curves in {golden.FILE}, {len(digests.cases())} digests in {digests.FILE}; "
    f"look at the difference before you commit it"
)
