// Taylor series of the states of a region, for stays that are short or slew.
#pragma once

#include "engine/behavioural/kernel/region.hpp"

namespace amc {

// Coefficients of powers of time over `unit`, up to a time at which what is left out is nothing.
struct Series {
  int count;        // terms
  double unit;      // [s]
  double reach;     // [s]
  double *states;   // count x states
  double *rows;     // count x rows of the region
  double *sources;  // count x width
  double *currents; // count x kp: out of the outputs [A]
  double *drive;    // count x kp: rate of the internal nodes by their inputs alone [V/s]
};

// Most terms of a series: longer ones reach further at less expense, until rounding counts.
inline constexpr int MOST_TERMS = 20;

// Expand from a state.
//
// `bends`: the input stages are slew tanh(unity D / slew) instead of unity D.
// `smallest`: what counts as nothing [V].  `wanted`: time that is asked for [s]; the series also
// ends a bit after the time at which the first terms say that a row leaves its bounds by more than
// the slack.
Series expand(const Network &network, const Region &region, const Inputs &inputs,
              const double *state, bool bends, double smallest, double slack, double wanted,
              Arena &arena);

// Fill in a state at a time.
void state_at(const Network &network, const Series &series, double time, double *state);

}  // namespace amc
