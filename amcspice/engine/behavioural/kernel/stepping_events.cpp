#include "engine/behavioural/kernel/stepping_events.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace amc::stepping {

namespace {

enum Condition { STAGE, INNER, HOLD, SIGN, CONDITIONS };

std::uint8_t side(double value, double lowest, double highest) {
  return value > highest ? 2 : value < lowest ? 0 : 1;
}

// How far a node is from the end of its piece; what limits it keeps it from going far beyond the
// end, and `release` is how far it would go without, over how far it goes.
double beyond(std::uint8_t place, double value, double lowest, double highest, double release) {
  if (place == 1) return std::max(value - highest, lowest - value);
  return release * (place == 2 ? highest - value : value - lowest);
}

}  // namespace

Overstepped::Overstepped(std::size_t amplifiers) : Dense(CONDITIONS, amplifiers) {
  std::ranges::fill(values, -std::numeric_limits<double>::infinity());
}

double events(const Equations &eq, const Code &code, const Vector &u, const Vector &watched,
              Outputs &outputs, Overstepped &over) {
  const std::size_t k = code.size(), first = first_stage(eq);
  double worst = -std::numeric_limits<double>::infinity();
  const auto tell = [&](Condition condition, std::size_t i, double value) {
    over[condition][i] = value;
    worst = std::max(worst, value);
  };
  for (std::size_t i = 0; i < k; ++i) {
    const Place place = code[i];
    const double low = eq.lowest[i], high = eq.highest[i];
    double stage = u[first + i], current = 0.0;
    tell(STAGE, i, beyond(place.stage, stage, low, high, first ? 1.0 : CLAMP));
    // Without a second pole both are one node.
    tell(INNER, i, first ? beyond(place.inner, u[i], low, high, CLAMP) : over[STAGE][i]);
    if (place.stage != 1) stage = place.stage == 2 ? high : low;
    if (eq.hold[i] > 0) {
      if (place.conducts) {
        current = watched[i];
        tell(HOLD, i, -current * (1 / eq.hold[i] - eq.held_w[i][i]));
      } else {
        tell(HOLD, i, watched[i] - stage);
      }
      stage += eq.rout * current;
      tell(SIGN, i, place.positive ? -stage : stage);
      if (!place.positive) stage = 0.0;
    }
    outputs.sources[i] = stage;
    outputs.held[i] = current;
  }
  return worst;
}

void flip(const Equations &eq, Code &code, const Vector &u, const Overstepped &over, double limit,
          bool only_first) {
  const std::size_t first = first_stage(eq);
  for (std::size_t i = 0; i < code.size(); ++i) {
    for (int condition = STAGE; condition < CONDITIONS; ++condition) {
      if (!(over[condition][i] > limit)) continue;
      Place &place = code[i];
      switch (condition) {
        case STAGE: place.stage = side(u[first + i], eq.lowest[i], eq.highest[i]); break;
        case INNER: place.inner = side(u[i], eq.lowest[i], eq.highest[i]); break;
        case HOLD: place.conducts = !place.conducts; break;
        default: place.positive = !place.positive;
      }
      if (only_first) return;
    }
  }
}

int halvings(const Overstepped &before, const Overstepped &after, double limit, int most) {
  double share = 1.0;
  for (std::size_t e = 0; e < after.size(); ++e) {
    if (after.values[e] > limit) {
      const double low = std::min(before.values[e], 0.0);
      share = std::min(share, (limit - low) / (after.values[e] - low));
    }
  }
  int count = 1;
  while (count < most && std::ldexp(1.0, -count) > share) ++count;
  return count;
}

}  // namespace amc::stepping
