// The equations of a piece without their matrices: a large circuit meets a piece once, and making
// these takes as long as a hundred steps.  Voltages behind the output resistances and currents of
// the hold devices that conduct follow from the state and one small inverse; rates follow from them.
#pragma once

#include <optional>

#include "engine/behavioural/kernel/stepping_linear.hpp"
#include "engine/behavioural/kernel/stepping_update.hpp"

namespace amc::stepping {

// What injected currents alone give for one right-hand side; none of it is zero.
struct Drive {
  const double *difference = nullptr, *held = nullptr;  // input differences, held nodes [V]
  const double *charge = nullptr;                       // rates of ports that are states [V/s]
};

// Voltages behind the output resistances [V], currents through hold devices [A].
struct Flow {
  Vector sources, currents;
};

class Factored {
 public:
  Factored(const Equations &eq, const Code &code);

  // Fill in the flow, and the nodes that are watched.  Without a drive everything is linear in the
  // state: limits count as zero.
  void flow(const double *state, const Drive *drive, Flow &out, Vector &watched) const;

  // Fill in input differences, and rates, which follow from them.
  void differences(const double *state, const Drive *drive, const Flow &flow, Vector &out) const;
  void rates(const double *state, const Drive *drive, const Flow &flow, const Vector &differences,
             Vector &out) const;

  // Fill in J times a vector.
  void times(const Vector &vector, Vector &out) const;

  // What J, transposed, has beyond that of another piece; none if that takes too many.
  std::optional<OuterProducts> beyond(const Factored &before) const;

 private:
  using Numbers = std::vector<std::size_t>;

  Dense among(const Numbers &chosen) const;
  Dense columns(const Numbers &chosen) const;
  Dense by_state(const Dense &weights) const;
  void give(const Dense &by_member, Dense sources, const Factored &masked, Dense &out) const;
  void change_members(const Numbers &changed, double sign, const Factored &masked,
                      OuterProducts &out) const;
  void change_slopes(const Numbers &changed, const Numbers &without, const Factored &masked,
                     OuterProducts &out) const;
  void change_row(std::size_t amplifier, double sign, OuterProducts &out) const;

  const Equations &eq_;
  Code code_;
  Numbers members_, position_;  // whose hold device conducts, and where each stands among them
  Vector slope_, offset_;       // of a source without any current: slope * stage + offset
  Dense inverse_;               // of what makes currents of the members' voltages
};

}  // namespace amc::stepping
