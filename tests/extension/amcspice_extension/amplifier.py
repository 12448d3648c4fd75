"""An amplifier: what its data sheet says, and where that stands."""

AMPLIFIER = {"gain": 2e4, "gbw": 5e7, "slew_rate": 3e7, "source": "invented"}
