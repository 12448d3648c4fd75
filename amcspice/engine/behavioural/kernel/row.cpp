#include "engine/behavioural/kernel/row.hpp"

#include <algorithm>
#include <cmath>

#include "engine/behavioural/kernel/search.hpp"

namespace amc {

namespace {

// Binomials (k, q) in columns q, and one over those of (n, q).
constexpr int CONTROL_ROOM = (MOST_TERMS + 7) / 8 * 8;
struct Binomials {
  alignas(64) double column[MOST_TERMS][CONTROL_ROOM] = {};
  double inverse[MOST_TERMS][MOST_TERMS] = {};
  constexpr Binomials() {
    for (int n = 0; n < MOST_TERMS; ++n) {
      double binomial = 1;
      for (int q = 0; q <= n; ++q) {
        column[q][n] = binomial, inverse[n][q] = 1 / binomial;
        binomial = binomial * (n - q) / (q + 1);
      }
    }
  }
};
constexpr Binomials BINOMIALS;

}  // namespace

Row::Row(const Time &time, const double *column, const double *magnitudes, int stride, double base,
         Arena &arena)
    : time_(time), base_(base) {
  if (!time.modal) {
    coefficients_ = arena.take(time.count);
    for (int q = 0; q < time.count; ++q) coefficients_[q] = column[std::size_t(q) * stride];
    coefficients_[0] += base;
    return;
  }
  const Modes &modes = *time.modal->modes;
  const double *share = time.modal->share;
  const int real = modes.real, room = padded(real), pairs = modes.pairs();
  concave_ = arena.take(room), convex_ = arena.take(room);
  for (int j = 0; j < room; ++j) {
    const double motion = j < real ? column[std::size_t(j) * stride] * share[j] : 0;
    const bool concave = (motion > 0) == (j < modes.decaying);
    concave_[j] = concave ? motion : 0, convex_[j] = concave ? 0 : motion;
  }
  const int room_of_pairs = padded(pairs);
  real_ = arena.take(room_of_pairs), imaginary_ = arena.take(room_of_pairs);
  bend_ = arena.take(room_of_pairs), reach_ = arena.take(room_of_pairs);
  for (int p = 0; p < room_of_pairs; ++p) {
    if (p >= pairs) {
      real_[p] = imaginary_[p] = bend_[p] = reach_[p] = 0;
      continue;
    }
    const std::size_t j = real + 2 * std::size_t(p);
    const double c = column[j * stride], d = column[(j + 1) * stride];
    const double a = share[j], b = share[j + 1], size = modes.size[p];
    real_[p] = c * a + d * b, imaginary_[p] = c * b - d * a;
    const double amplitude = magnitudes[std::size_t(p) * stride] * std::sqrt(a * a + b * b);
    bend_[p] = amplitude * size * size * size, reach_[p] = amplitude / size;
  }
}

Look<Single> Row::at(double time) const { return time_.modal ? modes_at(time) : series_at(time); }

Look<Single> Row::series_at(double time) const {
  const double per = 1 / time_.unit, s = time * per;
  double total = 0, moving = 0, bound = 0;
  // Horner's rule for the row, its slope, and the fourth derivative of the magnitudes.
  for (int q = time_.count - 1; q >= 0; --q) {
    moving = moving * s + total;
    total = total * s + coefficients_[q];
    if (q > 3) bound = bound * s + std::abs(coefficients_[q]) * FOURTH[q];
  }
  Look<Single> look{};
  look.time = time;
  look.value = look.smooth = total;
  look.slope = look.smooth_slope = moving * per;
  look.bend = bound * (per * per * per * per);
  return look;
}

Look<Single> Row::modes_at(double time) const {
  const Modes &modes = *time_.modal->modes;
  Block concave{}, convex{}, concave_slope{}, convex_slope{};
  for (int first = 0; first < modes.real; first += LANES) {
    const Grown now = grown(modes, first, time);
    const Block down = blocks(concave_ + first)[0], up = blocks(convex_ + first)[0];
    concave += down * now.phi, concave_slope += down * now.now;
    convex += up * now.phi, convex_slope += up * now.now;
  }
  Block smooth{}, smooth_slope{}, bend{}, reach{};
  for (int first = 0; first < modes.pairs(); first += LANES) {
    const Turned now = turned(modes, first, time);
    const Block real = blocks(real_ + first)[0], imaginary = blocks(imaginary_ + first)[0];
    smooth += real * now.phi + imaginary * now.phi_across;
    smooth_slope += real * now.now + imaginary * now.now_across;
    bend += blocks(bend_ + first)[0] * now.size;
    reach += blocks(reach_ + first)[0] * now.size;
  }
  Look<Single> look{};
  look.time = time;
  look.concave = sum_of(concave), look.concave_slope = sum_of(concave_slope);
  look.convex = sum_of(convex), look.convex_slope = sum_of(convex_slope);
  if (modes.pairs() > 0) {
    look.smooth = sum_of(smooth), look.smooth_slope = sum_of(smooth_slope);
    look.bend = sum_of(bend), look.reach = sum_of(reach);
  }
  look.value = look.convex + look.concave + look.smooth + base_;
  look.slope = look.convex_slope + look.concave_slope + look.smooth_slope;
  return look;
}

double Row::integral(double time) const {
  if (!time_.modal) {
    double total = 0;
    for (int q = time_.count - 1; q >= 0; --q)
      total = total * (time / time_.unit) + coefficients_[q] / (q + 1);
    return total * time;
  }
  const Modes &modes = *time_.modal->modes;
  Block total{};
  for (int first = 0; first < modes.real; first += LANES)
    total += (blocks(concave_ + first)[0] + blocks(convex_ + first)[0]) *
             integral_of_phi(modes, first, time);
  for (int first = 0; first < modes.pairs(); first += LANES) {
    const Complex part = integral_of_pairs(modes, first, time);
    total += blocks(real_ + first)[0] * part.real + blocks(imaginary_ + first)[0] * part.imaginary;
  }
  return sum_of(total) + base_ * time;
}

// Between 0 and a time a polynomial is within its control points in Bernstein's form: of degree n
// the k-th is the sum of c_q s^q binomial(k, q) / binomial(n, q).
Extremes<Single> Row::control_points(double time) const {
  const double s = time / time_.unit;
  const int n = time_.count - 1;
  double share[MOST_TERMS], power = 1;
  for (int q = 0; q <= n; ++q, power *= s) share[q] = coefficients_[q] * power * BINOMIALS.inverse[n][q];
  alignas(64) double points[CONTROL_ROOM] = {};
  add_columns(BINOMIALS.column[0], CONTROL_ROOM, padded(n + 1), nullptr, n + 1, share, points);
  const auto [lowest, highest] = std::minmax_element(points, points + n + 1);
  return {*lowest, *highest};
}

// Whether it surely stays within its bounds and `spare` times the slack.
bool Row::stays(const Look<Single> &one, const Look<Single> &other, double spare) const {
  const bool series = !time_.modal;
  const Look<Single> &a = one.time < other.time ? one : other;
  const Look<Single> &b = one.time < other.time ? other : one;
  const double low = low_ - spare * slack_, high = high_ + spare * slack_;
  // What is not a number does not stay.
  const auto inside = [=](const Extremes<Single> &found) {
    return found.lowest >= low && found.highest <= high;
  };
  if (rest_ && inside(onwards(a, *rest_))) return true;
  return inside(series && a.time == 0 ? control_points(b.time)
                                      : between(a, b, !series, series || time_.pairs() > 0));
}

// How far it is beyond its bounds, over the slack.
double Row::beyond(const Look<Single> &look) const {
  return std::max(low_ - look.value, look.value - high_) / slack_;
}

double Row::next_guess(const Look<Single> &inside, const Look<Single> &outside) const {
  const bool over = outside.value - high_ > low_ - outside.value;
  return passing_time({inside.time, inside.value, inside.slope},
                      {outside.time, outside.value, outside.slope},
                      over ? high_ + slack_ : low_ - slack_);
}

std::optional<Look<Single>> Row::first_exit(const Look<Single> &from,
                                            const Look<Single> &to) const {
  return first_exit_of(*this, from, to);
}

}  // namespace amc
