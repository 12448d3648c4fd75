#include "engine/behavioural/kernel/modes.hpp"

#include <algorithm>
#include <cmath>

#include "engine/behavioural/kernel/dense.hpp"
#include "engine/behavioural/kernel/exponential.hpp"

namespace amc {

namespace {

// Condition of the eigenvectors up to which they are used: states are right to 1e-16 times this.
constexpr double WORST_CONDITION = 1e7;

double norm(const std::vector<double> &matrix, int n) {
  double most = 0;
  for (int j = 0; j < n; ++j) {
    double sum = 0;
    for (int i = 0; i < n; ++i) sum += std::abs(matrix[std::size_t(j) * n + i]);
    most = std::max(most, sum);
  }
  return most;
}

ModalColumns columns_of(const Modes &modes, int rows) {
  ModalColumns made;
  made.rows = rows;
  made.columns.assign(std::size_t(modes.count) * rows, 0.0);
  made.magnitudes.assign(std::size_t(modes.pairs()) * rows, 0.0);
  return made;
}

void bound_pairs(const Modes &modes, ModalColumns &made) {
  for (int p = 0; p < modes.pairs(); ++p) {
    const double *a = made.columns.data() + std::size_t(modes.real + 2 * p) * made.rows;
    double *out = made.magnitudes.data() + std::size_t(p) * made.rows;
    for (int i = 0; i < made.rows; ++i) out[i] = std::hypot(a[i], a[made.rows + i]);
  }
}

}  // namespace

Modes::Modes(const Network &net, const Region &region, double smallest_rate) {
  states = free_states(net, region);
  const int n = count = int(states.size());
  const std::size_t square = std::size_t(n) * n;
  std::vector<double> matrix = jacobian(net, region, states, nullptr), vectors(square), back;
  std::vector<std::complex<double>> values(n);
  usable = eigenvectors(matrix.data(), n, values.data(), vectors.data());

  // Their order; a pair stays together.
  std::vector<int> order;
  const auto take = [&](auto &&wanted) {
    for (int j = 0; j < n; ++j)
      if (wanted(values[j])) order.push_back(j);
  };
  using Value = std::complex<double>;
  take([](Value v) { return v.imag() == 0 && v.real() < 0; });
  decaying = int(order.size());
  take([](Value v) { return v.imag() == 0 && !(v.real() < 0); });
  real = int(order.size());
  for (int j = 0; j + 1 < n; ++j)
    if (values[j].imag() > 0) order.insert(order.end(), {j, j + 1});
  usable = usable && int(order.size()) == n;
  if (!usable) order.clear();

  share_rows = padded(n);
  rate.assign(share_rows, 0.0);
  turning.assign(share_rows, 0.0);
  inverse.assign(share_rows, 0.0);
  stable = true;
  fastest = smallest_rate;
  slowest = INFINITE;
  for (const Value value : values) {
    stable = stable && value.real() < 0;
    fastest = std::max(fastest, std::abs(value));
    slowest = std::min(slowest, std::max(std::abs(value.real()), smallest_rate));
  }
  if (!usable) return;
  for (Numbers *of_pair : {&decay, &turn, &size}) of_pair->assign(padded(pairs()), 0.0);
  for (int p = 0; p < pairs(); ++p) {
    const Value value = values[order[real + 2 * p]];
    decay[p] = value.real(), turn[p] = value.imag(), size[p] = std::abs(value);
  }
  std::vector<double> sorted(square);
  for (int j = 0; j < n; ++j) {
    const Value value = values[order[j]];
    rate[j] = value.real();
    turning[j] = value.imag();
    if (j < real) {
      if (std::abs(rate[j]) < smallest_rate) rate[j] = std::copysign(smallest_rate, rate[j]);
      inverse[j] = 1 / rate[j];
    }
    std::copy_n(vectors.data() + std::size_t(order[j]) * n, n, sorted.data() + std::size_t(j) * n);
  }
  back = sorted;
  invert(back.data(), n);
  const double condition = norm(sorted, n) * norm(back, n);
  usable = n == 0 || condition < WORST_CONDITION * n;
  if (!usable) return;

  to_modes.assign(std::size_t(n) * share_rows, 0.0);
  for (int j = 0; j < n; ++j)
    std::copy_n(back.data() + std::size_t(j) * n, n, to_modes.data() + std::size_t(j) * share_rows);
  state = columns_of(*this, net.states);
  events = columns_of(*this, region.rows);
  sources = columns_of(*this, net.width);
  outputs = columns_of(*this, net.op);
  currents = columns_of(*this, net.kp);
  Numbers response(net.response);
  for (int j = 0; j < n; ++j) {
    double *u = state.columns.data() + std::size_t(j) * net.states;
    double *from = sources.columns.data() + std::size_t(j) * net.width;
    for (int i = 0; i < n; ++i) u[states[i]] = sorted[std::size_t(j) * n + i];
    respond(net, region, u, nullptr,
            {response.data(), events.columns.data() + std::size_t(j) * region.rows, from});
    std::copy_n(response.data() + net.flow, net.kp, currents.columns.data() + std::size_t(j) * net.kp);
    add_columns(net.read_outputs.data(), net.op, net.op, nullptr, net.width, from,
                outputs.columns.data() + std::size_t(j) * net.op);
  }
  for (ModalColumns *made : {&state, &events, &sources, &outputs, &currents})
    bound_pairs(*this, *made);
}

void Modes::split(const double *rate_of_state, double *share) const {
  for (int b = 0; b < share_rows / LANES; ++b) blocks(share)[b] = Block{};
  for (int j = 0; j < count; ++j)
    add_columns_at(to_modes.data() + std::size_t(j) * share_rows, share_rows,
                   rate_of_state[states[j]], share);
}

std::size_t Modes::bytes() const {
  std::size_t all = sizeof(Modes) + sizeof(double) * (to_modes.size() + 4 * rate.size());
  for (const ModalColumns *made : {&state, &events, &sources, &outputs, &currents})
    all += sizeof(double) * (made->columns.size() + made->magnitudes.size());
  return all;
}

// phi(t) = (e^(rate t) - 1) / rate, slope e^(rate t); of a pair with share rho the real part of
// (a + bi) rho phi, that is a Re(rho phi) - b Im(rho phi) for a column pair (a, b).
void ModalTime::at(double time, double *value, double *slope, double *swing) const {
  const int real = modes->real;
  if (time < INFINITE) {
    for (int b = 0; b < padded(real) / LANES; ++b) {
      Block grown, growth;
      exponential(blocks(modes->rate.data())[b] * time, grown, growth);
      const Block part = blocks(share)[b];
      blocks(value)[b] = part * growth * blocks(modes->inverse.data())[b];
      blocks(slope)[b] = part * grown;
    }
  } else {
    for (int j = 0; j < real; ++j) value[j] = -share[j] * modes->inverse[j], slope[j] = 0;
  }
  for (int first = 0; first < modes->pairs(); first += LANES) {
    const int some = std::min(LANES, modes->pairs() - first);
    Block a{}, b{};  // of the shares a - bi
    for (int lane = 0; lane < some; ++lane) {
      a[lane] = share[real + 2 * (first + lane)];
      b[lane] = share[real + 2 * (first + lane) + 1];
    }
    const auto get = [first](const Numbers &of_pair) { return blocks(&of_pair[first])[0]; };
    const Block decay = get(modes->decay), turns = get(modes->turn), size = get(modes->size);
    Block grown{}, growth = every(-1.0), sine{}, cosine = every(1.0), half{}, unused{};
    if (time < INFINITE) {
      exponential(decay * time, grown, growth);
      turn(turns * time, sine, cosine);
      turn(turns * (time / 2), half, unused);
    }
    // e^(rate t) - 1, without loss where that is small: cos - 1 = -2 sin^2 of the half angle.
    const Block up = growth - 2.0 * grown * half * half, across = grown * sine;
    // Its quotient by the rate, times the share.
    const Block per = 1.0 / (size * size);
    const Block up_r = (up * decay + across * turns) * per;
    const Block across_r = (across * decay - up * turns) * per;
    const Block value_a = a * up_r + b * across_r, value_b = b * up_r - a * across_r;
    const Block moving = grown * cosine;
    const Block slope_a = a * moving + b * across, slope_b = b * moving - a * across;
    const Block square = a * a + b * b;
    for (int lane = 0; lane < some; ++lane) {
      const int j = real + 2 * (first + lane);
      value[j] = value_a[lane], value[j + 1] = value_b[lane];
      slope[j] = slope_a[lane], slope[j + 1] = slope_b[lane];
      swing[first + lane] = std::sqrt(square[lane]) * grown[lane];
    }
  }
}

// The integral of phi from 0: (phi(t) - t) / rate, a series where that is nothing but rounding.
void ModalTime::integral(double time, double *value) const {
  const auto integrated = [&](auto rate) {
    const auto z = rate * time;
    if (std::abs(z) < 0.01)
      return time * time * (0.5 + z * (1.0 / 6 + z * (1.0 / 24 + z * (1.0 / 120 + z / 720.0))));
    return ((std::exp(z) - 1.0) / rate - time) / rate;
  };
  for (int j = 0; j < modes->real; ++j) value[j] = share[j] * integrated(modes->rate[j]);
  for (int p = 0; p < modes->pairs(); ++p) {
    const int j = modes->real + 2 * p;
    const std::complex<double> part(share[j], -share[j + 1]);
    const auto here = part * integrated(std::complex<double>(modes->rate[j], modes->turning[j]));
    value[j] = here.real(), value[j + 1] = -here.imag();
  }
}

}  // namespace amc
