"""The beginning of a run's record: configuration first, then where it comes from.

recorder = open_record(plan, parts)
record_request(plan, parts, recorder)
record_start(plan, parts, recorder, console)
"""

from __future__ import annotations

import dataclasses
import shutil
from typing import Any

from rich.console import Console

from dcgan_sweeps.config import Config, flatten
from dcgan_sweeps.device import read_keras
from dcgan_sweeps.execution.parts import Parts
from dcgan_sweeps.execution.plan import Plan
from dcgan_sweeps.gan.networks import count_parameters, tabulate_layers
from dcgan_sweeps.logged_config import read_meanings, sign
from dcgan_sweeps.randomness import stream
from dcgan_sweeps.runs.differences import compare_facts
from dcgan_sweeps.runs.scores import TAG
from dcgan_sweeps.terminal import make_layer_table, make_say, render_plain
from dcgan_sweeps.tracking import provenance
from dcgan_sweeps.tracking.checkpoints import Checkpoint
from dcgan_sweeps.tracking.folder import RunFolder
from dcgan_sweeps.tracking.recorder import Recorder, open_recorder


def open_record(plan: Plan, parts: Parts) -> Recorder:
    """Return the recorder of a new run, or of one that is resumed, put back to its checkpoint.

    Raises RequestError where neither can be begun: nothing is left then.
    """
    tracking, origin = plan.config.tracking, plan.origin
    if origin is not None and origin.same:
        origin.folder.samples.mkdir(exist_ok=True)  # somebody may have removed its pictures
        rewind(origin.folder, origin.checkpoint, parts)
        name = plan.name if plan.is_trial else ""  # "": as it was
        origin.folder.begin(name, plan.tags, plan.params, tracking)
        return Recorder(origin.folder, tracking, origin.lock)
    tags = {
        "mlflow.source.name": "dcgan_sweeps.run",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": provenance.read_code().commit or "",
        "signature": sign(flatten(plan.config)),
        **plan.tags,
    }
    recorder = open_recorder(tracking, plan.name, tags, plan.folder, plan.params)
    if origin is not None:  # it trains longer
        for frame in origin.folder.find_frames().values():
            shutil.copy2(frame, recorder.folder.samples)
        rewind(recorder.folder, origin.checkpoint, parts)
    return recorder


def rewind(folder: RunFolder, checkpoint: Checkpoint | None, parts: Parts) -> None:
    """Put a run folder back to a checkpoint, or to the start where there is none."""
    if checkpoint is None:
        folder.rewind("", -1)
    else:
        folder.rewind(checkpoint.history, checkpoint.step // parts.steps_per_epoch)


def record_request(plan: Plan, parts: Parts, recorder: Recorder) -> None:
    """Record the configuration, so that the run can be named and resumed whatever comes."""
    flat = flatten(plan.config)
    identity = parts.scorer.identity.digest if parts.scorer else ""
    params = {"signature": sign(flat), "score.identity": identity}
    recorder.add_request(params, dataclasses.asdict(plan.config), list(plan.overrides))


def record_start(plan: Plan, parts: Parts, recorder: Recorder, console: Console) -> None:
    """Record provenance, data, layers and a grid of real images."""
    config = plan.config
    code = provenance.read_code()
    layers = "\n".join(_show_layers(parts, console))
    facts = gather_facts(plan, parts, code)
    before = plan.origin.provenance if plan.origin is not None else {}
    if before:
        for difference in compare_facts(before, facts):
            make_say(console)(f"since the run began: {difference}")
    recorder.add_provenance(facts, code.diff, provenance.list_packages(), layers)
    recorder.add_data(
        parts.images.name, parts.images.digest, parts.images.source, len(parts.train_rows)
    )
    tags = {"device": parts.device.describe()}
    if parts.scorer is not None:
        identity = parts.scorer.identity
        tags[f"{TAG}{identity.digest}"] = identity.describe()
    recorder.add_tags(tags)
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
        "meanings": read_meanings(Config),
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
