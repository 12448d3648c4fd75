// The search for the rest of one right-hand side; active_set.py has the equations.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "engine/dc/elimination.hpp"
#include "native/arrays.hpp"

namespace amc {

inline constexpr double INFINITE = std::numeric_limits<double>::infinity();

using Code = std::uint8_t;

// The pieces of an amplifier, as amcspice/engine/dc/codes.py numbers them.
struct Codes {
  Code lowest, inside, highest, place, conducts, above, suggested;
};

// The amplifiers at rest; see Stages in active_set.py.
struct Stages {
  const double *gain, *offset, *hold, *lowest, *highest;
  double rout, knee;

  // Return the input difference that a stage inside its range needs [V].
  double difference(std::size_t i, double stage) const {
    if (knee == INFINITE) return stage / gain[i];
    const double ratio = stage / (gain[i] * knee);
    if (std::abs(ratio) >= 1) return std::copysign(INFINITE, ratio);
    return knee * std::atanh(ratio);
  }

  // Return the stage for an input difference, without limits [V].
  double output(std::size_t i, double difference) const {
    if (knee == INFINITE) return gain[i] * difference;
    return gain[i] * knee * std::tanh(difference / knee);
  }
};

// What one right-hand side gives and gets.
struct Case {
  Matrix by_source, by_hold;
  const double *drive;
  Code *code;
  double *sources, *held;
};

// Searches rests one after the other, in the same memory.
class Search {
 public:
  Search(std::size_t k, const Codes &codes);

  // Fill in pieces by where the stages would be with nothing at a limit.
  void suggest(const Stages &stages, const double *stage, Code *code) const;

  // Fill in pieces with every output at its constraint that has one.
  void put_at_constraint(const Stages &stages, const bool *constrained, Code *code) const;

  // Find the rest; tell whether there is one.
  bool find(const Stages &stages, const Case &at);

  // Tell whether all stages found are inside the ranges of the amplifiers.
  bool is_within(const Stages &stages) const;

 private:
  using Array = std::vector<double>;

  double solve(const Stages &stages, const Case &at);
  std::size_t choose_unknowns(const Stages &stages, const Code *code);
  void choose_unknown(const Stages &stages, Code code, std::size_t i);
  void fill_in(const Case &at, std::size_t m);
  double read_out(const Stages &stages, const Case &at, std::size_t m);
  double along(const Case &at, std::size_t i) const;
  void overstep(const Stages &stages, const Case &at, std::size_t i, double along);
  std::size_t count_wrong(double limit) const;
  void change(const Stages &stages, Code *code, double limit, bool only_first);
  double bend(const Stages &stages, const Code *code);
  double bend_one(const Stages &stages, std::size_t i);

  std::size_t k_;
  Codes is_;
  Elimination system_;
  std::vector<std::size_t> order_;  // amplifiers with an unknown
  // Of the linearised stages; where they were linearised.
  Array gain_, offset_, bent_;
  Array stage_, unknown_;
  // Of the unknown z: output = lift z + level, stage = tilt z + edge, current = flow z, and the
  // equation has pivot z on its diagonal and right on its right side.
  Array lift_, level_, tilt_, edge_, flow_, pivot_, right_;
  // By how much are overstepped: the place of the stage, the hold device, the sign of the output.
  Array over_place_, over_hold_, over_sign_;
};

}  // namespace amc
