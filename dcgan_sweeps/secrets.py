"""Keeps passwords and tokens out of everything that is logged or printed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MASK = "***"

# A key names a secret if it ends with one of these words: token_count=3 does not.
WORDS = (
    r"(?:passwords?|passwd|passphrase|_pass|pwd|secrets?|token|credentials?|cookie"
    r"|(?:access|account|api|auth|encryption|master|private|secret|shared|signing)[-_]?key"
    r"|shared[-_]?access[-_]?signature|secret[-_]?key[-_]?base)"
)
KEY = rf"{WORDS}(?:[-_]?(?:value|hash|\d+))?"

# Special characters, plain or escaped for a URL or JSON any number of times.
PERCENT = r"%(?:25)*"
AT = rf"(?:@|{PERCENT}40|\\u0040)"
COLON = rf"(?::|{PERCENT}3A)"
SLASHES = rf"(?:(?:\\?/){{2}}|(?:{PERCENT}2F){{2}})"
BLANK = r"[^\S\n]*"
QUOTE = r"\\*[\"']"  # JSON inside JSON puts backslashes before it

# Each pattern keeps the group `before`; the rest of the match is masked.
PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL | re.MULTILINE)
    for pattern in (
        # user:password@ in a URL; the password may contain "@" and "/", and blanks unless it
        # looks like a port.
        rf"(?P<before>{COLON}{SLASHES}[^\s/:@%\"']*{COLON})(?:(?!://)\S)+(?={AT})",
        r"(?P<before>://[^\s/:@\"']*:)(?!\d{2,5}\s)[^\s@](?:(?!://)[^\n@\"'])*(?=@)",
        # token@ in a URL.
        rf"(?P<before>https?{COLON}{SLASHES})[^\s/:@%]+(?={AT})",
        # key="a value", including escaped characters.
        rf"(?P<before>{KEY}(?:{QUOTE})?{BLANK}[=:]{BLANK}(?P<quote>{QUOTE}))"
        r"(?:(?!(?<!\\)(?P=quote)).(?<!\n))+(?=(?P=quote))",
        # "... key=a value": inside quotes, the value ends with them.
        rf"(?P<before>(?P<quote>[\"'])[^\"'\n]*?{KEY}=)(?!=)[^\"'\n&;]+(?=(?P=quote)|[&;])",
        # key=a value; in a database's connection string.
        rf"(?P<before>{KEY}{BLANK}=(?!=){BLANK})[^\s;\"'][^\n;\"'&]{{0,200}}(?=;)",
        # key: a value, on a separate line.
        rf"(?P<before>^[ +-]*(?:[a-z][\w.-]*)?{KEY}:[ \t]+)[^\s\"'].*?$",
        # key=value, key: value.
        rf"(?P<before>{KEY}(?:{QUOTE})?{BLANK}(?:[=:](?!=)|\\u003d){BLANK}"
        rf"(?!(?:{QUOTE})?\*\*\*[\s;&\\\"'])(?:{QUOTE})?)[^\s&\"']+",
        # key=value inside a value of a URL: its end is percent-encoded too.
        rf"(?P<before>{KEY}{PERCENT}3[AD])(?:(?!{PERCENT}(?:2[0267]|3B))[^\s&\"'])+",
        # --key value, in a command line or a list of arguments.
        rf"(?P<before>(?<![\w-])--(?:[\w-]*?[-_])?{KEY}{QUOTE}?,?\s+(?P<quote>[\"']))"
        r"[^\"'\n]+(?=(?P=quote))",
        rf"(?P<before>(?<![\w-])--(?:[\w-]*?[-_])?{KEY}\s+)[^\s\"'-][^\s]*",
        # Signatures of presigned URLs.
        rf"(?P<before>(?:[?&;]|{PERCENT}(?:3F|26))(?:X-Amz-|X-Goog-)?sig(?:nature)?"
        rf"(?:=|{PERCENT}3D|\\u003d))[^\s&\"']+",
        r"(?P<before>X-Amz-(?:Signature|Security-Token)=)[^\s&\"']+",
        r"(?P<before>authorization[\"']?\s*[=:]\s*[\"']?(?:\w+\s+)?)[^\s\"']+",
        r"(?P<before>\b(?:bearer|basic)\s+)(?=[\w.~+/=-]*[\d=])[\w.~+/=-]{5,}",
        r"(?P<before>hooks\.slack\.com/services/)[\w/]+",
        # Tokens with a known prefix.
        r"(?P<before>\b(?:gh[opsu]_|github_pat_|glpat-|hf_|dapi|xox[abp]-|sk-))[\w-]{16,}",
        r"(?P<before>\beyJ)[\w-]{5,}\.[\w-]+\.[\w-]+",
        r"(?P<before>-----BEGIN [\w ]*PRIVATE KEY-----).+?(?=-----END|\Z)",
    )
)


def mask_secrets(text: str) -> str:
    """Replace every password, token and key in a text by ***."""
    for pattern in PATTERNS:
        text = pattern.sub(lambda match: match["before"] + MASK, text)
    return text


def mask_nested(content: Any) -> Any:
    """Mask every text in nested mappings and lists."""
    if isinstance(content, Mapping):
        return {key: mask_nested(value) for key, value in content.items()}
    if isinstance(content, list):
        return [mask_nested(each) for each in content]
    return mask_secrets(content) if isinstance(content, str) else content
