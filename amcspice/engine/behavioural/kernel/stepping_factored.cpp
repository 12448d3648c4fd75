#include "engine/behavioural/kernel/stepping_factored.hpp"

#include <algorithm>

namespace amc::stepping {

namespace {

constexpr std::size_t NONE = std::size_t(-1);

double inside(Place place) { return place.stage == 1 ? 1.0 : 0.0; }

double edge(const Equations &eq, const Code &code, std::size_t i) {
  return code[i].stage == 1 ? 0.0 : code[i].stage == 2 ? eq.highest[i] : eq.lowest[i];
}

// Whether a hold device, or what it holds, is another than it was.
bool differ(Place one, Place other) {
  return one.conducts != other.conducts ||
         (one.conducts && (one.stage != other.stage || one.positive != other.positive));
}

// Add some rows of zeros; return the first of them.
double *append(Dense &matrix, std::size_t rows) {
  matrix.rows += rows;
  matrix.values.resize(matrix.rows * matrix.columns);
  return matrix[matrix.rows - rows];
}

}  // namespace

Factored::Factored(const Equations &eq, const Code &code)
    : eq_(eq), code_(code), position_(code.size(), NONE), slope_(code.size()),
      offset_(code.size()) {
  for (std::size_t i = 0; i < code.size(); ++i) {
    slope_[i] = code[i].positive * inside(code[i]);
    offset_[i] = code[i].positive * edge(eq, code, i);
    if (code[i].conducts) position_[i] = members_.size(), members_.push_back(i);
  }
  const std::size_t held = members_.size();
  Dense system(held, held);
  for (std::size_t r = 0; r < held; ++r) {
    const double *by_current = eq.held_w[members_[r]], *by_source = eq.held_a[members_[r]];
    for (std::size_t s = 0; s < held; ++s) {
      const std::size_t j = members_[s];
      system[r][s] = -by_current[j] - eq.rout * by_source[j] * code[j].positive;
    }
    system[r][r] += 1 / eq.hold[members_[r]];
  }
  inverse_ = inverse(std::move(system));
}

void Factored::flow(const double *state, const Drive *drive, Flow &out, Vector &watched) const {
  const std::size_t k = code_.size(), c = eq_.ports();
  const double *stage = state + first_stage(eq_), *ports = state + eq_.states() - c;
  auto &[sources, currents] = out;
  sources.resize(k);
  currents.assign(k, 0.0);
  for (std::size_t i = 0; i < k; ++i) sources[i] = slope_[i] * stage[i] + (drive ? offset_[i] : 0);
  for (std::size_t i = 0; i < watched.size(); ++i) {
    if (!(eq_.hold[i] > 0)) continue;
    watched[i] = drive && drive->held ? drive->held[i] : 0.0;
    watched[i] += dot(eq_.held_a[i], sources.data(), k) + dot(eq_.held_q[i], ports, c);
  }
  if (members_.empty()) return;
  const std::size_t held = members_.size();
  Vector across(held), more(k);
  for (std::size_t r = 0; r < held; ++r) {
    const std::size_t i = members_[r];
    across[r] = watched[i] - inside(code_[i]) * stage[i] - (drive ? edge(eq_, code_, i) : 0.0);
  }
  for (std::size_t r = 0; r < held; ++r) {
    const std::size_t i = members_[r];
    watched[i] = currents[i] = dot(inverse_[r], across.data(), held);
    more[i] = eq_.rout * code_[i].positive * currents[i];
    sources[i] += more[i];
  }
  for (std::size_t i = 0; i < k; ++i) {
    if (!(eq_.hold[i] > 0) || code_[i].conducts) continue;
    watched[i] += dot(eq_.held_w[i], currents.data(), k) + dot(eq_.held_a[i], more.data(), k);
  }
}

void Factored::differences(const double *state, const Drive *drive, const Flow &flow,
                           Vector &out) const {
  const std::size_t k = code_.size(), c = eq_.ports();
  const double *ports = state + eq_.states() - c;
  for (std::size_t i = 0; i < k; ++i) {
    out[i] = drive && drive->difference ? drive->difference[i] : 0.0;
    out[i] += dot(eq_.difference_a[i], flow.sources.data(), k) + dot(eq_.difference_q[i], ports, c);
    if (!members_.empty()) out[i] += dot(eq_.difference_w[i], flow.currents.data(), k);
  }
}

void Factored::rates(const double *state, const Drive *drive, const Flow &flow,
                     const Vector &differences, Vector &out) const {
  const std::size_t k = code_.size(), c = eq_.ports(), n = eq_.states(), first = first_stage(eq_);
  for (std::size_t i = 0; i < k; ++i) {
    const Place place = code_[i];
    double rate = eq_.unity * differences[i];
    if (place.full != 1) rate = !drive ? 0.0 : place.full == 2 ? eq_.slew : -eq_.slew;
    if (place.inner != 1) {
      const double limit = !drive ? 0.0 : place.inner == 2 ? eq_.highest[i] : eq_.lowest[i];
      rate -= CLAMP * eq_.unity * (state[i] - limit);
    }
    out[i] = rate - eq_.leak[i] * state[i];
    if (first) out[first + i] = eq_.second * (state[i] - state[first + i]);
  }
  for (std::size_t i = 0; i < c; ++i) {
    out[n - c + i] = (drive && drive->charge ? drive->charge[i] : 0.0) +
                     dot(eq_.charge_a[i], flow.sources.data(), k) +
                     dot(eq_.charge_w[i], flow.currents.data(), k) +
                     dot(eq_.charge_q[i], state + n - c, c);
  }
}

void Factored::times(const Vector &vector, Vector &out) const {
  Flow own;
  Vector watched(watched_nodes(eq_)), along(code_.size());
  flow(vector.data(), nullptr, own, watched);
  differences(vector.data(), nullptr, own, along);
  rates(vector.data(), nullptr, own, along, out);
}

// With the hold devices M w = Y u, and G w in the rates, J is a sum of G M^-1 Y and what the
// sources do.  Devices that are others are taken out, sources changed, and devices put in again;
// what device i adds beside all others is (G M^-1)_i (M^-1)_ii^-1 (M^-1 Y)_i.
std::optional<OuterProducts> Factored::beyond(const Factored &before) const {
  const std::size_t k = code_.size(), n = eq_.states();
  Numbers out_of, into, sloped, inner, full;
  for (std::size_t i = 0; i < k; ++i) {
    const Place now = code_[i], old = before.code_[i];
    if (old.conducts && differ(now, old)) out_of.push_back(i);
    if (now.conducts && differ(now, old)) into.push_back(i);
    if (slope_[i] != before.slope_[i]) sloped.push_back(i);
    if ((now.inner == 1) != (old.inner == 1)) inner.push_back(i);
    if ((now.full == 1) != (old.full == 1)) full.push_back(i);
  }
  const std::size_t rank =
      out_of.size() + into.size() + sloped.size() + inner.size() + full.size();
  if (rank > most_rank(n)) return std::nullopt;
  OuterProducts result{Dense(0, n), Dense(0, n)};
  for (const std::size_t i : full) before.change_row(i, code_[i].full == 1 ? 1.0 : -1.0, result);
  before.change_members(out_of, -1.0, *this, result);
  before.change_slopes(sloped, out_of, *this, result);
  change_members(into, 1.0, *this, result);
  for (const std::size_t i : inner) {
    append(result.left, 1)[i] = code_[i].inner == 1 ? 1.0 : -1.0;
    append(result.right, 1)[i] = CLAMP * eq_.unity;
  }
  return result;
}

// The part of the inverse that belongs to some members, inverted.
Dense Factored::among(const Numbers &chosen) const {
  Dense block(chosen.size(), chosen.size());
  for (std::size_t r = 0; r < chosen.size(); ++r) {
    for (std::size_t s = 0; s < chosen.size(); ++s) {
      block[r][s] = inverse_[position_[chosen[r]]][position_[chosen[s]]];
    }
  }
  return stepping::inverse(std::move(block));
}

// What weights of the members' equations, one row (.., h) after the other, are of the state: W Y.
Dense Factored::by_state(const Dense &weights) const {
  const std::size_t k = code_.size(), c = eq_.ports(), n = eq_.states(), count = weights.rows;
  Dense all(count, k), by_source(count, k), by_port(count, c), result(count, n);
  for (std::size_t r = 0; r < count; ++r) {
    for (std::size_t s = 0; s < members_.size(); ++s) all[r][members_[s]] = weights[r][s];
  }
  accumulate(all, eq_.held_a, by_source);
  accumulate(all, eq_.held_q, by_port);
  for (std::size_t r = 0; r < count; ++r) {
    double *stage = result[r] + first_stage(eq_);
    for (std::size_t i = 0; i < k; ++i) {
      stage[i] = by_source[r][i] * slope_[i] - all[r][i] * inside(code_[i]);
    }
    std::copy_n(by_port[r], c, result[r] + n - c);
  }
  return result;
}

// Add rows to out: what columns (h, ..) of the members' currents, and of voltages beside those that
// they make, give the rates; stages that slew at full rate in another piece get nothing.
void Factored::give(const Dense &by_member, Dense sources, const Factored &masked,
                    Dense &out) const {
  const std::size_t k = code_.size(), c = eq_.ports(), n = eq_.states(), count = by_member.columns;
  Dense currents(k, count), along(k, count), charge(c, count);
  for (std::size_t r = 0; r < members_.size(); ++r) {
    const std::size_t i = members_[r];
    for (std::size_t s = 0; s < count; ++s) {
      currents[i][s] = by_member[r][s];
      sources[i][s] += eq_.rout * code_[i].positive * by_member[r][s];
    }
  }
  accumulate(eq_.difference_a, sources, along);
  accumulate(eq_.difference_w, currents, along);
  accumulate(eq_.charge_a, sources, charge);
  accumulate(eq_.charge_w, currents, charge);
  double *rows = append(out, count);
  for (std::size_t s = 0; s < count; ++s, rows += n) {
    for (std::size_t i = 0; i < k; ++i) {
      if (masked.code_[i].full == 1) rows[i] = eq_.unity * along[i][s];
    }
    for (std::size_t i = 0; i < c; ++i) rows[n - c + i] = charge[i][s];
  }
}

// The inverse by the columns of some members.
Dense Factored::columns(const Numbers &chosen) const {
  Dense result(members_.size(), chosen.size());
  for (std::size_t r = 0; r < members_.size(); ++r) {
    for (std::size_t s = 0; s < chosen.size(); ++s) {
      result[r][s] = inverse_[r][position_[chosen[s]]];
    }
  }
  return result;
}

// What members add to J beside all others.
void Factored::change_members(const Numbers &changed, double sign, const Factored &masked,
                              OuterProducts &out) const {
  const std::size_t held = members_.size(), count = changed.size(), n = eq_.states();
  if (count == 0) return;
  Dense weights(count, held), shares = among(changed), left(count, n);
  for (std::size_t r = 0; r < count; ++r) {
    std::copy_n(inverse_[position_[changed[r]]], held, weights[r]);
    for (std::size_t s = 0; s < count; ++s) shares[r][s] *= sign;
  }
  accumulate(shares, by_state(weights), left);
  std::copy_n(left[0], left.size(), append(out.left, count));
  give(columns(changed), Dense(code_.size(), count), masked, out.right);
}

// What one volt of each source does with some members taken out, times the change of its slope.
void Factored::change_slopes(const Numbers &changed, const Numbers &without,
                             const Factored &masked, OuterProducts &out) const {
  const std::size_t held = members_.size(), count = changed.size();
  if (count == 0) return;
  Dense across(held, count), currents(held, count), sources(code_.size(), count);
  for (std::size_t r = 0; r < held; ++r) {
    for (std::size_t s = 0; s < count; ++s) across[r][s] = eq_.held_a[members_[r]][changed[s]];
  }
  for (const std::size_t i : without) std::fill_n(across[position_[i]], count, 0.0);
  accumulate(inverse_, across, currents);
  if (!without.empty()) {
    Dense of_these(without.size(), count), taken(without.size(), count);
    for (std::size_t r = 0; r < without.size(); ++r) {
      std::copy_n(currents[position_[without[r]]], count, of_these[r]);
    }
    Dense shares = among(without);
    for (double &share : shares.values) share = -share;
    accumulate(shares, of_these, taken);
    accumulate(columns(without), taken, currents);
  }
  double *left = append(out.left, count);
  for (std::size_t s = 0; s < count; ++s, left += eq_.states()) {
    sources[changed[s]][s] = 1.0;
    left[first_stage(eq_) + changed[s]] = masked.slope_[changed[s]] - slope_[changed[s]];
  }
  give(currents, std::move(sources), masked, out.right);
}

// The row of an amplifier's rate that its input makes, or that with the opposite sign.
void Factored::change_row(std::size_t amplifier, double sign, OuterProducts &out) const {
  const std::size_t k = code_.size(), c = eq_.ports(), held = members_.size();
  const double *by_source = eq_.difference_a[amplifier];
  const double *by_current = eq_.difference_w[amplifier], *by_port = eq_.difference_q[amplifier];
  Dense weights(1, held);
  for (std::size_t r = 0; r < held; ++r) {
    const std::size_t i = members_[r];
    const double share = by_current[i] + eq_.rout * code_[i].positive * by_source[i];
    for (std::size_t s = 0; s < held; ++s) weights[0][s] += share * inverse_[r][s];
  }
  Vector row = by_state(weights).values;
  for (std::size_t i = 0; i < k; ++i) row[first_stage(eq_) + i] += by_source[i] * slope_[i];
  for (std::size_t i = 0; i < c; ++i) row[eq_.states() - c + i] += by_port[i];
  double *left = append(out.left, 1);
  for (std::size_t i = 0; i < row.size(); ++i) left[i] = sign * row[i];
  append(out.right, 1)[amplifier] = eq_.unity;
}

}  // namespace amc::stepping
