#include "engine/behavioural/kernel/record.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

#include "engine/behavioural/kernel/dense.hpp"
#include "engine/behavioural/kernel/few.hpp"

namespace amc {

namespace {

// How exactly the edge of the settling band is met, as a fraction of the band; and a current's
// change of sign, as a fraction of the largest current.
constexpr double EDGE = 1e-7, NO_CURRENT = 1e-7;

// How far a straight line between samples may be off, as a fraction of the largest output.
constexpr double SHOWN = 2e-3;
constexpr int MOST_HALVINGS = 40;

// Pieces of a track of which each is shown.
constexpr int MOST_SHOWN = 5'000;

// Currents whose signs are followed one by one; where more are in doubt, the time is divided.
constexpr int FEW = 8;

// How often a stay is quartered for that.
constexpr std::size_t DEEPEST = 6;

// Records between two looks at the clock, and at signals now and then.
constexpr int LOOK = 16;

// Looks after which all has decayed.
constexpr std::size_t MOST_LATER = 20'000;

// When rows come within their bounds at last, if they are not all the time: never before that from
// where on they stay for good.
template <class Rows>
std::optional<Exit> last_entry(const Rows &rows, const typename Rows::Point &from) {
  if (rows.stays_for_good(from)) return std::nullopt;
  auto last = rows.at(rows.good_after(from));
  std::vector<typename Rows::Point> between;
  while (!rows.stays_for_good(last) && between.size() < MOST_LATER) {
    between.push_back(last);
    last = rows.at(rows.good_after(last));
  }
  for (; !between.empty(); between.pop_back()) {
    if (const auto entry = rows.first_exit(last, between.back())) return entry;
    last = between.back();
  }
  return rows.first_exit(last, from);
}

// What an arena gave is given back at the end of a scope.
struct Kept {
  explicit Kept(Arena &arena) : arena(arena), mark(arena.mark()) {}
  ~Kept() { arena.release(mark); }
  Arena &arena;
  Arena::Mark mark;
};

}  // namespace

ModalTime Reader::modal_of(const Record &record) const {
  if (!record.moved) return {record.modes, record.share};
  return {record.modes, record.share, record.length, record.moved, record.moves};
}

Time Reader::time_of(const Record &record, ModalTime &modal) const {
  if (record.modes) return {record.modes->count, 0, &modal};
  return {record.series.count, record.series.unit, nullptr};
}

Reader::Reading Reader::outputs_of(const Record &record, const Inputs &inputs) const {
  const int rows = network_.op, width = network_.width;
  const double *matrix = network_.read_outputs.data();
  if (record.modes) {
    double *base = arena_.take(rows);
    copy(inputs.outputs, rows, base);
    add_columns(matrix, rows, rows, nullptr, width, record.sources, base);
    const ModalColumns &made = record.modes->outputs;
    return {made.columns, made.magnitudes, base};
  }
  double *columns = arena_.take(std::size_t(record.series.count) * rows);
  std::fill_n(columns, std::size_t(record.series.count) * rows, 0.0);
  copy(inputs.outputs, rows, columns);
  for (int q = 0; q < record.series.count; ++q)
    add_columns(matrix, rows, rows, nullptr, width, record.series.sources + std::size_t(q) * width,
                columns + std::size_t(q) * rows);
  return {columns, nullptr, nullptr};
}

Reader::Reading Reader::currents_of(const Record &record) const {
  if (!network_.read_charging.empty()) return charging_currents_of(record);
  if (!record.modes) return {record.series.currents, nullptr, nullptr};
  const ModalColumns &made = record.modes->currents;
  return {made.columns, made.magnitudes, record.currents};
}

// The same and what charges capacitors that follow at once: the derivative of the sources, which
// of a power of time is the power before, and of modes their columns turned by their rates.
Reader::Reading Reader::charging_currents_of(const Record &record) const {
  const int kp = network_.kp, width = network_.width;
  const Modes *modes = record.modes;
  const int count = modes ? modes->count : record.series.count;
  double *columns = arena_.take(std::size_t(count) * kp), *moves = arena_.take(width);
  const auto charge = [&](double *currents) {
    add_columns(network_.read_charging.data(), kp, kp, nullptr, width, moves, currents);
  };
  std::copy_n(modes ? modes->currents.columns : record.series.currents,
              std::size_t(count) * kp, columns);
  if (!modes) {
    for (int q = 1; q < count; ++q) {
      for (int i = 0; i < width; ++i)
        moves[i] = q / record.series.unit * record.series.sources[std::size_t(q) * width + i];
      charge(columns + std::size_t(q - 1) * kp);
    }
    return {columns, nullptr, nullptr};
  }
  const double *sources = modes->sources.columns;
  for (int j = 0; j < count; ++j) {
    // Of a pair a + bi the rate takes a to decay a - turn b, and b to decay b + turn a.
    const bool paired = j >= modes->real, second = paired && (j - modes->real) % 2;
    const int pair = (j - modes->real) / 2, other = second ? j - 1 : j + 1;
    const double decay = paired ? modes->decay[pair] : modes->rate[j];
    const double turn = !paired ? 0 : second ? modes->turn[pair] : -modes->turn[pair];
    for (int i = 0; i < width; ++i) {
      moves[i] = decay * sources[std::size_t(j) * width + i];
      if (paired) moves[i] += turn * sources[std::size_t(other) * width + i];
    }
    charge(columns + std::size_t(j) * kp);
  }
  double *magnitudes = arena_.take(std::size_t(modes->pairs()) * kp), *base = arena_.take(kp);
  for (int p = 0; p < modes->pairs(); ++p) {
    const double *a = columns + std::size_t(modes->real + 2 * p) * kp;
    for (int i = 0; i < kp; ++i) magnitudes[std::size_t(p) * kp + i] = std::hypot(a[i], a[kp + i]);
  }
  copy(record.currents, kp, base);
  clear(moves, width);
  add_columns(sources, width, width, nullptr, count, record.share, moves);
  charge(base);
  return {columns, magnitudes, base};
}

double Reader::outputs_at_end(const Track &track, const Inputs &inputs, double *end) const {
  const int rows = network_.op;
  copy(inputs.outputs, rows, end);
  add_columns(network_.read_outputs.data(), rows, rows, nullptr, network_.width, track.final, end);
  return std::max(largest_magnitude(end, rows), SMALLEST_SCALE);
}

double Reader::settling_time(const Track &track, const Inputs &inputs, double band) const {
  const Kept kept(arena_);
  const int rows = network_.op;
  double *end = arena_.take(rows), *low = arena_.take(rows), *high = arena_.take(rows);
  const double size = outputs_at_end(track, inputs, end);
  for (int i = 0; i < rows; ++i) {
    const double width = i < network_.outputs ? band * size : INFINITE;
    low[i] = end[i] - width, high[i] = end[i] + width;
  }
  const Bounds bounds{low, high, nullptr, EDGE * band * size};
  int records = 0;
  for (auto record = track.records.rbegin(); record != track.records.rend(); ++record) {
    if (++records % LOOK == 0) interrupts_.check();
    const Kept here(arena_);
    ModalTime modal = modal_of(*record);
    const Time time = time_of(*record, modal);
    const Reading reading = outputs_of(*record, inputs);
    const auto exit = with_rows(
        time, reading.columns, reading.magnitudes, reading.base, rows, bounds, arena_,
        [&](const auto &curves) {
          const auto first = curves.at(0);
          if (record->length == INFINITE) return last_entry(curves, first);
          return curves.first_exit(curves.at(record->length), first);
        });
    if (exit) return record->begin + exit->time;
  }
  return 0;
}

bool Reader::flat_at_end(const Track &track, const Inputs &inputs, double band) const {
  return settling_time(track, inputs, band / 10) <= 0.9 * track.records.back().end();
}

double Reader::energy(const Track &track, const Inputs &inputs, double until) const {
  double total = 0;
  int records = 0;
  const double scale = std::max(track.largest_current, 1e-15);
  for (const Record &record : track.records) {
    if (record.begin >= until) break;
    if (++records % LOOK == 0) interrupts_.check();
    total += energy_of(record, inputs, std::min(record.length, until - record.begin), scale);
  }
  return total;
}

// Of currents that change their sign what they have flown until then, times the change of their
// weight, which is filled in as it is at the end.
template <class Rows>
double Reader::flown(const Rows &rows, double *low, double *high, double *weights, double slack,
                     double length) const {
  const int kp = network_.kp;
  const auto bound = [&](int i, bool positive) {
    low[i] = positive ? 0 : -INFINITE, high[i] = positive ? INFINITE : 0;
    weights[i] = positive ? network_.sourcing[i] : network_.sinking[i];
  };
  using Point = typename Rows::Point;
  Point at = rows.at(0);
  for (int b = 0; b < kp / LANES; ++b) {
    const Block none{}, value = rows.value(at, b);
    const Block decides = magnitude(value) > slack ? value : rows.slope(at, b);
    const auto positive = decides > none;
    blocks(low)[b] = positive ? none : every(-INFINITE);
    blocks(high)[b] = positive ? every(INFINITE) : none;
    blocks(weights)[b] =
        positive ? blocks(network_.sourcing.data())[b] : blocks(network_.sinking.data())[b];
  }
  double total = 0;
  std::vector<Point> ahead;
  for (Point next = rows.at(length);;) {
    int doubtful = 0;
    for (int block = 0; block < kp / LANES; ++block) {
      failing_[block] = rows.failing(block, at, next);
      doubtful += __builtin_popcount(failing_[block]);
    }
    if (doubtful > FEW && ahead.size() + 1 < DEEPEST) {
      ahead.push_back(next);
      next = rows.at(at.time + (next.time - at.time) / 4);
      continue;
    }
    for (int block = 0; block < kp / LANES; ++block)
      for (unsigned lanes = failing_[block]; lanes; lanes &= lanes - 1) {
        const int i = block * LANES + __builtin_ctz(lanes);
        const Kept here(arena_);
        Row row = rows.row(i);
        Look<Single> from = rows.single(at, i);
        while (const auto exit = row.first_exit(from, rows.single(next, i))) {
          const double before = weights[i];
          from = *exit;
          bound(i, from.value > 0);
          row.bound(low[i], high[i], slack);
          total += (before - weights[i]) * row.integral(from.time);
          if (from.time >= next.time) break;
        }
      }
    if (ahead.empty()) return total;
    at = next, next = ahead.back();
    ahead.pop_back();
  }
}

double Reader::energy_of(const Record &record, const Inputs &inputs, double length,
                         double scale) const {
  const Kept kept(arena_);
  const int kp = network_.kp;
  ModalTime modal = modal_of(record);
  const Time time = time_of(record, modal);
  const Reading currents = currents_of(record);
  double *low = arena_.take(kp), *high = arena_.take(kp), *weights = arena_.take(kp);
  const Bounds bounds{low, high, nullptr, NO_CURRENT * scale};
  double total = with_rows(
      time, currents.columns, currents.magnitudes, currents.base, kp, bounds, arena_,
      [&](const auto &rows) { return flown(rows, low, high, weights, bounds.slack, length); });
  double *law = arena_.take(time.count + LANES), *charge = arena_.take(kp);
  time.integral(length, law);
  for (int b = 0; b < kp / LANES; ++b)
    blocks(charge)[b] = currents.base ? blocks(currents.base)[b] * length : Block{};
  add_columns(currents.columns, kp, kp, nullptr, time.count, law, charge);
  return total + dot(weights, charge, kp) + delivered(record, law, inputs, length);
}

// The integral of what everything else delivers; `law` is that of the columns.
double Reader::delivered(const Record &record, const double *law, const Inputs &inputs,
                         double length) const {
  const Kept kept(arena_);
  const int width = network_.width, count = record.modes ? record.modes->count : record.series.count;
  double *flux = arena_.take(width);
  clear(flux, width);
  if (record.modes) add_columns_at(record.sources, width, length, flux);
  add_columns(record.modes ? record.modes->sources.columns : record.series.sources, width,
              width, nullptr, count, law, flux);
  return inputs.power_0 * length + dot(inputs.power, flux, width);
}

void Reader::sources_at(const Track &track, double time, double *x) const {
  const int width = network_.width;
  const auto later = std::upper_bound(
      track.records.begin(), track.records.end(), time,
      [](double at, const Record &each) { return at < each.begin; });
  const Record *record = later == track.records.begin() ? nullptr : &*std::prev(later);
  // Of modes that decay e^-30 is nothing.
  const bool over = track.at_rest && record && record->length == INFINITE &&
                    (time - record->begin) * record->modes->slowest > 30;
  if (!record || over || time > record->end()) {
    copy(track.final, width, x);
    return;
  }
  const Kept kept(arena_);
  ModalTime modal = modal_of(*record);
  const Time law = time_of(*record, modal);
  double *value = arena_.take(law.count + LANES), *slope = arena_.take(law.count + LANES);
  double *swing = arena_.take(law.pairs() + 1);
  law.at(time - record->begin, value, slope, swing);
  if (record->modes) copy(record->sources, width, x);
  else clear(x, width);
  add_columns(record->modes ? record->modes->sources.columns : record->series.sources, width,
              width, nullptr, law.count, value, x);
}

void Reader::sample_times(const Track &track, const Inputs &inputs, double longest,
                          std::vector<double> &times) const {
  const int rows = network_.op;
  const std::size_t first = times.size();
  const Kept kept(arena_);
  double *end = arena_.take(rows);
  const double size = SHOWN * outputs_at_end(track, inputs, end);
  if (track.records.size() > MOST_SHOWN) {
    // What turns for ever: no curve of it can be told from a band.
    const double end = track.records.back().end();
    const double step = std::min(end / MOST_SHOWN, longest);
    for (int at = 0; at * step < end; ++at) times.push_back(at * step);
    return;
  }
  for (const Record &record : track.records) {
    interrupts_.check();
    const Kept here(arena_);
    ModalTime modal = modal_of(record);
    const Time law = time_of(record, modal);
    const Reading reading = outputs_of(record, inputs);
    const Bounds none{end, end, nullptr, 1};
    const Curves curves(law, reading.columns, reading.magnitudes, reading.base, rows, none, arena_);
    const double last = std::min(record.length, std::max(track.rest_time - record.begin, 0.0));
    if (!(last < INFINITE)) continue;
    // Halve until the middle is where a straight line has it.
    const auto halve = [&](auto &&self, const Point &a, const Point &b, int depth) -> void {
      const Kept mine(arena_);
      const Point middle = curves.at((a.time + b.time) / 2);
      double off = 0;
      for (int i = 0; i < rows; ++i)
        off = std::max(off, std::abs(middle.value[i] - (a.value[i] + b.value[i]) / 2));
      const bool straight = off <= size && depth >= 2 && middle.time - a.time <= longest;
      if (depth < MOST_HALVINGS && !straight) {
        self(self, a, middle, depth + 1);
        self(self, middle, b, depth + 1);
        return;
      }
      for (const double time : {record.begin + a.time, record.begin + middle.time})
        if (times.size() == first || time > times.back()) times.push_back(time);
    };
    halve(halve, curves.at(0), curves.at(last), record.modes ? 0 : 1);
  }
}

}  // namespace amc
