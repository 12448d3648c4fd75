// Sweeps over the crossing points of a wired crossbar; see sweeps.py.
#pragma once

#include <nanobind/nanobind.h>

namespace amc {

// Give the module CrossbarSweeps.
void bind_crossbar_sweeps(nanobind::module_ &module);

}  // namespace amc
