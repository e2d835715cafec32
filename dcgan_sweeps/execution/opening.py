"""The beginning of a run's record: configuration first, then where it comes from.

recorder = open_record(plan)
record_start(plan, parts, recorder, console)
"""

from __future__ import annotations

import dataclasses
import shutil
from typing import Any

from rich.console import Console

from dcgan_sweeps.config import flatten
from dcgan_sweeps.device import read_keras
from dcgan_sweeps.execution.parts import Parts
from dcgan_sweeps.execution.plan import Plan
from dcgan_sweeps.gan.networks import count_parameters, tabulate_layers
from dcgan_sweeps.logged_config import sign
from dcgan_sweeps.randomness import stream
from dcgan_sweeps.runs.differences import compare_facts
from dcgan_sweeps.runs.scores import TAG
from dcgan_sweeps.terminal import make_layer_table, make_say, render_plain
from dcgan_sweeps.tracking import provenance
from dcgan_sweeps.tracking.recorder import Recorder, open_recorder, reopen_recorder


def open_record(plan: Plan) -> Recorder:
    """Open the tracker and the run's folder; raises RequestError where neither is begun."""
    tracking, origin = plan.config.tracking, plan.origin
    if origin is not None and origin.same:
        recorder = reopen_recorder(tracking, origin.folder, origin.run, origin.lock)
        if origin.checkpoint is None:
            recorder.folder.rewind("", -1)
        return recorder
    tags = {
        "mlflow.source.name": "dcgan_sweeps.run",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": provenance.read_code().commit or "",
        "signature": sign(flatten(plan.config)),
        **plan.tags,
    }
    return open_recorder(tracking, plan.name, tags, plan.folder)


def record_start(plan: Plan, parts: Parts, recorder: Recorder, console: Console) -> None:
    """Record the configuration first, then provenance, data, layers and a grid of real images."""
    config = plan.config
    if plan.origin is not None and not plan.origin.same:
        for frame in plan.origin.folder.find_frames().values():
            shutil.copy2(frame, recorder.folder.samples)
    identity = parts.scorer.identity.digest if parts.scorer else ""
    flat = flatten(config)
    params = {**plan.params, **flat, "signature": sign(flat), "score.identity": identity}
    recorder.add_request(params, dataclasses.asdict(config), list(plan.overrides))

    code = provenance.read_code()
    layers = "\n".join(_show_layers(parts, console))
    facts = gather_facts(plan, parts, code)
    before = plan.origin.provenance if plan.origin is not None else {}
    if before:
        for difference in compare_facts(before, facts):
            make_say(console)(f"since the run began: {difference}")
    recorder.add_provenance(facts, code.diff, provenance.list_packages(), layers)
    recorder.tracker.log_data(
        parts.images.name, parts.images.digest, parts.images.source, len(parts.train_rows)
    )
    tags = {"device": parts.device.describe()}
    if parts.scorer is not None:
        tags[f"{TAG}{identity}"] = parts.scorer.identity.describe()
    recorder.tracker.log_tags(tags)
    count = config.tracking.sample_rows * config.tracking.sample_columns
    chosen = stream(config.seed, "pictures/real").permutation(len(parts.train_rows))[:count]
    recorder.add_real_images(parts.images.train_u8[parts.train_rows[chosen]])


def _show_layers(parts: Parts, console: Console) -> list[str]:
    tables = []
    for network in (parts.gan.generator, parts.gan.discriminator):
        table = make_layer_table(
            network.name,
            [(row.layer, row.output_shape, row.parameters) for row in tabulate_layers(network)],
            count_parameters(network),
        )
        console.print(table)
        console.print()
        tables.append(render_plain(table))
    return tables


def gather_facts(plan: Plan, parts: Parts, code: provenance.Code) -> dict[str, Any]:
    """Return the provenance of a run: all that its result may depend on beside its request."""
    return {
        "command": provenance.read_command(),
        "signature": sign(flatten(plan.config)),
        "commit": code.commit,
        "dirty": code.dirty,
        "diff_sha256": code.diff_sha256,
        "machine": provenance.describe_machine(),
        "packages": provenance.list_packages(),
        "device": dataclasses.asdict(parts.device),
        "keras": read_keras(),
        "data": {
            "name": parts.images.name,
            "source": parts.images.source,
            "sha256": parts.images.digest,
        },
        "score_identity": parts.scorer.identity.digest if parts.scorer else "",
        "environment": provenance.read_environment(),
    }
