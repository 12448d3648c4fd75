"""Ratings of the shape of the Netflix prize, or a part of it, for `amcspice nmf ratings FOLDER`.

480,189 users, 17,770 items and 98,800,000 ratings, 1/70 of which is held out; prints what was
drawn.

    scripts/rating_shape.py --folder ratings --part 20
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path

from amcspice.workload.rating_shape import NETFLIX, write_ratings_of_shape

SEED = 20261125


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="for the ratings")
    parser.add_argument("--part", type=int, default=1, help="one part of so many")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    began = time.process_time()
    shape = NETFLIX if options.part == 1 else NETFLIX.part(options.part)
    figures = write_ratings_of_shape(options.folder, shape, options.seed)
    used = resource.getrusage(resource.RUSAGE_SELF)
    figures |= {"cpu_s": time.process_time() - began, "memory_gb": used.ru_maxrss / 1e6}
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
