// The extension module: what Python sees of the compiled code, room by room.
#include <nanobind/nanobind.h>

namespace nb = nanobind;

namespace amc {
void bind_stepping(nb::module_ &module);
void bind_trajectories(nb::module_ &module);
}  // namespace amc

NB_MODULE(AMC_LEVEL, module) {
  module.doc() = "The compiled part of amcspice, for one level of processors.";
  amc::bind_stepping(module);
  amc::bind_trajectories(module);
}
