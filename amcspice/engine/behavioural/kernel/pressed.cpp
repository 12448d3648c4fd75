#include "engine/behavioural/kernel/pressed.hpp"

#include <cmath>
#include <complex>
#include <utility>
#include <vector>

namespace amc {

namespace {

// Difference of two rates that is none, as a fraction of them.
constexpr double SAME_RATE = 1e-7;

// Time over that of a decay up to which its answer to a polynomial is a series, and terms that
// this needs: longer ones cancel.
constexpr double SHORT = 8;
constexpr int LONG_SERIES = 64;

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

// How y' = f - decay y answers to a polynomial f: a polynomial, plus `own` times the decay.
struct Answered {
  double p[LONG_SERIES + 1] = {};
  int count = LONG_SERIES;
  double own = 0, now = 0;  // now: y at the time s
};

// Over a time that is short for the decay y is a series.  Over a longer one it is a polynomial, by
// p_q = (f_q - (q + 1) p_{q+1}) / decay from the last coefficient on, plus an exponential; the
// recursion is stable then, since what is as fast as the decay would have made f's series shorter.
template <class Force>
Answered answer_to(const Force &force, int count, double decay, double start, double s) {
  Answered y;
  if (decay * s < SHORT) {
    y.p[0] = start;
    for (int q = 0; q + 1 < LONG_SERIES; ++q)
      y.p[q + 1] = ((q < count ? force(q) : 0.0) - decay * y.p[q]) / (q + 1);
  } else {
    y.count = count;
    for (int q = count - 1; q >= 0; --q) y.p[q] = (force(q) - (q + 1) * y.p[q + 1]) / decay;
    y.own = start - y.p[0];
  }
  for (int q = y.count - 1; q >= 0; --q) y.now = y.now * s + y.p[q];
  if (y.own != 0) y.now += y.own * std::exp(-decay * s);
  return y;
}

}  // namespace

void advance_pressed(const Network &net, const Region &region, const Series &series, double time,
                     double *state) {
  each_pressed(net, region, [&](int i, double limit, double decay) {
    const double unit = series.unit, s = time / unit;
    const auto force = [&](int q) {
      const double f = series.drive[std::size_t(q) * net.kp + i];
      return (q == 0 ? f - net.leak[i] * limit : f) * unit;
    };
    const Answered e = answer_to(force, series.count, decay * unit, state[i] - limit, s);
    state[i] = limit + e.now;
    if (!net.second) return;
    const double slow = net.eq.second * unit;
    const auto follow = [&](int q) { return slow * e.p[q]; };
    const Answered r = answer_to(follow, e.count, slow, state[net.kp + i] - limit, s);
    const double passed =
        e.own != 0 ? net.eq.second * e.own * passed_on(net.eq.second, decay, time) : 0.0;
    state[net.kp + i] = limit + r.now + passed;
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
    const double *rows = modes.events.columns + block * net.kp + i;
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
