// e^x and e^x - 1 of eight numbers.
#pragma once

#include "engine/behavioural/kernel/vectors.hpp"

namespace amc {

// Right to a few units in the last place; beyond +-700 as at +-700.
//
// x = n ln 2 + r with |r| <= ln(2)/2, where the series of e^r - 1 is exact to rounding with 13
// terms; ln 2 in two parts keeps r exact.
inline void exponential(Block x, Block &grown, Block &growth) {
  using Bits = long long __attribute__((vector_size(64)));
  constexpr double SHIFT = 0x1.8p52;  // adding it rounds to an integer, in the lowest bits
  constexpr double LN2_HIGH = 0x1.62e42fee00000p-1, LN2_LOW = 0x1.a39ef35793c76p-33;
  x = smaller(larger(x, every(-700.0)), every(700.0));
  const Block shifted = x * 0x1.71547652b82fep0 + SHIFT;
  const Block n = shifted - SHIFT;
  const Block r = (x - n * LN2_HIGH) - n * LN2_LOW;
  constexpr double TERMS[] = {
      1.0 / 6227020800.0, 1.0 / 479001600.0, 1.0 / 39916800.0,
      1.0 / 3628800.0, 1.0 / 362880.0, 1.0 / 40320.0,
      1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0,
      1.0 / 24.0, 1.0 / 6.0, 1.0 / 2.0};
  Block series = every(1.0 / 87178291200.0);
  for (const double term : TERMS) series = term + r * series;
  const Block less = r + r * r * series;
  const Block power = (Block)(((Bits)shifted + 1023) << 52);
  grown = power + power * less;
  growth = power * less + (power - 1.0);
}

}  // namespace amc
