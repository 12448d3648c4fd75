#include "engine/behavioural/kernel/trajectory.hpp"

#include <algorithm>
#include <cmath>

#include "engine/behavioural/kernel/dense.hpp"
#include "engine/behavioural/kernel/few.hpp"
#include "engine/behavioural/kernel/pressed.hpp"

namespace amc {

namespace {

// How far a row may go beyond its bounds before it has left, and error of a series, over the
// largest voltage.
constexpr double EVENT = 1e-9, SERIES_ERROR = 1e-10;

// Input over the knee of the slew limit, slew / unity, up to which that limit is none: tanh(x) is
// x (1 - x^2/3).  It is one again from twice as much on.
constexpr double CALM = 2e-3;

// Whether modes are found soon: of a region with all amplifiers inside, so of the others, too.
bool is_symmetric(const Network &net) {
  Arena room;
  Region region(net);
  region.become(Places(net.k, START));
  int *states = room.take_as<int>(net.states);
  const int n = free_states(net, region, states);
  double *matrix = room.take(std::size_t(n) * n);
  const Answer answers = room_for_answers(net, region, n, room);
  jacobian(net, region, {states, std::size_t(n)}, nullptr, answers, matrix, room);
  return symmetrise(matrix, n, room.take(n), room);
}

// Series of a stay before modes are worked out, which takes the longer the more states there are.
int patience_of(const Network &net) {
  const int states = (net.second ? 2 : 1) * net.k + net.c;
  if (states > 24) return 8;
  if (states > 8) return 2;
  return states <= 4 || is_symmetric(net) ? 0 : 1;
}

// Pieces between two looks at the clock, and at signals now and then.
constexpr int LOOK = 16;

// Series after which a stay is asked whether it is at rest where modes cannot tell.
constexpr int ASKED = 8;

}  // namespace

Follower::Follower(const Network &network, const Settings &settings)
    : net_(network), settings_(settings), regions_(network), patience_(patience_of(network)) {
  response_.assign(net_.response, 0.0);
  rows_.assign(std::size_t(5) * net_.kp, 0.0);
  sources_.assign(net_.width, 0.0);
  rate_.assign(net_.states, 0.0);
  drive_.assign(net_.kp, 0.0);
  start();
}

void Follower::start() {
  state_.assign(net_.states, 0.0);
  places_.assign(net_.k, START);
}

// Fill in response, rows, sources and rate of the state, and the drive by the slew limit's law.
double *Follower::answer(const Region &region, const Inputs &inputs) {
  respond(net_, region, state_.data(), inputs.response,
          {response_.data(), rows_.data(), sources_.data()});
  for (int b = 0; b < net_.kp / LANES; ++b)
    blocks(drive_.data())[b] = net_.eq.unity * blocks(response_.data())[b];
  for (int i = 0; net_.slews && i < net_.kp; ++i)
    drive_[i] = net_.eq.slew * std::tanh(drive_[i] / net_.eq.slew);
  return rows_.data();
}

// Find the places that fit a state.  All rows that are beyond their bounds change at once at
// first; then one at a time, which ends for the P-matrices that passive networks give (K. Murty's
// least-index rule).
Region &Follower::enter(const Inputs &inputs) {
  const int attempts = 20 + 8 * net_.k;
  for (int attempt = 0;; ++attempt) {
    Region &region = regions_.at(places_);
    const double *rows = answer(region, inputs);
    bool changed = false;
    for (int block = 0; block < region.rows && !(changed && attempt >= 10); block += LANES) {
      const auto at = [&](const auto &row) { return blocks(&row[block])[0]; };
      const Block over = larger(at(region.low) - at(rows), at(rows) - at(region.high));
      for (unsigned lanes = lanes_of(over > EVENT * scale_ * at(region.unit)); lanes;
           lanes &= lanes - 1) {
        const int row = block + __builtin_ctz(lanes), i = row % net_.kp;
        leave(net_, region, row, rows[row], response_[i], places_[i]);
        changed = true;
        if (attempt >= 10) break;
      }
    }
    if (!changed || attempt == attempts) return region;
  }
}

Region &Follower::pass(const Region &region, const Inputs &inputs, int row) {
  Place &place = places_[row % net_.kp];
  const Kind kind = region.kinds[row / net_.kp];
  // Within its range an amplifier does next what neither row nor input decides.
  const bool known = place.clamp == Place::INSIDE && (kind == Kind::HOLD || kind == Kind::OUTPUT);
  if (!known) answer(region, inputs);
  leave(net_, region, row, rows_[row], response_[row % net_.kp], place);
  pieces_ = 0;
  return enter(inputs);
}

// Whether the slew limit counts; of the last answer.
bool Follower::bends(const Region &region) const {
  if (!net_.slews) return false;
  const double knee = net_.eq.slew / net_.eq.unity;
  for (int i = 0; i < net_.k; ++i)
    if (!region.places[i].pressed && std::abs(response_[i]) > CALM * knee) return true;
  return false;
}

const Track &Follower::follow(const Inputs &inputs) {
  arena_.release({0, 0});
  regions_.trim();
  track_.records.clear();
  track_.at_rest = false;
  track_.rest_time = INFINITE;
  time_ = 0;
  pieces_ = 0;
  scale_ = std::max({SMALLEST_SCALE, largest_magnitude(state_.data(), net_.states),
                     largest_magnitude(inputs.response, net_.kp)});
  // The state has been answered for in its region whenever a stay begins.
  Region *region = &enter(inputs);
  while (time_ < settings_.longest && track_.records.size() < settings_.most) {
    if (track_.records.size() % LOOK == 0) interrupts_.check();
    const bool slewing = bends(*region);
    // Where all are pressed nothing else moves.
    const bool patient = pieces_ < patience_ && !region->all_pressed;
    const bool by_modes = !slewing && (!settings_.bounded || !patient);
    if (by_modes) {
      Modes &modes = regions_.modes_of(*region);
      if (modes.usable) {
        Region *next = stay_by_modes(*region, modes, inputs);
        if (!next) break;
        region = next;
        continue;
      }
    }
    if (pieces_ >= ASKED && pieces_ % 4 == 0 && still(*region, inputs)) break;
    Region *next = stay_by_series(*region, inputs, slewing, !slewing && !by_modes);
    if (next) {
      region = next;
    } else {
      pieces_ = patience_;
    }
    scale_ = std::max(scale_, largest_magnitude(state_.data(), net_.states));
  }
  const bool out_of_time = !track_.at_rest && !track_.records.empty();
  if (out_of_time && !track_.records.back().modes) still(*region, inputs);
  double *end = arena_.take(net_.width);
  // Whoever comes to rest has answered there.
  if (!track_.at_rest || region->any_pressed) answer(*region, inputs);
  copy(sources_.data(), net_.width, end);
  track_.final = end;
  track_.largest_current = largest_magnitude(response_.data() + net_.flow, net_.kp);
  return track_;
}

// Return null, and do nothing, where the stay promises to be long and `may_leave` it to modes.
Region *Follower::stay_by_series(Region &region, const Inputs &inputs, bool slewing,
                                 bool may_leave) {
  const double error = SERIES_ERROR * scale_, remaining = settings_.longest - time_;
  const Series series = expand(net_, region, inputs, state_.data(), slewing, error,
                               EVENT * scale_, remaining, arena_);
  const Time law{series.count, series.unit, nullptr};
  const Bounds bounds{region.low, region.high, region.unit, EVENT * scale_};
  const auto mark = arena_.mark();
  const Curves rows(law, series.rows, nullptr, nullptr, region.rows, bounds, arena_);
  const auto exit = rows.first_exit(rows.at(0), rows.at(series.reach));
  arena_.release(mark);
  if (!exit && may_leave && series.reach >= remaining) return nullptr;
  const double length = exit ? exit->time : series.reach;
  track_.records.push_back({time_, length, series, nullptr, nullptr, nullptr, nullptr});
  state_at(net_, series, length, state_.data());
  advance_pressed(net_, region, series, length, state_.data());
  time_ += length;
  if (exit) return &pass(region, inputs, exit->row);
  ++pieces_;
  answer(region, inputs);
  return &region;
}

// Return null where it is over: at rest, or out of time.
Region *Follower::stay_by_modes(Region &region, const Modes &modes, const Inputs &inputs) {
  const int kp = net_.kp;
  double *share = arena_.take(modes.share_rows), *sources = arena_.take(net_.width);
  copy(sources_.data(), net_.width, sources);
  rates(net_, region, state_.data(), nullptr, response_.data(), false, rate_.data());
  modes.split(rate_.data(), share);
  double *currents = arena_.take(kp);
  copy(response_.data() + net_.flow, kp, currents);
  const auto mark = arena_.mark();
  Bounds bounds{region.low, region.high, region.unit, EVENT * scale_};
  if (net_.slews) bound_drive(region, bounds);
  const ModalTime modal{&modes, share};
  const double remaining = settings_.longest - time_;
  const Time law{modes.count, 0, &modal};
  const Ahead ahead = with_rows(
      law, modes.events.columns, modes.events.magnitudes, rows_.data(), region.rows, bounds,
      arena_, [remaining](const auto &rows) { return rows.ahead(remaining); });
  const std::optional<Exit> &exit = ahead.exit;
  const bool for_good = ahead.for_good;
  arena_.release(mark);
  const double length = exit ? exit->time : for_good ? INFINITE : remaining;
  track_.records.push_back({time_, length, {}, &modes, share, sources, currents});
  if (for_good) {
    const double rest = settings_.rest * scale_;
    if (left_at(remaining, modes, share) <= rest) {
      track_.at_rest = true;
      if (rest_times_) track_.rest_time = time_ + time_within(rest, modes, share);
      come_to_rest(region, modes, inputs);
      return nullptr;
    }
    track_.records.back().length = remaining;
  }
  double *value = arena_.take(modes.count + LANES), *slope = arena_.take(modes.count + LANES);
  double *swing = arena_.take(modes.count + 1);
  const double moved = std::min(length, remaining);
  modal.at(moved, value, slope, swing);
  if (modes.pairs() == 0) track_.records.back().moved = value, track_.records.back().moves = slope;
  for (int b = 0; b < kp / LANES; ++b)
    blocks(drive_.data())[b] = net_.eq.unity * blocks(response_.data())[b];
  advance_pressed(net_, region, modes, share, drive_.data(), moved, state_.data());
  add_columns(modes.state.columns, net_.states, net_.states, nullptr, modes.count, value,
              state_.data());
  time_ += moved;
  if (!exit) return nullptr;
  pieces_ = 0;
  if (!net_.slews) return &pass(region, inputs, exit->row);
  // The slew limit may begin to count instead: that is no other region.
  const double over = answer(region, inputs)[exit->row];
  const bool left = over < region.low[exit->row] || over > region.high[exit->row];
  return left ? &pass(region, inputs, exit->row) : &region;
}

// Bound the input differences to where the slew limit counts, besides.
void Follower::bound_drive(const Region &region, Bounds &bounds) {
  double *low = arena_.take(region.rows), *high = arena_.take(region.rows);
  copy(bounds.low, region.rows, low), copy(bounds.high, region.rows, high);
  const double knee = 2 * CALM * net_.eq.slew / net_.eq.unity;
  for (int i = 0; i < net_.k; ++i) {
    if (region.places[i].pressed) continue;
    const int row = region.drive_row + i;
    low[row] = std::max(low[row], -knee), high[row] = std::min(high[row], knee);
  }
  bounds.low = low, bounds.high = high;
}

void Follower::come_to_rest(const Region &region, const Modes &modes, const Inputs &inputs) {
  const auto mark = arena_.mark();
  double *share = arena_.take(modes.share_rows), *left = arena_.take(modes.share_rows + LANES);
  double *slope = arena_.take(modes.share_rows + LANES), *swing = arena_.take(modes.share_rows);
  // The second round takes away what rounding has left, and the slew limit's small part.
  for (int round = 0; round < 2; ++round) {
    answer(region, inputs);
    rates(net_, region, state_.data(), drive_.data(), response_.data(), false, rate_.data());
    modes.split(rate_.data(), share);
    ModalTime{&modes, share}.at(INFINITE, left, slope, swing);
    add_columns(modes.state.columns, net_.states, net_.states, nullptr, modes.count, left,
                state_.data());
  }
  arena_.release(mark);
  answer(region, inputs);
  rest_pressed(net_, region, drive_.data(), state_.data());
}

// How far the farthest state is from its end at a time of a stay by modes.
double Follower::left_at(double time, const Modes &modes, const double *share) {
  const ModalTime modal{&modes, share};
  const auto mark = arena_.mark();
  const int room = modes.share_rows + LANES;
  double *value = arena_.take(room), *end = arena_.take(room), *slope = arena_.take(room);
  double *swing = arena_.take(room), *left = arena_.take(net_.states);
  modal.at(time, value, slope, swing);
  modal.at(INFINITE, end, slope, swing);
  for (int j = 0; j < modes.count; ++j) end[j] -= value[j];
  clear(left, net_.states);
  add_columns(modes.state.columns, net_.states, net_.states, nullptr, modes.count, end, left);
  arena_.release(mark);
  return largest_magnitude(left, net_.states);
}

// The time until all states are within a distance of their ends.
double Follower::time_within(double distance, const Modes &modes, const double *share) {
  const auto rests = [&](double time) { return left_at(time, modes, share) <= distance; };
  double low = 0, high = 1 / modes.fastest;
  if (rests(0)) return 0;
  while (!rests(high)) low = high, high *= 2;
  for (int round = 0; round < 8; ++round) {
    const double middle = (low + high) / 2;
    (rests(middle) ? high : low) = middle;
  }
  return high;
}

// Where modes cannot tell: rest is where Newton's step is as short as rest asks for, and all modes
// of the circuit linearised there decay.
bool Follower::still(Region &region, const Inputs &inputs) {
  std::vector<int> states(net_.states);
  const int n = free_states(net_, region, states.data());
  states.resize(n);
  answer(region, inputs);
  Numbers tilt(net_.kp, 1.0), rate(net_.states), step(net_.states);
  for (int i = 0; net_.slews && i < net_.kp; ++i) {
    const double ratio = drive_[i] / net_.eq.slew;
    tilt[i] = 1 - ratio * ratio;
  }
  Arena room;
  std::vector<double> matrix(std::size_t(n) * n), vectors(matrix), inverse;
  const Answer answers = room_for_answers(net_, region, n, room);
  jacobian(net_, region, states, tilt.data(), answers, matrix.data(), room);
  inverse = matrix;
  invert(inverse.data(), n);
  const auto newton = [&] {
    rates(net_, region, state_.data(), drive_.data(), response_.data(), false, rate.data());
    std::fill(step.begin(), step.end(), 0.0);
    for (int j = 0; j < n; ++j)
      for (int i = 0; i < n; ++i)
        step[states[i]] -= inverse[std::size_t(j) * n + i] * rate[states[j]];
  };
  newton();
  // Series come no nearer than their own error.
  const double distance = largest_magnitude(step.data(), net_.states);
  if (!(distance <= std::max(settings_.rest, 100 * SERIES_ERROR) * scale_)) return false;
  std::vector<std::complex<double>> values(n);
  eigenvectors(matrix.data(), n, values.data(), vectors.data(), nullptr, room);
  for (const auto value : values)
    if (!(value.real() < 0)) return false;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < net_.states; ++i) state_[i] += step[i];
    answer(region, inputs);
    newton();
  }
  rest_pressed(net_, region, drive_.data(), state_.data());
  track_.at_rest = true;
  track_.rest_time = time_;
  return true;
}

}  // namespace amc
