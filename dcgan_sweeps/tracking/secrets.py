"""Keeps passwords and tokens out of everything that is logged."""

from __future__ import annotations

import re

MASK = "***"
# user:password@ in a URL, then key=value and key: value where the key speaks of a secret.
URL_PASSWORD = re.compile(r"(?P<before>[a-zA-Z][\w+.-]*://[^\s/:@]*:)[^\s/@]+(?=@)")
NAMED_SECRET = re.compile(
    r"(?P<before>(?:password|passwd|pwd|secret|token|api_?key|access_?key)\w*[\"']?\s*[=:]\s*[\"']?)"
    r"[^\s&\"']+",
    re.IGNORECASE,
)


def mask_secrets(text: str) -> str:
    """Return `text` with every password and token that it shows replaced by ***."""
    for pattern in (URL_PASSWORD, NAMED_SECRET):
        text = pattern.sub(lambda match: match["before"] + MASK, text)
    return text
