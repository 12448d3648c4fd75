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

bool eigenvectors_by_parts(const double *matrix, int n, std::complex<double> *values,
                           double *vectors) {
  std::vector<int> acting, passive;
  for (int j = 0; j < n; ++j) {
    bool acts = false;
    for (int i = 0; i < n; ++i) acts = acts || (i != j && matrix[std::size_t(j) * n + i] != 0);
    (acts ? acting : passive).push_back(j);
  }
  const int a = int(acting.size());
  std::vector<double> part(std::size_t(a) * a), found(std::size_t(a) * a);
  for (int j = 0; j < a; ++j)
    for (int i = 0; i < a; ++i)
      part[std::size_t(j) * a + i] = matrix[std::size_t(acting[j]) * n + acting[i]];
  if (!eigenvectors(part.data(), a, values, found.data())) return false;
  std::fill_n(vectors, std::size_t(n) * n, 0.0);
  std::vector<std::complex<double>> driven(passive.size());
  for (int j = 0; j < a; ++j) {
    const bool pair = values[j].imag() != 0;
    const double *real = found.data() + std::size_t(j) * a, *imaginary = real + a;
    double *out = vectors + std::size_t(j) * n, *out_imaginary = out + n;
    std::fill(driven.begin(), driven.end(), 0.0);
    for (int i = 0; i < a; ++i) {
      const std::complex<double> v(real[i], pair ? imaginary[i] : 0);
      out[acting[i]] = v.real();
      if (pair) out_imaginary[acting[i]] = v.imag();
      const double *column = matrix + std::size_t(acting[i]) * n;
      for (std::size_t p = 0; p < passive.size(); ++p) driven[p] += column[passive[p]] * v;
    }
    for (std::size_t p = 0; p < passive.size(); ++p) {
      const int i = passive[p];
      // One as fast as what drives it has no eigenvector of its own, unless nothing reaches it.
      const std::complex<double> apart = values[j] - matrix[std::size_t(i) * n + i];
      std::complex<double> w = 0;
      if (driven[p] != 0.0) w = apart == 0.0 ? HUGE_VAL : driven[p] / apart;
      out[i] = w.real();
      if (pair) out_imaginary[i] = w.imag();
    }
    if (pair) ++j;
  }
  for (std::size_t p = 0; p < passive.size(); ++p) {
    const int i = passive[p];
    values[a + p] = matrix[std::size_t(i) * n + i];
    vectors[(a + p) * n + i] = 1;
  }
  return true;
}

}  // namespace amc
