// The extension module: what Python sees of the compiled code, room by room.
#include <nanobind/nanobind.h>

namespace nb = nanobind;

namespace amc {
void bind_stepping(nb::module_ &module);
}  // namespace amc

NB_MODULE(AMC_LEVEL, module) {
  amc::bind_stepping(module);
}
