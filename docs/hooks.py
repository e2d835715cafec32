"""The pages of the site that are made rather than written: `make docs` calls this through mkdocs.

    make_configuration_page()   # Markdown, from conf/ and the schemas

README.md, ARCHITECTURE.md and the like are pages as they are, their links turned; the configuration
reference comes from conf/ and the schemas, and the notebook's page from the notebook.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import fields, is_dataclass
from pathlib import Path

import yaml
from mkdocs.structure.files import File

from dcgan_sweeps.config.fields import describe_allowed
from dcgan_sweeps.config.parts import KINDS, find_part
from dcgan_sweeps.config.schema import Config

ROOT = Path(__file__).parents[1]
CONF = ROOT / "conf"
# Page, and the file that it is.
PAGES = {
    "index.md": "README.md",
    "architecture.md": "ARCHITECTURE.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
}
GROUPS = {
    "experiment": "A whole request: what differs from the defaults, with its time and its score.",
    "data": "The images.",
    "model": "The two networks.",
    "optimizer": "The optimizer of both networks.",
    "train": "The training loop.",
    "score": "The Fréchet classifier distance.",
    "runner": "The device, and the slots of a study.",
    "tracking": "Where runs are written, and what is logged.",
    "search": "What `-m` searches over. Needs `-m`.",
    "sampler": "The sampler of a search. Needs `-m`.",
    "pruner": "The pruner of a search. Needs `-m`.",
}
TRAILING = re.compile(r"^(?P<key>\w+):(?P<value>.*?)(?:\s+#\s(?P<comment>.*))?$")


def on_files(files, config):
    """Add the pages and pictures that have no file in docs/."""
    for name, source in PAGES.items():
        files.append(File.generated(config, name, content=turn_links((ROOT / source).read_text())))
    licence = f"# License\n\n```text\n{(ROOT / 'LICENSE').read_text()}```\n"
    files.append(File.generated(config, "license.md", content=licence))
    files.append(File.generated(config, "configuration.md", content=make_configuration_page()))
    page, pictures = make_notebook_page(ROOT / "docs" / "notebook.ipynb")
    files.append(File.generated(config, "notebook.md", content=page))
    for name, content in pictures.items():
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown, page, config, files):
    """Turn links that lead out of docs/ to the pages made from these files."""
    return turn_links(markdown)


def turn_links(markdown):
    """Return Markdown whose links to files of the repository lead to their pages."""
    pages = {**{source: page for page, source in PAGES.items()}, "LICENSE": "license.md"}
    for source, page in pages.items():
        markdown = re.sub(rf"\]\((\.\./)?{re.escape(source)}(#[^)]*)?\)", rf"]({page}\2)", markdown)
    markdown = markdown.replace("notebook.ipynb)", "notebook.md)")
    return re.sub(r"\]\(docs/", "](", markdown)


def make_configuration_page():
    """Return the reference of every group, choice and key."""
    parts = [
        "# Configuration\n",
        "This page is made from `conf/`, which holds every default, and from the schemas in"
        " `dcgan_sweeps/config/schema.py`, which hold the allowed values.\n",
        "Any key is an override: `python -m dcgan_sweeps.run optimizer.lr=2e-4`. A group is chosen"
        " by its name: `python -m dcgan_sweeps.run experiment=quick`. `--cfg job` prints the whole"
        " configuration of a request.\n",
        "## Top level\n",
        render_keys(CONF / "config.yaml", read_allowed(Config), only=("seed", "resume")),
    ]
    schemas = {each.name: each.default_factory for each in fields(Config) if is_group(each)}
    for group, purpose in GROUPS.items():
        parts.append(f"## `{group}`\n\n{purpose}\n")
        parts.append(render_choices(group))
        if group in KINDS:
            parts += render_parts(group)
        elif group in schemas:
            default = CONF / group / f"{find_default(group)}.yaml"
            parts.append(render_keys(default, read_allowed(schemas[group]), prefix=f"{group}."))
    parts.append("## `hydra.sweeper`\n\nThe settings of a study. Need `-m`.\n")
    study = CONF / "hydra" / "sweeper" / "study.yaml"
    parts.append(render_keys(study, {}, prefix="hydra.sweeper."))
    return "\n".join(parts)


def is_group(leaf):
    return is_dataclass(leaf.default_factory)


def read_allowed(schema):
    """Return {key: its allowed values, in words} of a schema."""
    return {each.name: describe_allowed(each) for each in fields(schema) if not is_group(each)}


def find_default(group):
    """Return the choice of a group in the default configuration."""
    for entry in yaml.safe_load((CONF / "config.yaml").read_text())["defaults"]:
        if isinstance(entry, dict) and group in entry:
            return entry[group]
    raise KeyError(group)


def render_choices(group):
    """Return a table of the choices of a group, with the comment at the top of each file."""
    rows = ["| choice | |", "|---|---|"]
    for path in sorted((CONF / group).glob("*.yaml")):
        lines = path.read_text().splitlines()
        head = [line[2:] for line in lines if line.startswith("# ") and "@package" not in line]
        mark = " (default)" if path.stem == find_default(group) else ""
        rows.append(f"| `{group}={path.stem}`{mark} | {escape('<br>'.join(head))} |")
    return "\n".join(rows) + "\n"


def render_parts(group):
    """Return the keys of each part of an open group: of one file for each schema."""
    tables = {}
    default = find_default(group)
    for path in sorted((CONF / group).glob("*.yaml"), key=lambda path: path.stem != default):
        # A file that starts from another has no name of its own.
        name = yaml.safe_load(path.read_text()).get("name")
        schema = None if name is None else find_part(group, name).schema
        if schema not in (None, *tables):
            heading = f"`{group}={path.stem}`:\n\n"
            allowed = read_allowed(schema) | {"name": "the name of a part"}
            tables[schema] = heading + render_keys(path, allowed, prefix=f"{group}.")
    return [*tables.values()]


def render_keys(path, allowed, *, prefix="", only=None):
    """Return a table of the keys of a file: default, allowed values, and the comment behind it."""
    rows = ["| key | default | allowed | |", "|---|---|---|---|"]
    for line in path.read_text().splitlines():
        match = TRAILING.match(line)
        if match is None or match["key"] in ("defaults", "hydra", "_target_"):
            continue
        if only is not None and match["key"] not in only:
            continue
        cells = (match["value"].strip(), allowed.get(match["key"], ""), match["comment"] or "")
        default, words, comment = map(escape, cells)
        rows.append(f"| `{prefix}{match['key']}` | `{default}` | {words} | {comment} |")
    return "\n".join(rows) + "\n"


def escape(text):
    return text.replace("|", "\\|")


def make_notebook_page(path):
    """Return the page of a notebook, with its outputs, and {name: picture}."""
    cells = json.loads(path.read_text())["cells"]
    parts, pictures = [], {}
    for number, cell in enumerate(cells):
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        printed = "".join("".join(each.get("text", "")) for each in cell["outputs"])
        if printed:
            parts.append(f"```text\n{printed.rstrip()}\n```")
        for place, output in enumerate(cell["outputs"]):
            data = output.get("data", {})
            if "image/png" in data:
                name = f"images/notebook_{number}_{place}.png"
                pictures[name] = base64.b64decode(data["image/png"])
                parts.append(f"![output]({name})")
            elif "text/html" in data:
                parts.append("".join(data["text/html"]))
            elif "text/plain" in data:
                parts.append(f"```text\n{''.join(data['text/plain'])}\n```")
    return "\n\n".join(parts) + "\n", pictures
