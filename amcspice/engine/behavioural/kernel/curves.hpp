// Rows that are sums of simple functions of time, and when they first leave their bounds.
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

#include <optional>

#include "engine/behavioural/kernel/modes.hpp"
#include "engine/behavioural/kernel/vectors.hpp"

namespace amc {

// What columns come to at a time; see `ModalTime`.  Powers of time over a unit, or modes.
struct Time {
  int count;            // columns
  double unit = 0;      // of polynomials [s]
  const ModalTime *modal = nullptr;

  int decaying() const { return modal ? modal->modes->decaying : 0; }
  int real() const { return modal ? modal->modes->real : count; }
  int pairs() const { return modal ? modal->modes->pairs() : 0; }
  void at(double time, double *value, double *slope, double *swing) const;
  void integral(double time, double *value) const;
};

// Rows at a time.
struct Point {
  double time;
  double *value, *slope;            // of a row
  double *bend;                     // bound of the smooth part's fourth derivative
  double *smooth, *smooth_slope;    // the smooth part; series have no other
  double *convex, *convex_slope, *concave, *concave_slope;
  double *reach;                    // bound of the oscillating part's amplitude from here on
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

class Curves {
 public:
  // `base` is added to all rows (null: zero); columns stand `stride` apart (0: as many as rows).
  Curves(const Time &time, const double *columns, const double *magnitudes, const double *base,
         int rows, const Bounds &bounds, Arena &arena, int stride = 0)
      : time_(time), columns_(columns), magnitudes_(magnitudes), base_(base), rows_(rows),
        stride_(stride ? stride : rows), bounds_(bounds), arena_(arena) {}

  Point at(double time) const;
  // Whether all rows stay within their bounds, and `spare` times the slack, between two points.
  bool stays(const Point &a, const Point &b, double spare = 1) const;
  // Whether they do from a point on; `end` is the point at infinity of modes that all decay.
  bool stays_for_good(const Point &from, const Point &end) const;
  // How far the worst row is beyond its bounds, over the slack, and which one it is.
  double beyond(const Point &point, int *row) const;
  // The first time at which a row is beyond its slack on the way from a point where none is to
  // another one, which may be the earlier one.
  std::optional<Exit> first_exit(const Point &from, const Point &to) const;

 private:
  void add_series(Point &point) const;
  void add_modes(Point &point) const;
  unsigned failing(int block, const Point &a, const Point &b, double spare) const;
  unsigned outside_control_points(const Point &end, double spare) const;
  bool block_stays(const Point &a, const Point &b, double spare) const;
  std::optional<Exit> search(const Point &from, const Point &to) const;
  double next_guess(const Point &inside, const Point &outside, int row) const;
  double excess(const Point &point, int row, double *slope) const;

  const Time &time_;
  const double *columns_, *magnitudes_, *base_;
  int rows_, stride_;
  Bounds bounds_;
  Arena &arena_;
};

}  // namespace amc
