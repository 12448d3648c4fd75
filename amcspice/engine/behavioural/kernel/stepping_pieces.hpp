// Pieces that were met, and the matrices that make steps in them.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "engine/behavioural/kernel/stepping_factored.hpp"
#include "engine/behavioural/kernel/stepping_krylov.hpp"
#include "engine/behavioural/kernel/stepping_phi.hpp"

namespace amc::stepping {

// Steps from the base step to 2^31 times as much.
inline constexpr int LEVELS = 32;

// Levels that share a pole, and how many poles there are.
inline constexpr int POLE_LEVELS = 5, POLES = 1 + (LEVELS - 1) / POLE_LEVELS;

// One piece; matrices are made as they are needed, and stored transposed.
class Piece {
 public:
  // A large circuit has factors in the place of matrices, and its inverse may follow from that of
  // the last piece, if any.
  Piece(const Equations &eq, const Code &code, bool large, const Piece *last);

  // What carries a step of this level: h phi1 where an amplifier can slew, else the growth.
  struct Step {
    Dense forward, phi2;
  };
  const Step &step(int level, double base, bool slews);

  // The resolvent for steps of this level; it may follow from that of another piece.
  Resolvent resolvent(int level, double base, const Piece *other);

  const Linear &linear() const { return *linear_; }  // of small circuits
  const Factored *factored() const { return factored_ ? &*factored_ : nullptr; }  // of large ones

  // Fill in J^-1 times a vector.
  void solve(const Vector &vector, Vector &out) const;

 private:
  Dense inverted(double one, double factor, const Piece *other, const Dense *known);
  bool inverts(const Dense &matrix, double one, double factor, double tolerance);
  const std::optional<OuterProducts> &beyond(const Piece &other);
  const Dense &rate();

  const Equations &eq_;
  const Code code_;
  std::optional<Linear> linear_;
  std::optional<Factored> factored_;
  // Of large circuits: J where an inverse does not follow, J times a vector that tells whether it
  // does, and what J has beyond that of the other piece that was asked for last.
  Dense rate_;
  Vector told_;
  std::optional<OuterProducts> beyond_;
  const Piece *other_ = nullptr;
  Dense inverse_;
  std::array<Step, LEVELS> steps_;
  Phis last_;  // of the last of the usual levels
  int made_;   // usual levels below this one are there
  std::array<Dense, POLES> resolvents_;
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

  // The resolvent of a piece of a large circuit for steps of a level.
  Resolvent resolvent(const std::shared_ptr<Piece> &piece, int level, double base);

  void clear();
  bool large() const { return large_; }

 private:
  struct Hash {
    std::size_t operator()(const Code &code) const {
      const auto *bytes = reinterpret_cast<const char *>(code.data());
      return std::hash<std::string_view>{}({bytes, code.size() * sizeof(Place)});
    }
  };

  std::unordered_map<Code, std::shared_ptr<Piece>, Hash> table_;
  std::array<std::shared_ptr<Piece>, POLES> with_pole_;  // the last pieces with each of them
  std::size_t most_;
  bool large_;
};

}  // namespace amc::stepping
