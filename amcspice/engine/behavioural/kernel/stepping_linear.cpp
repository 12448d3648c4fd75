#include "engine/behavioural/kernel/stepping_linear.hpp"

#include <algorithm>

namespace amc::stepping {

namespace {

// What an amplifier's voltage behind the output resistance is: above * (stage + rout * current),
// with stage = inside * state + edge.
struct Sources {
  Sources(const Equations &eq, const Code &code)
      : above(code.size()), inside(code.size()), edge(code.size()), slope(code.size()),
        offset(code.size()) {
    for (std::size_t i = 0; i < code.size(); ++i) {
      above[i] = code[i].positive;
      if (code[i].conducts) members.push_back(i);
      if (code[i].stage == 1) {
        inside[i] = 1.0;
      } else {
        edge[i] = code[i].stage == 2 ? eq.highest[i] : eq.lowest[i];
      }
      slope[i] = above[i] * inside[i];
      offset[i] = above[i] * edge[i];
    }
  }

  Vector above, inside, edge;
  Vector slope, offset;              // without any current: slope * state + offset
  std::vector<std::size_t> members;  // whose hold device conducts
};

// A linear function under construction; columns are the state, then held-node voltages, then a
// constant.
class Rows {
 public:
  Rows(const Equations &eq, const Sources &sources, std::size_t count)
      : eq_(eq), sources_(sources), values_(count, eq.states() + watched_nodes(eq) + 1) {}

  double *operator[](std::size_t row) { return values_[row]; }
  std::size_t width() const { return values_.columns; }

  // Add what the voltages behind the output resistances and the states give.
  void add_sources(Matrix by_source, Matrix by_state) {
    const std::size_t k = by_source.columns, ports = eq_.states() - eq_.ports();
    const double *slope = sources_.slope.data();
    for (std::size_t r = 0; r < values_.rows; ++r) {
      const double *source = by_source[r];
      double *stage = values_[r] + first_stage(eq_), *port = values_[r] + ports;
      for (std::size_t i = 0; i < k; ++i) stage[i] += source[i] * slope[i];
      for (std::size_t i = 0; i < by_state.columns; ++i) port[i] += by_state[r][i];
      values_[r][width() - 1] += dot(source, sources_.offset.data(), k);
    }
  }

  // Add what the currents of the hold devices that conduct give.
  void add_held(Matrix by_source, Matrix by_current, const Dense &currents) {
    const auto &members = sources_.members;
    if (members.empty()) return;
    Dense by_member(values_.rows, members.size());
    for (std::size_t r = 0; r < values_.rows; ++r) {
      for (std::size_t s = 0; s < members.size(); ++s) {
        const std::size_t i = members[s];
        by_member[r][s] = by_current[r][i] + by_source[r][i] * (sources_.above[i] * eq_.rout);
      }
    }
    accumulate(by_member, currents, values_);
  }

  // The function itself.
  Affine affine() const {
    const std::size_t n = eq_.states(), held = watched_nodes(eq_), count = values_.rows;
    Affine result{Dense(n, count), Dense(held, count), Vector(count)};
    const auto copy_column = [&](std::size_t column, double *to) {
      for (std::size_t i = 0; i < count; ++i) to[i] = values_[i][column];
    };
    for (std::size_t j = 0; j < n; ++j) copy_column(j, result.by_state[j]);
    for (std::size_t j = 0; j < held; ++j) copy_column(n + j, result.by_held[j]);
    copy_column(n + held, result.fixed.data());
    return result;
  }

 private:
  const Equations &eq_;
  const Sources &sources_;
  Dense values_;
};

// The currents of the hold devices that conduct, from the voltages of the nodes without them.
Dense held_currents(const Equations &eq, const Sources &sources, Rows &node) {
  const auto &members = sources.members;
  const std::size_t held = members.size(), width = node.width(), first = first_stage(eq);
  Dense system(held, held), right(held, width), currents(held, width);
  for (std::size_t r = 0; r < held; ++r) {
    const std::size_t i = members[r];
    for (std::size_t s = 0; s < held; ++s) {
      const std::size_t j = members[s];
      system[r][s] = -eq.held_w[i][j] - eq.rout * eq.held_a[i][j] * sources.above[j];
    }
    system[r][r] += 1 / eq.hold[i];
    std::copy_n(node[i], width, right[r]);
    right[r][first + i] -= sources.inside[i];
    right[r][width - 1] -= sources.edge[i];
  }
  accumulate(inverse(std::move(system)), right, currents);
  return currents;
}

// Rates of all states from the input differences and the rates of the ports.
Rows state_rates(const Equations &eq, const Code &code, const Sources &sources, Rows &along,
                 Rows &charge) {
  const std::size_t k = eq.amplifiers(), c = eq.ports(), n = eq.states(), first = first_stage(eq);
  Rows rates(eq, sources, n);
  const std::size_t width = rates.width();
  for (std::size_t i = 0; i < k; ++i) {
    if (code[i].full == 1) {
      for (std::size_t j = 0; j < width; ++j) rates[i][j] = eq.unity * along[i][j];
    } else {
      rates[i][width - 1] = code[i].full == 2 ? eq.slew : -eq.slew;
    }
    rates[i][i] -= eq.leak[i];
    if (code[i].inner != 1) {
      rates[i][i] -= CLAMP * eq.unity;
      const double limit = code[i].inner == 2 ? eq.highest[i] : eq.lowest[i];
      rates[i][width - 1] += CLAMP * eq.unity * limit;
    }
    if (first) {
      rates[first + i][i] = eq.second;
      rates[first + i][first + i] = -eq.second;
    }
  }
  for (std::size_t i = 0; i < c; ++i) std::copy_n(charge[i], width, rates[n - c + i]);
  return rates;
}

}  // namespace

void Affine::constant(const double *held, Vector &out) const {
  out = fixed;
  add(by_held, held, out.data());
}

std::size_t watched_nodes(const Equations &eq) {
  const std::size_t k = eq.amplifiers();
  return std::any_of(eq.hold, eq.hold + k, [](double hold) { return hold > 0; }) ? k : 0;
}

Linear linearise(const Equations &eq, const Code &code) {
  const Sources sources(eq, code);
  const std::size_t nodes = watched_nodes(eq);
  Rows node(eq, sources, nodes), along(eq, sources, code.size()), charge(eq, sources, eq.ports());
  for (std::size_t i = 0; i < nodes; ++i) node[i][eq.states() + i] = 1.0;
  node.add_sources(eq.held_a, eq.held_q);
  along.add_sources(eq.difference_a, eq.difference_q);
  charge.add_sources(eq.charge_a, eq.charge_q);
  if (!sources.members.empty()) {
    const Dense currents = held_currents(eq, sources, node);
    node.add_held(eq.held_a, eq.held_w, currents);
    along.add_held(eq.difference_a, eq.difference_w, currents);
    charge.add_held(eq.charge_a, eq.charge_w, currents);
    for (std::size_t r = 0; r < currents.rows; ++r) {
      std::copy_n(currents[r], currents.columns, node[sources.members[r]]);
    }
  }
  const Rows rates = state_rates(eq, code, sources, along, charge);
  return {rates.affine(), along.affine(), node.affine()};
}

}  // namespace amc::stepping
