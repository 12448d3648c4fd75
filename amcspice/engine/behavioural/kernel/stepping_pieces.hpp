// Pieces that were met, and the matrices that make steps in them.
#pragma once

#include <array>
#include <memory>
#include <string_view>
#include <unordered_map>

#include "engine/behavioural/kernel/stepping_krylov.hpp"
#include "engine/behavioural/kernel/stepping_linear.hpp"
#include "engine/behavioural/kernel/stepping_phi.hpp"
#include "engine/behavioural/kernel/stepping_update.hpp"

namespace amc::stepping {

// Steps from the base step to 2^31 times as much.
inline constexpr int LEVELS = 32;

// Levels that share a pole.
inline constexpr int POLE_LEVELS = 5;

// One piece; matrices are made as they are needed, and stored transposed.
class Piece {
 public:
  // `parent` is the piece before in large circuits, else none: matrices may follow from its.
  Piece(const Equations &eq, const Code &code, const std::shared_ptr<Piece> &parent);

  // What carries a step of this level: h phi1 where an amplifier can slew, else the growth.
  struct Step {
    Dense forward, phi2;
  };
  const Step &step(int level, double base, bool slews);

  // The resolvent for steps of this level.
  Resolvent resolvent(int level, double base);

  const Linear &linear() const { return linear_; }
  const Dense &inverse() const { return inverse_; }  // of the rate

 private:
  Dense inverted(double one, double factor, const Dense *known) const;

  Linear linear_;
  std::weak_ptr<Piece> parent_;
  std::optional<OuterProducts> from_parent_;  // what the rate has beyond that of the parent
  Dense inverse_;
  std::array<Step, LEVELS> steps_;
  Phis last_;  // of the last of the usual levels
  int made_;   // usual levels below this one are there
  std::array<Dense, 1 + (LEVELS - 1) / POLE_LEVELS> resolvents_;
};

// Room for the pieces of a circuit; what is in it changes no result.
class Pieces {
 public:
  // At most so many pieces; fewer if they are large.  Large circuits make steps in Krylov spaces.
  Pieces(std::size_t states, std::size_t most, bool slews, bool large);

  // The piece of a code; the circuit is linearised there if it is a new one.  `last` is the piece
  // before, if any.
  std::shared_ptr<Piece> find(const Equations &eq, const Code &code,
                              const std::shared_ptr<Piece> &last);

  void clear() { table_.clear(); }
  bool large() const { return large_; }

 private:
  struct Hash {
    std::size_t operator()(const Code &code) const {
      const auto *bytes = reinterpret_cast<const char *>(code.data());
      return std::hash<std::string_view>{}({bytes, code.size() * sizeof(Place)});
    }
  };

  std::unordered_map<Code, std::shared_ptr<Piece>, Hash> table_;
  std::size_t most_;
  bool large_;
};

}  // namespace amc::stepping
