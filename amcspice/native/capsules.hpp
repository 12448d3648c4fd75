// Functions that modules of scipy offer to compiled code.
#pragma once

#include <nanobind/nanobind.h>

namespace amc {

// Such as "dgeev" of "scipy.linalg.cython_lapack"; with the GIL held.
template <class Function>
Function *offered(const char *module, const char *name) {
  const nanobind::object capsule =
      nanobind::module_::import_("amcspice.native.offered").attr("offered")(module)[name];
  return reinterpret_cast<Function *>(
      PyCapsule_GetPointer(capsule.ptr(), PyCapsule_GetName(capsule.ptr())));
}

}  // namespace amc
