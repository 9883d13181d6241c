from typing import Final
from tests.quirks.model import Quirk
C2: Final[tuple[Quirk, ...]] = ()
