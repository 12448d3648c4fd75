#include "engine/behavioural/kernel/taylor.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "engine/behavioural/kernel/search.hpp"

namespace amc {

namespace {

// A series reaches beyond the time at which a row is expected to leave its bounds by this factor.
constexpr double BEYOND = 1.25;

// Part of the radius of convergence of tanh that a series may use.
constexpr double CONVERGENCE = 0.4;

// The next coefficient of y = slew tanh(x), x = unity D / slew, from those before: with
// z = 1 - tanh^2, tanh' = z x' and z' = -2 tanh tanh', multiplied out term by term.
class Bend {
 public:
  Bend(const Network &net, Arena &arena) : net_(net), kp_(net.kp) {
    x_ = arena.take(std::size_t(MOST_TERMS) * kp_);
    t_ = arena.take(std::size_t(MOST_TERMS) * kp_);
    z_ = arena.take(std::size_t(MOST_TERMS) * kp_);
  }

  void add(int q, const double *difference, double *drive) {
    const double scale = net_.eq.unity / net_.eq.slew;
    double *x = x_ + std::size_t(q) * kp_, *t = t_ + std::size_t(q) * kp_;
    double *z = z_ + std::size_t(q) * kp_;
    for (int i = 0; i < kp_; ++i) x[i] = scale * difference[i];
    if (q == 0) {
      for (int i = 0; i < kp_; ++i) {
        t[i] = std::tanh(x[i]);
        const double c = std::cosh(std::min(std::abs(x[i]), 300.0));
        z[i] = 1 / (c * c);
      }
    } else {
      for (int b = 0; b < kp_ / LANES; ++b) {
        Block sum{}, square{};
        for (int j = 1; j <= q; ++j)
          sum += double(j) * part(x_, j, b) * part(z_, q - j, b);
        part(t_, q, b) = sum / double(q);
        for (int j = 1; j <= q; ++j)
          square += double(j) * part(t_, j, b) * part(t_, q - j, b);
        part(z_, q, b) = -2.0 / q * square;
      }
    }
    for (int i = 0; i < kp_; ++i) drive[i] = net_.eq.slew * t[i];
  }

  // Time over the unit up to which the series is one of tanh: its poles are at +-pi i/2, and far
  // from zero its coefficients are too small to tell of the bend that is to come.
  double reach() const {
    double least = INFINITE;
    for (int i = 0; i < net_.k; ++i) {
      const double way = CONVERGENCE * std::hypot(x_[i], 1.5707963267948966);
      const double moves = std::abs(x_[kp_ + i]), turns = std::abs(x_[2 * kp_ + i]);
      least = std::min({least, way / moves, std::sqrt(way / turns)});
    }
    return least;
  }

 private:
  Block &part(double *of, int q, int b) const { return blocks(of + std::size_t(q) * kp_)[b]; }
  const Network &net_;
  int kp_;
  double *x_, *t_, *z_;
};

// When the first row that moves outward will be beyond its bound by more than the slack.
double expected(const Region &region, const double *rows, double slack) {
  const auto power = [&](int q, int b) { return blocks(rows + std::size_t(q) * region.rows)[b]; };
  Short soonest = Short{} + float(INFINITE);
  for (int b = 0; b < region.rows / LANES; ++b)
    soonest = smaller(soonest, leaving(power(0, b), power(1, b), 2.0 * power(2, b),
                                       blocks(region.low)[b], blocks(region.high)[b],
                                       2 * slack * blocks(region.unit)[b]));
  return least(soonest);
}

}  // namespace

Series expand(const Network &net, const Region &region, const Inputs &inputs, const double *state,
              bool bends, double smallest, double slack, double wanted, Arena &arena) {
  Series series;
  series.unit = 1 / net.eq.unity;
  series.states = arena.take(std::size_t(MOST_TERMS + 1) * net.states);
  series.rows = arena.take(std::size_t(MOST_TERMS) * region.rows);
  series.sources = arena.take(std::size_t(MOST_TERMS) * net.width);
  series.currents = arena.take(std::size_t(MOST_TERMS) * net.kp);
  series.drive = region.any_pressed || bends ? arena.take(std::size_t(MOST_TERMS) * net.kp) : nullptr;
  std::copy_n(state, net.states, series.states);
  const auto mark = arena.mark();
  double *response = arena.take(net.response);
  std::optional<Bend> bend;
  if (bends) bend.emplace(net, arena);

  double target = wanted / series.unit, before = INFINITE, size = INFINITE, power = 1;
  int q = 0;
  for (;; ++q) {
    double *now = series.states + std::size_t(q) * net.states;
    respond(net, region, now, q ? nullptr : inputs.response,
            {response, series.rows + std::size_t(q) * region.rows,
             series.sources + std::size_t(q) * net.width});
    for (int b = 0; b < net.kp / LANES; ++b)
      blocks(series.currents + std::size_t(q) * net.kp)[b] = blocks(response + net.flow)[b];
    double *drive = series.drive ? series.drive + std::size_t(q) * net.kp : nullptr;
    if (bends) {
      bend->add(q, response, drive);
    } else if (drive) {
      for (int i = 0; i < net.kp; ++i) drive[i] = net.eq.unity * response[i];
    }
    if (q == 2) {
      target = std::min(target, BEYOND * expected(region, series.rows, slack));
      if (bends) target = std::min(target, bend->reach());
      power = target;
    }
    before = size;
    size = largest_magnitude(now, net.states);
    if (q >= 3) {
      power *= target;  // target^(q - 1)
      if (before * power < smallest && size * power * target < smallest) break;
    }
    if (q + 1 == MOST_TERMS) break;
    double *next = now + net.states;
    rates(net, region, now, bends ? drive : nullptr, response, q > 0, next);
    const double factor = series.unit / (q + 1);
    for (int b = 0; b < net.states / LANES; ++b) blocks(next)[b] *= factor;
  }
  series.count = q + 1;
  // The last two terms tell how far it is exact, which few digits say.
  const auto root = [](double ratio, int degree) {
    return double(std::exp2(float(std::log2(ratio) / degree)));
  };
  if (size > 0) target = std::min(target, root(smallest / size, q));
  if (before > 0) target = std::min(target, root(smallest / before, q - 1));
  series.reach = target * series.unit;
  arena.release(mark);
  return series;
}

void state_at(const Network &net, const Series &series, double time, double *state) {
  const double s = time / series.unit;
  for (int b = 0; b < net.states / LANES; ++b) {
    const int stride = net.states / LANES;
    const Block *at = blocks(series.states) + b;
    Block sum = at[std::size_t(series.count - 1) * stride];
    for (int q = series.count - 2; q >= 0; --q) sum = sum * s + at[std::size_t(q) * stride];
    blocks(state)[b] = sum;
  }
}

}  // namespace amc
