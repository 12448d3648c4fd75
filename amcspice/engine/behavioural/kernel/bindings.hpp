// What the integrators of amplifier circuits add to the extension module.
#pragma once

#include <nanobind/nanobind.h>

namespace amc {

void bind_stepping(nanobind::module_ &module);
void bind_trajectories(nanobind::module_ &module);
void bind_trajectories_testing(nanobind::module_ &module);

}  // namespace amc
