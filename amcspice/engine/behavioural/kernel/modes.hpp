// The modes of a region, and what each gives at rows and readings.
#pragma once

#include <complex>
#include <span>
#include <vector>

#include "engine/behavioural/kernel/region.hpp"

namespace amc {

// Columns that are linear in the modes, with what bounds the oscillating ones: one column a mode,
// two a complex pair (real and imaginary part), and the magnitude of each pair's.
struct ModalColumns {
  int rows = 0;
  std::span<double> columns, magnitudes;
};

// du/dt = J u + c with J = V L V^-1.  The rate of a mode, r = V^-1 du/dt, is what is followed: no
// equilibrium is needed, which an amplifier without feedback has at its gain times the offset.
//
// Modes stand in this order: real ones that decay, other real ones, complex pairs as a +- bi.  All
// numbers are one piece of memory, which a stay that comes back fetches from far away.
struct Modes {
  Modes(const Network &network, const Region &region, double smallest_rate);

  bool usable;      // well enough conditioned to be used
  bool stable;      // all decay
  int count;        // of columns
  int decaying, real;
  std::span<double> rate;     // count, padded: real parts
  std::span<double> turning;  // imaginary part, at the first column of a pair
  std::span<double> inverse;  // 1 / rate of the real ones
  // By pair: real part, imaginary part and magnitude of its eigenvalues [1/s], and one over the
  // magnitude's square.
  std::span<double> decay, turn, size, per_square;
  double fastest;   // largest magnitude of an eigenvalue [1/s]
  double slowest;   // smallest magnitude of a real part [1/s]
  std::vector<int> states;     // the states that take part
  std::span<double> to_modes;  // V^-1: a column for each of them
  int share_rows;              // rows of those
  ModalColumns state, events, sources, outputs, currents;

  int pairs() const { return (count - real) / 2; }
  std::size_t bytes() const { return sizeof(Modes) + sizeof(double) * room_.size(); }
  // Ask for what a stay begins with, before it is needed.
  void fetch() const;
  // Fill in the modal rates for the rates of a state.
  void split(const double *rate_of_state, double *share) const;

 private:
  void make_room(const Network &network, const Region &region);
  Numbers room_;
};

}  // namespace amc
