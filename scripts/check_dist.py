"""Whether wheel and source distribution hold what they should, and nothing else.

Argument: the folder with one of each, which ``make wheel`` fills.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]
DRAWINGS = "docs/images/circuit-"
"""What the explorer shows, beside the pages of circuits."""


def tracked() -> set[str]:
    """Return the files of the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return {name for name in listed.stdout.splitlines() if (ROOT / name).is_file()}


def compiled(name: str) -> bool:
    return name.startswith("amcspice/native/") and name.endswith(".so")


def check_wheel(path: Path, files: set[str]) -> list[str]:
    """Return what is wrong with a wheel: package, SPICE libraries, drawings, compiled levels."""
    held = set(zipfile.ZipFile(path).namelist())
    inside = {name for name in held if ".dist-info/" not in name}
    package = {name for name in files if name.startswith("amcspice/")}
    wanted = {name for name in package if not name.endswith((".cpp", ".hpp", "CMakeLists.txt"))}
    wanted |= {f"amcspice/{name}" for name in files if name.startswith("models/")}
    drawings = (PurePosixPath(name) for name in files if name.startswith(DRAWINGS))
    wanted |= {f"amcspice/explore/drawings/{each.name}" for each in drawings}
    faults = [f"{path.name} lacks {name}" for name in sorted(wanted - inside)]
    faults += [
        f"{path.name} holds {name}" for name in sorted(inside - wanted) if not compiled(name)
    ]
    if not any(map(compiled, inside)):
        faults.append(f"{path.name} has no compiled code")
    if not any(name.endswith("licenses/LICENSE") for name in held):
        faults.append(f"{path.name} has no licence")
    return faults


def check_source(path: Path, files: set[str]) -> list[str]:
    """Return what is wrong with a source distribution: all that is tracked, nothing that is not."""
    with tarfile.open(path) as archive:
        names = [PurePosixPath(each.name) for each in archive.getmembers() if each.isfile()]
    held = {name.relative_to(name.parts[0]).as_posix() for name in names} - {"PKG-INFO"}
    faults = [f"{path.name} lacks {name}" for name in sorted(files - held)]
    return faults + [f"{path.name} holds {name}" for name in sorted(held - files)]


def main(folder: str) -> None:
    (wheel,) = Path(folder).glob("*.whl")
    (source,) = Path(folder).glob("*.tar.gz")
    files = tracked()
    faults = [*check_wheel(wheel, files), *check_source(source, files)]
    if faults:
        sys.exit("\n".join(faults))
    for path in (wheel, source):
        print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, holds what it should")


if __name__ == "__main__":
    main(sys.argv[1])
