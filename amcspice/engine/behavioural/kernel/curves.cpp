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

Point Curves::at(double time) const {
  const bool series = !time_.modal;
  double *room = arena_.take((series ? 3 : 10) * std::size_t(rows_));
  const auto next = [&] { return std::exchange(room, room + rows_); };
  Point point{};
  point.time = time;
  point.value = next(), point.slope = next(), point.bend = next();
  point.smooth = point.value, point.smooth_slope = point.slope;
  if (series) {
    add_series(point);
  } else {
    point.smooth = next(), point.smooth_slope = next();
    point.convex = next(), point.convex_slope = next();
    point.concave = next(), point.concave_slope = next();
    point.reach = next();
    add_modes(point);
  }
  return point;
}

Row Curves::row(int number) const {
  Row row(time_, columns_ + number, magnitudes_ ? magnitudes_ + number : nullptr, rows_,
          base_ ? base_[number] : 0, arena_);
  const double unit = bounds_.unit ? bounds_.unit[number] : 1;
  row.bound(bounds_.low[number], bounds_.high[number], unit * bounds_.slack);
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
  const int pairs = time_.pairs(), real = time_.real(), decaying = time_.decaying();
  const auto mark = arena_.mark();
  double *value = arena_.take(time_.count + LANES), *slope = arena_.take(time_.count + LANES);
  double *swing = arena_.take(pairs + 1), *reach = arena_.take(pairs + 1);
  time_.at(point.time, value, slope, swing);
  for (int p = 0; p < pairs; ++p) {
    const double size = time_.modal->modes->size[p];
    reach[p] = swing[p] / size;
    swing[p] *= size * size * size;
  }
  const int stride = rows_ / LANES;
  for (int b = 0; b < rows_ / LANES; ++b) {
    const Block *column = blocks(columns_) + b;
    Block convex{}, convex_slope{}, concave{}, concave_slope{}, smooth{}, smooth_slope{};
    int j = 0;
    for (; j < decaying; ++j, column += stride) {
      const Block v = *column * value[j], s = *column * slope[j];
      const Block up = larger(v, Block{}), rise = larger(s, Block{});
      concave += up, convex += v - up;
      concave_slope += rise, convex_slope += s - rise;
    }
    for (; j < real; ++j, column += stride) {
      const Block v = *column * value[j], s = *column * slope[j];
      const Block up = larger(v, Block{}), rise = larger(s, Block{});
      convex += up, concave += v - up;
      convex_slope += rise, concave_slope += s - rise;
    }
    for (; j < time_.count; ++j, column += stride) {
      smooth += *column * value[j];
      smooth_slope += *column * slope[j];
    }
    Block bend{}, far{};
    const Block *magnitude = blocks(magnitudes_) + b;
    for (int p = 0; p < pairs; ++p, magnitude += stride) {
      bend += *magnitude * swing[p];
      far += *magnitude * reach[p];
    }
    blocks(point.value)[b] = convex + concave + smooth + blocks(base_)[b];
    blocks(point.slope)[b] = convex_slope + concave_slope + smooth_slope;
    blocks(point.bend)[b] = bend;
    blocks(point.smooth)[b] = smooth;
    blocks(point.smooth_slope)[b] = smooth_slope;
    blocks(point.convex)[b] = convex;
    blocks(point.convex_slope)[b] = convex_slope;
    blocks(point.concave)[b] = concave;
    blocks(point.concave_slope)[b] = concave_slope;
    blocks(point.reach)[b] = far;
  }
  arena_.release(mark);
}

// Rows, as bits, whose extremes are not within their bounds; what is not a number is not.
unsigned Curves::outside(int i, const Extremes<Many> &found) const {
  const Block allowed =
      bounds_.unit ? blocks(bounds_.unit)[i] * bounds_.slack : every(bounds_.slack);
  return lanes_of(~((found.lowest >= blocks(bounds_.low)[i] - allowed) &
                    (found.highest <= blocks(bounds_.high)[i] + allowed)));
}

unsigned Curves::failing(int i, const Point &one, const Point &other) const {
  const Point &a = one.time < other.time ? one : other, &b = one.time < other.time ? other : one;
  const bool series = !time_.modal;
  const Look<Many> first = a.block(i);
  const unsigned rows =
      outside(i, between(first, b.block(i), !series, series || time_.pairs() > 0));
  return rows && rest_ ? rows & outside(i, onwards(first, rest_->block(i))) : rows;
}

bool Curves::stays(const Point &a, const Point &b) const {
  for (int i = 0; i < rows_ / LANES; ++i)
    if (failing(i, a, b)) return false;
  return true;
}

bool Curves::stays_for_good(const Point &from) const {
  if (!rest_) return false;
  for (int i = 0; i < rows_ / LANES; ++i)
    if (outside(i, onwards(from.block(i), rest_->block(i)))) return false;
  return true;
}

// How long a row takes to its bounds at the speed that it has.
double Curves::expected(const Point &from, int row, bool forwards) const {
  const double speed = forwards ? from.slope[row] : -from.slope[row], value = from.value[row];
  const double left = speed > 0 ? bounds_.high[row] - value : value - bounds_.low[row];
  return speed == 0 ? INFINITE : left / std::abs(speed);
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
