"""Records the start of a run: first its configuration, then its provenance.

recorder = open_record(spec, components)
record_request(spec, components, recorder)
record_start(spec, components, recorder, console)
"""

from __future__ import annotations

import dataclasses
import shutil
import time
from typing import Any

from rich.console import Console

from dcgan_sweeps.config.flat import flatten
from dcgan_sweeps.device import read_keras
from dcgan_sweeps.execution.components import Components
from dcgan_sweeps.execution.live_progress import PROGRESS_FILE
from dcgan_sweeps.execution.spec import RunSpec
from dcgan_sweeps.gan.networks import count_parameters, tabulate_layers
from dcgan_sweeps.logged_config import choose_params, compute_config_hash
from dcgan_sweeps.randomness import stream
from dcgan_sweeps.runs.differences import compare_facts
from dcgan_sweeps.runs.scores import TAG
from dcgan_sweeps.terminal import make_layer_table, make_say, render_plain
from dcgan_sweeps.tracking import provenance
from dcgan_sweeps.tracking.checkpoints import Checkpoint
from dcgan_sweeps.tracking.folder import PAUSED, RunFolder
from dcgan_sweeps.tracking.recorder import Recorder, open_recorder


def open_record(spec: RunSpec, components: Components) -> Recorder:
    """Return the recorder of a new run, or that of a resumed run, put back to its checkpoint.

    Raises RequestError where the record cannot be opened; no files are left then.
    """
    tracking, resume_point = spec.config.tracking, spec.resume_point
    if resume_point is not None and resume_point.same:
        resume_point.folder.samples.mkdir(exist_ok=True)  # somebody may have removed its pictures
        add_pause(resume_point.folder)
        rewind(resume_point.folder, resume_point.checkpoint, components)
        name = spec.name if spec.is_trial else ""  # "" keeps the name
        resume_point.folder.begin(name, spec.tags, {}, tracking)
        return Recorder(resume_point.folder, tracking, resume_point.lock)
    tags = {
        "mlflow.source.git.commit": provenance.read_code().commit or "",
        **spec.tags,
    }
    recorder = open_recorder(tracking, spec.name, tags, spec.folder)
    if resume_point is not None:  # it trains longer
        for frame in resume_point.folder.find_frames().values():
            shutil.copy2(frame, recorder.folder.samples)
        rewind(recorder.folder, resume_point.checkpoint, components)
    return recorder


def add_pause(folder: RunFolder) -> None:
    """Add the time since a run's last sign of life to its pauses, which its duration leaves out."""
    signs = (folder.history, folder.root / PROGRESS_FILE)
    last_s = max((path.stat().st_mtime for path in signs if path.is_file()), default=time.time())
    before_s = float(folder.read_description().get("tags", {}).get(PAUSED, 0))
    folder.describe(tags={PAUSED: f"{before_s + max(0.0, time.time() - last_s):.1f}"})


def rewind(folder: RunFolder, checkpoint: Checkpoint | None, components: Components) -> None:
    """Put a run folder back to a checkpoint, or to the start where the run has none."""
    if checkpoint is None:
        folder.rewind("", -1)
    else:
        folder.rewind(checkpoint.history, checkpoint.step // components.steps_per_epoch)


def record_request(spec: RunSpec, components: Components, recorder: Recorder) -> None:
    """Record the configuration, so that the run can be identified and resumed after any failure."""
    flat = flatten(spec.config)
    identity = components.scorer.identity.digest if components.scorer else ""
    # The identity comes last, since the UI shows params in this order, and cuts off many.
    params = {**choose_params(flat), "score.identity": identity}
    recorder.add_request(params, dataclasses.asdict(spec.config), list(spec.overrides))
    recorder.add_tags({"config_hash": compute_config_hash(flat)})


def record_start(
    spec: RunSpec, components: Components, recorder: Recorder, console: Console
) -> None:
    """Record provenance, data, layers and a grid of real images."""
    config = spec.config
    code = provenance.read_code()
    layers = "\n".join(_show_layers(components, console))
    facts = gather_facts(spec, components, code)
    before = spec.resume_point.provenance if spec.resume_point is not None else {}
    if before:
        for difference in compare_facts(before, facts):
            make_say(console)(f"since the run began: {difference}")
    recorder.add_provenance(facts, code.diff, facts["packages"], layers)
    recorder.add_data(
        components.images.name,
        components.images.digest,
        components.images.source,
        len(components.train_rows),
    )
    tags = {"device": components.device.describe()}
    if components.scorer is not None:
        identity = components.scorer.identity
        tags[f"{TAG}{identity.digest}"] = identity.describe()
    recorder.add_tags(tags)
    count = config.tracking.sample_rows * config.tracking.sample_columns
    chosen = stream(config.seed, "pictures/real").permutation(len(components.train_rows))[:count]
    recorder.add_real_images(components.images.train_u8[components.train_rows[chosen]])


def _show_layers(components: Components, console: Console) -> list[str]:
    tables = []
    for network in (components.gan.generator, components.gan.discriminator):
        table = make_layer_table(
            network.name,
            [(row.layer, row.output_shape, row.parameters) for row in tabulate_layers(network)],
            count_parameters(network),
        )
        console.print(table)
        console.print()
        tables.append(render_plain(table))
    return tables


def gather_facts(spec: RunSpec, components: Components, code: provenance.Code) -> dict[str, Any]:
    """Return the provenance of a run: all that its result may depend on except its request."""
    return {
        "command": provenance.read_command(),
        "config_hash": compute_config_hash(flatten(spec.config)),
        "commit": code.commit,
        "dirty": code.dirty,
        "diff_sha256": code.diff_sha256,
        "machine": provenance.describe_machine(),
        "packages": provenance.list_packages(),
        "device": dataclasses.asdict(components.device),
        "keras": read_keras(),
        "data": {
            "name": components.images.name,
            "source": components.images.source,
            "sha256": components.images.digest,
        },
        "score_identity": components.scorer.identity.digest if components.scorer else "",
        "environment": provenance.read_environment(),
        "parts": provenance.describe_parts(spec.config),
    }
