// The first exit of few rows that are sums of few real modes.
//
// What bounds a row between two looks is that of `looks.hpp`, written without divisions: with the
// concave part C and the convex part V over a length L the upper bound is
//
//     g_a + (X / (Y L)) K,  X = C_b - C_a - C_b' L,  Y = C_a' - C_b',  K = C_a' L + V_b - V_a,
//
// where X / Y is the time at which the tangents of C meet; the lower one with C and V, and signs,
// the other way round.
#pragma once

#include <utility>

#include "engine/behavioural/kernel/few_looks.hpp"
#include "engine/behavioural/kernel/search.hpp"

namespace amc {

// See `Curves` for what both offer.
template <int BLOCKS>
class Few : public FewLooks<BLOCKS> {
 public:
  using Looks = FewLooks<BLOCKS>;
  using typename Looks::Point;
  using Looks::Looks;

  // How a stay goes on: its first exit until a time, or that there is none, or none for good.
  Ahead ahead(double until) const {
    Point looks[2];
    Point *from = &looks[0], *to = &looks[1];
    begin(*from);
    const double first = FIRST / modes_.fastest;
    for (;;) {
      if (stays_for_good(*from)) return {std::nullopt, true};
      if (from->time >= until) return {std::nullopt, false};
      const double shortest = std::max(first, SLOWEST * from->time);
      const double longest = std::max(LONGEST * first, GROWTH * from->time);
      const double step = std::clamp(BEYOND * expected(*from), shortest, longest);
      look(std::min(from->time + step, until), *to);
      const RowBits outside = rows_beyond(*to, 1);
      if (!outside) part(*to);
      if (const auto exit = exit_between(*from, *to, outside)) return {exit, false};
      std::swap(from, to);
    }
  }

  std::optional<Exit> first_exit(const Point &from, const Point &to) const {
    return exit_between(from, to, rows_beyond(to, 1));
  }

  bool stays_for_good(const Point &from) const {
    if (!modes_.stable) return false;
    return !gathered([&](int i) { return ALL_LANES & ~for_good(from, i, slack(i)); });
  }

  double good_after(const Point &from) const {
    return likely_good_after(modes_, from.time, BLOCKS, [&](int i) {
      const Block convex = from.value[i] - base_[i] - from.concave[i];
      const Block end = rest().value[i], concave_end = rest().concave[i];
      return Ends{low(i), high(i), from.value[i], end, convex, end - base_[i] - concave_end,
                  from.slope[i] - from.concave_slope[i], from.concave[i], concave_end,
                  from.concave_slope[i], Block{}};
    });
  }

  // The rows of a block, as bits, that cannot be shown to stay within their bounds and some times
  // their slack.
  unsigned failing(int i, const Point &one, const Point &other, double times = 1) const {
    const bool ordered = one.time < other.time;
    const Block slack = times * this->slack(i);
    const unsigned ends =
        lanes_at_most(excess(one, i), slack) & lanes_at_most(excess(other, i), slack);
    return ALL_LANES &
           ~(shown(i, ordered ? one : other, ordered ? other : one, times) & ends);
  }

  // See `first_exit_of`.
  double beyond(const Point &look) const {
    Block most = every(-INFINITE);
    for (int i = 0; i < BLOCKS; ++i) most = larger(most, excess(look, i) / slack(i));
    return largest(most);
  }

  bool stays(const Point &one, const Point &other, double times) const {
    const Point &a = one.time < other.time ? one : other;
    const Point &b = one.time < other.time ? other : one;
    if (!gathered([&](int i) { return ALL_LANES & ~bounded(i, a, b, times); })) return true;
    return !gathered([&](int i) { return ALL_LANES & ~shown(i, a, b, times); });
  }

  double next_guess(const Point &inside, const Point &outside) const {
    return next_guess(inside, outside, rows_beyond(outside, 1), 1);
  }

 private:
  using Looks::base_, Looks::begin, Looks::bounds_, Looks::columns_, Looks::excess, Looks::gathered;
  using Looks::high, Looks::look, Looks::low, Looks::modes_, Looks::number, Looks::part;
  using Looks::rest, Looks::rows_beyond, Looks::slack, Looks::slack_of;

  // The shortest step over the time of the fastest mode, and over the time that has gone; the longest
  // over the former at first, and over the latter; and how far steps go beyond the time at which a
  // row is expected to leave.
  static constexpr double FIRST = 0.03, SLOWEST = 0.1, LONGEST = 300, GROWTH = 10, BEYOND = 1.05;

  // How far beyond its bounds the row is to be that leaves, and at most, over its slack; and the
  // looks for it before it is searched with proofs on the way.
  static constexpr double AIM = 1.25, FARTHEST = 1.5;
  static constexpr int MOST_GUESSES = 12;

  // Rate times time down to which e^x is exact, see `exponential`.
  static constexpr double FAINTEST = -690;

