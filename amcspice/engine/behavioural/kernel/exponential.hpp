// e^x, e^x - 1, sine and cosine of a block of numbers.
#pragma once

#include "engine/behavioural/kernel/vectors.hpp"

namespace amc {

// Right to a few units in the last place; beyond +-700 as at +-700.
//
// x = n ln 2 + r with |r| <= ln(2)/2, where the series of e^r - 1 is exact to rounding with 13
// terms; ln 2 in two parts keeps r exact.
inline void exponential(Block x, Block &grown, Block &growth) {
  constexpr double SHIFT = 0x1.8p52;  // adding it rounds to an integer, in the lowest bits
  constexpr double LN2_HIGH = 0x1.62e42fee00000p-1, LN2_LOW = 0x1.a39ef35793c76p-33;
  x = smaller(larger(x, every(-700.0)), every(700.0));
  const Block shifted = x * 0x1.71547652b82fep0 + SHIFT;
  const Block n = shifted - SHIFT;
  const Block r = (x - n * LN2_HIGH) - n * LN2_LOW;
  // Terms by pairs, pairs of pairs and so on: one after the other they would wait for themselves.
  const Block r2 = r * r, r4 = r2 * r2, r8 = r4 * r4;
  const auto pair = [r](double low, double high) { return low + r * high; };
  const Block first = pair(1.0 / 2.0, 1.0 / 6.0) + r2 * pair(1.0 / 24.0, 1.0 / 120.0);
  const Block second = pair(1.0 / 720.0, 1.0 / 5040.0) + r2 * pair(1.0 / 40320.0, 1.0 / 362880.0);
  const Block third = pair(1.0 / 3628800.0, 1.0 / 39916800.0) +
                      r2 * pair(1.0 / 479001600.0, 1.0 / 6227020800.0) +
                      r4 * (1.0 / 87178291200.0);
  const Block series = first + r4 * second + r8 * third;
  const Block less = r + r2 * series;
  const Block power = (Block)(((Bits)shifted + 1023) << 52);
  grown = power + power * less;
  growth = power * less + (power - 1.0);
}

// Right to some units in the last place of 1 for |x| below 1e5, and for x that is not large enough
// to matter where it is not: what turns that often has decayed.
//
// x = k pi/2 + r with |r| <= pi/4, where the series are exact to rounding; pi/2 in three parts keeps
// r exact.
inline void turn(Block x, Block &sine, Block &cosine) {
  constexpr double SHIFT = 0x1.8p52;
  constexpr double PART_1 = 0x1.921fb50000000p0, PART_2 = 0x1.110b460000000p-26,
                   PART_3 = 0x1.1a62633145c07p-54;
  const Block shifted = x * 0x1.45f306dc9c883p-1 + SHIFT;
  const Block k = shifted - SHIFT;
  const Block r = ((x - k * PART_1) - k * PART_2) - k * PART_3;
  const Block z = r * r;
  constexpr double ODD[] = {
      -1.0 / 1307674368000.0, 1.0 / 6227020800.0, -1.0 / 39916800.0,
      1.0 / 362880.0,         -1.0 / 5040.0,      1.0 / 120.0,
      -1.0 / 6.0};
  constexpr double EVEN[] = {
      -1.0 / 87178291200.0, 1.0 / 479001600.0, -1.0 / 3628800.0,
      1.0 / 40320.0,        -1.0 / 720.0,      1.0 / 24.0,
      -1.0 / 2.0};
  Block odd{}, even{};
  for (const double term : ODD) odd = odd * z + term;
  for (const double term : EVEN) even = even * z + term;
  const Block s = r + r * z * odd, c = 1.0 + z * even;
  const Bits quarter = (Bits)shifted & 3;
  const Bits swapped = -(quarter & 1);  // all bits where sine and cosine change places
  sine = swapped != 0 ? c : s;
  cosine = swapped != 0 ? s : c;
  sine = (quarter & 2) != 0 ? -sine : sine;
  cosine = ((quarter + 1) & 2) != 0 ? -cosine : cosine;
}

}  // namespace amc
