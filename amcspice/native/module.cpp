// The extension module: what Python sees of the compiled code, room by room.
#include <nanobind/nanobind.h>

#include "engine/dc/active_set.hpp"
#include "problem/block_pivoting.hpp"

namespace nb = nanobind;

namespace amc {
// Weak as long as the integrator is not there.
__attribute__((weak)) void bind_trajectories(nb::module_ &module);
}  // namespace amc

NB_MODULE(AMC_LEVEL, module) {
  module.doc() = "Compiled code of amcspice; compiled.pyi says what it is.";
  amc::bind_block_pivoting(module);
  amc::bind_active_set(module);
  if (amc::bind_trajectories) amc::bind_trajectories(module);
}
