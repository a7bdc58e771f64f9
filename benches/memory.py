"""The memory of a process."""

import re
from pathlib import Path


def anonymous_bytes(pid: int | str) -> int:
    """Memory of a process that is no file's: heap, stacks, arenas."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Anonymous:\s+(\d+) kB$", text, re.MULTILINE)
    if found is None:
        raise OSError("the kernel does not tell a process's anonymous memory")
    return int(found[1]) * 1024
