#include "engine/behavioural/kernel/curves.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace amc {

namespace {

// Rows that are followed by themselves; where more might leave, the time is halved.
constexpr int FEW = 4;

// Part of the whole time below which it is not halved any more.
constexpr double SHORTEST = 1e-3;

}  // namespace

Point Curves::at(double time) const { return at(time, arena_.take(room())); }

Point Curves::at(double time, double *room) const {
  const bool series = !time_.modal, turns = time_.pairs() > 0;
  const auto next = [&] { return std::exchange(room, room + rows_); };
  Point point{};
  point.time = time;
  point.value = next(), point.slope = next();
  if (series) {
    point.bend = next();
    point.smooth = point.value, point.smooth_slope = point.slope;
    add_series(point);
    return point;
  }
  point.convex = next(), point.convex_slope = next();
  point.concave = next(), point.concave_slope = next();
  if (turns) {
    point.smooth = next(), point.smooth_slope = next();
    point.bend = next(), point.reach = next();
  }
  add_modes(point);
  return point;
}

const Point &Curves::rest() const {
  if (!rest_) rest_ = at(INFINITE, room_for_rest_);
  return *rest_;
}

Row Curves::row(int number) const {
  Row row(time_, columns_ + number, magnitudes_ ? magnitudes_ + number : nullptr, rows_,
          base_ ? base_[number] : 0, arena_);
  const double unit = bounds_.unit ? bounds_.unit[number] : 1;
  row.bound(bounds_.low[number], bounds_.high[number], unit * bounds_.slack);
  if (stable_) row.rests_at(rest().row(number));
  return row;
}

void Curves::add_series(Point &point) const {
  if (point.time == 0) {  // what a later point bounds is larger
    for (int b = 0; b < rows_ / LANES; ++b) {
      const Block first = blocks(columns_)[b];
      blocks(point.value)[b] = base_ ? first + blocks(base_)[b] : first;
      blocks(point.slope)[b] = blocks(columns_ + rows_)[b] / time_.unit;
      blocks(point.bend)[b] = Block{};
    }
    return;
  }
  // Horner's rule for the row, its slope, and the fourth derivative of the magnitudes.
  const double per = 1 / time_.unit, s = point.time * per;
  const int stride = rows_ / LANES, last = time_.count - 1;
  for (int b = 0; b < rows_ / LANES; ++b) {
    const Block *column = blocks(columns_) + b + std::size_t(last) * stride;
    Block total{}, moving{}, bound{};
    for (int q = last; q >= 0; --q, column -= stride) {
      moving = moving * s + total;
      total = total * s + *column;
      if (q > 3) bound = bound * s + magnitude(*column) * FOURTH[q];
    }
    blocks(point.value)[b] = base_ ? total + blocks(base_)[b] : total;
    blocks(point.slope)[b] = moving * per;
    blocks(point.bend)[b] = bound * (per * per * per * per);
  }
}

void Curves::add_modes(Point &point) const {
  const auto mark = arena_.mark();
  const int count = time_.count, pairs = time_.pairs();
  double *value = arena_.take(count + LANES), *slope = arena_.take(count + LANES);
  double *swing = arena_.take(pairs + 1);
  time_.at(point.time, value, slope, swing);
  // Nothing has moved at first, and nothing moves at the end.
  if (time_.pairs() == 0 && point.time == 0) {
    add_real_modes<false, true>(point, value, slope);
  } else if (time_.pairs() == 0 && point.time == INFINITE && stable_) {
    add_real_modes<true, false>(point, value, slope);
  } else {
    add_real_modes<true, true>(point, value, slope);
  }
  if (pairs > 0) add_pairs(point, value, slope, swing);
  arena_.release(mark);
}

template <bool VALUES, bool SLOPES>
void Curves::add_real_modes(Point &point, const double *value, const double *slope) const {
  const int all = rows_ / LANES, left = all % 4;
  for (int b = 0; b + 4 <= all; b += 4) add_real_modes<4, VALUES, SLOPES>(point, b, value, slope);
  if (left == 3) add_real_modes<3, VALUES, SLOPES>(point, all - left, value, slope);
  if (left == 2) add_real_modes<2, VALUES, SLOPES>(point, all - left, value, slope);
  if (left == 1) add_real_modes<1, VALUES, SLOPES>(point, all - left, value, slope);
}

