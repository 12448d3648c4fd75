// Non-negative least squares by block principal pivoting; see block_pivoting.py.
#pragma once

#include <nanobind/nanobind.h>

namespace amc {

// Give the module solve_shared, solve_rows, surely_unique and the constants that Python shares.
void bind_block_pivoting(nanobind::module_ &module);

}  // namespace amc
