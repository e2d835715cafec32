"""Lists the verbs, or runs one: `python -m dcgan_sweeps [VERB ...]`, as `dcgan-sweeps` does."""

from __future__ import annotations

import sys

from dcgan_sweeps.cli import main

if __name__ == "__main__":
    sys.exit(main())
