"""How much memory this machine has to give."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def available_bytes() -> int:
    """Memory that new processes can use without swapping; all of it where only that is known."""
    if sys.platform == "linux":
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    return total_bytes()


def total_bytes() -> int:
    """All memory of the machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
