// Rests of circuits with one right-hand side each; see single.py.
#pragma once

#include <nanobind/nanobind.h>

namespace amc {

// Give the module find_single_rests.
void bind_single_rests(nanobind::module_ &module);

}  // namespace amc
