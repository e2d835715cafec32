"""Makes sure that verified Fashion-MNIST is on this machine: `python -m dcgan_sweeps.data`."""

from __future__ import annotations

import sys

from dcgan_sweeps.command import OK, Parser, answer
from dcgan_sweeps.datasets.images import find_fashion_mnist


def main() -> int:
    Parser("dcgan_sweeps.data", description=__doc__).parse_args()
    return answer(get_images, "interrupted; what was fetched so far is not kept")


def get_images() -> int:
    """Fetch the images where they are not here, verify them, and return the exit status."""
    images = find_fashion_mnist(None, print)
    print(f"data: Fashion-MNIST, verified, from {images.source}")
    return OK


if __name__ == "__main__":
    sys.exit(main())
