// What happened to one right-hand side, piece after piece, and what is read from it.
#pragma once

#include <vector>

#include "engine/behavioural/kernel/curves.hpp"
#include "engine/behavioural/kernel/taylor.hpp"
#include "native/interrupts.hpp"

namespace amc {

// Part of a stay in one region: a series, or modes.
struct Record {
  double begin, length;  // [s]
  Series series;            // of a series
  const Modes *modes;       // null for a series
  const double *share;      // modal rates at the beginning
  const double *sources;    // x at the beginning, of modes
  const double *currents;   // out of the outputs then, of modes
  // How far modes are and how fast at the end, where it is known.
  const double *moved = nullptr, *moves = nullptr;

  double end() const { return begin + length; }
};

// The way of one right-hand side to rest, or to where it was given up.
struct Track {
  std::vector<Record> records;
  bool at_rest = false;
  double rest_time = INFINITE;  // [s]
  const double *final = nullptr;  // x
  double largest_current = 0;     // out of an output, then [A]
};

// Reads tracks; what it takes from the arena is given back.
class Reader {
 public:
  Reader(const Network &network, Arena &arena)
      : network_(network), arena_(arena), failing_(network.kp / LANES) {}

  // The time from which all outputs stay within `band` of the largest around where they end [s].
  double settling_time(const Track &track, const Inputs &inputs, double band) const;
  // Whether the outputs stay within a tenth of the band in the last tenth of the time: a window's
  // rest, as ngspice's are judged.
  bool flat_at_end(const Track &track, const Inputs &inputs, double band) const;
  // What all sources deliver until then [J].
  double energy(const Track &track, const Inputs &inputs, double until) const;
  // The sources x at a time within the track, or after it.
  void sources_at(const Track &track, double time, double *x) const;
  // Times at which to show a track, so that straight lines between them look like it and none is
  // longer than asked for; appended.
  void sample_times(const Track &track, const Inputs &inputs, double longest,
                    std::vector<double> &times) const;

 private:
  ModalTime modal_of(const Record &record) const;
  Time time_of(const Record &record, ModalTime &modal) const;
  // Columns and base of rows that are read from the sources.
  struct Reading {
    const double *columns, *magnitudes, *base;
  };
  // Fill in the outputs at the end of a track; return the largest magnitude [V].
  double outputs_at_end(const Track &track, const Inputs &inputs, double *end) const;
  Reading outputs_of(const Record &record, const Inputs &inputs) const;
  Reading currents_of(const Record &record) const;
  Reading charging_currents_of(const Record &record) const;
  double energy_of(const Record &record, const Inputs &inputs, double length,
                   double scale) const;
  template <class Rows>
  double flown(const Rows &rows, double *low, double *high, double *weights, double slack,
               double length) const;
  double delivered(const Record &record, const double *law, const Inputs &inputs,
                   double length) const;

  const Network &network_;
  Arena &arena_;
  mutable Interrupts interrupts_;
  mutable std::vector<unsigned> failing_;  // of currents, by block: those whose sign is in doubt
};

}  // namespace amc
