#include "engine/behavioural/kernel/pressed.hpp"

#include <cmath>
#include <complex>
#include <utility>
#include <vector>

namespace amc {

namespace {

// Difference of two rates that is none, as a fraction of them.
constexpr double SAME_RATE = 1e-7;

// Time over that of a second pole up to which its answer to a polynomial is worked out in powers
// of time: longer ones cancel, while the polynomial that it ends at is right from there on.
constexpr double POWERS = 8;

double limit_of(const Network &net, const Region &region, int i) {
  return region.places[i].clamp == Place::HIGH ? net.highest[i] : net.lowest[i];
}

template <class Advance>
void each_pressed(const Network &net, const Region &region, Advance advance) {
  if (!region.any_pressed) return;
  for (int i = 0; i < net.k; ++i)
    if (region.places[i].pressed)
      advance(i, limit_of(net, region, i), CLAMP * net.eq.unity + net.leak[i]);
}

// (e^(-a t) - e^(-b t)) / (b - a): how one decay passes another one on.
double passed_on(double a, double b, double t) {
  if (b < a) std::swap(a, b);
  const double gap = (b - a) * t;
  if (std::abs(gap) < 1e-5) return std::exp(-a * t) * t * (1 - gap / 2);
  return std::exp(-a * t) * -std::expm1(-gap) / (b - a);
}

}  // namespace

// With a polynomial f, e is a polynomial, by p_q = (f_q - (q + 1) p_{q+1}) / decay from the last
// coefficient on, plus an exponential.  The recursion is stable, since nothing in f is as fast as
// the clamp.
void advance_pressed(const Network &net, const Region &region, const Series &series, double time,
                     double *state) {
  each_pressed(net, region, [&](int i, double limit, double decay) {
    const double unit = series.unit, s = time / unit, fast = decay * unit;
    const double old = state[i] - limit;
    double p[MOST_TERMS + 1] = {};
    for (int q = series.count - 1; q >= 0; --q) {
      double f = series.drive[std::size_t(q) * net.kp + i];
      if (q == 0) f -= net.leak[i] * limit;
      p[q] = (f * unit - (q + 1) * p[q + 1]) / fast;
    }
    double now = 0;
    for (int q = series.count - 1; q >= 0; --q) now = now * s + p[q];
    const double own = old - p[0], gone = std::exp(-fast * s);
    state[i] = limit + now + own * gone;
    if (!net.second) return;
    // The polynomial's part by a series of its own, the exponential's in closed form.
    const double slow = net.eq.second * unit;
    double r = state[net.kp + i] - limit, sum = r, power = 1;
    if (slow * s > POWERS) {
      double end = 0;
      sum = 0;
      for (int q = series.count - 1; q >= 0; --q) {
        end = p[q] - (q + 1) * end / slow;
        sum = sum * s + end;
      }
      sum += (r - end) * std::exp(-slow * s);
    }
    for (int q = 0; slow * s <= POWERS && q < 4 * MOST_TERMS; ++q) {
      const double gained = q < series.count ? p[q] : 0;
      r = slow * (gained - r) / (q + 1);
      power *= s;
      sum += r * power;
      if (q > series.count && std::abs(r * power) < 1e-17 * std::abs(sum)) break;
    }
    sum += net.eq.second * own * passed_on(net.eq.second, decay, time);
    state[net.kp + i] = limit + sum;
  });
}

void advance_pressed(const Network &net, const Region &region, const Modes &modes,
                     const double *share, const double *drive, double time, double *state) {
  if (!region.any_pressed) return;
  int block = 0;
  while (region.kinds[block] != Kind::DRIVE) ++block;
  using Complex = std::complex<double>;
  const double unity = net.eq.unity;
  each_pressed(net, region, [&](int i, double limit, double decay) {
    // f as a sum of exponentials; so are e and r.
    std::vector<std::pair<Complex, Complex>> terms;  // rate, coefficient
    const double *rows = modes.events.columns.data() + block * net.kp + i;
    const int stride = modes.events.rows;
    Complex level = drive[i] - net.leak[i] * limit;
    for (int j = 0; j < modes.real; ++j) {
      const double size = unity * rows[std::size_t(j) * stride] * share[j] * modes.inverse[j];
      terms.emplace_back(modes.rate[j], size);
      level -= size;
    }
    for (int j = modes.real; j < modes.count; j += 2) {
      const Complex rate(modes.rate[j], modes.turning[j]);
      const Complex row(rows[std::size_t(j) * stride], rows[std::size_t(j + 1) * stride]);
      const Complex size = unity * row * Complex(share[j], -share[j + 1]) / rate;
      terms.emplace_back(rate, size);
      level -= size.real();
    }
    terms.emplace_back(0.0, level);
    // A pair stands for its real part.
    const auto pass = [&](double slow, double start) {
      double own = start;
      for (auto &[rate, size] : terms) {
        // A term as fast as the decay itself grows with time first; nearly as fast is near enough.
        if (std::abs(rate + slow) < SAME_RATE * slow) rate = (SAME_RATE - 1) * slow;
        size /= rate + slow;
        own -= size.real();
      }
      terms.emplace_back(-slow, own);
      double now = 0;
      for (const auto &[rate, size] : terms) now += (size * std::exp(rate * time)).real();
      return now;
    };
    state[i] = limit + pass(decay, state[i] - limit);
    if (!net.second) return;
    for (auto &term : terms) term.second *= net.eq.second;
    state[net.kp + i] = limit + pass(net.eq.second, state[net.kp + i] - limit);
  });
}

void rest_pressed(const Network &net, const Region &region, const double *drive, double *state) {
  each_pressed(net, region, [&](int i, double limit, double decay) {
    state[i] = limit + (drive[i] - net.leak[i] * limit) / decay;
    if (net.second) state[net.kp + i] = state[i];
  });
}

}  // namespace amc
