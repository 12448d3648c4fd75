"""Cells of publications, one file each; ``docs/cells.md`` has them side by side."""

from amcspice.device.memristor import DEVICES
from amcspice.device.published.cell import PublishedCell
from amcspice.device.published.cmo_falcone import CMOFalcone2025
from amcspice.device.published.pcm_hermes import PCMHermes2022
from amcspice.device.published.pcm_joshi import PCMJoshi2020
from amcspice.device.published.rram_milo import RRAMMilo2021
from amcspice.device.published.rram_wan import RRAMWan2022
from amcspice.device.published.sonos_agrawal import SONOSAgrawal2022

__all__ = ["PUBLISHED", "PublishedCell"]

PUBLISHED: dict[str, type[PublishedCell]] = {
    kind.name: kind
    for kind in (
        PCMJoshi2020,
        PCMHermes2022,
        RRAMWan2022,
        RRAMMilo2021,
        CMOFalcone2025,
        SONOSAgrawal2022,
    )
}
"""Cells of publications by name."""

DEVICES.include(PUBLISHED)
