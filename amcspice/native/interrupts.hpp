// Signals in code that runs without the GIL.
#pragma once

#include <chrono>

#include <nanobind/nanobind.h>

namespace amc {

class Interrupts {
 public:
  // Raise what a signal handler raises; cheap enough for every step.
  void check() {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::milliseconds(5)) return;
    last_ = now;
    const nanobind::gil_scoped_acquire locked;
    if (PyErr_CheckSignals() != 0) nanobind::raise_python_error();
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace amc
