// The linear network around the amplifiers, stored for products with vectors.
#pragma once

#include "engine/behavioural/kernel/equations.hpp"
#include "engine/behavioural/kernel/vectors.hpp"

namespace amc {

// What is measured: linear in the sources x, see `Network`.
struct Readings {
  Matrix outputs;   // voltages that settle, rows by x as Python gives it (a, w, q)
  Matrix currents;  // out of every amplifier's output, likewise
  // Power for one ampere that an output sources, and for one that it takes [V].
  const double *sourcing = nullptr, *sinking = nullptr;
  // Currents for the derivatives of x, into capacitors that follow at once [F]; none: no rows.
  Matrix charging{};
};

// A circuit of k amplifiers and c charged ports.
//
// The state u has the internal nodes, then the nodes of the second poles (if there are), then the
// charged ports.  The sources x of the network are the voltages a behind the output resistances,
// the currents w of the hold devices (if there are) and the charged ports q.  The response y has
// the input differences D, the held nodes N (if there are), the currents I out of the outputs, and
// the rates Q of the charged ports.  Every part is padded to whole blocks of kp or cp rows.
struct Network {
  Network(const Equations &equations, const Readings &readings);

  int k, c, kp, cp;
  bool holds, second, slews;
  int stage;           // first row of the state that outputs follow
  int states;          // rows of u
  int width;           // rows of x
  int held, flow, rate, response;  // first rows of N, I and Q, rows of y
  int outputs, op;     // outputs that are read, padded

  Equations eq;                   // scalars; its arrays belong to Python, the vectors below do not
  Numbers leak, lowest, highest;  // kp
  Numbers hold;                   // kp; see `Equations` [S]
  Numbers hold_resistance;        // kp; what a conducting hold device is worth [ohm]
  Numbers push_low, push_high;    // kp; input difference that holds a stage at a limit [V]
  Numbers sourcing, sinking;      // kp
  Numbers by_source, by_charge;   // k and c columns of y
  Numbers by_hold[2];             // k columns of y: with the output at zero, and following
  Numbers hold_loop[2];           // k columns of kp: N that a conducting device has to balance
  Numbers read_outputs;           // width columns of op
  Numbers read_charging;          // width columns of kp; none where nothing is charged so

  int q_state() const { return states - cp; }
  int q_source() const { return width - cp; }
};

// Inputs of one right-hand side, padded as y is, and what they add to the readings.
struct Inputs {
  const double *response;  // y for the injected currents alone
  const double *outputs;   // op
  const double *power;     // by x [A] (volts times this), width
  double power_0;          // [W]
};

}  // namespace amc
