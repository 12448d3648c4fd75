#include "engine/behavioural/kernel/modes.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <utility>

#include "engine/behavioural/kernel/dense.hpp"

namespace amc {

namespace {

// Modes that are split at once.
constexpr int MOST_AT_ONCE = 64;

// Condition of the eigenvectors up to which they are used: states are right to 1e-16 times this.
constexpr double WORST_CONDITION = 1e7;

// Bytes of modes that are asked for at once: of eight amplifiers those up to the events.
constexpr std::size_t FETCHED = 2560;

double norm(const double *matrix, int n) {
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
    const double *a = made.columns + std::size_t(modes.real + 2 * p) * made.rows;
    double *out = made.magnitudes + std::size_t(p) * made.rows;
    for (int i = 0; i < made.rows; ++i) out[i] = std::hypot(a[i], a[made.rows + i]);
  }
}

}  // namespace

Modes::Modes(const Network &net, const Region &region, double smallest_rate, Arena &kept,
             Arena &room) {
  const auto mark = room.mark();
  places_ = kept.take_as<Place>(net.k);
  std::copy_n(region.places.begin(), net.k, places_);
  int *free = room.take_as<int>(net.states);
  const int n = count = free_states(net, region, free);
  const std::size_t square = std::size_t(n) * n;
  const Answer answers = room_for_answers(net, region, n, room);
  double *matrix = room.take(square), *vectors = room.take(square), *back = room.take(square);
  jacobian(net, region, {free, std::size_t(n)}, nullptr, answers, matrix, room);
  using Value = std::complex<double>;
  Value *values = room.take_as<Value>(n);
  usable = eigenvectors_by_parts(matrix, n, values, vectors, back, room);

  // Their order; a pair stays together.
  int *order = room.take_as<int>(n), *next = order;
  for (int j = 0; usable && j < n; ++j)
    if (values[j].imag() == 0) *next++ = j;
  real = int(next - order);
  std::sort(order, next, [&](int a, int b) {
    return values[a].real() != values[b].real() ? values[a].real() < values[b].real() : a < b;
  });
  decaying = int(std::count_if(order, next, [&](int j) { return values[j].real() < 0; }));
  for (int j = 0; usable && j + 1 < n; ++j)
    if (values[j].imag() > 0) *next++ = j, *next++ = j + 1;
  usable = usable && next - order == n;

  share_rows = padded(n);
  stable = true;
  fastest = smallest_rate;
  slowest = INFINITE;
  for (int j = 0; j < n; ++j) {
    stable = stable && values[j].real() < 0;
    fastest = std::max(fastest, std::abs(values[j]));
    slowest = std::min(slowest, std::max(std::abs(values[j].real()), smallest_rate));
  }
  usable = usable && (n == 0 || norm(vectors, n) * norm(back, n) < WORST_CONDITION * n);
  if (!usable) {
    room.release(mark);
    return;
  }
  make_room(net, region, kept);
  std::copy_n(free, n, states);
  for (int p = 0; p < pairs(); ++p) {
    const Value value = values[order[real + 2 * p]];
    decay[p] = value.real(), turn[p] = value.imag(), size[p] = std::abs(value);
    per_square[p] = 1 / std::norm(value);
  }
  for (int j = 0; j < n; ++j) {
    rate[j] = values[order[j]].real();
    turning[j] = values[order[j]].imag();
    if (j < real) {
      if (std::abs(rate[j]) < smallest_rate) rate[j] = std::copysign(smallest_rate, rate[j]);
      inverse[j] = 1 / rate[j];
    }
    for (int i = 0; i < n; ++i)
      to_modes[std::size_t(i) * share_rows + j] = back[std::size_t(i) * n + order[j]];
    // What they give is what the states give, by their parts in the vector.
    const double *vector = vectors + std::size_t(order[j]) * n;
    double *u = state.columns + std::size_t(j) * net.states;
    for (int i = 0; i < n; ++i) u[free[i]] = vector[i];
    const auto add = [&](const ModalColumns &made, const double *of_states, int stride) {
      add_columns(of_states, stride, made.rows, nullptr, n, vector,
                  made.columns + std::size_t(j) * made.rows);
    };
    add(events, answers.rows, region.rows);
    add(currents, answers.response + net.flow, net.response);
    add(sources, answers.sources, net.width);
    add_columns(net.read_outputs.data(), net.op, net.op, nullptr, net.width,
                sources.columns + std::size_t(j) * net.width,
                outputs.columns + std::size_t(j) * net.op);
  }
  for (ModalColumns *made : {&state, &events, &sources, &outputs, &currents})
    bound_pairs(*this, *made);
  room.release(mark);
}

// In the order in which a stay reads them.
void Modes::make_room(const Network &net, const Region &region, Arena &kept) {
  struct Part {
    double **numbers;
    std::size_t size;
  };
  const std::size_t real_rows = share_rows, pair_rows = padded(pairs());
  Part parts[24];
  int some = 0;
  const auto add = [&](double *&numbers, std::size_t size) { parts[some++] = {&numbers, size}; };
  const auto add_columns_of = [&](ModalColumns &made, int rows) {
    made.rows = rows;
    add(made.columns, std::size_t(count) * rows);
    add(made.magnitudes, std::size_t(pairs()) * rows);
  };
  add(to_modes, count * real_rows);
  add(rate, real_rows);
  add(inverse, real_rows);
  add_columns_of(events, region.rows);
  add_columns_of(state, net.states);
  add_columns_of(currents, net.kp);
  add_columns_of(sources, net.width);
  add_columns_of(outputs, net.op);
  add(turning, real_rows);
  for (double **of_pairs : {&decay, &turn, &size, &per_square}) add(*of_pairs, pair_rows);
  std::size_t all = padded(count);
  for (int part = 0; part < some; ++part) all += parts[part].size;
  double *next = kept.take(all);
  std::fill_n(next, all, 0.0);
  states = reinterpret_cast<int *>(std::exchange(next, next + padded(count)));
  for (int part = 0; part < some; ++part)
    *parts[part].numbers = std::exchange(next, next + parts[part].size);
  bytes_ = sizeof(Modes) + sizeof(double) * all;
}

bool Modes::are_at(const Places &places) const {
  return std::equal(places.begin(), places.end(), places_);
}

void Modes::fetch() const {
  const char *from = reinterpret_cast<const char *>(this);
  for (std::size_t line = 0; line < sizeof(Modes) + FETCHED; line += 64) __builtin_prefetch(from + line);
}

void Modes::split(const double *rate_of_state, double *share) const {
  double rates[MOST_AT_ONCE];
  clear(share, share_rows);
  for (int first = 0; first < count; first += MOST_AT_ONCE) {
    const int some = std::min(MOST_AT_ONCE, count - first);
    for (int j = 0; j < some; ++j) rates[j] = rate_of_state[states[first + j]];
    add_columns(to_modes + std::size_t(first) * share_rows, share_rows, share_rows, nullptr,
                some, rates, share);
  }
}

}  // namespace amc
