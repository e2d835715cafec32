"""Write files that nobody may find half written.

write_whole(path, "text or bytes")
"""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, content: bytes | str, *, sync: bool = False) -> None:
    """Write a file whole or not at all, its folder made where it is missing; raises OSError.

    With `sync` it is on the disk on return, which a power failure does not undo.
    """
    data = content.encode() if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name of each process: two may write the same file of a cache.
    unfinished = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        with unfinished.open("wb") as file:
            file.write(data)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
