#include "engine/behavioural/kernel/stepping_krylov.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/behavioural/kernel/stepping_phi.hpp"

namespace amc::stepping {

namespace {

// Of a space; and how many are added before its answer is looked at again.
constexpr std::size_t MOST_DIMENSIONS = 80, DIMENSIONS_AT_ONCE = 4;

// Length of a new direction that is rounding: the space is whole without it.
constexpr double BREAKDOWN = 1e-13;

}  // namespace

Krylov::Krylov(std::size_t n)
    : basis_(n ? MOST_DIMENSIONS + 1 : 0, n), projected_(MOST_DIMENSIONS + 1, MOST_DIMENSIONS) {}

void Krylov::begin(const Vector &vector, const Resolvent &resolvent) {
  size_ = 0;
  most_ = MOST_DIMENSIONS;
  resolvent_ = resolvent;
  const std::size_t n = basis_.columns;
  std::fill_n(std::ranges::copy(vector, basis_[0]).out, n - vector.size(), 0.0);
  length_ = std::sqrt(dot(basis_[0], basis_[0], n));
  if (length_ > 0.0) {
    for (std::size_t i = 0; i < n; ++i) basis_[0][i] /= length_;
  }
}

bool Krylov::add_phi(int order, double step, double allowed, Vector &out) {
  if (length_ == 0.0 || (order == 2 && length_ * step <= allowed)) return true;
  Vector before(MOST_DIMENSIONS);
  for (std::size_t m = 0; m < most_;) {
    m = std::min(m + DIMENSIONS_AT_ONCE, most_);
    while (size_ < m) {
      extend();
      if (projected_[size_][size_ - 1] < BREAKDOWN) most_ = m = size_;
    }
    const Phis functions = phis(projected_generator(m), step);
    const Dense &function = order == 1 ? functions.phi1 : functions.phi2;
    double change = 0.0;
    for (std::size_t i = 0; i < m; ++i) {
      const double value = length_ * function[i][0];
      change += (value - before[i]) * (value - before[i]);
      before[i] = value;
    }
    if (m == most_ || std::sqrt(change) <= allowed) {
      add({basis_[0], m, basis_.columns}, before.data(), out.data());
      return change < std::numeric_limits<double>::infinity();
    }
  }
  return false;
}

// J in the space, from the resolvent there.
Dense Krylov::projected_generator(std::size_t m) const {
  Dense resolvent(m, m);
  for (std::size_t i = 0; i < m; ++i) std::copy_n(projected_[i], m, resolvent[i]);
  Dense generator = eliminate(std::move(resolvent));
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t j = 0; j < m; ++j) {
      generator[i][j] = ((i == j ? 1.0 : 0.0) - generator[i][j]) / resolvent_.pole;
    }
  }
  return generator;
}

// Arnoldi's step, orthogonalised twice.
void Krylov::extend() {
  const std::size_t n = basis_.columns, m = size_++;
  double *vector = basis_[m + 1];
  std::fill_n(vector, n, 0.0);
  add(*resolvent_.transposed, basis_[m], vector);
  for (std::size_t i = 0; i <= m; ++i) projected_[i][m] = 0.0;
  for (int pass = 0; pass < 2; ++pass) {
    for (std::size_t i = 0; i <= m; ++i) {
      const double share = dot(basis_[i], vector, n);
      projected_[i][m] += share;
      const double *direction = basis_[i];
      for (std::size_t j = 0; j < n; ++j) vector[j] -= share * direction[j];
    }
  }
  const double length = std::sqrt(dot(vector, vector, n));
  projected_[m + 1][m] = length;
  if (length > 0.0) {
    for (std::size_t j = 0; j < n; ++j) vector[j] /= length;
  }
}

}  // namespace amc::stepping
