// What follows from a state in a region: `respond`, `rates` and what is made of them.
#include "engine/behavioural/kernel/region.hpp"

#include <algorithm>

namespace amc {

namespace {

// Hold devices that may conduct at once; circuits are smaller than that.
constexpr int MOST_HELD = 4096;

// BLOCKS of kp rows and RESPONSE of y; 0 for any number.  What single lanes are written to is not
// read as a block soon after: that waits.
template <int BLOCKS, int RESPONSE>
void respond_with(const Network &net, const Region &region, const double *state,
                  const double *inputs, const Answer &answer) {
  const int kp = BLOCKS ? BLOCKS * LANES : net.kp, count = kp / LANES;
  double *y = answer.response, *x = answer.sources, *g = answer.rows;
  const Block *last = blocks(state + net.stage), *above = blocks(region.above);
  // The stages, which rows of held nodes need once more, are kept where their row is.
  Block *output = blocks(x), *stage = blocks(g);
  for (int b = 0; b < count; ++b) {
    const Block value = blocks(region.inside)[b] * last[b];
    stage[b] = inputs ? value + blocks(region.edge)[b] : value;
    output[b] = above[b] * stage[b];
  }
  // With the inputs, what stands at a limit acts on the network, too.
  const int *acting = inputs ? nullptr : region.columns.data();
  const int actors = inputs ? net.k : int(region.columns.size());
  Block sum[RESPONSE ? RESPONSE : 1];
  const int response = RESPONSE ? RESPONSE : net.response / LANES;
  Block *sums = RESPONSE ? sum : blocks(y);
  for (int b = 0; b < response; ++b) sums[b] = inputs ? blocks(inputs)[b] : Block{};
  const auto add = [&](const Numbers &columns, const int *numbers, int some, const double *times) {
    if constexpr (RESPONSE > 0) {
      add_columns_to<RESPONSE>(sum, columns.data(), net.response, numbers, some, times);
    } else {
      add_columns(columns.data(), net.response, net.response, numbers, some, times, y);
    }
  };
  add(net.by_source, acting, actors, x);
  if (net.c > 0) {
    double *q = x + net.q_source();
    for (int b = 0; b < net.cp / LANES; ++b) blocks(q)[b] = blocks(state + net.q_state())[b];
    add(net.by_charge, nullptr, net.c, q);
  }
  // The stages' own row is last: they are needed until then.
  double *hold = g + region.hold_row, *follows = g + region.output_row;
  if (region.node_row >= 0)
    for (int b = 0; b < count; ++b) blocks(g + region.node_row)[b] = blocks(state)[b];
  const int h = int(region.members.size());
  double flow[MOST_HELD];
  if (net.holds) {
    double *held = y + net.held;
    for (int b = 0; b < count; ++b) blocks(held)[b] = sums[net.held / LANES + b];
    for (int b = 0; b < count; ++b) blocks(x + kp)[b] = Block{};
    for (int b = 0; b < count; ++b) blocks(follows)[b] = stage[b];
    for (int r = 0; r < h; ++r) {
      flow[r] = 0;
      for (int s = 0; s < h; ++s) {
        const int j = region.members[s];
        flow[r] += region.balance[std::size_t(s) * h + r] * (held[j] - g[j]);
      }
    }
    for (int r = 0; r < h; ++r) {
      const int i = region.members[r];
      const double *column = net.by_hold[region.places[i].above].data();
      column += std::size_t(i) * net.response;
      for (int b = 0; b < response; ++b) sums[b] += blocks(column)[b] * flow[r];
    }
    for (int b = 0; b < count; ++b) blocks(hold)[b] = sums[net.held / LANES + b] - stage[b];
  }
  if (region.drive_row >= 0)
    for (int b = 0; b < count; ++b) blocks(g + region.drive_row)[b] = sums[b];
  for (int b = 0; RESPONSE && b < response; ++b) blocks(y)[b] = sums[b];
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
  const Block *active = blocks(region.active), *decay = blocks(region.decay);
  for (int b = 0; b < count; ++b) {
    Block gained = drive ? blocks(drive)[b] : net.eq.unity * blocks(response)[b];
    if (!change) gained += blocks(region.level)[b];
    blocks(rate)[b] = active[b] * gained - decay[b] * blocks(state)[b];
  }
  if (net.second) {
    const Block *follows = blocks(region.follows);
    for (int b = 0; b < count; ++b)
      blocks(rate + net.kp)[b] = follows[b] * (blocks(state)[b] - blocks(state + net.kp)[b]);
  }
  for (int b = 0; b < net.cp / LANES; ++b)
    blocks(rate + net.q_state())[b] = blocks(response + net.rate)[b];
}

}  // namespace

void respond(const Network &net, const Region &region, const double *state, const double *inputs,
             const Answer &answer) {
  const int count = net.kp / LANES, response = net.response / LANES;
  const auto answer_with = [&](auto respond_to) { respond_to(net, region, state, inputs, answer); };
  if (count == 1 && response == 2) {
    answer_with(respond_with<1, 2>);
  } else if (count == 1 && response == 3) {
    answer_with(respond_with<1, 3>);
  } else if (count == 2 && response == 4) {
    answer_with(respond_with<2, 4>);
  } else if (count == 2 && response == 6) {
    answer_with(respond_with<2, 6>);
  } else {
    answer_with(respond_with<0, 0>);
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

Answer room_for_answers(const Network &net, const Region &region, int states, Arena &room) {
  const std::size_t count = states;
  return {room.take(count * net.response), room.take(count * region.rows),
          room.take(count * net.width)};
}

int free_states(const Network &net, const Region &region, int *states) {
  int count = 0;
  for (int first = 0; first <= net.stage; first += net.kp)
    for (int i = 0; i < net.k; ++i)
      if (!region.places[i].pressed) states[count++] = first + i;
  for (int i = 0; i < net.c; ++i) states[count++] = net.q_state() + i;
  return count;
}

void jacobian(const Network &net, const Region &region, std::span<const int> states,
              const double *tilt, const Answer &answers, double *columns, Arena &room) {
  const std::size_t n = states.size();
  double *unit = room.take(net.states), *drive = room.take(net.kp), *change = room.take(net.states);
  std::fill_n(unit, net.states, 0.0);
  for (std::size_t j = 0; j < n; ++j) {
    double *response = answers.response + j * net.response;
    unit[states[j]] = 1;
    respond(net, region, unit, nullptr,
            {response, answers.rows + j * region.rows, answers.sources + j * net.width});
    for (int i = 0; tilt && i < net.kp; ++i) drive[i] = net.eq.unity * tilt[i] * response[i];
    rates(net, region, unit, tilt ? drive : nullptr, response, true, change);
    unit[states[j]] = 0;
    for (std::size_t i = 0; i < n; ++i) columns[j * n + i] = change[states[i]];
  }
}

}  // namespace amc
