// What columns come to at a time: powers of time, or the modes of a region.
#pragma once

#include <array>

#include "engine/behavioural/kernel/exponential.hpp"
#include "engine/behavioural/kernel/modes.hpp"
#include "engine/behavioural/kernel/taylor.hpp"

namespace amc {

// What every mode has come to at a time, for given modal rates: value and slope for each column,
// and for each pair a bound of its amplitude.
struct ModalTime {
  const Modes *modes;
  const double *share;
  // A time at which values and slopes are known.
  double known_time = -1;
  const double *known_value = nullptr, *known_slope = nullptr;
  void at(double time, double *value, double *slope, double *swing) const;
  void integral(double time, double *value) const;
};

// Powers of time over a unit, or modes.
struct Time {
  int count;            // columns
  double unit = 0;      // of polynomials [s]
  const ModalTime *modal = nullptr;

  int decaying() const { return modal ? modal->modes->decaying : 0; }
  int real() const { return modal ? modal->modes->real : count; }
  int pairs() const { return modal ? modal->modes->pairs() : 0; }
  void at(double time, double *value, double *slope, double *swing) const;
  void integral(double time, double *value) const;
};

// q (q - 1) (q - 2) (q - 3), of the fourth derivative of a power.
inline constexpr auto FOURTH = [] {
  std::array<double, MOST_TERMS> factors{};
  for (int q = 0; q < MOST_TERMS; ++q) factors[q] = double(q) * (q - 1) * (q - 2) * (q - 3);
  return factors;
}();

// Real modes: e^(rate t), and phi(t) = (e^(rate t) - 1) / rate.
struct Grown {
  Block now, phi;
};

inline Grown grown(const Modes &modes, int first, double time) {
  const Block inverse = blocks(&modes.inverse[first])[0];
  if (!(time < INFINITE)) return {Block{}, -inverse};
  Block now, growth;
  exponential(blocks(&modes.rate[first])[0] * time, now, growth);
  return {now, growth * inverse};
}

// Pairs: e^(rate t) and phi(t) for complex rates, and the magnitude of the former.
struct Turned {
  Block now, now_across, phi, phi_across, size;
};

inline Turned turned(const Modes &modes, int first, double time) {
  const auto get = [first](const double *of_pair) { return blocks(&of_pair[first])[0]; };
  const Block decay = get(modes.decay), turning = get(modes.turn), per = get(modes.per_square);
  Block size{}, growth = every(-1.0), half{}, beside{};
  if (time < INFINITE) {
    exponential(decay * time, size, growth);
    turn(turning * (time / 2), half, beside);
  }
  // e^(rate t) - 1, without loss where that is small: cos - 1 = -2 sin^2 of the half angle.
  const Block less = 2.0 * half * half, across = size * (2.0 * half * beside);
  const Block up = growth - size * less;
  return {size * (1.0 - less), across, (up * decay + across * turning) * per,
          (across * decay - up * turning) * per, size};
}

// The integrals of phi from 0: (phi(t) - t) / rate, a series where that is nothing but rounding.
Block integral_of_phi(const Modes &modes, int first, double time);
// The same times some shares, which have moved as far.
Block integral_of_moved(const Modes &modes, int first, double time, Block share, Block moved);
struct Complex {
  Block real, imaginary;
};
Complex integral_of_pairs(const Modes &modes, int first, double time);

}  // namespace amc
