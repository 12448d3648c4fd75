// The first time at which a curve leaves its bounds.
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>

#include "engine/behavioural/kernel/vectors.hpp"

namespace amc {

// Times that differ by less than this, as a fraction of them, are one.
inline constexpr double SAME_TIME = 1e-14;

// Looks after which the search is given up.
inline constexpr int MOST_LOOKS = 100'000;

// Looks that are known ahead at once: halvings of an interval.
inline constexpr int MOST_AHEAD = 64;

// The first look at which a curve is beyond its slack on the way from one at which it is not to
// another one, which may be the earlier one.
//
// A curve gives a look `at` a time; how far it is `beyond` its bounds there, over the slack;
// whether it surely `stays` within its bounds and some times the slack between two looks; and a
// `next_guess` of the time between two looks at which it leaves.
template <class Curve, class Look>
std::optional<Look> first_exit_of(const Curve &curve, Look from, const Look &to) {
  Look ahead[MOST_AHEAD];
  ahead[0] = to;
  int count = 1, looked = 0, since = 0;
  while (count > 0) {
    const Look &next = ahead[count - 1];
    const bool out = curve.beyond(next) > 1;
    if (!out && curve.stays(from, next, 1)) {
      from = next;
      --count;
      continue;
    }
    const double length = std::abs(next.time - from.time);
    const bool same = length <= SAME_TIME * std::max(next.time, from.time) || count == MOST_AHEAD;
    ++looked;
    if (out && (same || looked > MOST_LOOKS)) return next;
    if (same || looked > MOST_LOOKS) {
      from = next;
      --count;
      continue;
    }
    // Newton's steps narrow the way to an exit; every fourth one is a bisection.
    const bool bisect = !out || ++since % 4 == 0;
    const double time = bisect ? (from.time + next.time) / 2 : curve.next_guess(from, next);
    const Look middle = curve.at(time);
    const double over = curve.beyond(middle);
    if (out && std::abs(over - 1) < 0.5 && curve.stays(from, middle, 2)) return middle;
    if (over <= 1) ++count;
    ahead[count - 1] = middle;
  }
  return std::nullopt;
}

// The time between two looks at which a value leaves, `edge` being where it does: time as a
// function of the value is the cubic that has its times and slopes at both ends, if the value goes
// the same way at both; else Newton's step from the nearer end, if it stays between the two; else
// where a straight line has it.
struct Passing {
  double time, value, slope;
};

inline double passing_time(const Passing &inside, const Passing &outside, double edge) {
  const double in = inside.value - edge, out = outside.value - edge;
  const double length = outside.time - inside.time;
  const double low = std::min(inside.time, outside.time), high = std::max(inside.time, outside.time);
  const double rise = out - in, part = -in / rise;
  const double first = rise / inside.slope, last = rise / outside.slope;
  const double bow = (1 - part) * ((1 - part) * (first - length) + part * (length - last));
  const double guess = inside.time + part * (length + bow);
  if (first * length > 0 && last * length > 0 && guess > low && guess < high) return guess;
  const double newton = std::abs(in) < std::abs(out) ? inside.time - in / inside.slope
                                                     : outside.time - out / outside.slope;
  if (newton > low && newton < high) return newton;
  const double secant = inside.time + part * length;
  return secant > low && secant < high ? secant : (low + high) / 2;
}

// As many numbers of few digits as a block has.
using Short = float __attribute__((vector_size(4 * LANES)));
inline Short shortened(Block a) { return __builtin_convertvector(a, Short); }
inline Short smaller(Short a, Short b) { return a < b ? a : b; }
inline double least(Short a) { return -largest(-__builtin_convertvector(a, Block)); }

// When rows that move outward will have left their bounds by more than their slack, about: for the
// distance D, the velocity v and the acceleration a there, as if what is left of a row's way decayed
// exponentially.  Infinite where a row does not move.
inline Short leaving(Block value, Block moves, Block turns, Block low, Block high, Block slack) {
  const auto up = moves > 0.0;
  const Block left = up ? high - value : value - low, speed = magnitude(moves);
  const Short v = shortened(speed), tau = shortened(larger(left + slack, slack)) / v;
  const Short x = shortened(up ? -turns : turns) * tau / v;  // 1: it ends right at the bound
  const Short better = (6.0f - 3.0f * x) / (6.0f - 6.0f * x + x * x);
  const Short time = x > 0.9f ? tau * 4.0f : tau * (x > -4.0f ? better : Short{} + 0.4f);
  return v > 0.0f ? time : Short{} + float(INFINITE);
}

}  // namespace amc
