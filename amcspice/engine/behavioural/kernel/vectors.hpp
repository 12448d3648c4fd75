// As many numbers at once as the processor takes, and rooms for them.
//
// Rows are padded to whole blocks, columns stand one after the other: a product is a sum of columns,
// which needs no reordering of sums.  A block is one register of the level that is compiled for:
// longer ones are taken apart number by number where masks are involved.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <stdexcept>
#include <utility>
#include <vector>

#include "native/registers.hpp"

#if defined(__AVX__)
#include <immintrin.h>
#endif

namespace amc {

inline constexpr double INFINITE = std::numeric_limits<double>::infinity();

using Block = double __attribute__((vector_size(8 * LANES), may_alias));
using Bits = long long __attribute__((vector_size(8 * LANES)));

inline int padded(int rows) { return (rows + LANES - 1) / LANES * LANES; }

inline const Block *blocks(const double *at) { return reinterpret_cast<const Block *>(at); }
inline Block *blocks(double *at) { return reinterpret_cast<Block *>(at); }

inline Block every(double value) { return Block{} + value; }
// As of two numbers: the second one where either is none.  Compilers make two instructions of it.
#if defined(__AVX512F__) && !defined(__clang__)
inline Block larger(Block a, Block b) { return __builtin_ia32_maxpd512_mask(a, b, a, 255, 4); }
inline Block smaller(Block a, Block b) { return __builtin_ia32_minpd512_mask(a, b, a, 255, 4); }
#else
inline Block larger(Block a, Block b) { return a > b ? a : b; }
inline Block smaller(Block a, Block b) { return a < b ? a : b; }
#endif
inline double larger(double a, double b) { return a > b ? a : b; }
inline double smaller(double a, double b) { return a < b ? a : b; }
inline Block magnitude(Block a) { return (Block)((Bits)a & std::numeric_limits<long long>::max()); }

// The lanes by which those of a block are met: half of them apart, then a quarter, and so on.
#if defined(__AVX512F__)
inline Block halves(Block a) { return __builtin_shufflevector(a, a, 4, 5, 6, 7, 0, 1, 2, 3); }
inline Block quarters(Block a) { return __builtin_shufflevector(a, a, 2, 3, 0, 1, 6, 7, 4, 5); }
inline Block neighbours(Block a) { return __builtin_shufflevector(a, a, 1, 0, 3, 2, 5, 4, 7, 6); }
#elif defined(__AVX__)
inline Block quarters(Block a) { return __builtin_shufflevector(a, a, 2, 3, 0, 1); }
inline Block neighbours(Block a) { return __builtin_shufflevector(a, a, 1, 0, 3, 2); }
#else
inline Block neighbours(Block a) { return __builtin_shufflevector(a, a, 1, 0); }
#endif

template <class Join>
inline double joined(Block a, Join join) {
#if defined(__AVX512F__)
  a = join(a, halves(a));
#endif
#if defined(__AVX__)
  a = join(a, quarters(a));
#endif
  return join(a, neighbours(a))[0];
}

inline double largest(Block a) {
  return joined(a, [](Block x, Block y) { return larger(x, y); });
}
inline double sum_of(Block a) {
  return joined(a, [](Block x, Block y) { return x + y; });
}

// Lanes as bits.
template <class Mask>
inline unsigned lanes_of(Mask mask) {
#if defined(__AVX512DQ__)
  return _mm512_movepi64_mask((__m512i)mask);
#elif defined(__AVX__)
  return unsigned(_mm256_movemask_pd((__m256d)mask));
#endif
  unsigned lanes = 0;
  for (int lane = 0; lane < LANES; ++lane) lanes |= mask[lane] ? 1u << lane : 0u;
  return lanes;
}

// The lanes, as bits, in which one number is below another one, or at most as large.
inline constexpr unsigned ALL_LANES = (1u << LANES) - 1;
#if defined(__AVX512F__) && !defined(__clang__)
inline unsigned lanes_below(Block a, Block b) {
  return __builtin_ia32_cmppd512_mask(a, b, _CMP_LT_OQ, 255, 4);
}
inline unsigned lanes_at_most(Block a, Block b) {
  return __builtin_ia32_cmppd512_mask(a, b, _CMP_LE_OQ, 255, 4);
}
#else
inline unsigned lanes_below(Block a, Block b) { return lanes_of(a < b); }
inline unsigned lanes_at_most(Block a, Block b) { return lanes_of(a <= b); }
#endif

// Whole blocks, which are few: no call is worth it.
inline void copy(const double *from, int rows, double *to) {
  for (int b = 0; b < rows / LANES; ++b) blocks(to)[b] = blocks(from)[b];
}
inline void clear(double *rows, int count) {
  for (int b = 0; b < count / LANES; ++b) blocks(rows)[b] = Block{};
}

// Memory in whole blocks.
template <class T>
struct Aligned {
  using value_type = T;
  Aligned() = default;
  template <class U>
  explicit Aligned(const Aligned<U> &) {}
  T *allocate(std::size_t count) {
    const std::size_t bytes = (count * sizeof(T) + 63) / 64 * 64;
    void *room = std::aligned_alloc(64, bytes ? bytes : 64);
    if (!room) throw std::bad_alloc();
    return static_cast<T *>(room);
  }
  void deallocate(T *room, std::size_t) { std::free(room); }
  bool operator==(const Aligned &) const { return true; }
};

using Numbers = std::vector<double, Aligned<double>>;

// Room that is given back all at once.
class Arena {
 public:
  // Numbers are not initialised; count is rounded up to whole blocks.
  [[gnu::always_inline]] double *take(std::size_t count) {
    count = (count + LANES - 1) / LANES * LANES;
    if (count > room_ - used_) make_room(count);
    return at_ + std::exchange(used_, used_ + count);
  }
  // The same for some other kind of plain numbers.
  template <class T>
  T *take_as(std::size_t count) {
    return reinterpret_cast<T *>(take((count * sizeof(T) + sizeof(double) - 1) / sizeof(double)));
  }
  struct Mark {
    std::size_t chunk, used;
  };
  Mark mark() const { return {chunk_, used_}; }
  void release(Mark mark) {
    if (mark.chunk != chunk_) open(mark.chunk);
    used_ = mark.used;
  }

