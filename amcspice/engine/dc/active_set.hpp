// Rests of piecewise-linear amplifier circuits by an active set; see active_set.py.
#pragma once

#include <nanobind/nanobind.h>

namespace amc {

// Give the module find_rests and the pieces of an amplifier.
void bind_active_set(nanobind::module_ &module);

}  // namespace amc
