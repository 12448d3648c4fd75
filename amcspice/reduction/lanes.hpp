// Vectors side by side at the crossing points of a crossbar.
#pragma once

#include <cstddef>
#include <type_traits>

#include "native/registers.hpp"

namespace amc {

// K numbers, wherever they begin.
template <int K>
struct Vectors;
template <>
struct Vectors<1> {
  using Type = double;
};
template <>
struct Vectors<2> {
  using Type = double __attribute__((vector_size(16), aligned(8), may_alias));
};
template <>
struct Vectors<4> {
  using Type = double __attribute__((vector_size(32), aligned(8), may_alias));
};
template <>
struct Vectors<8> {
  using Type = double __attribute__((vector_size(64), aligned(8), may_alias));
};
template <int K>
using Lanes = typename Vectors<K>::Type;
using Wide = Lanes<LANES>;

template <int K>
Lanes<K> *lanes(double *at) {
  return reinterpret_cast<Lanes<K> *>(at);
}
template <int K>
const Lanes<K> *lanes(const double *at) {
  return reinterpret_cast<const Lanes<K> *>(at);
}

// A number for each of P points, for all K vectors at each.
template <int K, int P>
Lanes<K * P> spread(const double *at) {
  if constexpr (K == 1) {
    return *lanes<P>(at);
  } else if constexpr (P == 1) {
    return Lanes<K>{} + *at;
  } else if constexpr (P == 2) {
    const Lanes<2 * K> a = Lanes<2 * K>{} + at[0], b = Lanes<2 * K>{} + at[1];
    if constexpr (K == 2) return __builtin_shufflevector(a, b, 0, 1, 6, 7);
    if constexpr (K == 4) return __builtin_shufflevector(a, b, 0, 1, 2, 3, 12, 13, 14, 15);
  } else {
    const Lanes<4> four = *lanes<4>(at);
    return __builtin_shufflevector(four, four, 0, 0, 1, 1, 2, 2, 3, 3);
  }
}

// K numbers, again and again.
template <int K>
Wide repeated(const double *at) {
  double all[LANES];
  for (int l = 0; l < LANES; ++l) all[l] = at[l % K];
  return *lanes<LANES>(all);
}

// The first L of all numbers.
template <int L>
Lanes<L> leading(const Wide &all) {
  return *lanes<L>(reinterpret_cast<const double *>(&all));
}

// Some points of a row, as many at once as there are lanes for, then one by one.
template <int K, class Body>
void over_points(std::size_t first, std::size_t end, Body body) {
  constexpr int points = LANES / K;
  std::size_t j = first;
  for (; j + points <= end; j += points) body(j, std::integral_constant<int, points>());
  if constexpr (points > 1) {
    for (; j < end; ++j) body(j, std::integral_constant<int, 1>());
  }
}

// Add to the sums of K vectors those of products; in partial sums, one a lane.
template <int K>
void add_dot(const double *a, const double *b, std::size_t count, double *sums) {
  Wide partial[2] = {};
  std::size_t at = 0;
  for (; at + 2 * LANES <= count; at += 2 * LANES) {
    for (std::size_t s = 0; s < 2; ++s) {
      partial[s] += *lanes<LANES>(a + at + s * LANES) * *lanes<LANES>(b + at + s * LANES);
    }
  }
  const Wide both = partial[0] + partial[1];
  for (std::size_t l = 0; l < LANES; ++l) sums[l % K] += both[l];
  for (; at < count; ++at) sums[at % K] += a[at] * b[at];
}

}  // namespace amc
