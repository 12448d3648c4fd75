"""scripts/design_answers.py as a module: its closed form is the oracle of budgets, too."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def load():
    """Return the script as a module."""
    path = ROOT / "scripts" / "design_answers.py"
    specification = importlib.util.spec_from_file_location("design_answers", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module
