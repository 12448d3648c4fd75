#include "engine/behavioural/kernel/laws.hpp"

#include <algorithm>

namespace amc {

namespace {

// |rate t| below which an integral is a series.
constexpr double SHORT = 0.01;

// 1 / (q + 2)!, of the series of (e^z - 1 - z) / z^2.
constexpr double SHORT_TERMS[] = {1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5};

}  // namespace

void ModalTime::at(double time, double *value, double *slope, double *swing) const {
  const int real = modes->real;
  for (int first = 0; first < real; first += LANES) {
    const Grown now = grown(*modes, first, time);
    const Block part = blocks(share + first)[0];
    blocks(value + first)[0] = part * now.phi;
    blocks(slope + first)[0] = part * now.now;
  }
  // Of a pair with share rho the real part of (a + bi) rho phi, that is a Re(rho phi) - b Im(rho
  // phi) for a column pair (a, b).
  for (int first = 0; first < modes->pairs(); first += LANES) {
    const int some = std::min(LANES, modes->pairs() - first);
    const Turned now = turned(*modes, first, time);
    for (int lane = 0; lane < some; ++lane) {
      const int j = real + 2 * (first + lane);
      const double a = share[j], b = share[j + 1];
      value[j] = a * now.phi[lane] + b * now.phi_across[lane];
      value[j + 1] = b * now.phi[lane] - a * now.phi_across[lane];
      slope[j] = a * now.now[lane] + b * now.now_across[lane];
      slope[j + 1] = b * now.now[lane] - a * now.now_across[lane];
      swing[first + lane] = std::sqrt(a * a + b * b) * now.size[lane];
    }
  }
}

void ModalTime::integral(double time, double *value) const {
  const int real = modes->real;
  for (int first = 0; first < real; first += LANES) {
    const Block part = blocks(share + first)[0];
    const Block moved = time == known_time ? blocks(known_value + first)[0]
                                           : part * grown(*modes, first, time).phi;
    blocks(value + first)[0] = integral_of_moved(*modes, first, time, part, moved);
  }
  for (int first = 0; first < modes->pairs(); first += LANES) {
    const Complex part = integral_of_pairs(*modes, first, time);
    for (int lane = 0; lane < std::min(LANES, modes->pairs() - first); ++lane) {
      const int j = real + 2 * (first + lane);
      value[j] = share[j] * part.real[lane] + share[j + 1] * part.imaginary[lane];
      value[j + 1] = share[j + 1] * part.real[lane] - share[j] * part.imaginary[lane];
    }
  }
}

Block integral_of_phi(const Modes &modes, int first, double time) {
  return integral_of_moved(modes, first, time, every(1), grown(modes, first, time).phi);
}

Block integral_of_moved(const Modes &modes, int first, double time, Block share, Block moved) {
  const Block rate = blocks(&modes.rate[first])[0], z = rate * time;
  const Block long_one = (moved - share * time) * blocks(&modes.inverse[first])[0];
  Block series{};
  for (const double term : SHORT_TERMS) series = series * z + term;
  return magnitude(z) < SHORT ? share * series * (time * time) : long_one;
}

Complex integral_of_pairs(const Modes &modes, int first, double time) {
  const auto get = [first](const double *of_pair) { return blocks(&of_pair[first])[0]; };
  const Block decay = get(modes.decay), turning = get(modes.turn), per = get(modes.per_square);
  const Turned now = turned(modes, first, time);
  const Block rest = now.phi - time;
  const Complex long_one{(rest * decay + now.phi_across * turning) * per,
                         (now.phi_across * decay - rest * turning) * per};
  Block real{}, imaginary{};
  for (const double term : SHORT_TERMS) {
    const Block before = real;
    real = (real * decay - imaginary * turning) * time + term;
    imaginary = (before * turning + imaginary * decay) * time;
  }
  const auto shorter = get(modes.size) * time < SHORT;
  return {shorter ? real * (time * time) : long_one.real,
          shorter ? imaginary * (time * time) : long_one.imaginary};
}

void Time::at(double time, double *value, double *slope, double *swing) const {
  if (modal) {
    modal->at(time, value, slope, swing);
    return;
  }
  const double s = time / unit;
  double power = 1;
  value[0] = 1, slope[0] = 0;
  for (int q = 1; q < count; ++q) {
    slope[q] = q * power / unit;
    power *= s;
    value[q] = power;
  }
}

void Time::integral(double time, double *value) const {
  if (modal) {
    modal->integral(time, value);
    return;
  }
  double power = 1;
  for (int q = 0; q < count; ++q) {
    power *= time / unit;
    value[q] = power / (q + 1) * unit;
  }
}

}  // namespace amc
