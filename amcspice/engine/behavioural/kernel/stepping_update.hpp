// Inverses that follow from those of a matrix that differs in a few rows or columns, by the
// formula of Sherman, Morrison and Woodbury.
#pragma once

#include "engine/behavioural/kernel/stepping_dense.hpp"

namespace amc::stepping {

// The sum of outer products of rows, one pair a rank.
struct OuterProducts {
  Dense left, right;
};

// The most of them with which following another matrix of that size is faster than starting anew.
constexpr std::size_t most_rank(std::size_t size) { return size < 64 ? 16 : size / 4; }

// The inverse of a matrix, all transposed, to which outer products times a factor were added.
Dense updated_inverse(const Dense &known, const OuterProducts &added, double factor);

}  // namespace amc::stepping
