// The pieces of a circuit: which limits its amplifiers are at, and its equations there.
//
// The state holds the internal node of every amplifier, then those of the second poles, then the
// voltages of ports that have a capacitance.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/behavioural/kernel/equations.hpp"
#include "engine/behavioural/kernel/stepping_dense.hpp"

namespace amc::stepping {

// Where an amplifier is.
struct Place {
  std::uint8_t stage = 1;     // the last stage: 0 below the output range, 1 inside, 2 above it
  std::uint8_t inner = 1;     // the internal node, likewise
  std::uint8_t conducts = 0;  // the hold device
  std::uint8_t positive = 1;  // the held output is above zero
  std::uint8_t full = 1;      // the input stage slews down at full rate (0), up (2), or does not

  bool operator==(const Place &) const = default;
};

using Code = std::vector<Place>;

// A linear function of the state, of held-node voltages without any feedback, and of one;
// matrices are stored transposed.
struct Affine {
  Dense by_state, by_held;
  Vector fixed;

  // What the state does not change.
  void constant(const double *held, Vector &out) const;
};

// With nothing slewing but at full rate.
struct Linear {
  Affine rate;        // of the states
  Affine difference;  // between the inputs
  Affine watched;     // currents of hold devices that conduct, nodes of those that do not
};

Linear linearise(const Equations &eq, const Code &code);

// The first state of the last stages.
inline std::size_t first_stage(const Equations &eq) { return eq.second > 0 ? eq.amplifiers() : 0; }

// How many nodes are watched.
std::size_t watched_nodes(const Equations &eq);

}  // namespace amc::stepping
