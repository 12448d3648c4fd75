// The extension module: what Python sees of the compiled code, room by room.
#include <nanobind/nanobind.h>

#include "algorithm/alternating/selected_rows.hpp"
#include "engine/behavioural/kernel/bindings.hpp"
#include "engine/dc/active_set.hpp"
#include "engine/dc/single.hpp"
#include "problem/block_pivoting.hpp"
#include "reduction/crossbar_sweeps.hpp"

namespace nb = nanobind;

NB_MODULE(AMC_LEVEL, module) {
  module.doc() = "Compiled code of amcspice; compiled.pyi says what it is.";
  amc::bind_block_pivoting(module);
  amc::bind_crossbar_sweeps(module);
  amc::bind_active_set(module);
  amc::bind_single_rests(module);
  amc::bind_stepping(module);
  amc::bind_trajectories(module);
  amc::bind_selected_rows(module);
}
