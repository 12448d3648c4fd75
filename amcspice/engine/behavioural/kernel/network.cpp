#include "engine/behavioural/kernel/network.hpp"

#include <algorithm>
#include <cmath>

namespace amc {

namespace {

// Input difference at which a stage at a limit neither leaves nor presses on: that of its leak.
double pushing(const Equations &eq, double leak, double limit) {
  const double rate = leak * limit;
  if (!(eq.slew < INFINITE)) return rate / eq.unity;
  const double ratio = rate / eq.slew;
  if (std::abs(ratio) >= 1) return std::copysign(INFINITE, ratio);
  return eq.slew / eq.unity * std::atanh(ratio);
}

Numbers copied(const double *values, int count, int room, double beyond = 0) {
  Numbers copy(room, beyond);
  for (int i = 0; i < count; ++i) copy[i] = values[i];
  return copy;
}

}  // namespace

Network::Network(const Equations &equations, const Readings &readings) : eq(equations) {
  k = int(eq.amplifiers());
  c = int(eq.ports());
  kp = padded(k);
  cp = padded(c);
  second = eq.second > 0;
  slews = eq.slew < INFINITE;
  holds = false;
  for (int i = 0; i < k; ++i) holds = holds || eq.hold[i] > 0;
  stage = second ? kp : 0;
  states = kp + stage + cp;
  width = kp + (holds ? kp : 0) + cp;
  held = kp;
  flow = kp + (holds ? kp : 0);
  rate = flow + kp;
  response = rate + cp;
  outputs = int(readings.outputs.rows);
  op = padded(outputs);

  leak = copied(eq.leak, k, kp);
  lowest = copied(eq.lowest, k, kp, -INFINITE);
  highest = copied(eq.highest, k, kp, INFINITE);
  sourcing = copied(readings.sourcing, k, kp);
  sinking = copied(readings.sinking, k, kp);
  hold = copied(eq.hold, k, kp);
  hold_resistance.assign(kp, 1.0);
  push_low.assign(kp, 0.0);
  push_high.assign(kp, 0.0);
  for (int i = 0; i < k; ++i) {
    if (eq.hold[i] > 0) hold_resistance[i] = 1 / eq.hold[i] - eq.held_w[i][i];
    push_low[i] = pushing(eq, eq.leak[i], eq.lowest[i]);
    push_high[i] = pushing(eq, eq.leak[i], eq.highest[i]);
  }

  // `first` is where the sources begin that currents are given by.
  const auto stacked = [&](const Matrix &difference, const Matrix &node, const Matrix &charge,
                           int columns, int first) {
    Numbers out(std::size_t(columns) * response, 0.0);
    for (int j = 0; j < columns; ++j) {
      double *column = out.data() + std::size_t(j) * response;
      for (int i = 0; i < k; ++i) column[i] = difference[i][j];
      for (int i = 0; holds && i < k; ++i) column[held + i] = node[i][j];
      for (int i = 0; i < k; ++i) column[flow + i] = readings.currents[i][first + j];
      for (int i = 0; i < c; ++i) column[rate + i] = charge[i][j];
    }
    return out;
  };
  by_source = stacked(eq.difference_a, eq.held_a, eq.charge_a, k, 0);
  by_charge = stacked(eq.difference_q, eq.held_q, eq.charge_q, c, 2 * k);
  if (holds) {
    by_hold[0] = stacked(eq.difference_w, eq.held_w, eq.charge_w, k, k);
    by_hold[1] = by_hold[0];
    for (std::size_t at = 0; at < by_hold[1].size(); ++at)
      by_hold[1][at] += eq.rout * by_source[at];
    for (int above = 0; above < 2; ++above) {
      hold_loop[above].assign(std::size_t(k) * kp, 0.0);
      for (int j = 0; j < k; ++j) {
        for (int i = 0; i < k; ++i)
          hold_loop[above][std::size_t(j) * kp + i] =
              -by_hold[above][std::size_t(j) * response + held + i];
        if (eq.hold[j] > 0) hold_loop[above][std::size_t(j) * kp + j] += 1 / eq.hold[j];
      }
    }
  }

  // Columns by the sources x, of a matrix as Python has it.
  const auto by_sources = [&](const Matrix &matrix, int count, int room) {
    Numbers out(std::size_t(width) * room, 0.0);
    for (int i = 0; i < count; ++i) {
      const double *row = matrix[i];
      for (int j = 0; j < k; ++j) out[std::size_t(j) * room + i] = row[j];
      for (int j = 0; holds && j < k; ++j) out[std::size_t(kp + j) * room + i] = row[k + j];
      for (int j = 0; j < c; ++j) out[std::size_t(q_source() + j) * room + i] = row[2 * k + j];
    }
    return out;
  };
  read_outputs = by_sources(readings.outputs, outputs, op);
  read_charging = by_sources(readings.charging, int(readings.charging.rows), kp);
  if (std::all_of(read_charging.begin(), read_charging.end(), [](double f) { return f == 0; }))
    read_charging.clear();
}

}  // namespace amc
