// Looks at few rows that are sums of few real modes: all of them at once, in registers.
#pragma once

#include <cstdint>

#include "engine/behavioural/kernel/curves.hpp"

namespace amc {

// Blocks of rows, and modes, that are few.
inline constexpr int FEW_BLOCKS = 6, FEW_MODES = 16;

// Rows as bits.
using RowBits = std::uint64_t;
static_assert(FEW_BLOCKS * LANES <= 64);

inline bool are_few(const Time &time, int rows) {
  return time.modal && time.pairs() == 0 && time.count <= FEW_MODES && rows <= FEW_BLOCKS * LANES;
}

// Their parts are concave and convex; the convex one is what is left of the value.
template <int BLOCKS>
class FewLooks {
 public:
  struct Point {
    double time;
    alignas(64) double moved[FEW_MODES], moves[FEW_MODES];  // by mode: how far it is, how fast
    Block value[BLOCKS], slope[BLOCKS], concave[BLOCKS], concave_slope[BLOCKS];
  };

  FewLooks(const Time &time, const double *columns, const double *base, const Bounds &bounds,
           Arena &arena)
      : time_(time), law_(*time.modal), modes_(*law_.modes), share_(law_.share),
        columns_(blocks(columns)), base_(blocks(base)), bounds_(bounds), arena_(arena) {}

  Point at(double time) const {
    Point made;
    if (time == 0) {
      begin(made);
    } else {
      look(time, made);
      part(made);
    }
    return made;
  }

  Row row(int number) const {
    Row made(time_, reinterpret_cast<const double *>(columns_) + number, nullptr, BLOCKS * LANES,
             this->number(base_, number), arena_);
    made.bound(bounds_.low[number], bounds_.high[number],
               bounds_.slack * (bounds_.unit ? bounds_.unit[number] : 1));
    if (modes_.stable) made.rests_at(single(rest(), number));
    return made;
  }

  Look<Single> single(const Point &look, int row) const {
    const double concave = number(look.concave, row), slope = number(look.concave_slope, row);
    const double value = number(look.value, row), moves = number(look.slope, row);
    const double convex = value - number(base_, row) - concave;
    return {look.time, value, moves, 0, 0, 0, convex, moves - slope, concave, slope, 0};
  }

  Block value(const Point &look, int i) const { return look.value[i]; }
  Block slope(const Point &look, int i) const { return look.slope[i]; }

 protected:
  static constexpr double FAR = 1e200;  // a bound that is none, but a number

  static Block block(const double *of, int first) { return blocks(of + first)[0]; }
  static double number(const Block *of, int row) { return reinterpret_cast<const double *>(of)[row]; }

  // The rows of all blocks, of which `get` gives the lanes.
  template <class Get>
  static RowBits gathered(Get get) {
    RowBits rows = 0;
    for (int i = 0; i < BLOCKS; ++i) rows |= RowBits(get(i)) << (i * LANES);
    return rows;
  }

  // Of a block.
  Block low(int i) const { return larger(blocks(bounds_.low)[i], every(-FAR)); }
  Block high(int i) const { return smaller(blocks(bounds_.high)[i], every(FAR)); }
  Block slack(int i) const {
    return bounds_.unit ? blocks(bounds_.unit)[i] * bounds_.slack : every(bounds_.slack);
  }

  // How far rows are beyond their bounds.
  Block excess(const Point &look, int i) const {
    return larger(low(i) - look.value[i], look.value[i] - high(i));
  }

  RowBits rows_beyond(const Point &look, double times) const {
    return gathered([&](int i) { return lanes_below(times * slack(i), excess(look, i)); });
  }

  double slack_of(int row) const {
    return bounds_.unit ? bounds_.unit[row] * bounds_.slack : bounds_.slack;
  }

  // At time 0, where nothing has moved.
  void begin(Point &made) const {
    made.time = 0;
    for (int first = 0; first < modes_.count; first += LANES) {
      blocks(made.moved + first)[0] = Block{};
      blocks(made.moves + first)[0] = block(share_, first);
    }
    for (int i = 0; i < BLOCKS; ++i) made.value[i] = base_[i], made.concave[i] = Block{};
    sums<true>(made.moves, made.slope, made.concave_slope);
  }

  // Fill in values and slopes,
  void look(double time, Point &made) const {
    made.time = time;
    for (int first = 0; first < modes_.count; first += LANES) {
      if (time == law_.known_time) {
        blocks(made.moved + first)[0] = block(law_.known_value, first);
        blocks(made.moves + first)[0] = block(law_.known_slope, first);
        continue;
      }
      const Grown now = grown(modes_, first, time);
      blocks(made.moved + first)[0] = block(share_, first) * now.phi;
      blocks(made.moves + first)[0] = block(share_, first) * now.now;
    }
    add(made);
  }

  // from how far modes are,
  void add(Point &made) const {
    Block moved[BLOCKS] = {}, moves[BLOCKS] = {};
    const Block *column = columns_;
    for (int j = 0; j < modes_.count; ++j, column += BLOCKS)
      for (int i = 0; i < BLOCKS; ++i) {
        moved[i] += column[i] * made.moved[j];
        moves[i] += column[i] * made.moves[j];
      }
    for (int i = 0; i < BLOCKS; ++i) made.value[i] = base_[i] + moved[i], made.slope[i] = moves[i];
  }

  // and their concave parts.
  void part(Point &made) const {
    Block moved[BLOCKS];
    for (int i = 0; i < BLOCKS; ++i) moved[i] = made.value[i] - base_[i];
    sums<false>(made.moved, moved, made.concave);
    sums<false>(made.moves, made.slope, made.concave_slope);
  }

  // Sums over the modes, and their concave parts.  Of a sum of concave and convex parts the one of
  // all, less the other, is the sum of magnitudes: with a sign for those that grow, which are the
  // other way round.
  template <bool PLAIN, class Totals>
  void sums(const double *of_modes, Totals &total, Totals &concave) const {
    alignas(64) double sizes[FEW_MODES];
    for (int first = 0; first < modes_.count; first += LANES)
      blocks(sizes + first)[0] = magnitude(block(of_modes, first));
    for (int j = modes_.decaying; j < modes_.count; ++j) sizes[j] = -sizes[j];
    Block all[BLOCKS] = {}, spread[BLOCKS] = {};
    const Block *column = columns_;
    for (int j = 0; j < modes_.count; ++j, column += BLOCKS)
      for (int i = 0; i < BLOCKS; ++i) {
        if (PLAIN) all[i] += column[i] * of_modes[j];
        spread[i] += magnitude(column[i]) * sizes[j];
      }
    for (int i = 0; i < BLOCKS; ++i) {
      if (PLAIN) total[i] = all[i];
      concave[i] = 0.5 * (total[i] + spread[i]);
    }
  }

  // Where modes that all decay end.
  const Point &rest() const {
    if (rest_) return *rest_;
    Point &made = rest_.emplace();
    made.time = INFINITE;
    for (int first = 0; first < modes_.count; first += LANES)
      blocks(made.moved + first)[0] = -(block(share_, first) * block(&modes_.inverse[0], first));
    for (int first = 0; first < modes_.count; first += LANES)
      blocks(made.moves + first)[0] = Block{};
    // As of every other time, so that late ones have no other rounding.
    add(made);
    part(made);
    return made;
  }

  const Time &time_;
  const ModalTime &law_;
  const Modes &modes_;
  const double *share_;
  const Block *columns_, *base_;
  Bounds bounds_;
  Arena &arena_;
  mutable std::optional<Point> rest_;  // once it has been asked for
};

}  // namespace amc
