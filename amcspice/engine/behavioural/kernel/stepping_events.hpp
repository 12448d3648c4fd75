// What ends a piece: an output reaches a limit, a hold device starts or stops to conduct.
#pragma once

#include "engine/behavioural/kernel/stepping_linear.hpp"

namespace amc::stepping {

// How far each condition of a piece is overstepped [V], -inf where there is none: rows are stage,
// internal node, hold device and sign of the output, as in `Place`.
struct Overstepped : Dense {
  explicit Overstepped(std::size_t amplifiers);
};

// What a state means outside: voltages behind the output resistances, currents of hold devices.
struct Outputs {
  Vector sources, held;
};

// Fill in both; return the largest overstepping.
double events(const Equations &eq, const Code &code, const Vector &u, const Vector &watched,
              Outputs &outputs, Overstepped &over);

// Change the pieces whose condition is overstepped by more than a limit.
void flip(const Equations &eq, Code &code, const Vector &u, const Overstepped &over, double limit,
          bool only_first);

// By how many halvings, `most` at the most, a step is too long for its events to stay in a limit.
int halvings(const Overstepped &before, const Overstepped &after, double limit, int most);

}  // namespace amc::stepping
