"""
How good must cells be for a Fourier transform of OFDM?
=======================================================

The matrix of the transform never changes, so its cells are written once, and
their errors show as error vectors of the symbols that are received. Limits
are those of 3GPP TS 38.104: with 16 levels 256-QAM is possible, with 1 % write
noise, too, and beyond 32 levels noise is all that is left.
"""

import matplotlib.pyplot as plt

import amcspice as amc
from amcspice.workload.wireless import OfdmStudy

levels = (4, 8, 16, 32, 64, 128)
study = OfdmStudy(points=64, ofdm_symbols=8)
plt.style.use("amcspice.view.amcspice")
figure, axes = plt.subplots()
for noise in (0, 0.005, 0.01):
    evm = []
    for count in levels:
        chip = amc.Chip(levels=count, write_noise=noise, seed=1)
        evm.append(100 * study.run_on(chip).evm_equalised)
    label = f"{100 * noise:g} %"
    axes.loglog(levels, evm, "o-", label=label)
    print(f"16 levels, {label} write noise: {evm[2]:.1f} %")
for name, limit in (("64-QAM", 8), ("256-QAM", 3.5)):
    axes.axhline(limit, color="0.4", linestyle="--")
    place = (levels[-1], 1.03 * limit)
    axes.annotate(f"limit of {name}", place, ha="right", va="bottom")
axes.set_xticks(levels, levels)
axes.set_yticks([0.5, 1, 2, 5, 10], [0.5, 1, 2, 5, 10])
axes.minorticks_off()
axes.set_xlabel("levels of the cells")
axes.set_ylabel("error vector magnitude (%)")
figure.legend(title="write noise", loc="outside right upper")
