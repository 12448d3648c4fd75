"""
Is a macro-model as good as my amplifier?
=========================================

An amplifier of transistors, given as a SPICE sub-circuit, is measured in
ngspice, and a macro-model is fitted to what was measured. Gain and steps of
both lie on each other; phases part beyond the frequency of gain one, where
transistors have more poles. So circuits may be simulated with the macro-model,
which is much faster.
"""

from amcspice import Subcircuit
from amcspice.characterise import (
    AmplifierFixture,
    Conditions,
    characterise,
    fit,
)
from amcspice.model_files import models_folder
from amcspice.view.amplifier import amplifier

transistors = Subcircuit.of(models_folder() / "miller.lib", "amc_miller")
supplies = Conditions(supply_positive=2.5, supply_negative=-2.5)
fixture = AmplifierFixture.of_subcircuit(transistors, supplies)
model = fit(characterise(fixture))
figure = amplifier(model)

print(f"gain {model.opamp.gain:.3g}, GBW {model.opamp.gbw / 1e6:.1f} MHz")
off = model.residual
print(f"off by {off.gain_db:.2f} dB and {off.phase:.2f} degrees")
print(f"settling of small steps off by {100 * off.small_settling:.1f} %")
