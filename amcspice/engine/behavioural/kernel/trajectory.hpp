// The way of a circuit through its regions after an input step.
#pragma once

#include "engine/behavioural/kernel/record.hpp"
#include "native/interrupts.hpp"

namespace amc {

struct Settings {
  double rest;      // distance from equilibrium that is rest, as a fraction of the largest voltage
  double longest;   // time after which a right-hand side is given up [s]
  bool bounded;     // outputs are meant to come to a limit, so regions are many and stays short
  std::size_t most;  // pieces after which a right-hand side counts as one that never rests
};

// Follows one circuit through right-hand sides, each from where the last one ended.
class Follower {
 public:
  Follower(const Network &network, const Settings &settings);

  // Whether tracks shall say when they are at rest.
  void want_rest_times(bool wanted) { rest_times_ = wanted; }
  // From rest at 0 V, everything inside its range.
  void start();
  // The track belongs to the follower and lasts until the next one.
  const Track &follow(const Inputs &inputs);

  Arena &arena() { return arena_; }

 private:
  double *answer(const Region &region, const Inputs &inputs);
  Region &enter(const Inputs &inputs);
  Region &pass(const Region &region, const Inputs &inputs, int row);
  bool bends(const Region &region) const;
  Region *stay_by_series(Region &region, const Inputs &inputs, bool bends, bool may_leave);
  Region *stay_by_modes(Region &region, const Modes &modes, const Inputs &inputs);
  void bound_drive(const Region &region, Bounds &bounds);
  void come_to_rest(const Region &region, const Modes &modes, const Inputs &inputs);
  bool still(Region &region, const Inputs &inputs);
  double left_at(double time, const Modes &modes, const double *share);
  double time_within(double distance, const Modes &modes, const double *share);

  const Network &net_;
  Settings settings_;
  Regions regions_;
  Arena arena_;
  Track track_;
  Numbers state_;
  Places places_;
  Numbers response_, rows_, sources_, rate_, drive_;
  double time_, scale_;
  int patience_;  // pieces of a stay before modes
  int pieces_;    // of the stay
  bool rest_times_ = false;
  Interrupts interrupts_;
};

}  // namespace amc
