// States of amplifiers that are pressed against a limit: see `Region`.
#pragma once

#include "engine/behavioural/kernel/modes.hpp"
#include "engine/behavioural/kernel/taylor.hpp"

namespace amc {

// How far the internal node of a pressed amplifier is beyond its limit, e, follows
// e' = f - (CLAMP unity + leak) e with f the drive less the leak at the limit; behind a second pole
// the stage's distance r follows r' = second (e - r).
//
// Advance these states in `state`, which holds them at the beginning, by a time.
void advance_pressed(const Network &network, const Region &region, const Series &series,
                     double time, double *state);
// `drive` is the rate by the inputs alone at the beginning, by amplifier [V/s].
void advance_pressed(const Network &network, const Region &region, const Modes &modes,
                     const double *share, const double *drive, double time, double *state);
// Put them at rest for a given drive.
void rest_pressed(const Network &network, const Region &region, const double *drive,
                  double *state);

}  // namespace amc
