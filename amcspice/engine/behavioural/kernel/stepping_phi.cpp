#include "engine/behavioural/kernel/stepping_phi.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace amc::stepping {

namespace {

// Of the series; exact to rounding up to the norm below.
constexpr int ORDER = 6;
constexpr double SMALL_NORM = 0.05;

// How often a step must be halved for the series to be exact.
int halvings_of(Matrix rate, double step) {
  Vector totals(rate.columns);
  for (std::size_t j = 0; j < rate.rows; ++j) {
    for (std::size_t i = 0; i < rate.columns; ++i) totals[i] += std::abs(rate[j][i]);
  }
  double norm = 0.0;
  for (const double total : totals) norm = std::max(norm, total * step);
  int halvings = 0;
  for (; SMALL_NORM < norm && norm < std::numeric_limits<double>::infinity(); norm /= 2) ++halvings;
  return halvings;
}

Dense scaled(Matrix matrix, double factor) {
  Dense result(matrix.rows, matrix.columns);
  for (std::size_t e = 0; e < result.size(); ++e) result.values[e] = matrix.data[e] * factor;
  return result;
}

// a * b + c, which it may be given to keep.
Dense product(const Dense &a, const Dense &b, Dense c) {
  accumulate(a, b, c);
  return c;
}

}  // namespace

Dense double_growth(const Dense &growth) {
  return product(growth, growth, scaled(growth, 2));  // growth(2z) = growth^2 + 2 growth
}

// A series by Horner's rule, doubled: e^z - 1 = z (1 + z/2 (1 + z/3 (...))).
Dense grow(Matrix rate, double step) {
  const int halvings = halvings_of(rate, step);
  const Dense z = scaled(rate, std::ldexp(step, -halvings));
  Dense growth = scaled(z, 1.0 / (ORDER + 1));
  for (int order = ORDER; order > 0; --order) {
    growth = product(growth, z, z);
    for (double &value : growth.values) value /= order;
  }
  for (int i = 0; i < halvings; ++i) growth = double_growth(growth);
  return growth;
}

// From the series at a step so small that it is exact, doubled.
Phis phis(Matrix rate, double base) {
  const std::size_t n = rate.rows;
  const int halvings = halvings_of(rate, base);
  const double step = std::ldexp(base, -halvings);
  const Dense z = scaled(rate, step);
  Dense term(n, n);
  for (std::size_t i = 0; i < n; ++i) term[i][i] = 1.0;
  Phis result{term, scaled(term, 0.5), {}};
  double one = 1.0, two = 2.0;
  for (int order = 1; order <= ORDER; ++order) {
    term = order == 1 ? z : product(term, z, Dense(n, n));
    one *= order + 1;
    two *= order + 2;
    for (std::size_t e = 0; e < term.size(); ++e) {
      result.phi1.values[e] += term.values[e] / one;
      result.phi2.values[e] += term.values[e] / two;
    }
  }
  result.growth = product(z, result.phi1, Dense(n, n));
  for (double &value : result.phi1.values) value *= step;
  for (double &value : result.phi2.values) value *= step;
  for (int i = 0; i < halvings; ++i) result.redouble();
  return result;
}

// phi1(2z) = (growth phi1 + 2 phi1) / 2 and phi2(2z) = (growth phi2 + phi1 + 2 phi2) / 4; the
// growth as z phi1 would multiply rounding errors by z at every doubling, which is without bound
// where modes are stiff.
void Phis::redouble() {
  Dense sum(phi2.rows, phi2.columns);
  for (std::size_t e = 0; e < sum.size(); ++e) {
    sum.values[e] = 2 * phi2.values[e] + phi1.values[e];
  }
  phi2 = scaled(product(phi2, growth, std::move(sum)), 0.5);
  phi1 = product(phi1, growth, scaled(phi1, 2));
  growth = double_growth(growth);
}

}  // namespace amc::stepping
