#include "engine/behavioural/kernel/equations.hpp"

namespace amc {

Equations view_equations(const nb::object &equations, std::size_t circuit) {
  const auto matrix = [&](const char *name) {
    return view(nb::cast<Input<double, 3>>(equations.attr(name)), circuit);
  };
  const auto vector = [&](const char *name) {
    return nb::cast<Input<double, 1>>(equations.attr(name)).data();
  };
  const auto number = [&](const char *name) {
    return nb::cast<double>(nb::float_(equations.attr(name)));
  };
  Equations eq;
  eq.difference_a = matrix("difference_a");
  eq.difference_w = matrix("difference_w");
  eq.difference_q = matrix("difference_q");
  eq.held_a = matrix("held_a");
  eq.held_w = matrix("held_w");
  eq.held_q = matrix("held_q");
  eq.charge_a = matrix("charge_a");
  eq.charge_w = matrix("charge_w");
  eq.charge_q = matrix("charge_q");
  eq.hold = vector("hold");
  eq.lowest = vector("lowest");
  eq.highest = vector("highest");
  eq.leak = vector("leak");
  eq.unity = number("unity");
  eq.slew = number("slew");
  eq.second = number("second");
  eq.rout = number("rout");
  return eq;
}

}  // namespace amc
