#include "engine/behavioural/kernel/modes.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "engine/behavioural/kernel/dense.hpp"

namespace amc {

namespace {

// Condition of the eigenvectors up to which they are used: states are right to 1e-16 times this.
constexpr double WORST_CONDITION = 1e7;

// Bytes of modes that are asked for at once.
constexpr std::ptrdiff_t FETCHED = 4096;

double norm(const std::vector<double> &matrix, int n) {
  double most = 0;
  for (int j = 0; j < n; ++j) {
    double sum = 0;
    for (int i = 0; i < n; ++i) sum += std::abs(matrix[std::size_t(j) * n + i]);
    if (std::isnan(sum)) return sum;  // which no comparison finds the largest
    most = std::max(most, sum);
  }
  return most;
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
  usable = eigenvectors_by_parts(matrix.data(), n, values.data(), vectors.data());

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
  stable = true;
  fastest = smallest_rate;
  slowest = INFINITE;
  for (const Value value : values) {
    stable = stable && value.real() < 0;
    fastest = std::max(fastest, std::abs(value));
    slowest = std::min(slowest, std::max(std::abs(value.real()), smallest_rate));
  }
  if (!usable) return;
  make_room(net, region);
  for (int p = 0; p < pairs(); ++p) {
    const Value value = values[order[real + 2 * p]];
    decay[p] = value.real(), turn[p] = value.imag(), size[p] = std::abs(value);
    per_square[p] = 1 / std::norm(value);
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

  for (int j = 0; j < n; ++j)
    std::copy_n(back.data() + std::size_t(j) * n, n, to_modes.data() + std::size_t(j) * share_rows);
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

// In the order in which a stay reads them.
void Modes::make_room(const Network &net, const Region &region) {
  struct Part {
    std::span<double> *numbers;
    std::size_t size;
  };
  const std::size_t real_rows = share_rows, pair_rows = padded(pairs());
  std::vector<Part> parts{{&to_modes, count * real_rows}, {&rate, real_rows},
                          {&inverse, real_rows},          {&turning, real_rows},
                          {&decay, pair_rows},            {&turn, pair_rows},
                          {&size, pair_rows},             {&per_square, pair_rows}};
  const auto add = [&](ModalColumns &made, int rows) {
    made.rows = rows;
    parts.push_back({&made.columns, std::size_t(count) * rows});
    parts.push_back({&made.magnitudes, std::size_t(pairs()) * rows});
  };
  add(events, region.rows);
  add(state, net.states);
  add(outputs, net.op);
  add(currents, net.kp);
  add(sources, net.width);
  std::size_t all = 0;
  for (const Part &part : parts) all += part.size;
  room_.assign(all, 0.0);
  double *next = room_.data();
  for (const Part &part : parts) *part.numbers = {std::exchange(next, next + part.size), part.size};
}

void Modes::fetch() const {
  if (room_.empty()) return;
  const auto *from = reinterpret_cast<const char *>(room_.data());
  const auto *to = reinterpret_cast<const char *>(events.columns.data() + events.columns.size());
  for (; from < to && from < reinterpret_cast<const char *>(room_.data()) + FETCHED; from += 64)
    __builtin_prefetch(from);
}

void Modes::split(const double *rate_of_state, double *share) const {
  for (int b = 0; b < share_rows / LANES; ++b) blocks(share)[b] = Block{};
  for (int j = 0; j < count; ++j)
    add_columns_at(to_modes.data() + std::size_t(j) * share_rows, share_rows,
                   rate_of_state[states[j]], share);
}

}  // namespace amc
