"""Renders HTML pages that open offline, because they contain everything that they show.

path = choose_page(None, "mlruns", "study_lr")
write_page(path, render_page("report", "study lr", content, figures=figures))
"""

from __future__ import annotations

import base64
import shlex
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.files import write_whole
from dcgan_sweeps.metrics import CURVES
from dcgan_sweeps.paths import resolve_folder
from dcgan_sweeps.secrets import mask_secrets
from dcgan_sweeps.terminal import show_controls

ENDING = ".html"


def choose_page(file: str | None, folder: str, name: str) -> Path:
    """Return the path of a page: `file` if it is given, else reports/NAME.html in `folder`.

    Raises RequestError for a name that does not end with ENDING.
    """
    if file is not None and not file.endswith(ENDING):
        problem = f"got {file or 'nothing'}; allowed: a name that ends with {ENDING}"
        raise refuse("--html", problem)
    return resolve_folder("--html", file or str(Path(folder) / "reports" / f"{name}{ENDING}"))


@cache
def find_templates() -> Environment:
    """Return the templates of the pages; they escape all values."""
    return Environment(
        loader=PackageLoader("dcgan_sweeps.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=spell_out,
    )


def spell_out(value: Any) -> Any:
    """Return a value with the control characters in all of its text escaped.

    A page also shows names from other people's files, in which they could hide text.
    """
    if isinstance(value, Markup):
        return value
    if isinstance(value, str):
        return show_controls(value)
    if isinstance(value, Mapping):
        return {spell_out(key): spell_out(each) for key, each in value.items()}
    return [*map(spell_out, value)] if isinstance(value, list | tuple) else value


def render_page(name: str, title: str, content: Mapping[str, Any], **values: Any) -> str:
    """Return the page of template `name`; `content` is the data of its script."""
    axes = {metric.name: metric.axis for metric in CURVES}
    template = find_templates().get_template(f"{name}{ENDING}.j2")
    return template.render(
        title=title,
        name=name,
        content=as_script({"figures": {}, "axes": axes, **content}),
        command=mask_secrets(shlex.join(["python", "-m", f"dcgan_sweeps.{name}", *sys.argv[1:]])),
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        **values,
    )


def as_script(content: Any) -> Markup:
    """Return JSON that cannot close the script element that contains it."""
    return htmlsafe_json_dumps(spell_out(content), allow_nan=False, separators=(",", ":"))


def as_image(file: bytes, kind: str = "webp") -> str:
    """Return an image file as a data URL."""
    return f"data:image/{kind};base64,{base64.b64encode(file).decode()}"


def write_page(path: Path, page: str) -> None:
    """Write a page completely or not at all; raises RequestError if it cannot be written."""
    try:
        write_whole(path, page)
    except OSError as error:
        problem = f"got {path}; it cannot be written to ({error.strerror})"
        raise refuse("--html", problem) from error
