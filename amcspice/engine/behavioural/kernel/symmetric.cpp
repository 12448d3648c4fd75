#include "engine/behavioural/kernel/symmetric.hpp"

#include <cmath>
#include <limits>
#include <utility>

namespace amc {

namespace {

// Steps for each eigenvalue, which is found in about two.
constexpr int MOST_STEPS = 30;

// Columns of equal length that stand one after the other.
struct Columns {
  double *at;
  int rows;
  double *operator[](int j) const { return at + std::size_t(j) * rows; }
};

// out = A v
void multiply(Columns a, int n, const double *v, double *out) {
  clear(out, a.rows);
  add_columns(a.at, a.rows, a.rows, nullptr, n, v, out);
}

void add_times(double times, const double *v, int rows, double *to) {
  for (int b = 0; b < rows / LANES; ++b) blocks(to)[b] += times * blocks(v)[b];
}

// A becomes Q' A Q with three diagonals; return them, and Q.
void reduce(Columns a, int n, double *diagonal, double *beside, Columns q, Arena &room) {
  double *v = room.take(a.rows), *w = room.take(a.rows);
  for (int j = 0; j < n; ++j) clear(q[j], q.rows), q[j][j] = 1;
  for (int k = 0; k + 2 < n; ++k) {
    diagonal[k] = a[k][k];
    copy(a[k], a.rows, v);
    for (int i = 0; i <= k; ++i) v[i] = 0;
    const double square = dot(v, v, a.rows), length = std::sqrt(square), first = v[k + 1];
    beside[k] = first > 0 ? -length : length;
    v[k + 1] -= beside[k];
    const double half = square - first * beside[k];  // of v'v
    if (!(half > 0)) continue;
    // A - v w' - w v' with w = A v / half, less what of it is along v.
    multiply(a, n, v, w);
    const double along = dot(v, w, a.rows) / (2 * half * half);
    for (int b = 0; b < a.rows / LANES; ++b)
      blocks(w)[b] = blocks(w)[b] / half - along * blocks(v)[b];
    for (int j = k + 1; j < n; ++j) {
      add_times(-w[j], v, a.rows, a[j]);
      add_times(-v[j], w, a.rows, a[j]);
    }
    multiply(q, n, v, w);
    for (int j = k + 1; j < n; ++j) add_times(-v[j] / half, w, q.rows, q[j]);
  }
  for (int k = std::max(n - 2, 0); k < n; ++k) diagonal[k] = a[k][k];
  if (n > 1) beside[n - 2] = a[n - 2][n - 1];
}

// One step from the first to the last of some rows that are not coupled to others.
void step(int first, int last, double *diagonal, double *beside, Columns q) {
  const double off = beside[last - 1], apart = (diagonal[last - 1] - diagonal[last]) / 2;
  const double size = std::abs(apart) + std::sqrt(apart * apart + off * off);
  const double shift = diagonal[last] - (apart < 0 ? -1 : 1) * off * off / size;
  double x = diagonal[first] - shift, z = beside[first];
  for (int k = first; k < last; ++k) {
    const double length = std::sqrt(x * x + z * z), per = length > 0 ? 1 / length : 0;
    const double c = length > 0 ? x * per : 1, s = z * per;
    if (k > first) beside[k - 1] = length;
    const double a = diagonal[k], b = diagonal[k + 1], f = beside[k], turned = 2 * c * s * f;
    diagonal[k] = c * c * a + turned + s * s * b;
    diagonal[k + 1] = s * s * a - turned + c * c * b;
    beside[k] = c * s * (b - a) + (c * c - s * s) * f;
    x = beside[k];
    if (k + 1 < last) z = s * beside[k + 1], beside[k + 1] *= c;
    Block *one = blocks(q[k]), *next = blocks(q[k + 1]);
    for (int i = 0; i < q.rows / LANES; ++i) {
      const Block before = one[i];
      one[i] = c * before + s * next[i];
      next[i] = c * next[i] - s * before;
    }
  }
}

}  // namespace

bool symmetric_eigenvectors(double *matrix, int n, double *values, double *vectors, Arena &room) {
  const Columns a{matrix, padded(n)}, q{vectors, padded(n)};
  double *beside = room.take(n);
  // Squares are formed.
  const double most = largest_magnitude(matrix, n * a.rows);
  if (!(most < INFINITE)) return false;
  const double unit = most > 0 ? most : 1;
  for (int b = 0; b < n * a.rows / LANES; ++b) blocks(matrix)[b] /= unit;
  reduce(a, n, values, beside, q, room);
  const auto uncoupled = [&](int k) {
    const double sizes = std::abs(values[k]) + std::abs(values[k + 1]);
    return std::abs(beside[k]) <= std::numeric_limits<double>::epsilon() * sizes;
  };
  int steps = 0;
  for (int last = n - 1; last > 0;) {
    if (uncoupled(last - 1)) {
      --last;
      continue;
    }
    if (++steps > MOST_STEPS * n) return false;
    int first = last - 1;
    while (first > 0 && !uncoupled(first - 1)) --first;
    step(first, last, values, beside, q);
  }
  for (int j = 0; j < n; ++j) values[j] *= unit;
  return true;
}

}  // namespace amc
