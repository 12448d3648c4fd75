// Non-negative least squares by block principal pivoting; block_pivoting.py says what and why.
//
// Sums run in ascending order of the rows, one right-hand side after the other, so that no answer
// depends on what stands beside it.
#include "problem/block_pivoting.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "native/arrays.hpp"
#include "problem/pivoting.hpp"

namespace amc {
namespace {

// Smallest pivot over its diagonal entry of the Gram matrix, the share of a column's square that
// columns before it do not explain.  Against answers in extended precision, on 8,500 problems of
// up to 55 x 16 with columns made nearly dependent, the largest error over the largest entry was
// (here, scipy): 3e-15, 4e-15 for pivots above 0.1, 1e-13, 7e-14 above 1e-3, 7e-13, 6e-13 above
// 1e-5, 7e-11, 7e-11 above 1e-7.  So this is where both can be off, and differ, by more than 1e-12.
constexpr double CONDITION = 1e-5;

// Rounds that may exchange all variables without fewer of them coming out wrong.
constexpr int PATIENCE = 3;

// Relative error of a product of two vectors, over the length of one and the 1-norm of the other;
// the 1-norm is up to sqrt(m) times the length, as rounding errors of m terms are.
constexpr double ROUNDING = 4 * std::numeric_limits<double>::epsilon();

// Violation of the conditions, in units of ROUNDING, from which on an answer is no answer.
constexpr double DISAGREEMENT = 100.0;

// Slope, relative to the lengths of column and right-hand side, that counts as none.
constexpr double TIED = 1e-9;

// Smallest pivot, as for CONDITION, of columns that are independent without a closer look.
constexpr double INDEPENDENT = 1e-10;

}  // namespace

void Gram::accumulate(const Rows &rows, double ridge) {
  std::fill(values.begin(), values.end(), 0.0);
  const std::size_t fours = rows.count - rows.count % 4;
  for (std::size_t i = 0; i < fours; i += 4) {  // in order, for fewer passes over the sums
    const double *a = rows[i], *b = rows[i + 1], *c = rows[i + 2], *d = rows[i + 3];
    for (std::size_t j = 0; j < n; ++j) {
      const double a_j = a[j], b_j = b[j], c_j = c[j], d_j = d[j];
      double *__restrict sums = &values[j * n];
      for (std::size_t k = 0; k < n; ++k) {
        double value = sums[k] + a_j * a[k];
        value += b_j * b[k];
        value += c_j * c[k];
        sums[k] = value + d_j * d[k];
      }
    }
  }
  for (std::size_t i = fours; i < rows.count; ++i) {
    const double *row = rows[i];
    for (std::size_t j = 0; j < n; ++j) {
      double *__restrict sums = &values[j * n];
      for (std::size_t k = 0; k < n; ++k) sums[k] += row[j] * row[k];
    }
  }
  regularise(ridge);
}

void Gram::take(const double *sums, double ridge) {
  std::copy_n(sums, n * n, values.begin());
  regularise(ridge);
}

void Gram::regularise(double ridge) {
  for (std::size_t j = 0; j < n; ++j) {
    values[j * n + j] += ridge;
    sizes[j] = std::sqrt(values[j * n + j]);
  }
}

bool Gram::eliminate(double smallest) {
  for (std::size_t a = 0; a < count; ++a) {
    const double *row = (*this)[members[a]];
    for (std::size_t b = a; b < count; ++b) factor[a * n + b] = row[members[b]];
  }
  for (std::size_t a = 0; a < count; ++a) {
    double *upper = &factor[a * n];
    const double pivot = upper[a];
    if (!(pivot > smallest * (*this)[members[a]][members[a]])) return false;
    const double inverse = 1 / pivot;
    for (std::size_t b = a + 1; b < count; ++b) {
      const double share = upper[b] * inverse;
      double *__restrict row = &factor[b * n];
      for (std::size_t c = b; c < count; ++c) row[c] -= share * upper[c];
    }
    upper[a] = inverse;
  }
  return true;
}

void Gram::substitute(double *__restrict part) const {
  for (std::size_t a = 0; a < count; ++a) {
    const double *upper = &factor[a * n];
    const double share = part[a] * upper[a];
    for (std::size_t b = a + 1; b < count; ++b) part[b] -= upper[b] * share;
  }
  for (std::size_t a = count; a-- > 0;) {
    const double *upper = &factor[a * n];
    double value = part[a];
    for (std::size_t b = a + 1; b < count; ++b) value -= upper[b] * part[b];
    part[a] = value * upper[a];
  }
}

namespace {

// Fill in the negative gradient at x, from the residual of the matrix itself.
void descend(const Rows &rows, const double *vector, const double *x, std::size_t n,
             Penalty penalty, double *__restrict slope) {
  for (std::size_t j = 0; j < n; ++j) slope[j] = -penalty.ridge * x[j] - penalty.lasso;
  for (std::size_t i = 0; i < rows.count; ++i) {
    const double *row = rows[i];
    double residual = vector[i];
    for (std::size_t j = 0; j < n; ++j) residual -= row[j] * x[j];
    for (std::size_t j = 0; j < n; ++j) slope[j] += row[j] * residual;
  }
}

}  // namespace

bool Pivoting::solve(const Rows &rows, const double *vector, Penalty penalty,
                     double *__restrict x) {
  begin(rows, vector, penalty.lasso);
  if (!answer(x)) return false;
  descend(rows, vector, x, n_, penalty, slope_.data());
  return correct(slope_.data(), x);
}

bool Pivoting::solve_sums(const double *products, double length, Penalty penalty,
                          double *__restrict x) {
  for (std::size_t j = 0; j < n_; ++j) {
    linear_[j] = products[j] - penalty.lasso;
    slack_[j] = ROUNDING * gram.sizes[j] * length;
  }
  return answer(x);
}

bool Pivoting::answer(double *x) {
  if (!pivot()) return false;
  for (std::size_t a = 0; a < gram.count; ++a) x[gram.members[a]] = part_[a];
  return true;
}

void Pivoting::begin(const Rows &rows, const double *vector, double lasso) {
  double *__restrict linear = linear_.data();
  double length = 0.0;
  for (std::size_t j = 0; j < n_; ++j) linear[j] = -lasso;
  for (std::size_t i = 0; i < rows.count; ++i) {
    const double *row = rows[i], value = vector[i];
    length += std::abs(value);
    for (std::size_t j = 0; j < n_; ++j) linear[j] += row[j] * value;
  }
  for (std::size_t j = 0; j < n_; ++j) slack_[j] = ROUNDING * gram.sizes[j] * length;
}

bool Pivoting::correct(double *__restrict slope, double *__restrict x) {
  for (std::size_t a = 0; a < gram.count; ++a) part_[a] = slope[gram.members[a]];
  gram.substitute(part_.data());
  for (std::size_t a = 0; a < gram.count; ++a) {
    const double *row = gram[gram.members[a]], value = part_[a];
    x[gram.members[a]] += value;
    for (std::size_t j = 0; j < n_; ++j) slope[j] -= row[j] * value;
  }
  for (std::size_t j = 0; j < n_; ++j) {
    const double allowed = DISAGREEMENT * slack_[j];
    if (slope[j] > allowed || x[j] * gram[j][j] < -allowed) return false;
    x[j] = x[j] > 0.0 ? x[j] : 0.0;
  }
  return true;
}

// Find the passive set and its solution; false if the Gram matrix is ill-conditioned or there is
// no end.
bool Pivoting::pivot() {
  for (std::size_t j = 0; j < n_; ++j) {  // what the first exchange makes of x = 0
    passive_[j] = linear_[j] > slack_[j];
  }
  std::size_t fewest = n_ + 1;
  int patience = PATIENCE;
  for (std::size_t round = 0; round < 100 + 10 * n_; ++round) {
    if (!try_passive()) return false;
    std::size_t wrong = 0, last = 0;
    for (std::size_t j = 0; j < n_; ++j) {
      if (is_wrong(j)) ++wrong, last = j;
    }
    if (wrong == 0) return true;
    if (wrong < fewest) {
      fewest = wrong, patience = PATIENCE;
    } else {
      --patience;
    }
    if (patience < 0) {
      passive_[last] = !passive_[last];
      continue;
    }
    for (std::size_t j = 0; j < n_; ++j) {
      if (is_wrong(j)) passive_[j] = !passive_[j];
    }
  }
  return false;
}

// Solve for the passive variables and fill in the slopes; false if they are nearly dependent.
bool Pivoting::try_passive() {
  double *__restrict slope = slope_.data();
  gram.count = 0;
  for (std::size_t j = 0; j < n_; ++j) {
    slope[j] = linear_[j];
    if (passive_[j]) {
      part_[gram.count] = linear_[j];
      gram.members[gram.count++] = j;
    }
  }
  if (!gram.eliminate(CONDITION)) return false;
  gram.substitute(part_.data());
  for (std::size_t a = 0; a < gram.count; ++a) {
    const double *row = gram[gram.members[a]], value = part_[a];
    for (std::size_t j = 0; j < n_; ++j) slope[j] -= row[j] * value;
  }
  for (std::size_t a = 0; a < gram.count; ++a) {
    slope[gram.members[a]] = part_[a];  // the value itself must not be negative
  }
  return true;
}

namespace {

using Doubles = Input<double, 2>;
using Integers = Input<std::int64_t, 1>;
using Solutions = nb::ndarray<double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Marks = nb::ndarray<bool, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using MarkRows = nb::ndarray<bool, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

void solve_shared(const Doubles &matrix, const Integers &rows, const Doubles &vectors,
                  double ridge, double lasso, const Solutions &solutions, const Marks &left) {
  const std::size_t n = matrix.shape(1);
  const Rows every{view(matrix), rows.data(), rows.shape(0)};
  Pivoting solver(n);
  solver.gram.accumulate(every, ridge);
  for (std::size_t k = 0; k < vectors.shape(0); ++k) {
    double *x = solutions.data() + k * n;
    left.data()[k] = !solver.solve(every, view(vectors)[k], {ridge, lasso}, x);
  }
}

void solve_rows(const Doubles &matrix, const Integers &starts, const Integers &indices,
                const Input<double, 1> &values, const Input<double, 1> &ridges, double lasso,
                const Solutions &solutions, const Marks &left) {
  const std::size_t n = matrix.shape(1);
  Pivoting solver(n);
  for (std::size_t k = 0; k < solutions.shape(0); ++k) {
    const std::int64_t first = starts.data()[k], last = starts.data()[k + 1];
    const Rows rows{view(matrix), indices.data() + first, std::size_t(last - first)};
    const Penalty penalty{ridges.data()[k], lasso};
    solver.gram.accumulate(rows, penalty.ridge);
    double *x = solutions.data() + k * n;
    left.data()[k] = !solver.solve(rows, values.data() + first, penalty, x);
  }
}

void surely_unique(const Doubles &matrix, const Integers &rows, const Doubles &vectors,
                   const Doubles &solutions, double lasso, const Marks &sure,
                   const MarkRows &tied) {
  const std::size_t n = matrix.shape(1);
  const Rows every{view(matrix), rows.data(), rows.shape(0)};
  Gram gram(n);
  std::vector<double> slope(n);
  gram.accumulate(every, 0.0);
  for (std::size_t k = 0; k < vectors.shape(0); ++k) {
    const double *vector = view(vectors)[k], *x = view(solutions)[k];
    descend(every, vector, x, n, {0.0, lasso}, slope.data());
    double square = 0.0;
    for (std::size_t i = 0; i < vectors.shape(1); ++i) square += vector[i] * vector[i];
    const double length = std::sqrt(square);
    gram.count = 0;
    for (std::size_t j = 0; j < n; ++j) {
      const bool free = x[j] > 0 || slope[j] >= -TIED * gram.sizes[j] * length;
      tied.data()[k * n + j] = free;
      if (free) gram.members[gram.count++] = j;
    }
    sure.data()[k] = gram.eliminate(INDEPENDENT);
  }
}

}  // namespace

void bind_block_pivoting(nb::module_ &module) {
  using namespace nb::literals;
  const auto unlocked = nb::call_guard<nb::gil_scoped_release>();
  module.attr("CONDITION") = CONDITION;
  module.attr("TIED") = TIED;
  module.def("solve_shared", &solve_shared, "matrix"_a, "rows"_a, "vectors"_a, "ridge"_a,
             "lasso"_a, "solutions"_a.noconvert(), "left"_a.noconvert(), unlocked);
  module.def("solve_rows", &solve_rows, "matrix"_a, "starts"_a, "indices"_a, "values"_a,
             "ridges"_a, "lasso"_a, "solutions"_a.noconvert(), "left"_a.noconvert(), unlocked);
  module.def("surely_unique", &surely_unique, "matrix"_a, "rows"_a, "vectors"_a, "solutions"_a,
             "lasso"_a, "sure"_a.noconvert(), "tied"_a.noconvert(), unlocked);
}

}  // namespace amc
