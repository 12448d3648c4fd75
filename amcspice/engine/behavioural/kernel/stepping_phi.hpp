// Functions of matrices that exponential steps are made of; all of them may be transposed.
#pragma once

#include "engine/behavioural/kernel/stepping_dense.hpp"

namespace amc::stepping {

// Of z = h J: h phi1(z), h phi2(z) and the growth e^z - 1, with phi1(z) = (e^z - 1) / z and
// phi2(z) = (phi1(z) - 1) / z.
struct Phis {
  Dense phi1, phi2, growth;

  // Double the step; what is empty stays so.
  void redouble();
};

Phis phis(Matrix rate, double step);

// The growth alone.
Dense grow(Matrix rate, double step);

// The growth over twice the step.
Dense double_growth(const Dense &growth);

}  // namespace amc::stepping
