"""Write tests/golden/badcrossbar.json: output currents of small crossbars by badcrossbar.

Needs ``pip install .[bench]``.  Word and bit lines have unequal resistances, and every array is
driven from both sides, so that exchanged lines show.
"""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import badcrossbar
import numpy as np

TARGET = Path(__file__).resolve().parents[1] / "tests" / "golden" / "badcrossbar.json"
SEED = 7


def main():
    draw = np.random.default_rng(SEED)
    conductance = draw.uniform(1e-6, 1e-4, (7, 5))
    cases = []
    for row, column in ((1.0, 4.0), (4.0, 1.0), (20.0, 0.5)):
        for transposed in (False, True):
            array = conductance.T if transposed else conductance
            voltages = draw.uniform(-1, 1, (len(array), 2))
            found = badcrossbar.compute(voltages, 1 / array, r_i_word_line=row, r_i_bit_line=column)
            cases.append(
                {
                    "word_line_ohm": row,
                    "bit_line_ohm": column,
                    "conductance": array.tolist(),
                    "voltages": voltages.tolist(),
                    "outputs": np.asarray(found.currents.output).T.tolist(),
                }
            )
    content = {"badcrossbar": metadata.version("badcrossbar"), "cases": cases}
    TARGET.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
