// Rows at a time, and what is between two of them.
//
// Every row is a convex part plus a concave part plus a smooth one.  (e^(rate t) - 1) / rate,
// which a real mode gives, is convex where the rate is positive and concave where it is negative,
// the other way round with a negative factor.  Between two times a convex part is above its
// tangents and below its chord, a concave one the other way round.  A smooth part, which series
// and oscillating modes give, is the cubic that has its values and slopes at both ends, and what
// is left is at most length^4 / 384 times its largest fourth derivative; the cubic is within the
// control points of Bernstein's form.  All that bounds a row from both sides, so that no crossing
// is missed however long a step is.
#pragma once

#include "engine/behavioural/kernel/vectors.hpp"

namespace amc {

// One row, or a block of them.
struct Single {
  using Number = double;
  static double every(double value) { return value; }
};
struct Many {
  using Number = Block;
  static Block every(double value) { return amc::every(value); }
};

template <class Rows>
struct Look {
  using Number = typename Rows::Number;
  double time;
  Number value, slope;
  Number bend;                  // bound of the smooth part's fourth derivative
  Number smooth, smooth_slope;  // the smooth part; series have no other
  Number convex, convex_slope, concave, concave_slope;
  Number reach;                 // bound of the oscillating part's amplitude from here on
};

template <class Rows>
struct Extremes {
  typename Rows::Number lowest, highest;
};

// Of the way from an earlier look to a later one.  `parts`: there are real modes; `turns`: there
// is a smooth part.
template <class Rows>
inline Extremes<Rows> between(const Look<Rows> &a, const Look<Rows> &b, bool parts, bool turns) {
  using Number = typename Rows::Number;
  const double time = b.time - a.time;
  const Number length = Rows::every(time), zero = Rows::every(0), one = Rows::every(1);
  const Number per_length = Rows::every(time > 0 ? 1 / time : 0);
  // Where the tangents at both ends meet, as a fraction of the length.
  const auto meeting = [&](Number start, Number end, Number first, Number last) {
    const Number at = (end - start - last * length) / (first - last) * per_length;
    const Number inside = at > zero ? at : zero;
    return inside < one ? inside : one;
  };
  Extremes<Rows> made{smaller(a.value, b.value), larger(a.value, b.value)};
  if (parts) {
    const Number s = meeting(a.convex, b.convex, a.convex_slope, b.convex_slope);
    const Number level_a = a.value - a.convex, level_b = b.value - b.convex;
    made.lowest = smaller(made.lowest, a.convex + a.convex_slope * (s * length) + level_a +
                                           (level_b - level_a) * s);
    const Number r = meeting(a.concave, b.concave, a.concave_slope, b.concave_slope);
    const Number rest_a = a.value - a.concave, rest_b = b.value - b.concave;
    made.highest = larger(made.highest, a.concave + a.concave_slope * (r * length) + rest_a +
                                            (rest_b - rest_a) * r);
  }
  if (turns) {
    // Control points of the smooth part, less its chord.
    const Number third = Rows::every(1.0 / 3);
    const Number rise = b.smooth - a.smooth;
    const Number first = (a.smooth_slope * length - rise) * third;
    const Number second = (rise - b.smooth_slope * length) * third;
    const Number left = larger(a.bend, b.bend) * Rows::every(time * time * time * time / 384);
    made.lowest += smaller(smaller(first, second), zero) - left;
    made.highest += larger(larger(first, second), zero) + left;
  }
  return made;
}

// Of the way from a look on, for modes that all decay; `rest` is the look at infinity.
template <class Rows>
inline Extremes<Rows> onwards(const Look<Rows> &from, const Look<Rows> &rest) {
  using Number = typename Rows::Number;
  const Number zero = Rows::every(0);
  // An oscillating part goes from a value to any other within the amplitude around the end.
  const Number swing = from.reach + from.reach;
  return {from.value + smaller(rest.convex - from.convex, zero) - swing,
          from.value + larger(rest.concave - from.concave, zero) + swing};
}

}  // namespace amc