  // The first exit on the way to a look, with the rows that are beyond their bounds there; one with
  // such rows need not have its parts.
  std::optional<Exit> exit_between(const Point &from, const Point &to, RowBits outside) const {
    if (!outside) {
      if (stays(from, to, 1)) return std::nullopt;
      return searched(from, to);
    }
    Point looks[3];
    const Point &end = narrowed(from, to, outside, looks);
    if (!rows_beyond(end, FARTHEST) && stays(from, end, FARTHEST))
      return Exit{end.time, farthest(end)};
    return searched(from, end);
  }

  [[gnu::noinline]] std::optional<Exit> searched(const Point &from, const Point &to) const {
    const auto exit = first_exit_of(*this, from, to);
    return exit ? std::optional(Exit{exit->time, farthest(*exit)}) : std::nullopt;
  }

  // Whether rows that are within their bounds at two looks, an earlier and a later one, are shown to be
  // between them: by tangents and chords alone,
  unsigned bounded(int i, const Point &a, const Point &b, double times) const {
    const Extent extent = extent_of(i, a, b, times);
    return extent.below_high & extent.above_low;
  }

  // and by where they end, as a cubic, and by how often they turn.
  unsigned shown(int i, const Point &a, const Point &b, double times) const {
    const Extent extent = extent_of(i, a, b, times);
    unsigned stay = extent.below_high & extent.above_low;
    if (modes_.stable) stay |= for_good(a, i, times * slack(i));
    if (stay == ALL_LANES) return stay;
    stay |= cubic(i, a, b, times);
    if (stay == ALL_LANES) return stay;
    const Block zero{};
    const Turns turns = turns_between(a, b, i);
    const unsigned falls = lanes_below(a.slope[i], zero), rises = lanes_below(zero, a.slope[i]);
    const unsigned falls_then = lanes_below(b.slope[i], zero);
    const unsigned rises_then = lanes_below(zero, b.slope[i]);
    // A slope of exactly zero says nothing of what comes next.
    const unsigned no_top = (turns.once & (falls | rises_then)) | (turns.twice & falls & rises_then);
    const unsigned no_bottom =
        (turns.once & (rises | falls_then)) | (turns.twice & rises & falls_then);
    return stay | ((extent.below_high | no_top) & (extent.above_low | no_bottom));
  }

  // The cubic that has a row's values and slopes at both ends is within its control points, and the
  // row at most length^4 / 384 times its largest fourth derivative from it.
  unsigned cubic(int i, const Point &a, const Point &b, double times) const {
    const double length = b.time - a.time, third = length / 3;
    Block bend{};
    for (int j = 0; j < modes_.count; ++j) {
      const double rate = modes_.rate[j], most = j < modes_.decaying ? a.moves[j] : b.moves[j];
      bend += magnitude(columns_[j * BLOCKS + i]) * std::abs(most * rate * rate * rate);
    }
    const Block first = a.value[i] + a.slope[i] * third, last = b.value[i] - b.slope[i] * third;
    const Block spare = times * slack(i) - bend * (length * length * length * length / 384);
    return lanes_at_most(larger(first, last), high(i) + spare) &
           lanes_at_most(low(i) - spare, smaller(first, last));
  }

  struct Extent {
    unsigned below_high, above_low;
  };

  Extent extent_of(int i, const Point &a, const Point &b, double times) const {
    const Block length = every(b.time - a.time), zero{}, slack = times * this->slack(i);
    const auto within = [&](Block room, Block x, Block y, Block k) {
      const Block whole = larger(y, zero) * length;
      return lanes_at_most(k * smaller(larger(x, zero), whole), room * whole);
    };
    const Block above = high(i) + slack - a.value[i], below = a.value[i] - low(i) + slack;
    const Block up = b.concave[i] - a.concave[i], down = up - (b.value[i] - a.value[i]);
    const Block rises = a.concave_slope[i], rises_then = b.concave_slope[i];
    const Block falls = rises - a.slope[i], falls_then = rises_then - b.slope[i];
    return {within(above, up - rises_then * length, rises - rises_then, rises * length - down),
            within(below, down - falls_then * length, falls - falls_then, falls * length - up)};
  }

  // Rows that turn at most once between two looks, and those that do at most twice.  A sum of
  // exponentials has no more zeros after a time than the sums of its parts then, from the slowest
  // on, have changes of sign; and no more before a time than those from the fastest on (Laguerre).
  struct Turns {
    unsigned once, twice;
  };

