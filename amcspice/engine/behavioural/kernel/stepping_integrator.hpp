// Integration of a piecewise-linear amplifier circuit in exponential steps.
//
// Between two events (an output reaches a rail, a hold device starts or stops to conduct) the
// circuit is linear except for the slew limit.  A step is an exponential Runge-Kutta step of
// second order (S. Cox, P. Matthews, Exponential time differencing for stiff systems, J. Comput.
// Phys. 176, 430 (2002)): with J the linear part and g what the slew limit takes away,
//
//     v = u + h phi1(hJ) u',    u <- v + h phi2(hJ) (g(v) - g(u)),
//
// exact where nothing slews, however stiff.  Where nothing can slew it is the same as
// u + (e^hJ - 1) J^-1 u', which takes half of the matrices.  Steps are powers of two of one base
// step, so that the matrices of a piece are made once and serve all right-hand sides; an event is
// approached by smaller steps until it is overstepped by next to nothing.  An input stage that
// slews at full rate is linear, too: it does not feel the network.  What the linear part leaves
// out is worked out at every step, so nothing hangs on when that is begun or ended.
//
// Large bounded circuits would spend all their time making matrices, because they hardly meet a
// piece twice: there steps are made in Krylov spaces, and the matrices of a piece follow from
// those of the piece before, which differs in a few amplifiers.
#pragma once

#include <span>

#include "engine/behavioural/kernel/stepping_events.hpp"
#include "native/interrupts.hpp"
#include "engine/behavioural/kernel/stepping_pieces.hpp"

namespace amc::stepping {

// As in amcspice/engine/equations/arrays.py, in that order.
struct Control {
  double tolerance, resolution, band, rest, longest, base, stable, most, longest_step;
};

// Samples after a right-hand side has come to rest.
inline constexpr int TAIL = 3;

class Integrator {
 public:
  // States in `outputs` are those whose settling counts; rows of time, sources, held currents and
  // port voltages are appended to `samples`.
  Integrator(const Equations &eq, Pieces &pieces, const Control &control,
             std::span<const std::int64_t> outputs, const double *start,
             std::vector<double> &samples, Interrupts &interrupts);

  // Apply a right-hand side where the last one ended; return whether the circuit came to rest.
  bool run(const Drive &drive);

 private:
  // A look ahead from a state, before a step.
  struct Outlook {
    double distance = 0, output_distance = 0;  // from equilibrium: of all states, of the outputs
    double largest = SMALLEST_SCALE;           // output in equilibrium
    double allowed = 0, output_allowed = 0;    // movement in a step
    double landing = 0;                        // how far events may be overstepped
    bool active = false;                       // something slews, a little at least
    bool slewing = false;                      // an amplifier is beyond its slew rate
    bool at_rest = false;                      // as near to equilibrium as rest asks for
  };

  // A step as it turned out.
  struct Trial {
    double error = 0;      // correction for slewing
    double moved = 0;      // over what is allowed
    double worst = 0;      // event that is overstepped
    bool stalls = false;   // slewing makes it get nowhere
  };

  void begin(const Drive &drive);
  void enter_piece();
  void watch(const Vector &state);
  void find_differences(const Vector &state);
  void find_rates();
  void record();
  void record_rest();
  Outlook look_ahead();
  double slewing(const Vector &difference, Vector &lost) const;
  bool rests_slewing() const;
  bool slews_fully();
  Trial choose_step(const Outlook &outlook);
  Trial attempt(const Outlook &outlook, Resolvent &resolvent, bool &finite);
  bool advance(const Outlook &outlook, const Trial &trial);

  const Equations &eq_;
  Pieces &pieces_;
  const Control control_;
  const std::span<const std::int64_t> outputs_;
  std::vector<double> &samples_;
  Interrupts &interrupts_;
  const std::size_t k_, c_, n_;
  const bool slews_;

  // Where the circuit is.
  Vector u_;
  Code code_;
  std::shared_ptr<Piece> piece_;
  Overstepped over_, prior_;
  Outputs outside_;
  double t_ = 0, scale_ = 0;
  int highest_ = LEVELS - 1;    // level of a step
  int level_ = 0, wanted_ = 0;  // of the step; to come back to after an event
  long events_ = 0;
  bool changed_ = true;  // the piece

  // What injected currents and the piece alone give.
  Drive drive_;
  Vector constant_, difference_0_, watched_0_;
  Flow flow_;  // of large circuits: that of the last state whose nodes were looked at
  // Rates, the way from equilibrium, what slewing takes away now and after a step.
  Vector rate_, way_, lost_, lost_then_, difference_, watched_, trial_, correction_;
  Krylov way_space_, slew_space_;
};

}  // namespace amc::stepping
