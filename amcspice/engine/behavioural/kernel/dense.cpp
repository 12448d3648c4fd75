#include "engine/behavioural/kernel/dense.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/behavioural/kernel/symmetric.hpp"
#include "native/capsules.hpp"

namespace amc {

void invert(double *matrix, int n) {
  int few[64];
  std::vector<int> many(n > 64 ? n : 0);
  int *exchanged = n > 64 ? many.data() : few;
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

// How far a matrix may be from a symmetric one, over its largest element.
constexpr double SYMMETRIC = 1e-13;

// Largest factor over the smallest: with more, rates would be lost in the rounding of others.
constexpr double WIDEST = 1e3;

}  // namespace

// From one state to the next that it acts on.  Of states that have nothing to do with each other the
// vectors would not keep apart what is.
bool symmetrise(const double *matrix, int n, double *factors, Arena &room) {
  const auto at = [=](int i, int j) { return matrix[std::size_t(j) * n + i]; };
  int *waiting = room.take_as<int>(n), count = 0, found = 1;
  std::fill_n(factors, n, 0.0);
  factors[0] = 1, waiting[count++] = 0;
  while (count > 0) {
    const int from = waiting[--count];
    for (int i = 0; i < n; ++i) {
      if (factors[i] != 0 || at(i, from) == 0) continue;
      const double square = at(from, i) / at(i, from);
      if (!(square > 0 && square < HUGE_VAL)) return false;
      factors[i] = factors[from] * std::sqrt(square), waiting[count++] = i, ++found;
    }
  }
  if (found < n) return false;
  double most = 0, off = 0;
  for (int j = 0; j < n; ++j)
    for (int i = 0; i <= j; ++i) {
      const double ratio = factors[i] / factors[j];
      const double upper = at(i, j) * ratio, lower = at(j, i) / ratio;
      most = std::max(most, std::abs(upper)), off = std::max(off, std::abs(upper - lower));
    }
  const auto [least, greatest] = std::minmax_element(factors, factors + n);
  return off <= SYMMETRIC * most && *greatest <= WIDEST * *least;
}

namespace {

using Dgeev = void(const char *, const char *, const int *, double *, const int *, double *,
                   double *, double *, const int *, double *, const int *, double *, const int *,
                   int *);
Dgeev *dgeev_of_lapack = nullptr;

// S^-1 T S with T symmetric.
bool scaled_eigenvectors(const double *matrix, int n, const double *factors,
                         std::complex<double> *values, double *vectors, double *inverse,
                         Arena &room) {
  const int rows = padded(n);
  double *scaled = room.take(std::size_t(n) * rows), *turned = room.take(std::size_t(n) * rows);
  double *found = room.take(n);
  std::fill_n(scaled, std::size_t(n) * rows, 0.0);
  for (int j = 0; j < n; ++j)
    for (int i = 0; i <= j; ++i)
      scaled[std::size_t(j) * rows + i] = scaled[std::size_t(i) * rows + j] =
          matrix[std::size_t(j) * n + i] * factors[i] / factors[j];
  if (!symmetric_eigenvectors(scaled, n, found, turned, room)) return false;
  for (int j = 0; j < n; ++j) {
    values[j] = found[j];
    for (int i = 0; i < n; ++i) {
      const double at = turned[std::size_t(j) * rows + i];
      if (inverse) inverse[std::size_t(i) * n + j] = at * factors[i];
      vectors[std::size_t(j) * n + i] = at / factors[i];
    }
  }
  return true;
}

}  // namespace

void find_lapack() {
  if (!dgeev_of_lapack) dgeev_of_lapack = offered<Dgeev>("scipy.linalg.cython_lapack", "dgeev");
}

bool eigenvectors(double *matrix, int n, std::complex<double> *values, double *vectors,
                  double *inverse, Arena &room) {
  if (n == 0) return true;
  double *factors = room.take(n);
  if (symmetrise(matrix, n, factors, room))
    return scaled_eigenvectors(matrix, n, factors, values, vectors, inverse, room);
  const int size = n * (n + 16) + 64, one = 1;
  double *real = room.take(n), *imaginary = room.take(n), *work = room.take(size), unused = 0;
  int info = 0;
  dgeev_of_lapack("N", "V", &n, matrix, &n, real, imaginary, &unused, &one, vectors, &n, work,
                  &size, &info);
  for (int j = 0; j < n; ++j) values[j] = {real[j], imaginary[j]};
  if (info != 0) return false;
  if (inverse) {
    std::copy_n(vectors, std::size_t(n) * n, inverse);
    invert(inverse, n);
  }
  return true;
}

bool eigenvectors_by_parts(const double *matrix, int n, std::complex<double> *values,
                           double *vectors, double *inverse, Arena &room) {
  using Complex = std::complex<double>;
  const auto at = [=](int i, int j) { return matrix[std::size_t(j) * n + i]; };
  // Those that act first.
  int *place = room.take_as<int>(n), a = 0, passive = 0;
  for (int j = 0; j < n; ++j) {
    bool acts = false;
    for (int i = 0; i < n; ++i) acts = acts || (i != j && at(i, j) != 0);
    place[acts ? a++ : n - ++passive] = j;
  }
  double *part = room.take(std::size_t(a) * a), *found = room.take(std::size_t(a) * a);
  double *back = room.take(std::size_t(a) * a);
  for (int j = 0; j < a; ++j)
    for (int i = 0; i < a; ++i) part[std::size_t(j) * a + i] = at(place[i], place[j]);
  if (!eigenvectors(part, a, values, found, back, room)) return false;
  std::fill_n(vectors, std::size_t(n) * n, 0.0);
  std::fill_n(inverse, std::size_t(n) * n, 0.0);
  for (int j = 0; j < a; ++j)
    for (int i = 0; i < a; ++i) {
      vectors[std::size_t(j) * n + place[i]] = found[std::size_t(j) * a + i];
      inverse[std::size_t(place[i]) * n + j] = back[std::size_t(i) * a + j];
    }
  for (int p = a; p < n; ++p) {
    const int own = place[p];
    const double rate = at(own, own);
    values[p] = rate;
    vectors[std::size_t(p) * n + own] = inverse[std::size_t(own) * n + p] = 1;
    for (int j = 0; j < a; ++j) {
      const bool pair = values[j].imag() != 0;
      const double *real = found + std::size_t(j) * a, *imaginary = real + a;
      Complex driven = 0;
      for (int i = 0; i < a; ++i)
        driven += at(own, place[i]) * Complex(real[i], pair ? imaginary[i] : 0);
      // One as fast as what drives it has no eigenvector of its own, unless nothing reaches it.
      const Complex apart = values[j] - rate;
      if (driven == 0.0) driven = 0;
      else driven = apart == 0.0 ? HUGE_VAL : driven / apart;
      double parts[] = {driven.real(), driven.imag()};
      for (int half = 0; half < (pair ? 2 : 1); ++half) {
        vectors[std::size_t(j + half) * n + own] = parts[half];
        for (int i = 0; i < a; ++i)
          inverse[std::size_t(place[i]) * n + p] -= parts[half] * back[std::size_t(i) * a + j + half];
      }
      if (pair) ++j;
    }
  }
  return true;
}

}  // namespace amc