  Turns turns_between(const Point &a, const Point &b, int i) const {
    Block first{}, last{}, after{}, sign{}, sign_before{}, before{};
    const Block none{};
    for (int j = 0; j < modes_.count; ++j) {
      const int k = modes_.count - 1 - j;
      first += columns_[k * BLOCKS + i] * a.moves[k], last += columns_[j * BLOCKS + i] * b.moves[j];
      after += first * sign < none ? every(1) : none;
      before += last * sign_before < none ? every(1) : none;
      sign = first > none ? every(1) : first < none ? every(-1) : sign;
      sign_before = last > none ? every(1) : last < none ? every(-1) : sign_before;
    }
    // Of modes that have decayed to nothing the factors are not known any more.
    const bool known = modes_.count == 0 || modes_.rate[0] * b.time > FAINTEST;
    const Block changes = known ? smaller(after, before) : after;
    return {lanes_at_most(changes, every(1)), lanes_at_most(changes, every(2))};
  }

  // When the first of the rows that are outside leaves, by `aim` times its slack.
  double next_guess(const Point &inside, const Point &outside, RowBits rows, double aim) const {
    const bool forwards = outside.time > inside.time;
    double first = forwards ? INFINITE : -INFINITE;
    for (; rows; rows &= rows - 1) {
      const int row = __builtin_ctzll(rows);
      const double high = bounds_.high[row], value = number(outside.value, row);
      const double slack = aim * slack_of(row);
      const double time = passing_time(
          {inside.time, number(inside.value, row), number(inside.slope, row)},
          {outside.time, value, number(outside.slope, row)},
          value > high ? high + slack : bounds_.low[row] - slack);
      first = forwards ? std::min(first, time) : std::max(first, time);
    }
    return first;
  }

  unsigned for_good(const Point &from, int i, Block slack) const {
    const Block up = rest().concave[i] - from.concave[i];
    const Block down = up - (rest().value[i] - from.value[i]);
    return lanes_at_most(from.value[i] + up, high(i) + slack) &
           lanes_at_most(low(i) - slack, from.value[i] - down);
  }

  // A look at which the first row is beyond its bounds by about its slack, from an outer one and the
  // rows that are beyond their bounds there.
  const Point &narrowed(const Point &from, const Point &to, RowBits rows, Point (&looks)[3]) const {
    const Point *inside = &from, *outside = &to;
    Point *made = looks;
    double length = INFINITE;
    for (int guess = 0; guess < MOST_GUESSES; ++guess) {
      // A guess that leaves most of the way is followed by a bisection.
      const double left = std::abs(outside->time - inside->time);
      const bool slow = left > 0.5 * std::exchange(length, left);
      look(slow ? (inside->time + outside->time) / 2 : next_guess(*inside, *outside, rows, AIM),
           *made);
      const RowBits now = rows_beyond(*made, 1);
      (now ? outside : inside) = made;
      if (now) {
        rows = now;
        if (!rows_beyond(*made, FARTHEST)) break;
      }
      for (Point &free : looks)
        if (&free != inside && &free != outside) made = &free;
    }
    Point &end = outside == &to ? *made = to : *const_cast<Point *>(outside);
    part(end);
    return end;
  }

  // When the first row that moves outward will have left its bounds, about.
  double expected(const Point &from) const {
    Block turns[BLOCKS] = {};
    const Block *column = columns_;
    for (int j = 0; j < modes_.count; ++j, column += BLOCKS)
      for (int i = 0; i < BLOCKS; ++i) turns[i] += column[i] * (from.moves[j] * modes_.rate[j]);
    Short soonest = Short{} + float(INFINITE);
    for (int i = 0; i < BLOCKS; ++i)
      soonest = smaller(soonest,
                        leaving(from.value[i], from.slope[i], turns[i], low(i), high(i), slack(i)));
    return least(soonest);
  }

  // The row that is farthest beyond its bounds.
  int farthest(const Point &look) const {
    RowBits rows = rows_beyond(look, 0.5);
    int row = rows ? __builtin_ctzll(rows) : 0;
    double most = 0;
    for (; rows & (rows - 1); rows &= rows - 1) {
      const auto over = [&](int at) {
        const double value = number(look.value, at);
        return std::max(bounds_.low[at] - value, value - bounds_.high[at]) / slack_of(at);
      };
      most = std::max(most, over(row));
      const int next = __builtin_ctzll(rows & (rows - 1));
      if (over(next) > most) row = next;
    }
    return row;
  }
};

// Call `use` with rows of modes or series, in the form that suits them.
template <class Use>
auto with_rows(const Time &time, const double *columns, const double *magnitudes,
               const double *base, int rows, const Bounds &bounds, Arena &arena, Use use) {
  if (are_few(time, rows)) {
    switch (rows / LANES) {
      case 1: return use(Few<1>(time, columns, base, bounds, arena));
      case 2: return use(Few<2>(time, columns, base, bounds, arena));
      case 3: return use(Few<3>(time, columns, base, bounds, arena));
      case 4: return use(Few<4>(time, columns, base, bounds, arena));
      case 5: return use(Few<5>(time, columns, base, bounds, arena));
      case 6: return use(Few<6>(time, columns, base, bounds, arena));
    }
  }
  return use(Curves(time, columns, magnitudes, base, rows, bounds, arena));
}

}  // namespace amc
