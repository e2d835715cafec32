"""Finds or downloads Fashion-MNIST and verifies it: `python -m dcgan_sweeps.data`."""

from __future__ import annotations

import sys

from dcgan_sweeps.command import OK, Parser, answer
from dcgan_sweeps.datasets.fashion_mnist import find_fashion_mnist


def main() -> int:
    parser = Parser(
        "dcgan_sweeps.data",
        description="Finds Fashion-MNIST on this machine, or downloads it into the cache, and"
        " verifies each file by its SHA-256.",
        examples=("python -m dcgan_sweeps.data",),
        status="0 the data is verified, 2 wrong request, or the data could not be fetched",
    )
    parser.parse_args()
    return answer(get_images, "interrupted; a partial download is not kept")


def get_images() -> int:
    """Fetch the images if they are missing, verify them, and return the exit status."""
    images = find_fashion_mnist(None, print)
    print(f"data: Fashion-MNIST, verified, from {images.source}")
    return OK


if __name__ == "__main__":
    sys.exit(main())
