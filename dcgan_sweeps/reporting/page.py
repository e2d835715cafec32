"""Pages that open without a network: everything they show is inside of them.

write_page(path, render_page("report", "study lr", content, figures=figures))
"""

from __future__ import annotations

import base64
import json
import shlex
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from dcgan_sweeps.config import Fault, RequestError
from dcgan_sweeps.files import write_whole
from dcgan_sweeps.terminal import show_controls
from dcgan_sweeps.tracking.secrets import mask_secrets

SHARED = "page"  # the script that all pages have


@cache
def find_templates() -> Environment:
    """Return the templates of the pages; what is put into them is escaped."""
    loader = PackageLoader("dcgan_sweeps.reporting")
    return Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=show_value,
    )


def show_value(value: Any) -> Any:
    """Return a value with the control characters in all of its text spelt out.

    A page is read from the files of others too, in whose names they may hide another text.
    """
    if isinstance(value, Markup):
        return value
    if isinstance(value, str):
        return show_controls(value)
    if isinstance(value, Mapping):
        return {show_value(key): show_value(each) for key, each in value.items()}
    return [*map(show_value, value)] if isinstance(value, list | tuple) else value


def render_page(name: str, title: str, content: Mapping[str, Any], **values: Any) -> str:
    """Return the page of template `name`; `content` is what its script shows."""
    return (
        find_templates()
        .get_template(f"{name}.html.j2")
        .render(
            title=title,
            style=read_own("style.css"),
            script=Markup("\n").join(read_own(f"{part}.js") for part in (SHARED, name)),
            plotly=Markup(get_plotlyjs()),
            content=as_script(content),
            command=mask_secrets(
                shlex.join(["python", "-m", f"dcgan_sweeps.{name}", *sys.argv[1:]])
            ),
            written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            **values,
        )
    )


def read_own(file: str) -> Markup:
    """Return a file of ours, which is put into a page as it is."""
    return Markup((Path(__file__).parent / "templates" / file).read_text())


def as_script(content: Any) -> Markup:
    """Return JSON that cannot end the script element that it is put into."""
    text = json.dumps(show_value(content), allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def as_image(file: bytes, kind: str = "webp") -> str:
    """Return an image file as the address of an image."""
    return f"data:image/{kind};base64,{base64.b64encode(file).decode()}"


def write_page(path: Path, page: str) -> None:
    """Write a page whole or not at all; raises RequestError where it cannot be written."""
    try:
        write_whole(path, page)
    except OSError as error:
        problem = f"got {path}; it cannot be written ({error.strerror})"
        raise RequestError([Fault("--html", problem)]) from error
