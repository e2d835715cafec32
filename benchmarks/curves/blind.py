"""Compares scores with a ranking by eye: `python -m benchmarks.curves.blind --dir FOLDER PICTURE`.

Draws the sample grids of 16 generators of a bank of curves, of random configurations and epochs,
under letters. Rank them by eye before you look at any score; `--ranking PCAK...`, the best first,
then prints the rank correlation of your order with each classifier's, and which grids they were.
"""

from __future__ import annotations

import argparse
import string
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.stats import spearmanr

from benchmarks.curves.collect import OF_A_SCORE, Row, find_run, read_table
from benchmarks.curves.spaces import SPACES, Space
from dcgan_sweeps.sweep.folder import StudyFolder
from dcgan_sweeps.tracking.folder import RunFolder
from dcgan_sweeps.tracking.pictures import CAPTION_HEIGHT, read_png

COUNT, COLUMNS, EPOCHS = 16, 4, 6
# The rankings by eye, made before any score of these generators was looked at: sets 0, 1 and 2. Set
# 2 was ranked after the features of the score had been chosen.
RANKINGS = ("OCPHIAGEKFMNDLJB", "BDHEKGIOMPCLJAFN", "ENBKAIFCGPLHMJOD")
LETTERS = string.ascii_uppercase[:COUNT]
MARGIN, GREYS = 34, 16
Generator = tuple[tuple[str, ...], int]  # configuration and seed, epoch


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks.curves.blind", description=__doc__)
    parser.add_argument("picture", type=Path, nargs="?")
    parser.add_argument("--dir", default="mlruns", help="folder of the study (mlruns)")
    parser.add_argument("--space", choices=SPACES, default="fcd")
    parser.add_argument("--table", type=Path)
    parser.add_argument("--set", type=int, default=0, help="another number: other generators")
    parser.add_argument("--ranking", help="the letters, the best grid first")
    options = parser.parse_args()
    space = SPACES[options.space]
    chosen = choose(space, options.set)
    if options.picture is not None:
        trials = StudyFolder.at(Path(options.dir), space.study).list_trials()
        found = [(find_run(space, trials, run)[0], epoch) for run, epoch in chosen]
        draw(found, options.picture)
    if options.ranking is not None:
        print_agreement(read_table(options.table or space.table), chosen, options.ranking)


def choose(space: Space, number: int) -> list[Generator]:
    """Return the generators by letter: of different configurations, one seed, any epochs."""
    random = np.random.default_rng(number)
    configurations = space.list_configurations()
    picked = random.choice(len(configurations), COUNT, replace=False)
    seed = str(space.shared_seeds[number])
    return [
        ((*configurations[place], seed), int(random.integers(1, EPOCHS + 1))) for place in picked
    ]


def name_run(row: Row) -> tuple[str, ...]:
    """Return the configuration and the seed of a row."""
    return tuple(text for key, text in row.items() if key not in OF_A_SCORE[1:])


def draw(generators: list[tuple[RunFolder, int]], path: Path) -> None:
    """Draw the sample grids of runs after an epoch, each under its letter."""
    grids = [read_png(folder.find_frame(epoch))[:-CAPTION_HEIGHT] for folder, epoch in generators]
    height, width = grids[0].shape
    rows = -(-COUNT // COLUMNS)
    sheet = Image.new("L", (COLUMNS * (width + MARGIN), rows * (height + MARGIN)), 255)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=24)
    for place, (letter, grid) in enumerate(zip(LETTERS, grids, strict=True)):
        left, top = place % COLUMNS * (width + MARGIN), place // COLUMNS * (height + MARGIN)
        pen.text((left + 8, top + 2), letter, fill=0, font=font)
        sheet.paste(Image.fromarray(grid), (left, top + MARGIN))
    small = sheet.resize((sheet.width * 2 // 3, sheet.height * 2 // 3), Image.Resampling.BOX)
    small.quantize(GREYS).save(path, optimize=True)


def print_agreement(rows: list[Row], chosen: list[Generator], ranking: str) -> None:
    """Print the rank correlation of a ranking with the scores of each classifier."""
    if sorted(ranking) != [*LETTERS]:
        raise SystemExit(f"--ranking: got {ranking}; allowed: each letter of {LETTERS} once")
    places = [ranking.index(letter) for letter in LETTERS]
    scores: dict[str, list[float]] = {}
    for classifier in sorted({row["classifier"] for row in rows}):
        mine = [row for row in rows if row["classifier"] == classifier]
        found = {(name_run(row), int(row["epoch"])): float(row["fcd"]) for row in mine}
        if not found.keys() >= {*chosen}:
            continue  # it has not scored every epoch
        scores[classifier] = [found[each] for each in chosen]
        agreement = spearmanr(places, scores[classifier]).statistic
        print(f"{classifier}: rank correlation {agreement:.2f} with the ranking by eye")
    for letter in ranking:
        place = LETTERS.index(letter)
        run, epoch = chosen[place]
        found_scores = ", ".join(f"{each} {values[place]:.1f}" for each, values in scores.items())
        print(f"{letter}  {' '.join(run)} epoch {epoch}: {found_scores}")


if __name__ == "__main__":
    main()
