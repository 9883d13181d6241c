from typing import Final
from tests.quirks.model import Quirk
C4: Final[tuple[Quirk, ...]] = ()
