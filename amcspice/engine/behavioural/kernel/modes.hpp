// The modes of a region, and what each gives at rows and readings.
#pragma once

#include <complex>
#include <vector>

#include "engine/behavioural/kernel/region.hpp"

namespace amc {

// Columns that are linear in the modes, with what bounds the oscillating ones: one column a mode,
// two a complex pair (real and imaginary part), and the magnitude of each pair's.
struct ModalColumns {
  int rows = 0;
  double *columns = nullptr, *magnitudes = nullptr;
};

// du/dt = J u + c with J = V L V^-1.  The rate of a mode, r = V^-1 du/dt, is what is followed: no
// equilibrium is needed, which an amplifier without feedback has at its gain times the offset.
//
// Modes stand in this order: real ones by their rates, from the one that decays fastest to the one
// that grows fastest, complex pairs as a +- bi.  All numbers are one piece of memory behind the
// modes themselves, which a stay that comes back fetches from far away.
struct Modes {
  // Numbers are kept in one arena; the other one has room for what is forgotten.
  Modes(const Network &network, const Region &region, double smallest_rate, Arena &kept,
        Arena &room);
  Modes(const Modes &) = delete;

  bool usable;      // well enough conditioned to be used
  bool stable;      // all decay
  int count;        // of columns
  int decaying, real;
  int share_rows;   // rows of modal rates
  double fastest;   // largest magnitude of an eigenvalue [1/s]
  double slowest;   // smallest magnitude of a real part [1/s]
  int *states = nullptr;       // the states that take part
  double *to_modes = nullptr;  // V^-1: a column for each of them
  double *rate = nullptr;      // count, padded: real parts
  double *inverse = nullptr;   // 1 / rate of the real ones
  ModalColumns events, state, currents, sources, outputs;
  double *turning = nullptr;   // imaginary part, at the first column of a pair
  // By pair: real part, imaginary part and magnitude of its eigenvalues [1/s], and one over the
  // magnitude's square.
  double *decay = nullptr, *turn = nullptr, *size = nullptr, *per_square = nullptr;

  int pairs() const { return (count - real) / 2; }
  std::size_t bytes() const { return bytes_; }
  // Whether they are those of a region with these places.
  bool are_at(const Places &places) const;
  // Ask for what a stay reads first, before it is needed.
  void fetch() const;
  // Fill in the modal rates for the rates of a state.
  void split(const double *rate_of_state, double *share) const;

 private:
  void make_room(const Network &network, const Region &region, Arena &kept);
  Place *places_;  // of the region
  std::size_t bytes_ = 0;
};

}  // namespace amc
