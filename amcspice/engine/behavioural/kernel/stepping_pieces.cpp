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

// Error that a resolvent, and the inverse of J, may have got by following from others: what is
// solved with the latter is refined once, which squares it.
constexpr double FOLLOWED = 1e-9, REFINED = 1e-6;

}  // namespace

Piece::Piece(const Equations &eq, const Code &code, bool large, const Piece *last)
    : eq_(eq), code_(code), made_(USUAL_LEVEL) {
  if (large) {
    factored_.emplace(eq, code);
  } else {
    linear_ = linearise(eq, code);
  }
  inverse_ = inverted(0.0, 1.0, last, last ? &last->inverse_ : nullptr);
}

const Dense &Piece::rate() {
  if (linear_) return linear_->rate.by_state;
  if (rate_.empty()) rate_ = linearise(eq_, code_).rate.by_state;
  return rate_;
}

// The inverse of one + factor * J; `known` is that of another piece.
Dense Piece::inverted(double one, double factor, const Piece *other, const Dense *known) {
  if (other && beyond(*other)) {
    Dense followed = updated_inverse(*known, *beyond_, factor);
    if (inverts(followed, one, factor, one == 0.0 ? REFINED : FOLLOWED)) return followed;
  }
  Dense shifted = rate();
  for (double &value : shifted.values) value *= factor;
  for (std::size_t i = 0; i < shifted.rows; ++i) shifted[i][i] += one;
  return stepping::inverse(std::move(shifted));
}

// What J, transposed, has beyond that of another piece; none if that takes too many.
const std::optional<OuterProducts> &Piece::beyond(const Piece &other) {
  if (other_ != &other) {
    beyond_ = factored_->beyond(*other.factored_);
    other_ = &other;
  }
  return beyond_;
}

// Whether a matrix inverts one + factor * J, as seen by a vector.
bool Piece::inverts(const Dense &matrix, double one, double factor, double tolerance) {
  const std::size_t n = matrix.rows;
  Vector vector(n), shifted(n), back(n);
  for (std::size_t i = 0; i < n; ++i) vector[i] = 1.0 + double(i % 7);
  if (told_.empty()) factored_->times(vector, told_ = Vector(n));
  for (std::size_t i = 0; i < n; ++i) shifted[i] = one * vector[i] + factor * told_[i];
  add(matrix, shifted.data(), back.data());
  for (std::size_t i = 0; i < n; ++i) {
    if (!(std::abs(back[i] - vector[i]) <= tolerance * vector[i])) return false;
  }
  return true;
}

void Piece::solve(const Vector &vector, Vector &out) const {
  std::ranges::fill(out, 0.0);
  add(inverse_, vector.data(), out.data());
  if (!factored_) return;
  Vector left(vector.size());
  factored_->times(out, left);
  for (std::size_t i = 0; i < left.size(); ++i) left[i] = vector[i] - left[i];
  add(inverse_, left.data(), out.data());
}

const Piece::Step &Piece::step(int level, double base, bool slews) {
  const auto series = [&](int at) {
    const double step = std::ldexp(base, at);
    return slews ? phis(rate(), step) : Phis{{}, {}, grow(rate(), step)};
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

Resolvent Piece::resolvent(int level, double base, const Piece *other) {
  const int at = level / POLE_LEVELS;
  const double pole = std::ldexp(POLE_SHARE * base, at * POLE_LEVELS);
  if (resolvents_[at].empty()) {
    resolvents_[at] = inverted(1.0, -pole, other, other ? &other->resolvents_[at] : nullptr);
  }
  return {&resolvents_[at], pole};
}

Pieces::Pieces(std::size_t states, std::size_t most, bool slews, bool large) : large_(large) {
  const std::size_t matrices = large ? POLES : slews ? 2 * LEVELS : LEVELS;
  const std::size_t bytes = sizeof(double) * states * states * matrices;
  most_ = std::max(FEWEST, std::min(most, LARGEST_ROOM / bytes));
}

std::shared_ptr<Piece> Pieces::find(const Equations &eq, const Code &code,
                                    const std::shared_ptr<Piece> &last) {
  if (const auto found = table_.find(code); found != table_.end()) return found->second;
  if (table_.size() >= most_) table_.clear();
  return table_[code] = std::make_shared<Piece>(eq, code, large_, large_ ? last.get() : nullptr);
}

Resolvent Pieces::resolvent(const std::shared_ptr<Piece> &piece, int level, double base) {
  std::shared_ptr<Piece> &last = with_pole_[level / POLE_LEVELS];
  const Resolvent result = piece->resolvent(level, base, last.get());
  last = piece;
  return result;
}

void Pieces::clear() {
  table_.clear();
  with_pole_.fill(nullptr);
}

}  // namespace amc::stepping