// Of a sum of concave and convex parts the one of all, less the other, is the sum of magnitudes:
// with a sign for those that grow, which are the other way round.  Some blocks at once: the sums
// of one alone would wait for themselves.
template <int COUNT, bool VALUES, bool SLOPES>
void Curves::add_real_modes(Point &point, int first, const double *value,
                            const double *slope) const {
  const int real = time_.real(), decaying = time_.decaying(), stride = rows_ / LANES;
  Block moved[COUNT] = {}, moving[COUNT] = {}, spread[COUNT] = {}, spreading[COUNT] = {};
  const Block *column = blocks(columns_) + first;
  for (int j = 0; j < real; ++j, column += stride) {
    const double sign = j < decaying ? 1 : -1;
    const double far = sign * std::abs(value[j]), fast = sign * std::abs(slope[j]);
    for (int b = 0; b < COUNT; ++b) {
      const Block size = magnitude(column[b]);
      if constexpr (VALUES) moved[b] += column[b] * value[j], spread[b] += size * far;
      if constexpr (SLOPES) moving[b] += column[b] * slope[j], spreading[b] += size * fast;
    }
  }
  for (int b = 0; b < COUNT; ++b) {
    const int i = first + b;
    blocks(point.value)[i] = moved[b] + blocks(base_)[i];
    blocks(point.slope)[i] = moving[b];
    blocks(point.concave)[i] = 0.5 * (moved[b] + spread[b]);
    blocks(point.convex)[i] = 0.5 * (moved[b] - spread[b]);
    blocks(point.concave_slope)[i] = 0.5 * (moving[b] + spreading[b]);
    blocks(point.convex_slope)[i] = 0.5 * (moving[b] - spreading[b]);
  }
}

void Curves::add_pairs(Point &point, const double *value, const double *slope,
                       const double *swing) const {
  const int real = time_.real(), stride = rows_ / LANES;
  const double *sizes = time_.modal->modes->size;
  for (int b = 0; b < stride; ++b) {
    const Block *column = blocks(columns_) + b + std::size_t(real) * stride;
    Block smooth{}, smooth_slope{}, bend{}, reach{};
    for (int j = real; j < time_.count; ++j, column += stride) {
      smooth += *column * value[j];
      smooth_slope += *column * slope[j];
    }
    const Block *magnitude = blocks(magnitudes_) + b;
    for (int p = 0; p < time_.pairs(); ++p, magnitude += stride) {
      const double size = sizes[p];
      bend += *magnitude * (swing[p] * size * size * size);
      reach += *magnitude * (swing[p] / size);
    }
    blocks(point.value)[b] += smooth;
    blocks(point.slope)[b] += smooth_slope;
    blocks(point.bend)[b] = bend;
    blocks(point.smooth)[b] = smooth;
    blocks(point.smooth_slope)[b] = smooth_slope;
    blocks(point.reach)[b] = reach;
  }
}

// Rows, as bits, whose extremes are not within their bounds; what is not a number is not.
unsigned Curves::outside(int i, const Extremes<Many> &found) const {
  const Block allowed =
      bounds_.unit ? blocks(bounds_.unit)[i] * bounds_.slack : every(bounds_.slack);
  return lanes_of(~((found.lowest >= blocks(bounds_.low)[i] - allowed) &
                    (found.highest <= blocks(bounds_.high)[i] + allowed)));
}

// As for a row by itself, with sums of neighbours instead of binomials.
Extremes<Many> Curves::control_points(int i, double time) const {
  const double s = time / time_.unit;
  const int n = time_.count - 1, stride = rows_ / LANES;
  const Block *column = blocks(columns_) + i;
  Block points[MOST_TERMS];
  points[0] = base_ ? *column + blocks(base_)[i] : *column;
  double share = 1;  // s^q over the binomial (n, q)
  for (int q = 1; q <= n; ++q) {
    share *= s * q / (n - q + 1);
    points[q] = column[std::size_t(q) * stride] * share;
  }
  Extremes<Many> found{points[0], points[0]};
  for (int last = n; last > 0; --last) {
    for (int q = 0; q < last; ++q) points[q] += points[q + 1];
    found = {smaller(found.lowest, points[0]), larger(found.highest, points[0])};
  }
  return found;
}

