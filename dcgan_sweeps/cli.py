"""The console command: `dcgan-sweeps VERB ...` is `python -m dcgan_sweeps.VERB ...`."""

from __future__ import annotations

import importlib
import sys

VERBS = {
    "run": ("dcgan_sweeps.run", "train one DCGAN, scored and tracked"),
    "reproduce": ("dcgan_sweeps.reproduce", "train a logged run again, and judge"),
    "score": ("dcgan_sweeps.score.__main__", "score logged generators again"),
    "report": ("dcgan_sweeps.report", "the runs in the order of their scores"),
    "compare": ("dcgan_sweeps.compare", "two runs side by side"),
    "generate": ("dcgan_sweeps.generate", "images from a logged generator"),
    "sync": ("dcgan_sweeps.sync", "deliver to MLflow what is not there yet"),
    "ui": ("dcgan_sweeps.ui", "look at the runs in the MLflow UI"),
    "doctor": ("dcgan_sweeps.doctor", "what works on this machine, and what does not"),
    "data": ("dcgan_sweeps.data", "get and verify Fashion-MNIST"),
    "classifier": ("dcgan_sweeps.score.classifier", "train a scoring classifier"),
}


def main() -> int:
    words = sys.argv[1:]
    if not words or words[0] in ("-h", "--help"):
        print("dcgan-sweeps VERB ...\n")
        for verb, (_, purpose) in VERBS.items():
            print(f"  {verb:<12}{purpose}")
        return 0 if words else 2
    if words[0] not in VERBS:
        from dcgan_sweeps.command import print_faults
        from dcgan_sweeps.composition.keys import find_nearest

        hint = find_nearest(words[0], VERBS)
        return print_faults([f"verb: got {words[0]}; allowed: {', '.join(VERBS)}{hint}"])
    module, _ = VERBS[words[0]]
    sys.argv = [f"dcgan-sweeps {words[0]}", *words[1:]]
    return int(importlib.import_module(module).main())
