"""Reads text of a bounded size, and writes files that nobody may find half written.

text = read_text(path, 1_000_000)  # or a RequestError that names the file
write_whole(path, text)
"""

from __future__ import annotations

import codecs
import os
from pathlib import Path

from dcgan_sweeps.config import refuse


def read_text(path: Path, largest: int, name: str | None = None) -> str:
    """Return the text of a file of at most `largest` bytes.

    Raises RequestError, which names the file by `name`, or by its path.
    """
    name = str(path) if name is None else name
    try:
        with path.open("rb") as file:
            content = file.read(largest + 1)
    except (OSError, ValueError) as error:  # a NUL in the name
        problem = f"cannot be read: {getattr(error, 'strerror', None) or error}"
        raise refuse(name, problem) from error
    return decode(content, name, largest)


def decode(content: bytes, name: str, largest: int) -> str:
    """Return UTF-8 as text, without its byte order mark; raises RequestError naming `name`."""
    if len(content) > largest:
        raise refuse(name, f"is too large; allowed: at most {largest:,} bytes")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise refuse(name, "is UTF-16; allowed: text in UTF-8")
    try:
        text = content.decode("utf-8-sig")
        broken_at = content.find(0)
    except UnicodeDecodeError as error:
        text, broken_at = "", error.start
    if broken_at >= 0:
        problem = f"is not text (byte {broken_at}); allowed: text in UTF-8"
        raise refuse(name, problem)
    return text


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
