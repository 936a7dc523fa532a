"""A corpus of whole, strange and damaged archives, each with the verdict and the reason it must get.

The writers are our own and small, in the dialects of contracts/sysreptor.md 1.3, contracts/pterodactyl.md 2.2 and contracts/duplicati.md
("Verifying a destination folder"): a library that writes and reads cannot show that both are right.
``python -m tests.support.corpus FOLDER`` writes all files and ``expected.json`` beside them.
"""

from __future__ import annotations

from tests.support.corpus import sealed
from tests.support.corpus.case import Case
from tests.support.corpus.damaged_streams import DAMAGED as DAMAGED_STREAMS
from tests.support.corpus.damaged_zips import DAMAGED as DAMAGED_ZIPS
from tests.support.corpus.unprovable import UNPROVABLE as WITHOUT_A_WAY
from tests.support.corpus.whole import WHOLE as PLAIN_WHOLE

WHOLE: tuple[Case, ...] = (*PLAIN_WHOLE, *sealed.WHOLE)
UNPROVABLE: tuple[Case, ...] = (*WITHOUT_A_WAY, *sealed.UNPROVABLE)

DAMAGED: tuple[Case, ...] = (*DAMAGED_ZIPS, *DAMAGED_STREAMS, *sealed.DAMAGED)
ALL: tuple[Case, ...] = (*WHOLE, *DAMAGED, *UNPROVABLE)

__all__ = ["ALL", "DAMAGED", "UNPROVABLE", "WHOLE", "Case"]
