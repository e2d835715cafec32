"""Reads text files of limited size, and writes files atomically.

text = read_text(path, 1_000_000)  # raises a RequestError that names the file
write_whole(path, text)
"""

from __future__ import annotations

import codecs
import os
from pathlib import Path

from dcgan_sweeps.config.faults import refuse


def read_text(path: Path, largest: int, name: str | None = None) -> str:
    """Return the text of a file of at most `largest` bytes.

    Raises RequestError, which refers to the file by `name`, or by its path if `name` is None.
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
    """Decode UTF-8 and drop its byte order mark; raises RequestError, which names `name`."""
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
    """Write a file atomically and create its folder if it is missing; raises OSError.

    With `sync` the content is flushed to the disk before the return and survives a power failure.
    """
    data = content.encode() if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    # Each process uses its own name, since two may write the same file of a cache.
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
