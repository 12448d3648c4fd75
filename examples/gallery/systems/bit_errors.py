"""
How noisy may the cells of a detector be?
=========================================

A base station inverts the channel of its users on an array. Denser modulation
needs better cells: with 3 % write noise 16-QAM loses next to nothing, while
256-QAM does not come down to the rate that 1 % allow. Dashed are the digital
twins, which solve exactly for the same received vectors.
"""

import amcspice as amc
from amcspice.view.bit_errors import bit_error_curves
from amcspice.workload.wireless import BitErrorStudy

curves = {}
for modulation, ratios in (
    ("16qam", [0.0, 3.0, 6.0, 9.0]),
    ("256qam", [9.0, 12.0, 15.0, 18.0, 21.0]),
):
    for noise in (0.01, 0.03):
        study = BitErrorStudy(
            users=8, antennas=64, modulation=modulation, channels=12
        )
        chip = amc.Chip(write_noise=noise, gain=1e4, seed=1)
        curve = study.curve(chip, ratios)
        name = f"{modulation}, {100 * noise:g} % write noise"
        curves[name] = curve
        last = curve.points[-1]
        print(f"{name}: {last.analog.rate:.1e} at {last.snr_db:g} dB")
figure = bit_error_curves(curves)
