"""Copies a run's images and scores to the README: `python -m benchmarks.results RUN UNTRAINED`."""

from __future__ import annotations

import argparse
import re
import shutil
from pathlib import Path

from PIL import Image

from dcgan_sweeps.tracking.folder import RunFolder
from dcgan_sweeps.tracking.history import read_history

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
TABLE = re.compile(r"(?<=<!-- scores -->\n).*?(?=<!-- end of scores -->)", re.DOTALL)
GIF_SCALE, GIF_GREYS = 0.75, 24  # to keep the copy in the README small


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks.results", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("untrained", type=Path, help="folder of a run with train.epochs=0")
    options = parser.parse_args()
    folder, untrained = RunFolder(options.folder), RunFolder(options.untrained)
    frames = folder.find_frames()
    shutil.copy(frames[max(frames)], IMAGES / "baseline_epoch_10.png")
    shutil.copy(folder.samples / "real.png", IMAGES / "real.png")
    shrink(folder.samples / "progress.gif", IMAGES / "baseline_progress.gif")
    readme = ROOT / "README.md"
    table = tabulate(untrained, folder)
    readme.write_text(TABLE.sub(table, readme.read_text()))


def tabulate(untrained: RunFolder, folder: RunFolder) -> str:
    """Return a Markdown table of the scores by epoch, with the untrained generator first."""
    rows = ["| epoch | `fcd` | `fcd_test` |", "|---|---|---|"]
    for each in (untrained, folder):
        metrics = read_history(each.read_history(), str(each.history)).metrics
        for epoch, fcd in metrics["score/fcd"].items():
            name = epoch or "0 (untrained)"
            rows.append(f"| {name} | {fcd:.1f} | {metrics['score/fcd_test'][epoch]:.1f} |")
    rows.append(f"| real images | {metrics['score/fcd_floor'][0]:.2f} | |")
    return "\n".join(rows) + "\n"


def shrink(source: Path, target: Path) -> None:
    """Write a smaller copy of a GIF with the same durations."""
    with Image.open(source) as gif:
        frames, durations_ms = [], []
        for index in range(gif.n_frames):
            gif.seek(index)
            size = [round(length * GIF_SCALE) for length in gif.size]
            small = gif.convert("L").resize(size, Image.Resampling.BOX)
            frames.append(small.quantize(GIF_GREYS))
            durations_ms.append(gif.info["duration"])
    first, *rest = frames
    first.save(target, save_all=True, append_images=rest, duration=durations_ms, loop=0)


if __name__ == "__main__":
    main()
