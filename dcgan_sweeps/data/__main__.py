"""Makes sure that verified Fashion-MNIST is on this machine: `python -m dcgan_sweeps.data`."""

from __future__ import annotations

import sys

from dcgan_sweeps.config import RequestError
from dcgan_sweeps.data.images import read_fashion_mnist
from dcgan_sweeps.data.sources import fetch, find_source


def main() -> int:
    try:
        images = read_fashion_mnist(find_source(None) or fetch(print))
    except RequestError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"data: Fashion-MNIST, verified, from {images.source}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
