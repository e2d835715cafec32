"""Draws images from a logged generator: `python -m dcgan_sweeps.generate best --count 64`.

Writes a grid as PNG and the images as npz; with --interpolate also a walk between latents as GIF.
"""

from __future__ import annotations

import argparse
import sys

from dcgan_sweeps.command import OK, Parser, answer
from dcgan_sweeps.composition.command_line import compose_request
from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.paths import require_folder, resolve_folder
from dcgan_sweeps.place import add_place, say_variables
from dcgan_sweeps.terminal import make_console, make_say

MOST = 100_000
LARGEST_SEED = 2**32 - 1


def main() -> int:
    options = read_options()
    return answer(lambda: generate(options), "interrupted")


def read_options() -> argparse.Namespace:
    parser = Parser(
        "dcgan_sweeps.generate",
        description="Draws images from a logged generator, and writes a grid as PNG and the images"
        " as npz.",
        examples=(
            "python -m dcgan_sweeps.generate best --count 64",
            "python -m dcgan_sweeps.generate study:lr --interpolate --out samples",
        ),
        status="0 done, 2 wrong request, or a generator that cannot be loaded",
    )
    parser.add_argument(
        "target", metavar="TARGET", help="best, latest, study:NAME (its best trial) or a run id"
    )
    parser.add_argument(
        "--count", type=int, default=64, help="number of images (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the latents (default: %(default)s)"
    )
    parser.add_argument(
        "--interpolate", action="store_true", help="also write a walk between latents as GIF"
    )
    parser.add_argument("--out", help="output folder (default: DIR/generated)")
    add_place(parser)
    options = parser.parse_args()
    if not 1 <= options.count <= MOST:
        parser.error(f"--count: got {options.count}; allowed: 1 to {MOST}")
    if not 0 <= options.seed <= LARGEST_SEED:
        parser.error(f"--seed: got {options.seed}; allowed: 0 to {LARGEST_SEED}")
    if options.out is not None and not options.out.strip():
        parser.error("--out: got nothing; allowed: a folder")
    return options


def generate(options: argparse.Namespace) -> int:
    """Write the requested images and return the exit status; raises RequestError."""
    from dcgan_sweeps.runs.selection import find_run
    from dcgan_sweeps.tracking.store import answering, open_store

    say = make_say(make_console())
    folder = resolve_folder("tracking.dir", options.dir) / "generated"
    if options.out is not None:
        folder = require_folder("--out", options.out)
    config = compose_request("config", [])
    say_variables(options)
    with answering():
        client = open_store(options.uri, options.dir)
        run, found = find_run(client, options.experiment, options.target)
        say(found)
    from dcgan_sweeps.device import set_up_device

    set_up_device(config.runner)
    from dcgan_sweeps.execution.generation import Wish, write_images
    from dcgan_sweeps.execution.rescoring import load_generator
    from dcgan_sweeps.gan.sampling import Diverged

    with answering():
        generator = load_generator(client, run)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stem = folder / f"{run.run_id[:8]}_seed_{options.seed}_count_{options.count}"
        wish = Wish(options.count, options.seed, options.interpolate)
        for path in write_images(generator, stem, wish):
            say(str(path))
    except Diverged as error:
        raise refuse("TARGET", f"got {run.run_id}: {error}") from error
    except OSError as error:
        problem = f"got {folder}; it cannot be written to ({error.strerror})"
        raise refuse("--out", problem) from error
    return OK


if __name__ == "__main__":
    sys.exit(main())
