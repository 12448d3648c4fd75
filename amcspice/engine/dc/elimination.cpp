#include "engine/dc/elimination.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace amc {
namespace {

// Columns that are eliminated together.
constexpr std::size_t BLOCK = 24;

// As many numbers as the processor works on at once.
#if defined(__AVX512F__)
constexpr std::size_t LANES = 8;
#elif defined(__AVX__)
constexpr std::size_t LANES = 4;
#else
constexpr std::size_t LANES = 2;
#endif
typedef double Lanes __attribute__((vector_size(LANES * sizeof(double))));

Lanes load(const double *from) {
  Lanes values;
  std::memcpy(&values, from, sizeof values);
  return values;
}

// A tile of the product whose sums stay in registers: 4 rows of 3 vectors are 12 of at least 16.
constexpr std::size_t TILE_ROWS = 4, TILE_LANES = 3, TILE_COLUMNS = TILE_LANES * LANES;

// Subtract the product of some rows of L, `depth` long, and a strip of U from as many rows.
template <std::size_t ROWS>
void subtract_tile(const double *left, const double *strip, double *target, std::size_t width,
                   std::size_t depth) {
  Lanes sums[ROWS][TILE_LANES] = {};
  for (std::size_t p = 0; p < depth; ++p) {
    for (std::size_t v = 0; v < TILE_LANES; ++v) {
      const Lanes top = load(strip + p * TILE_COLUMNS + v * LANES);
      for (std::size_t r = 0; r < ROWS; ++r) sums[r][v] += left[r * width + p] * top;
    }
  }
  for (std::size_t r = 0; r < ROWS; ++r) {
    for (std::size_t v = 0; v < TILE_LANES; ++v) {
      double *at = target + r * width + v * LANES;
      const Lanes less = load(at) - sums[r][v];
      std::memcpy(at, &less, sizeof less);
    }
  }
}

}  // namespace

// Rows are longer than needed, so that a tile may reach beyond the last column.
Elimination::Elimination(std::size_t k)
    : width_(k + 1 + TILE_COLUMNS), system_(k * width_), strip_(BLOCK * TILE_COLUMNS) {}

void Elimination::solve(std::size_t m) {
  for (std::size_t first = 0; first < m; first += BLOCK) {
    const std::size_t last = std::min(first + BLOCK, m);
    factor_columns(first, last, last == m ? m + 1 : last, m);
    if (last == m) break;
    solve_rows(first, last, m);
    subtract_product(first, last, m);
  }
  substitute(m);
}

// Factor columns `first` to `last`, and carry those up to `end` along.
void Elimination::factor_columns(std::size_t first, std::size_t last, std::size_t end,
                                 std::size_t m) {
  for (std::size_t p = first; p < last; ++p) {
    std::size_t best = p;
    for (std::size_t r = p + 1; r < m; ++r) {
      if (std::abs((*this)[r][p]) > std::abs((*this)[best][p])) best = r;
    }
    double *__restrict top = (*this)[p];
    if (best != p) std::swap_ranges(top + first, top + m + 1, (*this)[best] + first);
    const double inverse = 1 / top[p];
    for (std::size_t r = p + 1; r < m; ++r) {
      double *__restrict row = (*this)[r];
      const double factor = row[p] *= inverse;
      for (std::size_t j = p + 1; j < end; ++j) row[j] -= factor * top[j];
    }
  }
}

// Take the factored columns out of their own rows, in the columns after them.
void Elimination::solve_rows(std::size_t first, std::size_t last, std::size_t m) {
  for (std::size_t p = first; p < last; ++p) {
    const double *top = (*this)[p];
    for (std::size_t r = p + 1; r < last; ++r) {
      double *__restrict row = (*this)[r];
      const double factor = row[p];
      for (std::size_t j = last; j <= m; ++j) row[j] -= factor * top[j];
    }
  }
}

// Take the factored columns out of the rows after them.
void Elimination::subtract_product(std::size_t first, std::size_t last, std::size_t m) {
  const std::size_t depth = last - first;
  for (std::size_t j = last; j <= m; j += TILE_COLUMNS) {
    for (std::size_t p = 0; p < depth; ++p) {
      std::copy_n((*this)[first + p] + j, TILE_COLUMNS, &strip_[p * TILE_COLUMNS]);
    }
    std::size_t r = last;
    for (; r + TILE_ROWS <= m; r += TILE_ROWS) {
      subtract_tile<TILE_ROWS>((*this)[r] + first, strip_.data(), (*this)[r] + j, width_, depth);
    }
    for (; r < m; ++r) {
      subtract_tile<1>((*this)[r] + first, strip_.data(), (*this)[r] + j, width_, depth);
    }
  }
}

void Elimination::substitute(std::size_t m) {
  for (std::size_t p = m; p-- > 0;) {
    const double *row = (*this)[p];
    double total = row[m];
    for (std::size_t j = p + 1; j < m; ++j) total -= row[j] * (*this)[j][m];
    (*this)[p][m] = total / row[p];
  }
}

}  // namespace amc
