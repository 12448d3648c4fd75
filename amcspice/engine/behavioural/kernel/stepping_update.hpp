// Inverses that follow from those of a matrix that differs in a few rows or columns, by the
// formula of Sherman, Morrison and Woodbury.
#pragma once

#include <optional>

#include "engine/behavioural/kernel/stepping_dense.hpp"

namespace amc::stepping {

// The sum of outer products of rows, one pair a rank.
struct OuterProducts {
  Dense left, right;
};

// A difference of two matrices as outer products; none if it takes too many.
std::optional<OuterProducts> factor_difference(const Dense &changed, const Dense &old);

// The inverse of a matrix, all transposed, to which outer products times a factor were added.
Dense updated_inverse(const Dense &known, const OuterProducts &added, double factor);

// Whether a matrix inverts one + factor * rate, as seen by a vector.
bool is_inverse(const Dense &matrix, const Dense &rate, double one, double factor);

}  // namespace amc::stepping
