#include "engine/behavioural/kernel/stepping_update.hpp"

#include <algorithm>
#include <cmath>

namespace amc::stepping {

namespace {

// Of the difference of two pieces whose matrices follow from each other.
constexpr std::size_t MOST_RANK = 16;

// Difference that is rounding, and error that a matrix may have got by following from others.
constexpr double SAME = 1e-13, UPDATED = 1e-9;

}  // namespace

// The largest entry that remains names each row.
std::optional<OuterProducts> factor_difference(const Dense &changed, const Dense &old) {
  const std::size_t n = changed.rows;
  Dense remains(n, n);
  for (std::size_t e = 0; e < remains.size(); ++e) {
    remains.values[e] = changed.values[e] - old.values[e];
  }
  const double rounding = SAME * largest(changed[0], changed.size());
  Dense left(MOST_RANK, n), right(MOST_RANK, n);
  for (std::size_t rank = 0;; ++rank) {
    double most = 0.0;
    std::size_t row = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const double of_row = largest(remains[i], n);
      if (of_row > most) most = of_row, row = i;
    }
    if (most <= rounding) {
      left.rows = right.rows = rank;
      left.values.resize(rank * n);
      right.values.resize(rank * n);
      return OuterProducts{std::move(left), std::move(right)};
    }
    if (rank == MOST_RANK) return std::nullopt;
    std::size_t column = 0;
    while (!(std::abs(remains[row][column]) >= most)) ++column;
    for (std::size_t i = 0; i < n; ++i) {
      left[rank][i] = remains[i][column] / remains[row][column];
      right[rank][i] = remains[row][i];
    }
    for (std::size_t i = 0; i < n; ++i) {
      const double share = left[rank][i];
      if (share == 0.0) continue;
      for (std::size_t j = 0; j < n; ++j) remains[i][j] -= share * right[rank][j];
    }
  }
}

Dense updated_inverse(const Dense &known, const OuterProducts &added, double factor) {
  const auto &[left, right] = added;
  const std::size_t rank = left.rows, n = known.rows;
  if (rank == 0) return known;
  Dense by_left(rank, n), by_right(rank, n), system(rank, rank), weights(rank, n);
  for (std::size_t s = 0; s < rank; ++s) {
    for (std::size_t i = 0; i < n; ++i) by_left[s][i] = dot(known[i], left[s], n);
    add(known, right[s], by_right[s]);
  }
  for (std::size_t r = 0; r < rank; ++r) {
    for (std::size_t s = 0; s < rank; ++s) {
      system[r][s] = (r == s ? 1 / factor : 0.0) + dot(right[r], by_left[s], n);
    }
  }
  accumulate(eliminate(std::move(system)), by_right, weights);
  Dense result = known;
  Vector shares(rank);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t s = 0; s < rank; ++s) shares[s] = -by_left[s][i];
    add(weights, shares.data(), result[i]);
  }
  return result;
}

bool is_inverse(const Dense &matrix, const Dense &rate, double one, double factor) {
  const std::size_t n = matrix.rows;
  Vector vector(n), solved(n), back(n);
  for (std::size_t i = 0; i < n; ++i) vector[i] = 1.0 + double(i % 7);
  add(matrix, vector.data(), solved.data());
  add(rate, solved.data(), back.data());
  for (std::size_t i = 0; i < n; ++i) {
    const double error = std::abs(one * solved[i] + factor * back[i] - vector[i]);
    if (!(error <= 7 * UPDATED)) return false;
  }
  return true;
}

}  // namespace amc::stepping
