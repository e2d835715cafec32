"""Keeps passwords and tokens out of everything that is logged."""

from __future__ import annotations

import re

MASK = "***"
NAMES = r"(?:password|passwd|pwd|secret|token|credential|api[-_]?key|access[-_]?key)"
# Each keeps what is before the secret, and what is matched after that is masked.
PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        # In a URL: user:password@ and token@.
        r"(?P<before>\w[\w+.-]*://[^\s/:@]*:)[^\s@]+(?=@)",
        r"(?P<before>https?://)[^\s/:@]+(?=@)",
        # key=value, "key": "value", --key value, where the key speaks of a secret.
        rf"(?P<before>{NAMES}[\w-]*[\"']?[^\S\n]*[=:](?!=)[^\S\n]*[\"']?)[^\s&\"']+",
        rf"(?P<before>--[\w-]*{NAMES}[\w-]*\s+)[^\s-][^\s]*",
        r"(?P<before>X-Amz-Signature=)[^\s&\"']+",
        r"(?P<before>authorization[\"']?\s*[=:]\s*[\"']?(?:\w+\s+)?)[^\s\"']+",
        r"(?P<before>\bbearer\s+)[\w.~+/=-]{5,}",
        # Tokens that are known by how they begin.
        r"(?P<before>\b(?:gh[opsu]_|github_pat_|glpat-|hf_|dapi|xox[abp]-|sk-))[\w-]{16,}",
        r"(?P<before>-----BEGIN [\w ]*PRIVATE KEY-----).+?(?=-----END|\Z)",
    )
)


def mask_secrets(text: str) -> str:
    """Return `text` with every password, token and key that it shows replaced by ***."""
    for pattern in PATTERNS:
        text = pattern.sub(lambda match: match["before"] + MASK, text)
    return text
