"""The console command `dcgan-sweeps VERB ...`, the same as `python -m dcgan_sweeps.VERB ...`."""

from __future__ import annotations

import importlib
import sys

VERBS = {
    "run": ("dcgan_sweeps.run", "train a DCGAN; with -m, run a study"),
    "confirm": ("dcgan_sweeps.confirm", "train the best configurations of a study on new seeds"),
    "reproduce": ("dcgan_sweeps.reproduce", "train a logged run again and compare the results"),
    "score": ("dcgan_sweeps.score.__main__", "score logged generators again"),
    "probe": ("dcgan_sweeps.probe", "evaluate the features of a logged discriminator"),
    "report": ("dcgan_sweeps.report", "list runs by score, or write an HTML report"),
    "compare": ("dcgan_sweeps.compare", "compare two to six runs"),
    "generate": ("dcgan_sweeps.generate", "draw images from a logged generator"),
    "sync": ("dcgan_sweeps.sync", "deliver runs to MLflow that are not delivered yet"),
    "delete": ("dcgan_sweeps.delete", "delete runs and studies"),
    "ui": ("dcgan_sweeps.ui", "serve the MLflow UI on this machine"),
    "doctor": ("dcgan_sweeps.doctor", "check what works on this machine"),
    "data": ("dcgan_sweeps.data", "download and verify Fashion-MNIST"),
    "classifier": (
        "dcgan_sweeps.score.classifier",
        "train a scoring classifier (module score.classifier)",
    ),
}
HELP = """\
usage: dcgan-sweeps VERB [OPTION|OVERRIDE ...]
       python -m dcgan_sweeps.VERB [OPTION|OVERRIDE ...]

Trains, scores, tracks and compares DCGANs on Fashion-MNIST.

verbs:
{verbs}

examples:
  dcgan-sweeps run experiment=quick
  dcgan-sweeps report study:lr --html
  dcgan-sweeps run --help

exit status: 0 done, 1 failed, 2 wrong request, 130 interrupted"""


def main() -> int:
    words = sys.argv[1:]
    if not words or words[0] in ("-h", "--help"):
        verbs = "\n".join(f"  {verb:<12}{purpose}" for verb, (_, purpose) in VERBS.items())
        print(HELP.format(verbs=verbs))
        return 0
    if words[0] not in VERBS:
        from dcgan_sweeps.command import print_faults
        from dcgan_sweeps.composition.keys import find_nearest

        hint = find_nearest(words[0], VERBS)
        return print_faults([f"verb: got {words[0]}; allowed: {', '.join(VERBS)}{hint}"])
    module, _ = VERBS[words[0]]
    sys.argv = [f"dcgan-sweeps {words[0]}", *words[1:]]
    return int(importlib.import_module(module).main())
