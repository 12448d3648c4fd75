// One row by itself: its modes stand along the lanes, so that a look takes few instructions.
#pragma once

#include <optional>

#include "engine/behavioural/kernel/laws.hpp"
#include "engine/behavioural/kernel/looks.hpp"

namespace amc {

class Row {
 public:
  // Of columns that stand `stride` apart, the room being the arena's; `base` is added.
  Row(const Time &time, const double *column, const double *magnitudes, int stride, double base,
      Arena &arena);
  // It may go beyond `low` and `high` by `slack`.
  void bound(double low, double high, double slack) { low_ = low, high_ = high, slack_ = slack; }
  // It ends there, all modes decaying.
  void rests_at(const Look<Single> &rest) { rest_ = rest; }

  Look<Single> at(double time) const;
  // From 0 on.
  double integral(double time) const;
  // The first look at which it is beyond its slack on the way from one at which it is not to
  // another one, which may be the earlier one.
  std::optional<Look<Single>> first_exit(const Look<Single> &from, const Look<Single> &to) const;

  // See `first_exit_of`.
  bool stays(const Look<Single> &one, const Look<Single> &other, double spare) const;
  double beyond(const Look<Single> &look) const;
  double next_guess(const Look<Single> &inside, const Look<Single> &outside) const;

 private:
  Look<Single> series_at(double time) const;
  Look<Single> modes_at(double time) const;
  Extremes<Single> control_points(double time) const;

  const Time &time_;
  std::optional<Look<Single>> rest_;  // of modes that all decay
  double base_, low_ = 0, high_ = 0, slack_ = 0;
  // Coefficients of powers.  Of real modes: what moves a concave part, and a convex one.  Of
  // pairs: the real and the imaginary part, and what bounds the fourth derivative and the reach.
  double *coefficients_ = nullptr;
  double *concave_ = nullptr, *convex_ = nullptr;
  double *real_ = nullptr, *imaginary_ = nullptr, *bend_ = nullptr;
  double *reach_ = nullptr;
};

}  // namespace amc