 private:
  // A way of more steps than fit into 2 GB is one of time constants that lie too far apart.
  static constexpr std::size_t CHUNK = 1 << 15, MOST = std::size_t(1) << 28;

  void open(std::size_t chunk) {
    chunk_ = chunk, used_ = 0;
    at_ = chunks_[chunk].data(), room_ = chunks_[chunk].size();
  }
  [[gnu::noinline]] void make_room(std::size_t count) {
    std::size_t next = chunks_.empty() ? 0 : chunk_ + 1;
    while (next < chunks_.size() && count > chunks_[next].size()) ++next;
    if (next == chunks_.size()) {
      if ((next + 1) * CHUNK > MOST || count > MOST) throw std::overflow_error("too many steps");
      chunks_.emplace_back(count > CHUNK ? count : CHUNK);
    }
    open(next);
  }

  std::vector<Numbers> chunks_;
  double *at_ = nullptr;  // the chunk in use, its size, and how much of it is
  std::size_t chunk_ = 0, room_ = 0, used_ = 0;
};

// Add some columns, each times a number, to a vector of COUNT blocks.
template <int COUNT>
inline void add_columns_to(Block (&sum)[COUNT], const double *columns, std::size_t stride,
                           const int *numbers, int count, const double *times) {
  // Two sums: one alone would wait for itself.
  Block odd[COUNT] = {};
  const auto column = [&](int j) { return blocks(columns + (numbers ? numbers[j] : j) * stride); };
  const auto factor = [&](int j) { return times[numbers ? numbers[j] : j]; };
  int j = 0;
  for (; j + 1 < count; j += 2) {
    const Block *first = column(j), *second = column(j + 1);
    for (int b = 0; b < COUNT; ++b) sum[b] += first[b] * factor(j);
    for (int b = 0; b < COUNT; ++b) odd[b] += second[b] * factor(j + 1);
  }
  for (int b = 0; j < count && b < COUNT; ++b) sum[b] += column(j)[b] * factor(j);
  for (int b = 0; b < COUNT; ++b) sum[b] += odd[b];
}

template <int COUNT>
inline void add_columns_of(const double *columns, std::size_t stride, const int *numbers,
                           int count, const double *times, double *out) {
  Block sum[COUNT];
  for (int b = 0; b < COUNT; ++b) sum[b] = blocks(out)[b];
  add_columns_to<COUNT>(sum, columns, stride, numbers, count, times);
  for (int b = 0; b < COUNT; ++b) blocks(out)[b] = sum[b];
}

// `numbers` are those of the columns and of their factors; null takes the first `count`.
inline void add_columns(const double *columns, std::size_t stride, int rows, const int *numbers,
                        int count, const double *times, double *out) {
  int left = rows / LANES;
  while (left > 0) {
    switch (left) {
      case 1: add_columns_of<1>(columns, stride, numbers, count, times, out); return;
      case 2: add_columns_of<2>(columns, stride, numbers, count, times, out); return;
      case 3: add_columns_of<3>(columns, stride, numbers, count, times, out); return;
      case 4: add_columns_of<4>(columns, stride, numbers, count, times, out); return;
      case 5: add_columns_of<5>(columns, stride, numbers, count, times, out); return;
      default: add_columns_of<6>(columns, stride, numbers, count, times, out);
    }
    columns += 6 * LANES;
    out += 6 * LANES;
    left -= 6;
  }
}

inline double dot(const double *a, const double *b, int rows) {
  Block sum{};
  for (int i = 0; i < rows / LANES; ++i) sum += blocks(a)[i] * blocks(b)[i];
  return sum_of(sum);
}

inline double largest_magnitude(const double *a, int rows) {
  Block most{};
  for (int i = 0; i < rows / LANES; ++i) most = larger(most, magnitude(blocks(a)[i]));
  return largest(most);
}

}  // namespace amc
