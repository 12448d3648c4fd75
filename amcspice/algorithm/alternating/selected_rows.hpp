// Regressions on selected rows of two programmed arrays; see selected_rows.py.
#pragma once

#include <nanobind/nanobind.h>

namespace amc {

// Give the module reduce_rows and squared_errors.
void bind_selected_rows(nanobind::module_ &module);

}  // namespace amc
