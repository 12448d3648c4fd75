#include "engine/dc/search.hpp"

#include <algorithm>

namespace amc {
namespace {

// Overstepping that is none, as a fraction of the largest voltage.
constexpr double SLACK = 1e-12;

// Volts; as for settling bands.
constexpr double SMALLEST_SCALE = 1e-3;

// Rounds in which all wrong pieces change although their number does not fall.
constexpr int PATIENCE = 3;

// Iterations for the slew limit, and error that ends them, as a fraction of the largest voltage.
constexpr int MOST_NEWTON = 60;
constexpr double NEWTON_ERROR = 1e-15;

}  // namespace

Search::Search(std::size_t k, const Codes &codes)
    : k_(k), is_(codes), system_(k), order_(k), gain_(k), offset_(k), bent_(k), stage_(k),
      unknown_(k), lift_(k), level_(k), tilt_(k), edge_(k), flow_(k), pivot_(k), right_(k),
      over_place_(k), over_hold_(k), over_sign_(k) {}

void Search::suggest(const Stages &stages, const double *stage, Code *code) const {
  for (std::size_t i = 0; i < k_; ++i) {
    code[i] = is_.inside + is_.above;
    const bool finite = std::abs(stage[i]) < INFINITE;
    if (stage[i] > stages.highest[i]) {
      code[i] = is_.highest + is_.above;
    } else if (stages.hold[i] > 0) {  // the inverting input is near zero
      if (!finite || stage[i] < 0.0) code[i] = is_.inside + is_.conducts;
    } else if (stage[i] < stages.lowest[i]) {
      code[i] = is_.lowest + is_.above;
    }
  }
}

void Search::put_at_constraint(const Stages &stages, const bool *constrained, Code *code) const {
  for (std::size_t i = 0; i < k_; ++i) {
    code[i] = is_.inside + is_.above;
    if (!constrained[i]) continue;
    code[i] = stages.hold[i] > 0 ? is_.inside + is_.conducts : is_.lowest + is_.above;
  }
}

bool Search::is_within(const Stages &stages) const {
  for (std::size_t i = 0; i < k_; ++i) {
    if (!(stages.lowest[i] <= stage_[i] && stage_[i] <= stages.highest[i])) return false;
  }
  return true;
}

bool Search::find(const Stages &stages, const Case &at) {
  std::copy_n(stages.gain, k_, gain_.begin());
  std::copy_n(stages.offset, k_, offset_.begin());
  std::fill(bent_.begin(), bent_.end(), 0.0);
  std::size_t fewest = 3 * k_ + 1;
  int patience = PATIENCE, newton = 0;
  for (std::size_t round = 0; round < 100 + 20 * k_ + MOST_NEWTON; ++round) {
    const double scale = solve(stages, at);
    if (!(scale < INFINITE)) return false;
    const std::size_t wrong = count_wrong(SLACK * scale);
    if (wrong == 0) {
      if (stages.knee == INFINITE) return true;
      if (bend(stages, at.code) <= NEWTON_ERROR * scale) return true;
      if (++newton == MOST_NEWTON) return false;
      continue;
    }
    if (wrong < fewest) fewest = wrong, patience = PATIENCE + 1;
    --patience;
    change(stages, at.code, SLACK * scale, patience < 0);
  }
  return false;
}

std::size_t Search::count_wrong(double limit) const {
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < k_; ++i) {
    wrong += (over_place_[i] > limit) + (over_hold_[i] > limit) + (over_sign_[i] > limit);
  }
  return wrong;
}

// Solve the circuit in given pieces and fill in by how much each is overstepped [V].
//
// Returns the largest voltage; inf or nan where the pieces leave no solution.
double Search::solve(const Stages &stages, const Case &at) {
  const std::size_t m = choose_unknowns(stages, at.code);
  fill_in(at, m);
  system_.solve(m);
  const double scale = read_out(stages, at, m);
  if (!(scale < INFINITE)) return scale;
  for (std::size_t i = 0; i < k_; ++i) overstep(stages, at, i, along(at, i));
  return scale;
}

std::size_t Search::choose_unknowns(const Stages &stages, const Code *code) {
  std::size_t m = 0;
  for (std::size_t i = 0; i < k_; ++i) {
    choose_unknown(stages, code[i], i);
    if (code[i] & is_.conducts || lift_[i] != 0.0) order_[m++] = i;
  }
  return m;
}

void Search::choose_unknown(const Stages &stages, Code code, std::size_t i) {
  const Code place = code & is_.place;
  const double above = code & is_.above ? 1.0 : 0.0;
  lift_[i] = tilt_[i] = flow_[i] = 0.0;
  edge_[i] = place == is_.highest ? stages.highest[i] : stages.lowest[i];
  if (code & is_.conducts) {
    pivot_[i] = 1 / stages.hold[i];
    if (place == is_.inside) {
      pivot_[i] /= 1 + gain_[i];
      edge_[i] = gain_[i] * offset_[i] / (1 + gain_[i]);
      tilt_[i] = -gain_[i] * pivot_[i];
    }
    right_[i] = -edge_[i];
    lift_[i] = above * (tilt_[i] + stages.rout);
    flow_[i] = 1.0;
  } else if (place == is_.inside) {
    pivot_[i] = -1 / gain_[i];
    right_[i] = -offset_[i];
    edge_[i] = 0.0;
    lift_[i] = tilt_[i] = above;
  }
  level_[i] = above * edge_[i];
}

