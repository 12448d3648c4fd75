#include "engine/behavioural/kernel/stepping_pieces.hpp"

#include <algorithm>
#include <cmath>

namespace amc::stepping {

namespace {

// Bytes for the matrices of all pieces, and the fewest pieces.
constexpr std::size_t LARGEST_ROOM = std::size_t{1} << 28, FEWEST = 8;

// From here on levels are made by doubling; the few steps below take a series each.
constexpr int USUAL_LEVEL = 8;

// A pole over the shortest step that it serves.
constexpr double POLE_SHARE = 0.2;

}  // namespace

Piece::Piece(const Equations &eq, const Code &code, const std::shared_ptr<Piece> &parent)
    : linear_(linearise(eq, code)), parent_(parent), made_(USUAL_LEVEL) {
  const Dense *known = nullptr;
  if (parent) {
    from_parent_ = factor_difference(linear_.rate.by_state, parent->linear_.rate.by_state);
    known = &parent->inverse_;
  }
  inverse_ = inverted(0.0, 1.0, known);
}

// The inverse of one + factor * J; `known` is that of the parent.
Dense Piece::inverted(double one, double factor, const Dense *known) const {
  const Dense &rate = linear_.rate.by_state;
  if (known && from_parent_) {
    Dense followed = updated_inverse(*known, *from_parent_, factor);
    if (is_inverse(followed, rate, one, factor)) return followed;
  }
  Dense shifted = rate;
  for (double &value : shifted.values) value *= factor;
  for (std::size_t i = 0; i < rate.rows; ++i) shifted[i][i] += one;
  return stepping::inverse(std::move(shifted));
}

const Piece::Step &Piece::step(int level, double base, bool slews) {
  const auto series = [&](int at) {
    const Dense &rate = linear_.rate.by_state;
    const double step = std::ldexp(base, at);
    return slews ? phis(rate, step) : Phis{{}, {}, grow(rate, step)};
  };
  const auto kept = [&](const Phis &functions) {
    return slews ? Step{functions.phi1, functions.phi2} : Step{functions.growth, {}};
  };
  if (level < USUAL_LEVEL) {
    if (steps_[level].forward.empty()) steps_[level] = kept(series(level));
    return steps_[level];
  }
  for (; made_ <= level; ++made_) {
    if (made_ > USUAL_LEVEL) {
      last_.redouble();
    } else {
      last_ = series(made_);
    }
    steps_[made_] = kept(last_);
  }
  return steps_[level];
}

Resolvent Piece::resolvent(int level, double base) {
  const int at = level / POLE_LEVELS;
  const double pole = std::ldexp(POLE_SHARE * base, at * POLE_LEVELS);
  if (resolvents_[at].empty()) {
    const auto parent = parent_.lock();
    const bool known = parent && !parent->resolvents_[at].empty();
    resolvents_[at] = inverted(1.0, -pole, known ? &parent->resolvents_[at] : nullptr);
  }
  return {&resolvents_[at], pole};
}

Pieces::Pieces(std::size_t states, std::size_t most, bool slews, bool large) : large_(large) {
  const std::size_t matrices = large ? 1 + (LEVELS - 1) / POLE_LEVELS : slews ? 2 * LEVELS : LEVELS;
  const std::size_t bytes = sizeof(double) * states * states * matrices;
  most_ = std::max(FEWEST, std::min(most, LARGEST_ROOM / bytes));
}

std::shared_ptr<Piece> Pieces::find(const Equations &eq, const Code &code,
                                    const std::shared_ptr<Piece> &last) {
  if (const auto found = table_.find(code); found != table_.end()) return found->second;
  if (table_.size() >= most_) table_.clear();
  return table_[code] = std::make_shared<Piece>(eq, code, large_ ? last : nullptr);
}

}  // namespace amc::stepping
