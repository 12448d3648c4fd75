"""Factorise a part of the Hubble deep field on the simulated circuit.

The picture comes with scikit-image, so no network is needed.  Results go to ``out/``.  Options
are added to the command, the last one counts: ``scripts/demo.py --iterations 10 --jobs 1``.
"""

from __future__ import annotations

import sys
from importlib.resources import as_file, files

from amcspice.cli import main

OPTIONS = [
    *("--crop", "64", "272", "96", "96", "--tile", "32", "--rank", "8", "--iterations", "6"),
    *("--opamp", "onchip-1g", "--out", "out"),
]

if __name__ == "__main__":
    print("Hubble deep field, 96 x 96 pixels in colour: 27 tiles of 32 x 32, one to three minutes")
    with as_file(files("skimage.data") / "hubble_deep_field.jpg") as picture:
        main(["nmf", "image", str(picture), *OPTIONS, *sys.argv[1:]])