void Search::fill_in(const Case &at, std::size_t m) {
  for (std::size_t r = 0; r < m; ++r) {
    const std::size_t i = order_[r];
    const double *by_source = at.by_source[i], *by_hold = at.by_hold[i];
    double *__restrict row = system_[r];
    double total = right_[i] - at.drive[i];
    for (std::size_t j = 0; j < k_; ++j) total -= by_source[j] * level_[j];
    row[m] = total;
    for (std::size_t s = 0; s < m; ++s) {
      const std::size_t j = order_[s];
      row[s] = by_source[j] * lift_[j] - by_hold[j] * flow_[j];
    }
    row[r] += pivot_[i];
  }
}

// Fill in voltages and currents; return the largest voltage, inf where one is not finite.
double Search::read_out(const Stages &stages, const Case &at, std::size_t m) {
  std::fill(unknown_.begin(), unknown_.end(), 0.0);
  for (std::size_t r = 0; r < m; ++r) unknown_[order_[r]] = system_[r][m];
  double scale = SMALLEST_SCALE;
  for (std::size_t i = 0; i < k_; ++i) {
    at.sources[i] = lift_[i] * unknown_[i] + level_[i];
    stage_[i] = tilt_[i] * unknown_[i] + edge_[i];
    at.held[i] = flow_[i] * unknown_[i];
    const double source = std::abs(at.sources[i]);
    if (!(source + std::abs(at.held[i]) < INFINITE)) return INFINITE;
    scale = std::max({scale, source, std::abs(at.drive[i]), std::abs(stages.offset[i])});
  }
  return scale;
}

// Return the input difference of an amplifier without its offset.
double Search::along(const Case &at, std::size_t i) const {
  if (at.code[i] & is_.conducts) return -edge_[i] - pivot_[i] * unknown_[i];
  if (lift_[i] != 0.0) return unknown_[i] / gain_[i] - offset_[i];
  const double *by_source = at.by_source[i], *by_hold = at.by_hold[i];
  double total = at.drive[i];
  for (std::size_t j = 0; j < k_; ++j) {
    total += by_source[j] * at.sources[j] - by_hold[j] * at.held[j];
  }
  return total;
}

// Fill in by how much an amplifier oversteps its piece.
void Search::overstep(const Stages &stages, const Case &at, std::size_t i, double along) {
  const Code place = at.code[i] & is_.place;
  const bool conducts = at.code[i] & is_.conducts, above = at.code[i] & is_.above;
  const bool negative = place == is_.inside && !conducts && lift_[i] == 0.0;
  const double difference = along + stages.offset[i], current = at.held[i];
  const double low = stages.lowest[i], high = stages.highest[i];
  if (place == is_.highest) {
    over_place_[i] = stages.difference(i, high) - difference;
  } else if (place == is_.lowest) {
    over_place_[i] = difference - stages.difference(i, low);
  } else if (negative) {  // what its gain would make of rounding errors counts for nothing
    stage_[i] = stages.output(i, difference);
    const double beyond = difference - stages.difference(i, high);
    over_place_[i] = std::max(beyond, stages.difference(i, low) - difference);
  } else {
    over_place_[i] = std::max(stage_[i] - high, low - stage_[i]);
  }
  over_hold_[i] = over_sign_[i] = -INFINITE;
  if (stages.hold[i] == 0.0) return;
  if (conducts) {
    over_hold_[i] = -current * (1 / stages.hold[i] - at.by_hold[i][i]);
  } else if (negative) {  // c > s
    over_hold_[i] = stages.difference(i, -along) - difference;
  } else {
    over_hold_[i] = -along - stage_[i];
  }
  const double rises = negative ? difference : stage_[i] + stages.rout * current;
  over_sign_[i] = above ? -rises : rises;
}

// Change the pieces that are overstepped by more than `limit`.
void Search::change(const Stages &stages, Code *code, double limit, bool only_first) {
  for (std::size_t i = 0; i < k_; ++i) {
    Code place = code[i] & is_.place, conducts = code[i] & is_.conducts;
    Code above = code[i] & is_.above;
    bool changes = false;
    if (over_hold_[i] > limit) conducts ^= is_.conducts, changes = true;
    if (over_sign_[i] > limit && !(changes && only_first)) above ^= is_.above, changes = true;
    // A hold device that begins to conduct keeps the stage from going where it would go.
    if (over_place_[i] > limit && !(changes && (only_first || conducts))) {
      changes = true;
      const Code end = stage_[i] > stages.highest[i] ? is_.highest : is_.lowest;
      place = place != is_.inside ? is_.inside : end;
    }
    code[i] = place + conducts + above;
    if (changes && only_first) return;
  }
}

// Linearise the input stages anew, at bent_; return the largest error of those before [V].
double Search::bend(const Stages &stages, const Code *code) {
  double error = 0.0;
  for (std::size_t i = 0; i < k_; ++i) {
    const bool negative = stages.hold[i] > 0 && !(code[i] & (is_.conducts | is_.above));
    if ((code[i] & is_.place) != is_.inside || negative) continue;
    error = std::max(error, bend_one(stages, i));
  }
  return error;
}

// Linearise a stage as difference + own offset = stage / gain + own offset - offset.
//
// The error is that of the input difference, or of the stage where that is less.
double Search::bend_one(const Stages &stages, std::size_t i) {
  const double reach = stages.gain[i] * stages.knee;
  double at = stage_[i], error = INFINITE;
  if (std::abs(at) < reach) {
    const double linear = at / gain_[i] + stages.offset[i] - offset_[i];
    const double distance = std::abs(stages.difference(i, at) - linear);
    error = std::min(distance, distance * gain_[i]);
  } else {
    at = std::copysign((std::abs(bent_[i]) + reach) / 2, at);
  }
  bent_[i] = at;
  gain_[i] = stages.gain[i] * (1 - (at / reach) * (at / reach));
  offset_[i] = stages.offset[i] - (stages.difference(i, at) - at / gain_[i]);
  return error;
}

}  // namespace amc
