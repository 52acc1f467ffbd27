"""The results of a campaign, block by block: what lies here is done, and is not computed again.

::

    blocks/<block>.buildings.parquet    PARTS
    blocks/<block>.parquet              TILES; written last: where it is, the block is done
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow

from sn7ml.areas.blocks import Block
from sn7ml.areas.measure import PARTS, TILES
from sn7ml.core.errors import AreasError, TableError
from sn7ml.core.runtime.files import replacing

PARTS_ENDING, ENDING = ".buildings.parquet", ".parquet"

WORTH_ANOTHER_RUN = "failed"
"""State of tiles whose source did not answer; a later run asks again."""


@dataclass(frozen=True)
class Results:
    """A folder of results, which many processes may write to."""

    folder: Path

    def write(self, block: Block, tiles: pd.DataFrame, parts: pd.DataFrame) -> None:
        """Write ``TILES`` and ``PARTS`` of a block."""
        for table, ending in ((parts, PARTS_ENDING), (tiles, ENDING)):
            with replacing(self.folder / f"{block.name}{ending}") as temporary:
                table.to_parquet(temporary, index=False)

    def has(self, block: Block) -> bool:
        """Return True if a block is done."""
        return (self.folder / f"{block.name}{ENDING}").exists()

    def done(self) -> set[str]:
        """Return the names of the blocks that are done."""
        if not self.folder.exists():
            return set()
        with os.scandir(self.folder) as entries:
            names = [entry.name for entry in entries if entry.name.endswith(ENDING) and entry.name[0] != "."]
        return {name.removesuffix(ENDING) for name in names if not name.endswith(PARTS_ENDING)}

    def tiles(self, block: Block) -> pd.DataFrame:
        """Read ``TILES`` of a block. Raises AreasError if they cannot be read."""
        return self._read(block, ENDING)

    def parts(self, block: Block) -> pd.DataFrame:
        """Read ``PARTS`` of a block. Raises AreasError if they cannot be read."""
        return self._read(block, PARTS_ENDING)

    def _read(self, block: Block, ending: str) -> pd.DataFrame:
        path = self.folder / f"{block.name}{ending}"
        try:
            return (TILES if ending == ENDING else PARTS).check(pd.read_parquet(path))
        except (OSError, ValueError, pyarrow.ArrowException, TableError) as error:
            raise AreasError(
                "areas.result-unreadable",
                f"{path}: cannot be read ({error!s:.200}); remove {block.name}{ENDING} there, and the same command "
                "computes that block again",
            ) from None

    def forget_failed(self, blocks: Iterable[Block]) -> None:
        """Take back blocks with tiles whose source did not answer."""
        done = self.done()
        for block in blocks:
            if block.name in done and (self.tiles(block)["state"] == WORTH_ANOTHER_RUN).any():
                (self.folder / f"{block.name}{ENDING}").unlink()

    def remove_leftovers(self) -> None:
        """Remove files that processes which were killed left unfinished."""
        for path in self.folder.glob(".*.tmp*"):
            path.unlink(missing_ok=True)
