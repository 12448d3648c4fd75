// Rows that are sums of simple functions of time, and when they first leave their bounds.
//
// All of them are looked at a block at a time, at the ends of an interval; those that cannot be
// shown to stay (`looks.hpp`) are followed by themselves (`row.hpp`).
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>

#include "engine/behavioural/kernel/row.hpp"

namespace amc {

// Rows at a time, by `Look`'s names; what is null is zero.
struct Point {
  double time;
  double *value, *slope, *bend, *smooth, *smooth_slope;
  double *convex, *convex_slope, *concave, *concave_slope;  // of modes
  double *reach;  // of modes: bound of the oscillating part's amplitude from here on

  Look<Many> block(int i) const {
    return look<Many>([i](const double *row) { return row ? blocks(row)[i] : Block{}; });
  }
  Look<Single> row(int number) const {
    return look<Single>([number](const double *row) { return row ? row[number] : 0; });
  }

 private:
  template <class Rows, class Get>
  Look<Rows> look(Get get) const {
    return {time,         get(value),         get(slope),   get(bend),
            get(smooth),  get(smooth_slope),  get(convex),  get(convex_slope),
            get(concave), get(concave_slope), get(reach)};
  }
};

struct Bounds {
  const double *low, *high;
  const double *unit = nullptr;  // what counts as 1 in a row; null: 1 everywhere
  double slack;                  // how far beyond its bounds a row may go, in units
};

struct Exit {
  double time;
  int row;
};

// A block of rows at a time and at their ends, of modes that all decay.
struct Ends {
  Block low, high, value, end;
  Block convex, convex_end, convex_slope, concave, concave_end, concave_slope;
  Block swing;  // twice the bound of an oscillating part's amplitude
};

// Factor by which rows are given longer to come within their bounds than they seem to take, and
// the least time over that of the slowest mode.
inline constexpr double AFTER = 1.1, LEAST = 0.05;

// A later time than `now` from which on all rows are likely to stay, where they end within their
// bounds; `get` gives a block of them.  What a row may still be above its end is what is left of its
// convex part, a sum of decays: it falls at least as fast as the slowest mode and never faster than
// now.
template <class Get>
double likely_good_after(const Modes &modes, double now, int count, Get get) {
  double most = 1, rate = modes.slowest;
  for (int i = 0; i < count; ++i) {
    const Ends at = get(i);
    const Block highest = at.value + larger(at.concave_end - at.concave, Block{}) + at.swing;
    const Block lowest = at.value + smaller(at.convex_end - at.convex, Block{}) - at.swing;
    const Block above = (highest - at.end) / (at.high - at.end);
    const Block below = (lowest - at.end) / (at.low - at.end);
    if (!(largest(larger(above, below)) > most)) continue;
    for (int lane = 0; lane < LANES; ++lane) {
      const bool up = above[lane] > below[lane];
      const double times = up ? above[lane] : below[lane];
      if (!(times > most)) continue;
      most = times;
      rate = up ? -at.convex_slope[lane] / (at.convex[lane] - at.convex_end[lane])
                : -at.concave_slope[lane] / (at.concave[lane] - at.concave_end[lane]);
    }
  }
  if (modes.pairs() > 0 || !(rate > modes.slowest)) rate = modes.slowest;
  return now + std::max(AFTER * std::log(most) / rate, LEAST / modes.slowest);
}

// How rows go on: with an exit, or with none until a time, or with none for good.
struct Ahead {
  std::optional<Exit> exit;
  bool for_good;
};

class Curves {
 public:
  using Point = amc::Point;

  // `base` is added to all rows (null: zero).
  Curves(const Time &time, const double *columns, const double *magnitudes, const double *base,
         int rows, const Bounds &bounds, Arena &arena)
      : time_(time), columns_(columns), magnitudes_(magnitudes), base_(base), rows_(rows),
        bounds_(bounds), arena_(arena), stable_(time.modal && time.modal->modes->stable) {
    if (stable_) room_for_rest_ = arena.take(room());
  }

  Point at(double time) const;
  Row row(int number) const;
  static Look<Single> single(const Point &point, int row) { return point.row(row); }
  static Block value(const Point &point, int i) { return blocks(point.value)[i]; }
  static Block slope(const Point &point, int i) { return blocks(point.slope)[i]; }
  // The rows of a block, as bits, that cannot be shown to stay within their bounds.
  unsigned failing(int block, const Point &a, const Point &b) const;
  // Whether they do from a point on: never where not all modes decay.
  bool stays_for_good(const Point &from) const;
  // A later time from which on all rows are likely to stay, where they end within their bounds.
  double good_after(const Point &from) const;
  // The first time at which a row is beyond its slack on the way from a point where none is to
  // another one, which may be the earlier one.
  std::optional<Exit> first_exit(const Point &from, const Point &to) const;
  // How rows of modes go on from 0, until a time.
  Ahead ahead(double until) const;

 private:
  void add_series(Point &point) const;
  void add_modes(Point &point) const;
  template <int COUNT, bool VALUES, bool SLOPES>
  void add_real_modes(Point &point, int first, const double *value, const double *slope) const;
  template <bool VALUES, bool SLOPES>
  void add_real_modes(Point &point, const double *value, const double *slope) const;
  void add_pairs(Point &point, const double *value, const double *slope,
                 const double *swing) const;
  std::optional<Exit> first_exit(const Point &from, const Point &to, double shortest) const;
  Extremes<Many> control_points(int block, double time) const;
  unsigned outside(int block, const Extremes<Many> &found) const;
  double expected(const Point &from, int row, bool forwards) const;
  // Where modes that all decay end.
  const Point &rest() const;
  // Numbers of a point.
  std::size_t room() const {
    return (!time_.modal ? 3 : time_.pairs() > 0 ? 10 : 6) * std::size_t(rows_);
  }
  Point at(double time, double *room) const;

  const Time &time_;
  const double *columns_, *magnitudes_, *base_;
  int rows_;
  Bounds bounds_;
  Arena &arena_;
  bool stable_;  // modes that all decay
  double *room_for_rest_ = nullptr;
  mutable std::optional<Point> rest_;  // once it has been asked for
};

}  // namespace amc
