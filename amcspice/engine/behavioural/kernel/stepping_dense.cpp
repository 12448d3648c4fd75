#include "engine/behavioural/kernel/stepping_dense.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "native/capsules.hpp"

namespace amc::stepping {

namespace {

// Up to this size plain loops are faster than calls of BLAS and LAPACK.
constexpr std::size_t SMALL = 24;

using Gemm = void(const char *, const char *, const int *, const int *, const int *, const double *,
                  const double *, const int *, const double *, const int *, const double *,
                  double *, const int *);
using Getrf = void(const int *, const int *, double *, const int *, int *, int *);
using Getri = void(const int *, double *, const int *, const int *, double *, const int *, int *);

Gemm *gemm = nullptr;
Getrf *getrf = nullptr;
Getri *getri = nullptr;

}  // namespace

void load_lapack() {
  if (getri) return;
  gemm = offered<Gemm>("scipy.linalg.cython_blas", "dgemm");
  getrf = offered<Getrf>("scipy.linalg.cython_lapack", "dgetrf");
  getri = offered<Getri>("scipy.linalg.cython_lapack", "dgetri");
}

// Along rows, four at a time: that vectorises without reordering sums.
void add(Matrix transposed, const double *vector, double *__restrict out) {
  const std::size_t n = transposed.columns, rows = transposed.rows;
  std::size_t j = 0;
  for (; j + 4 <= rows; j += 4) {
    const double *a = transposed[j], *b = a + n, *c = b + n, *d = c + n;
    const double va = vector[j], vb = vector[j + 1], vc = vector[j + 2], vd = vector[j + 3];
    for (std::size_t i = 0; i < n; ++i) {
      out[i] = (((out[i] + a[i] * va) + b[i] * vb) + c[i] * vc) + d[i] * vd;
    }
  }
  for (; j < rows; ++j) {
    const double *a = transposed[j], value = vector[j];
    for (std::size_t i = 0; i < n; ++i) out[i] += a[i] * value;
  }
}

void accumulate(Matrix a, Matrix b, Dense &out) {
  if (a.rows <= SMALL || a.columns == 0) {
    for (std::size_t i = 0; i < a.rows; ++i) add(b, a[i], out[i]);
    return;
  }
  // BLAS orders by columns: it sees all three transposed.
  const int rows = int(a.rows), inner = int(a.columns), columns = int(b.columns);
  const double one = 1.0;
  gemm("N", "N", &columns, &rows, &inner, &one, b.data, &columns, a.data, &inner, &one, out[0],
       &columns);
}

// In eight sums, which vectorises.
double dot(const double *a, const double *b, std::size_t n) {
  double sums[8] = {}, rest = 0.0;
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (std::size_t lane = 0; lane < 8; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  }
  for (; i < n; ++i) rest += a[i] * b[i];
  for (std::size_t lane = 0; lane < 8; ++lane) rest += sums[lane];
  return rest;
}

double largest(const double *values, std::size_t n) {
  double lanes[8] = {}, result = 0.0;
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (std::size_t lane = 0; lane < 8; ++lane) {
      const double size = std::abs(values[i + lane]);
      lanes[lane] = lanes[lane] < size ? size : lanes[lane];
    }
  }
  for (; i < n; ++i) result = std::max(result, std::abs(values[i]));
  for (const double lane : lanes) result = std::max(result, lane);
  return result;
}

Dense inverse(Dense matrix) {
  if (matrix.rows <= SMALL) return eliminate(std::move(matrix));
  const int n = int(matrix.rows), room = 64 * n;
  int info = 0;
  std::vector<int> pivots(matrix.rows);
  Vector work(room);
  getrf(&n, &n, matrix[0], &n, pivots.data(), &info);
  if (info == 0) getri(&n, matrix[0], &n, pivots.data(), work.data(), &room, &info);
  if (info != 0) std::ranges::fill(matrix.values, std::numeric_limits<double>::quiet_NaN());
  return matrix;
}

Dense eliminate(Dense left) {
  const std::size_t n = left.rows;
  Dense right(n, n);
  for (std::size_t p = 0; p < n; ++p) right[p][p] = 1.0;
  for (std::size_t p = 0; p < n; ++p) {
    std::size_t best = p;
    for (std::size_t r = p + 1; r < n; ++r) {
      if (std::abs(left[r][p]) > std::abs(left[best][p])) best = r;
    }
    if (best != p) {
      std::swap_ranges(left[p], left[p] + n, left[best]);
      std::swap_ranges(right[p], right[p] + n, right[best]);
    }
    const double pivot = 1 / left[p][p];
    for (std::size_t j = 0; j < n; ++j) {
      left[p][j] *= pivot;
      right[p][j] *= pivot;
    }
    for (std::size_t r = 0; r < n; ++r) {
      const double factor = left[r][p];
      if (r == p || factor == 0.0) continue;
      const double *from = left[p], *from_right = right[p];
      double *to = left[r], *to_right = right[r];
      for (std::size_t j = 0; j < n; ++j) to[j] -= factor * from[j];
      for (std::size_t j = 0; j < n; ++j) to_right[j] -= factor * from_right[j];
    }
  }
  return right;
}

}  // namespace amc::stepping
