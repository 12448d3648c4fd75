// A circuit's equations as Python gives them; see amcspice/engine/equations/arrays.py.
#pragma once

#include "native/arrays.hpp"

namespace amc {

// k amplifiers, c port voltages that are states; `_a` for one volt behind the output
// resistances, `_w` for one ampere through the hold devices, `_q` for one volt at those ports.
struct Equations {
  Matrix difference_a, difference_w, difference_q;  // input differences [V], k rows
  Matrix held_a, held_w, held_q;                    // nodes that hold devices keep [V], k rows
  Matrix charge_a, charge_w, charge_q;              // rates of the port voltages [V/s], c rows
  const double *hold = nullptr;                     // in series with the output resistance [S]
  const double *lowest = nullptr, *highest = nullptr;  // output range [V]
  const double *leak = nullptr;                     // unity / A0 [1/s]
  double unity = 0;                                 // 2 pi GBW [1/s]
  double slew = 0;                                  // [V/s], inf for none
  double second = 0;                                // 2 pi times the second pole [1/s], 0 for none
  double rout = 0;                                  // [ohm]

  std::size_t amplifiers() const { return difference_a.rows; }
  std::size_t ports() const { return charge_q.rows; }
  std::size_t states() const { return (second > 0 ? 2 : 1) * amplifiers() + ports(); }
};

// Conductance that limits an internal node beyond the output range, over the input
// transconductance; as in models/opamp.lib.
inline constexpr double CLAMP = 100.0;

// Volts; no scale is smaller, as for settling bands.
inline constexpr double SMALLEST_SCALE = 1e-3;

// View the equations of one circuit of a stack; the named tuple must outlive them.
Equations view_equations(const nb::object &equations, std::size_t circuit);

}  // namespace amc
