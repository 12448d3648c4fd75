#include "engine/behavioural/kernel/curves.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "engine/behavioural/kernel/taylor.hpp"

namespace amc {

namespace {

// Times that differ by less than this, as a fraction of them, are one.
constexpr double SAME_TIME = 1e-14;

// Points looked at between two before the search is given up.
constexpr int MOST_POINTS = 100'000;

// Points that are known ahead at once: halvings of an interval.
constexpr int MOST_AHEAD = 64;

// Rows that are looked at by themselves.
constexpr int MOST_SUSPECTS = 4 * LANES;

// q (q - 1) (q - 2) (q - 3), of the fourth derivative of a power.
constexpr auto FOURTH = [] {
  std::array<double, MOST_TERMS> factors{};
  for (int q = 0; q < MOST_TERMS; ++q) factors[q] = double(q) * (q - 1) * (q - 2) * (q - 3);
  return factors;
}();

}  // namespace

void Time::at(double time, double *value, double *slope, double *swing) const {
  if (modal) {
    modal->at(time, value, slope, swing);
    return;
  }
  const double s = time / unit;
  double power = 1;
  value[0] = 1, slope[0] = 0;
  for (int q = 1; q < count; ++q) {
    slope[q] = q * power / unit;
    power *= s;
    value[q] = power;
  }
}

void Time::integral(double time, double *value) const {
  if (modal) {
    modal->integral(time, value);
    return;
  }
  double power = 1;
  for (int q = 0; q < count; ++q) {
    power *= time / unit;
    value[q] = power / (q + 1) * unit;
  }
}

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

void Curves::add_series(Point &point) const {
  if (point.time == 0) {  // what a later point bounds is larger
    for (int b = 0; b < rows_ / LANES; ++b) {
      const Block first = blocks(columns_)[b];
      blocks(point.value)[b] = base_ ? first + blocks(base_)[b] : first;
      blocks(point.slope)[b] = blocks(columns_ + stride_)[b] / time_.unit;
      blocks(point.bend)[b] = Block{};
    }
    return;
  }
  // Horner's rule for the row, its slope, and the fourth derivative of the magnitudes.
  const double per = 1 / time_.unit, s = point.time * per;
  const int stride = stride_ / LANES, last = time_.count - 1;
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

// Between 0 and a time a polynomial is within its control points in Bernstein's form, whose q-th
// row of sums has c_q s^q / binomial(n, q) on its left.
unsigned Curves::outside_control_points(const Point &end, double spare) const {
  const double s = end.time / time_.unit;
  const int n = time_.count - 1;
  Block points[MOST_TERMS];
  points[0] = base_ ? blocks(columns_)[0] + blocks(base_)[0] : blocks(columns_)[0];
  double power = 1, binomial = 1;
  for (int q = 1; q <= n; ++q) {
    power *= s;
    binomial *= double(n - q + 1) / q;
    points[q] = blocks(columns_ + std::size_t(q) * stride_)[0] * (power / binomial);
  }
  for (int round = 1; round <= n; ++round)
    for (int q = n; q >= round; --q) points[q] += points[q - 1];
  Block lowest = points[0], highest = points[0];
  for (int q = 1; q <= n; ++q) {
    lowest = smaller(lowest, points[q]);
    highest = larger(highest, points[q]);
  }
  const Block allowed = (bounds_.unit ? blocks(bounds_.unit)[0] : every(1)) * (spare * bounds_.slack);
  return lanes_of(~((lowest >= blocks(bounds_.low)[0] - allowed) &
                    (highest <= blocks(bounds_.high)[0] + allowed)));
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
  const int stride = stride_ / LANES;
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

// The rows of a block, as bits, that cannot be shown to stay within their bounds.
unsigned Curves::failing(int i, const Point &a, const Point &b, double spare) const {
  const double length = b.time - a.time, per_length = length > 0 ? 1 / length : 0;
  const bool series = !time_.modal, turns = series || time_.pairs() > 0;
  const double slack = spare * bounds_.slack;
  // Where the tangents at both ends meet, as a fraction of the length.
  const auto meeting = [&](Block start, Block end, Block first, Block last) {
    const Block at = (end - start - last * length) / (first - last) * per_length;
    const Block inside = at > 0.0 ? at : Block{};
    return inside < 1.0 ? inside : every(1.0);
  };
  const auto get = [i](const double *row) { return blocks(row)[i]; };
  const Block value_a = get(a.value), value_b = get(b.value);
  Block lowest = smaller(value_a, value_b), highest = larger(value_a, value_b);
  if (!series) {
    const Block convex_a = get(a.convex), convex_b = get(b.convex);
    const Block concave_a = get(a.concave), concave_b = get(b.concave);
    const Block s = meeting(convex_a, convex_b, get(a.convex_slope), get(b.convex_slope));
    const Block level_a = value_a - convex_a, level_b = value_b - convex_b;
    lowest = smaller(lowest, convex_a + get(a.convex_slope) * (s * length) + level_a +
                                 (level_b - level_a) * s);
    const Block r = meeting(concave_a, concave_b, get(a.concave_slope), get(b.concave_slope));
    const Block rest_a = value_a - concave_a, rest_b = value_b - concave_b;
    highest = larger(highest, concave_a + get(a.concave_slope) * (r * length) + rest_a +
                                  (rest_b - rest_a) * r);
  }
  if (turns) {
    // Control points of the smooth part, less its chord.
    const Block rise = get(b.smooth) - get(a.smooth);
    const Block first = (get(a.smooth_slope) * length - rise) / 3.0;
    const Block second = (rise - get(b.smooth_slope) * length) / 3.0;
    const Block left = larger(get(a.bend), get(b.bend)) * (length * length * length * length / 384);
    lowest += smaller(smaller(first, second), Block{}) - left;
    highest += larger(larger(first, second), Block{}) + left;
  }
  const Block allowed = bounds_.unit ? get(bounds_.unit) * slack : every(slack);
  // What is not a number does not stay.
  return lanes_of(~((lowest >= get(bounds_.low) - allowed) &
                    (highest <= get(bounds_.high) + allowed)));
}

bool Curves::stays(const Point &one, const Point &other, double spare) const {
  const Point &a = one.time < other.time ? one : other, &b = one.time < other.time ? other : one;
  for (int i = 0; i < rows_ / LANES; ++i)
    if (failing(i, a, b, spare)) return false;
  return true;
}

bool Curves::stays_for_good(const Point &from, const Point &end) const {
  for (int i = 0; i < rows_ / LANES; ++i) {
    const auto get = [i](const double *row) { return blocks(row)[i]; };
    Block low = get(from.value) + smaller(get(end.convex) - get(from.convex), Block{});
    Block high = get(from.value) + larger(get(end.concave) - get(from.concave), Block{});
    if (time_.pairs() > 0) {
      // From a value to any other within the amplitude around the end.
      low -= 2.0 * get(from.reach);
      high += 2.0 * get(from.reach);
    }
    const Block allowed =
        bounds_.unit ? get(bounds_.unit) * bounds_.slack : every(bounds_.slack);
    if (lanes_of(~((low >= get(bounds_.low) - allowed) & (high <= get(bounds_.high) + allowed))))
      return false;
  }
  return true;
}

double Curves::beyond(const Point &point, int *row) const {
  Block most = every(-INFINITE), where{};
  for (int i = 0; i < rows_ / LANES; ++i) {
    const Block value = blocks(point.value)[i];
    Block over = larger(blocks(bounds_.low)[i] - value, value - blocks(bounds_.high)[i]);
    if (bounds_.unit) over /= blocks(bounds_.unit)[i];
    where = over > most ? every(double(i)) : where;
    most = larger(over, most);
  }
  int lane = 0;
  for (int l = 1; l < LANES; ++l)
    if (most[l] > most[lane]) lane = l;
  *row = int(where[lane]) * LANES + lane;
  return most[lane] / bounds_.slack;
}

double Curves::excess(const Point &point, int row, double *slope) const {
  const double unit = (bounds_.unit ? bounds_.unit[row] : 1) * bounds_.slack;
  const double under = bounds_.low[row] - point.value[row];
  const double over = point.value[row] - bounds_.high[row];
  *slope = (over > under ? point.slope[row] : -point.slope[row]) / unit;
  return std::max(under, over) / unit - 1;
}

double Curves::next_guess(const Point &inside, const Point &outside, int row) const {
  double slope_in, slope_out;
  const double in = excess(inside, row, &slope_in), out = excess(outside, row, &slope_out);
  // Newton's step from the nearer end, if it stays between the two.
  const double from = -in < out ? inside.time : outside.time;
  const double guess = -in < out ? from - in / slope_in : from - out / slope_out;
  const double low = std::min(inside.time, outside.time), high = std::max(inside.time, outside.time);
  if (guess > low && guess < high) return guess;
  const double secant = inside.time + (outside.time - inside.time) * in / (in - out);
  return secant > low && secant < high ? secant : (low + high) / 2;
}

std::optional<Exit> Curves::first_exit(const Point &from, const Point &to) const {
  const Point &a = from.time < to.time ? from : to, &b = from.time < to.time ? to : from;
  int suspects[MOST_SUSPECTS], count = 0;
  for (int i = 0; i < rows_ / LANES; ++i)
    for (unsigned rows = failing(i, a, b, 1); rows; rows &= rows - 1) {
      if (count == MOST_SUSPECTS) return search(from, to);
      suspects[count++] = i * LANES + __builtin_ctz(rows);
    }
  if (count == 0) return std::nullopt;
  const int columns = time_.count, pairs = time_.pairs(), room = padded(count);
  if (rows_ <= room) return search(from, to);
  // Only the rows in question, packed.
  const auto mark = arena_.mark();
  double *low = arena_.take(room), *high = arena_.take(room), *unit = arena_.take(room);
  double *packed = arena_.take(std::size_t(columns) * room);
  double *magnitudes = arena_.take(std::size_t(pairs) * room), *base = arena_.take(room);
  for (int lane = 0; lane < room; ++lane) {
    const int row = lane < count ? suspects[lane] : suspects[0];
    low[lane] = lane < count ? bounds_.low[row] : -INFINITE;
    high[lane] = lane < count ? bounds_.high[row] : INFINITE;
    unit[lane] = bounds_.unit ? bounds_.unit[row] : 1;
    base[lane] = base_ ? base_[row] : 0;
    for (int j = 0; j < columns; ++j)
      packed[j * room + lane] = columns_[std::size_t(j) * stride_ + row];
    for (int p = 0; p < pairs; ++p)
      magnitudes[p * room + lane] = magnitudes_[std::size_t(p) * stride_ + row];
  }
  const Curves few(time_, packed, magnitudes, base, room, {low, high, unit, bounds_.slack}, arena_);
  auto exit = few.search(few.at(from.time), few.at(to.time));
  arena_.release(mark);
  if (exit) exit->row = suspects[exit->row];
  return exit;
}

// What `stays` says, of one block; of a series from its beginning on it is sharper.
bool Curves::block_stays(const Point &a, const Point &b, double spare) const {
  if (rows_ > LANES || time_.modal || a.time > 0) return stays(a, b, spare);
  return !outside_control_points(b, spare);
}

std::optional<Exit> Curves::search(const Point &from, const Point &to) const {
  Point current = from, ahead[MOST_AHEAD];
  ahead[0] = to;
  int row, count = 1, looked = 0, since = 0;
  while (count > 0) {
    const Point &next = ahead[count - 1];
    const bool out = beyond(next, &row) > 1;
    if (!out && block_stays(current, next, 1)) {
      current = next;
      --count;
      continue;
    }
    const double length = std::abs(next.time - current.time);
    const bool same =
        length <= SAME_TIME * std::max(next.time, current.time) || count == MOST_AHEAD;
    ++looked;
    if (out && (same || looked > MOST_POINTS)) return Exit{next.time, row};
    if (same || looked > MOST_POINTS) {
      current = next;
      --count;
      continue;
    }
    // Newton's steps narrow the way to an exit; every fourth one is a bisection.
    const bool bisect = !out || ++since % 4 == 0;
    const double time = bisect ? (current.time + next.time) / 2 : next_guess(current, next, row);
    const Point middle = at(time);
    int other;
    const double over = beyond(middle, &other);
    if (out && std::abs(over - 1) < 0.5 && other == row && block_stays(current, middle, 2))
      return Exit{time, row};
    if (over <= 1) ++count;
    ahead[count - 1] = middle;
  }
  return std::nullopt;
}

}  // namespace amc