unsigned Curves::failing(int i, const Point &one, const Point &other) const {
  const Point &a = one.time < other.time ? one : other, &b = one.time < other.time ? other : one;
  const bool series = !time_.modal;
  const Look<Many> first = a.block(i);
  const unsigned rows =
      outside(i, between(first, b.block(i), !series, series || time_.pairs() > 0));
  if (rows && series && a.time == 0) return rows & outside(i, control_points(i, b.time));
  return rows && stable_ ? rows & outside(i, onwards(first, rest().block(i))) : rows;
}

bool Curves::stays_for_good(const Point &from) const {
  if (!stable_) return false;
  for (int i = 0; i < rows_ / LANES; ++i)
    if (outside(i, onwards(from.block(i), rest().block(i)))) return false;
  return true;
}

double Curves::good_after(const Point &from) const {
  return likely_good_after(*time_.modal->modes, from.time, rows_ / LANES, [&](int i) {
    const Look<Many> at = from.block(i), end = rest().block(i);
    return Ends{blocks(bounds_.low)[i], blocks(bounds_.high)[i], at.value, end.value, at.convex,
                end.convex, at.convex_slope, at.concave, end.concave, at.concave_slope,
                at.reach + at.reach};
  });
}

// How long a row takes to its bounds at the speed that it has.
double Curves::expected(const Point &from, int row, bool forwards) const {
  const double speed = forwards ? from.slope[row] : -from.slope[row], value = from.value[row];
  const double left = speed > 0 ? bounds_.high[row] - value : value - bounds_.low[row];
  return speed == 0 ? INFINITE : left / std::abs(speed);
}

Ahead Curves::ahead(double until) const {
  const Modes &modes = *time_.modal->modes;
  Point from = at(0);
  double step = 2 / modes.fastest;
  while (!stays_for_good(from)) {
    if (from.time >= until) return {std::nullopt, false};
    const Point to = at(std::min(from.time + step, until));
    if (const auto exit = first_exit(from, to)) return {exit, false};
    from = to;
    step = std::max(step, 3 * from.time);
    if (modes.pairs() > 0)
      step = std::min(step, 4 / largest_magnitude(modes.turning, modes.share_rows));
  }
  return {std::nullopt, true};
}

std::optional<Exit> Curves::first_exit(const Point &from, const Point &to) const {
  return first_exit(from, to, SHORTEST * std::abs(to.time - from.time));
}

std::optional<Exit> Curves::first_exit(const Point &from, const Point &to, double shortest) const {
  std::optional<Exit> exit;
  Point end = to;
  double *known = nullptr;  // of every row: 1 where it is known what it does until the end
  for (;;) {
    int next = -1, suspects = 0;
    double soonest = INFINITE;
    for (int i = 0; i < rows_ / LANES; ++i)
      for (unsigned lanes = failing(i, from, end); lanes; lanes &= lanes - 1) {
        const int row = i * LANES + __builtin_ctz(lanes);
        if (known && known[row] > 0) continue;
        ++suspects;
        const double time = expected(from, row, to.time > from.time);
        if (next < 0 || time < soonest) next = row, soonest = time;
      }
    if (next < 0) return exit;
    if (suspects > FEW && std::abs(end.time - from.time) > shortest) {
      const Point middle = at((from.time + end.time) / 2);
      if (const auto early = first_exit(from, middle, shortest)) return early;
      const auto late = first_exit(middle, end, shortest);
      return late ? late : exit;
    }
    const auto mark = arena_.mark();
    const auto left = row(next).first_exit(from.row(next), end.row(next));
    arena_.release(mark);
    if (left) exit = Exit{left->time, next};
    if (suspects == 1) return exit;
    if (!known) known = std::fill_n(arena_.take(rows_), rows_, 0.0) - rows_;
    known[next] = 1;
    if (left) end = at(left->time);
  }
}

}  // namespace amc
