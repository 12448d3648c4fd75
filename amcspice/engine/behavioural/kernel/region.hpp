// Regions: between two events a circuit is in one, and linear there but for its slew limit.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/behavioural/kernel/network.hpp"

namespace amc {

struct Modes;
class KnownModes;

// Where an amplifier is.
struct Place {
  enum : std::uint8_t { LOW = 0, INSIDE = 1, HIGH = 2 };
  std::uint8_t stage : 2;      // of the output range
  std::uint8_t clamp : 2;      // the internal node's; the stage's without a second pole
  std::uint8_t conducts : 1;   // the hold device
  std::uint8_t above : 1;      // the held output follows its stage, else it is zero
  std::uint8_t pressed : 1;    // at its limit, and the input presses on: see `Region`

  bool operator==(const Place &) const = default;
};

inline constexpr Place START{Place::INSIDE, Place::INSIDE, 0, 1, 0};

using Places = std::vector<Place>;

// Quantities that tell when a region ends, one block of kp rows each; `Region::rows` has those
// that a circuit needs, in this order.
//
// STAGE and NODE are the stages and the internal nodes in front of second poles, bounded by the
// output range.  DRIVE is the input difference, where it decides whether a stage at its limit is
// pressed on.  HOLD is the current of a hold device that conducts, or the held node over the stage
// of one that does not; OUTPUT is the held output, which follows its stage above zero only.
enum class Kind { STAGE, NODE, DRIVE, HOLD, OUTPUT };

inline constexpr int MOST_KINDS = 5;

// A region, which is worked out anew for every stay: of thousands that are met each would be far
// away in memory, and takes no longer to make than to fetch.
//
// Where the input presses a stage on beyond its limit, stage and internal node feel the network
// but do not act on it, and cannot come back before the input difference turns: such amplifiers
// are `pressed`, and their states, which may be a hundred times faster than all others, are left
// out of the linear system and worked out when they are needed (`Pressed`).
class Region {
 public:
  explicit Region(const Network &network);
  Region(const Region &) = delete;
  void become(const Places &places);

  double *inside, *edge, *above;   // kp: stage = inside * state + edge, output = above * stage
  double *decay, *active, *level;  // kp: rate = active (unity D + level) - decay u
  double *follows;                 // kp: rate of a second pole's node, 0 where pressed
  std::span<int> columns;          // amplifiers whose stage acts on the network
  std::span<int> members;          // amplifiers whose hold device conducts
  double *balance;                 // inverse of the members' loops, columns of `members`
  std::array<Kind, MOST_KINDS> kinds;
  int rows;                        // kp for each kind
  int node_row, drive_row, hold_row, output_row;  // first rows of these, -1 for none
  double *low, *high, *unit;       // rows: bounds, and what counts as one volt
  bool any_pressed, all_pressed;

 private:
  void fill(int block);
  const Network &network_;
  int *columns_, *members_;
  Numbers room_;

 public:
  Places places;
};

// Everything that follows from a state in a region: response y, event rows g, sources x.
struct Answer {
  double *response, *rows, *sources;
};

// For the answers to some states, in columns.
Answer room_for_answers(const Network &network, const Region &region, int states, Arena &room);

// Fill in the answer to a state; `inputs` (a response) is null for a change of the state alone.
void respond(const Network &network, const Region &region, const double *state,
             const double *inputs, const Answer &answer);

// Fill in the rates of a state; `drive` takes the place of unity times the input difference.
void rates(const Network &network, const Region &region, const double *state, const double *drive,
           const double *response, bool change, double *rate);

// Fill in the states that take part in a region's dynamics, all but those of pressed amplifiers;
// return how many there are.
int free_states(const Network &network, const Region &region, int *states);

// Fill in the rates of some states that a change of each makes, in columns, and the answers to
// these changes, in columns, too.  `tilt` is the slope of each input stage over the one without a
// slew limit; null: 1.
void jacobian(const Network &network, const Region &region, std::span<const int> states,
              const double *tilt, const Answer &answers, double *columns, Arena &room);

// Change the place of the amplifier that a row of a region belongs to, once that row has left its
// bounds.
void leave(const Network &network, const Region &region, int row, double value, double drive,
           Place &place);

// The regions that are met, and the modes of those that were met before, which change no result.
class Regions {
 public:
  explicit Regions(const Network &network);
  ~Regions();
  // It stands until the next one is asked for.
  Region &at(const Places &places);
  // Its modes, made if they were not before.
  Modes &modes_of(const Region &region);
  // Forget all if they have become too many; what was handed out is gone then.
  void trim();

 private:
  const Network &network_;
  Region region_;
  bool asked_ = false;
  std::unique_ptr<KnownModes> known_;
  Arena room_;
  Modes *modes_ = nullptr;  // of the region that was asked for last, if they are known
};

}  // namespace amc
