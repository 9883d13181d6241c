from typing import Final
from tests.quirks.model import Quirk
C3: Final[tuple[Quirk, ...]] = ()
