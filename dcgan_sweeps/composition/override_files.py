"""@FILE among the words of a command line: the overrides in a file, one a line.

expand_files(sys.argv)
"""

from __future__ import annotations

from pathlib import Path

from dcgan_sweeps.config import Fault, RequestError

LARGEST_FILE = 10_000_000  # bytes


def expand_files(words: list[str]) -> None:
    """Replace every @FILE among the words of a command line by the file's lines, in place.

    Raises RequestError for a file that cannot be read.
    """
    for index in reversed(range(1, len(words))):
        if words[index].startswith("@"):
            lines = [line.strip() for line in _read_overrides(words[index]).splitlines()]
            words[index : index + 1] = [line for line in lines if line and line[0] != "#"]


def _read_overrides(word: str) -> str:
    """Return the text of @FILE, with or without a byte-order mark; raises RequestError."""
    try:
        path = Path(word[1:]).expanduser()
        if path.is_dir():
            raise RequestError([Fault(word, "is a folder; allowed: a file of overrides")])
        if not path.is_file():
            raise RequestError([Fault(word, "there is no such file of overrides")])
        if path.stat().st_size > LARGEST_FILE:
            problem = f"has {path.stat().st_size} bytes; allowed: at most {LARGEST_FILE}"
            raise RequestError([Fault(word, problem)])
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RequestError([Fault(word, f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise RequestError([Fault(word, "is not text in UTF-8")]) from error
    except (RuntimeError, ValueError) as error:  # ~user without a home; a NUL in the name
        raise RequestError([Fault(word, f"cannot be read: {error}")]) from error
    if "\0" in text:
        raise RequestError([Fault(word, "is not text in UTF-8")])
    return text
