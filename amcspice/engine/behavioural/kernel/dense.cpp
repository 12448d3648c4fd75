#include "engine/behavioural/kernel/dense.hpp"

#include <cmath>
#include <utility>

#include "native/capsules.hpp"

namespace amc {

void invert(double *matrix, int n) {
  std::vector<int> exchanged(n);
  for (int p = 0; p < n; ++p) {
    double *pivot_column = matrix + std::size_t(p) * n;
    int best = p;
    for (int r = p + 1; r < n; ++r)
      if (std::abs(pivot_column[r]) > std::abs(pivot_column[best])) best = r;
    exchanged[p] = best;
    if (best != p)
      for (int j = 0; j < n; ++j)
        std::swap(matrix[std::size_t(j) * n + p], matrix[std::size_t(j) * n + best]);
    const double pivot = 1 / pivot_column[p];
    for (int r = 0; r < n; ++r) pivot_column[r] = r == p ? pivot : -pivot_column[r] * pivot;
    for (int j = 0; j < n; ++j) {
      if (j == p) continue;
      double *column = matrix + std::size_t(j) * n;
      const double value = column[p];
      column[p] = 0;
      for (int r = 0; r < n; ++r) column[r] += value * pivot_column[r];
    }
  }
  for (int p = n - 1; p >= 0; --p)
    if (exchanged[p] != p)
      for (int r = 0; r < n; ++r)
        std::swap(matrix[std::size_t(p) * n + r], matrix[std::size_t(exchanged[p]) * n + r]);
}

namespace {

using Dgeev = void(const char *, const char *, const int *, double *, const int *, double *,
                   double *, double *, const int *, double *, const int *, double *, const int *,
                   int *);
Dgeev *dgeev_of_lapack = nullptr;

}  // namespace

void find_lapack() {
  if (!dgeev_of_lapack) dgeev_of_lapack = offered<Dgeev>("scipy.linalg.cython_lapack", "dgeev");
}

bool eigenvectors(double *matrix, int n, std::complex<double> *values, double *vectors) {
  if (n == 0) return true;
  std::vector<double> real(n), imaginary(n), work(std::size_t(n) * (n + 16) + 64);
  double unused = 0;
  const int one = 1, room = int(work.size());
  int info = 0;
  dgeev_of_lapack("N", "V", &n, matrix, &n, real.data(), imaginary.data(), &unused, &one, vectors,
                  &n, work.data(), &room, &info);
  for (int j = 0; j < n; ++j) values[j] = {real[j], imaginary[j]};
  return info == 0;
}

}  // namespace amc
