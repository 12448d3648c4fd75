#include "engine/behavioural/kernel/region.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <type_traits>

#include "engine/behavioural/kernel/dense.hpp"
#include "engine/behavioural/kernel/modes.hpp"

namespace amc {

namespace {

// Rates below this, over that of an amplifier by itself, are none.
constexpr double SMALLEST_RATE = 1e-15;

// Hold devices that may conduct at once; circuits are smaller than that.
constexpr int MOST_HELD = 4096;

// Bytes for all regions of a circuit.
constexpr std::size_t LARGEST_ROOM = std::size_t(1) << 28;

void bound(Region &region, const Network &net) {
  const int kp = net.kp;
  std::fill(region.low.begin(), region.low.end(), -INFINITE);
  std::fill(region.high.begin(), region.high.end(), INFINITE);
  std::fill(region.unit.begin(), region.unit.end(), 1.0);
  for (int block = 0; block < int(region.kinds.size()); ++block) {
    double *low = region.low.data() + block * kp, *high = region.high.data() + block * kp;
    double *unit = region.unit.data() + block * kp;
    for (int i = 0; i < net.k; ++i) {
      const Place place = region.places[i];
      switch (region.kinds[block]) {
        case Kind::STAGE:
        case Kind::NODE: {
          const bool node = region.kinds[block] == Kind::NODE;
          const int at = node ? place.clamp : place.stage;
          if (place.pressed) break;
          if (at != Place::HIGH) high[i] = at == Place::INSIDE ? net.highest[i] : net.lowest[i];
          if (at != Place::LOW) low[i] = at == Place::INSIDE ? net.lowest[i] : net.highest[i];
          // A clamp keeps a node from going far: what counts is how far it would go without.
          if (at != Place::INSIDE && (node || !net.second)) unit[i] = 1 / CLAMP;
          break;
        }
        case Kind::DRIVE:
          if (place.clamp == Place::INSIDE || place.clamp != place.stage) break;
          if ((place.clamp == Place::HIGH) == bool(place.pressed)) {
            low[i] = place.clamp == Place::HIGH ? net.push_high[i] : net.push_low[i];
          } else {
            high[i] = place.clamp == Place::HIGH ? net.push_high[i] : net.push_low[i];
          }
          break;
        case Kind::HOLD:
          if (!(net.eq.hold[i] > 0)) break;
          if (place.conducts) {
            low[i] = 0;
            unit[i] = 1 / net.hold_resistance[i];
          } else {
            high[i] = 0;
          }
          break;
        case Kind::OUTPUT:
          if (!(net.eq.hold[i] > 0)) break;
          (place.above ? low : high)[i] = 0;
          break;
      }
    }
  }
}

}  // namespace

Region::Region(const Network &net, const Places &at) {
  const int kp = net.kp;
  any_pressed = false, all_pressed = true;
  bool at_limit = false;
  int acting = 0, held = 0;
  for (const Place place : at) {
    any_pressed = any_pressed || place.pressed;
    all_pressed = all_pressed && place.pressed;
    at_limit = at_limit || place.clamp != Place::INSIDE;
    acting += place.stage == Place::INSIDE && place.above;
    held += place.conducts;
  }
  std::array<Kind, 5> wanted{Kind::STAGE};
  int count = 1;
  const auto add = [&](bool needed, Kind kind) {
    if (!needed) return -1;
    wanted[count] = kind;
    return count++ * kp;
  };
  node_row = add(net.second, Kind::NODE);
  drive_row = add(net.slews || at_limit, Kind::DRIVE);
  hold_row = add(net.holds, Kind::HOLD);
  output_row = add(net.holds, Kind::OUTPUT);
  rows = count * kp;

  const std::size_t bytes = sizeof(int) * (acting + held) + sizeof(Kind) * count + at.size();
  room.assign(std::size_t(7) * kp + 3 * rows + held * held + bytes / sizeof(double) + 4, 0.0);
  auto *next = reinterpret_cast<std::byte *>(room.data());
  const auto take = [&next](auto &part, std::size_t size) {
    using T = typename std::remove_reference_t<decltype(part)>::value_type;
    part = {reinterpret_cast<T *>(next), size};
    next += size * sizeof(T);
  };
  for (auto *part : {&inside, &edge, &above, &decay, &active, &level, &follows}) take(*part, kp);
  for (auto *part : {&low, &high, &unit}) take(*part, rows);
  take(balance, std::size_t(held) * held);
  take(columns, acting), take(members, held), take(kinds, count), take(places, at.size());
  std::copy_n(wanted.begin(), count, kinds.begin());
  std::copy(at.begin(), at.end(), places.begin());

  acting = held = 0;
  for (int i = 0; i < net.k; ++i) {
    const Place place = places[i];
    inside[i] = place.stage == Place::INSIDE;
    if (place.stage != Place::INSIDE)
      edge[i] = place.stage == Place::HIGH ? net.highest[i] : net.lowest[i];
    above[i] = place.above;
    active[i] = !place.pressed;
    follows[i] = place.pressed ? 0 : net.eq.second;
    decay[i] = place.pressed ? 0 : net.leak[i];
    if (place.clamp != Place::INSIDE && !place.pressed) {
      decay[i] += CLAMP * net.eq.unity;
      level[i] = CLAMP * net.eq.unity * (place.clamp == Place::HIGH ? net.highest[i] : net.lowest[i]);
    }
    if (inside[i] > 0 && above[i] > 0) columns[acting++] = i;
    if (place.conducts) members[held++] = i;
  }
  for (int s = 0; s < held; ++s) {
    const int j = members[s];
    const double *loop = net.hold_loop[places[j].above].data() + std::size_t(j) * kp;
    for (int r = 0; r < held; ++r) balance[std::size_t(s) * held + r] = loop[members[r]];
  }
  if (held > 0) invert(balance.data(), held);
  bound(*this, net);
}

Region::~Region() = default;

namespace {

// BLOCKS of kp rows; 0 for any number.  What single lanes are written to is not read as a block
// soon after: that waits.
template <int BLOCKS>
void respond_with(const Network &net, const Region &region, const double *state,
                  const double *inputs, const Answer &answer) {
  const int kp = BLOCKS ? BLOCKS * LANES : net.kp, count = kp / LANES;
  double *y = answer.response, *x = answer.sources, *g = answer.rows;
  const Block *last = blocks(state + net.stage), *above = blocks(region.above.data());
  // The stages, which rows of held nodes need once more, are kept where their row is.
  Block *output = blocks(x), *stage = blocks(g);
  for (int b = 0; b < count; ++b) {
    const Block value = blocks(region.inside.data())[b] * last[b];
    stage[b] = inputs ? value + blocks(region.edge.data())[b] : value;
    output[b] = above[b] * stage[b];
  }
  for (int b = 0; b < net.response / LANES; ++b)
    blocks(y)[b] = inputs ? blocks(inputs)[b] : Block{};
  // With the inputs, what stands at a limit acts on the network, too.
  add_columns(net.by_source.data(), net.response, net.response,
              inputs ? nullptr : region.columns.data(),
              inputs ? net.k : int(region.columns.size()), x, y);
  if (net.c > 0) {
    double *q = x + net.q_source();
    for (int b = 0; b < net.cp / LANES; ++b) blocks(q)[b] = blocks(state + net.q_state())[b];
    add_columns(net.by_charge.data(), net.response, net.response, nullptr, net.c, q, y);
  }
  // The stages' own row is last: they are needed until then.
  double *hold = g + region.hold_row, *follows = g + region.output_row;
  if (region.node_row >= 0)
    for (int b = 0; b < count; ++b) blocks(g + region.node_row)[b] = blocks(state)[b];
  const int h = int(region.members.size());
  double flow[MOST_HELD];
  if (net.holds) {
    for (int b = 0; b < count; ++b) blocks(x + kp)[b] = Block{};
    for (int b = 0; b < count; ++b) blocks(follows)[b] = stage[b];
    for (int r = 0; r < h; ++r) {
      flow[r] = 0;
      for (int s = 0; s < h; ++s) {
        const int j = region.members[s];
        flow[r] += region.balance[std::size_t(s) * h + r] * (y[net.held + j] - g[j]);
      }
    }
    for (int r = 0; r < h; ++r) {
      const int i = region.members[r];
      add_columns_at(net.by_hold[region.places[i].above].data() + std::size_t(i) * net.response,
                     net.response, flow[r], y);
    }
    for (int b = 0; b < count; ++b) blocks(hold)[b] = blocks(y + net.held)[b] - stage[b];
  }
  if (region.drive_row >= 0)
    for (int b = 0; b < count; ++b) blocks(g + region.drive_row)[b] = blocks(y)[b];
  for (int b = 0; b < count; ++b) stage[b] = last[b];
  for (int r = 0; r < h; ++r) {
    const int i = region.members[r];
    x[kp + i] = hold[i] = flow[r];
    follows[i] += net.eq.rout * flow[r];
    if (region.places[i].above) x[i] += net.eq.rout * flow[r];
  }
}

template <int BLOCKS>
void rates_with(const Network &net, const Region &region, const double *state, const double *drive,
                const double *response, bool change, double *rate) {
  const int count = BLOCKS ? BLOCKS : net.kp / LANES;
  const Block *active = blocks(region.active.data()), *decay = blocks(region.decay.data());
  for (int b = 0; b < count; ++b) {
    Block gained = drive ? blocks(drive)[b] : net.eq.unity * blocks(response)[b];
    if (!change) gained += blocks(region.level.data())[b];
    blocks(rate)[b] = active[b] * gained - decay[b] * blocks(state)[b];
  }
  if (net.second) {
    const Block *follows = blocks(region.follows.data());
    for (int b = 0; b < count; ++b)
      blocks(rate + net.kp)[b] = follows[b] * (blocks(state)[b] - blocks(state + net.kp)[b]);
  }
  for (int b = 0; b < net.cp / LANES; ++b)
    blocks(rate + net.q_state())[b] = blocks(response + net.rate)[b];
}

}  // namespace

void respond(const Network &net, const Region &region, const double *state, const double *inputs,
             const Answer &answer) {
  switch (net.kp / LANES) {
    case 1: respond_with<1>(net, region, state, inputs, answer); return;
    case 2: respond_with<2>(net, region, state, inputs, answer); return;
    default: respond_with<0>(net, region, state, inputs, answer);
  }
}

void rates(const Network &net, const Region &region, const double *state, const double *drive,
           const double *response, bool change, double *rate) {
  switch (net.kp / LANES) {
    case 1: rates_with<1>(net, region, state, drive, response, change, rate); return;
    case 2: rates_with<2>(net, region, state, drive, response, change, rate); return;
    default: rates_with<0>(net, region, state, drive, response, change, rate);
  }
}

std::vector<int> free_states(const Network &net, const Region &region) {
  std::vector<int> states;
  for (int first = 0; first <= net.stage; first += net.kp)
    for (int i = 0; i < net.k; ++i)
      if (!region.places[i].pressed) states.push_back(first + i);
  for (int i = 0; i < net.c; ++i) states.push_back(net.q_state() + i);
  return states;
}

std::vector<double> jacobian(const Network &net, const Region &region,
                             const std::vector<int> &states, const double *tilt) {
  const std::size_t n = states.size();
  std::vector<double> columns(n * n);
  Numbers unit(net.states), y(net.response), g(region.rows), x(net.width), drive(net.kp);
  Numbers change(net.states);
  for (std::size_t j = 0; j < n; ++j) {
    unit[states[j]] = 1;
    respond(net, region, unit.data(), nullptr, {y.data(), g.data(), x.data()});
    for (int i = 0; tilt && i < net.kp; ++i) drive[i] = net.eq.unity * tilt[i] * y[i];
    rates(net, region, unit.data(), tilt ? drive.data() : nullptr, y.data(), true, change.data());
    unit[states[j]] = 0;
    for (std::size_t i = 0; i < n; ++i) columns[j * n + i] = change[states[i]];
  }
  return columns;
}

void leave(const Network &net, const Region &region, int row, double value, double drive,
           Place &place) {
  const int i = row % net.kp;
  const auto where = [&](double at) -> std::uint8_t {
    return at > net.highest[i] ? Place::HIGH : at < net.lowest[i] ? Place::LOW : Place::INSIDE;
  };
  switch (region.kinds[row / net.kp]) {
    case Kind::STAGE:
      place.stage = where(value);
      if (!net.second) place.clamp = place.stage;
      break;
    case Kind::NODE: place.clamp = where(value); break;
    case Kind::DRIVE: place.pressed = !place.pressed; return;
    case Kind::HOLD: place.conducts = !place.conducts; break;
    case Kind::OUTPUT: place.above = !place.above; break;
  }
  place.pressed = 0;
  if (place.clamp != Place::INSIDE && place.clamp == place.stage) {
    const bool high = place.clamp == Place::HIGH;
    place.pressed = high ? drive > net.push_high[i] : drive < net.push_low[i];
  }
}

Region &Regions::at(const Places &places) {
  key_.assign(reinterpret_cast<const char *>(places.data()), places.size() * sizeof(Place));
  const auto [found, fresh] = known_.try_emplace(key_, network_, places);
  if (fresh) bytes_ += sizeof(Region) + 64 + sizeof(double) * found->second.room.size();
  return found->second;
}

Modes &Regions::modes_of(Region &region) {
  if (!region.modes) {
    region.modes = std::make_unique<Modes>(network_, region, SMALLEST_RATE * network_.eq.unity);
    bytes_ += region.modes->bytes();
  }
  return *region.modes;
}

void Regions::trim() {
  if (bytes_ < LARGEST_ROOM) return;
  known_.clear();
  bytes_ = 0;
}

}  // namespace amc
