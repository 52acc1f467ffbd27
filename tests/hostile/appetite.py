"""How much memory readers take for the files they are given: ``python -m tests.hostile.appetite READER=PATH …``."""

import json
import re
import sys
import time
from pathlib import Path

from sn7ml.core.errors import Sn7Error
from tests.hostile.readers import READERS

MIB = 2**20


def memory(name: str) -> float:
    """MiB of VmRSS (now) or VmHWM (at most so far), as Linux counts them for this process."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def main() -> None:
    for argument in sys.argv[1:]:
        reader, _, path = argument.partition("=")
        Path("/proc/self/clear_refs").write_text("5")  # forgets what was most so far
        before, start = memory("VmRSS"), time.perf_counter()
        try:
            READERS[reader].read(Path(path))
            code, said = "", ""
        except Sn7Error as error:
            code, said = error.code, str(error)
        found = {"mib": memory("VmHWM") - before, "seconds": time.perf_counter() - start}
        print(json.dumps({"reader": reader, "code": code, "said": said[:300], **found}))


if __name__ == "__main__":
    main()
