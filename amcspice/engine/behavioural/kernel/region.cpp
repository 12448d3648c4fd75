#include "engine/behavioural/kernel/region.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/behavioural/kernel/dense.hpp"
#include "engine/behavioural/kernel/known.hpp"

namespace amc {

namespace {

// Rates below this, over that of an amplifier by itself, are none.
constexpr double SMALLEST_RATE = 1e-15;

// Bytes for the modes of all regions of a circuit.
constexpr std::size_t LARGEST_ROOM = std::size_t(1) << 28;

// A place as bits: the numbers of these, and all of them.
enum Bit { STAGE_INSIDE, STAGE_HIGH, CLAMP_INSIDE, CLAMP_HIGH, CONDUCTS, ABOVE, PRESSED };
std::uint64_t bits_of(Place at) {
  return std::uint64_t(at.stage | at.clamp << CLAMP_INSIDE | at.conducts << CONDUCTS |
                       at.above << ABOVE | at.pressed << PRESSED);
}

// The places of up to eight amplifiers, and those of them that have a bit, as bits.
struct Group {
  std::uint64_t places = 0;
  unsigned there;

  Group(const Places &all, int first) {
    const int count = std::min<int>(8, int(all.size()) - first);
    there = (1u << count) - 1;
    for (int i = 0; i < count; ++i) places |= bits_of(all[first + i]) << (8 * i);
  }
  unsigned with(Bit bit) const {
    constexpr std::uint64_t EACH = 0x0101010101010101, TO_TOP = 0x0102040810204080;
    return unsigned((((places >> bit) & EACH) * TO_TOP) >> 56);
  }
};

// Call `use` with the number of each bit.
template <class Use>
void each_bit(unsigned bits, Use use) {
  for (; bits; bits &= bits - 1) use(__builtin_ctz(bits));
}

// Places of a block of amplifiers: all bits of a lane where it is so.
struct Marks {
  Bits there, low, high, clamped_low, clamped_high, conducts, above, pressed;

  Marks(const Places &places, int first) {
    const Group at(places, first);
    const unsigned all = at.there;
    there = lanes(all);
    high = lanes(at.with(STAGE_HIGH)), low = lanes(all & ~at.with(STAGE_HIGH) & ~at.with(STAGE_INSIDE));
    const unsigned clamped = at.with(CLAMP_HIGH);
    clamped_high = lanes(clamped), clamped_low = lanes(all & ~clamped & ~at.with(CLAMP_INSIDE));
    conducts = lanes(at.with(CONDUCTS)), above = lanes(at.with(ABOVE));
    pressed = lanes(at.with(PRESSED));
  }

  static Bits lanes(unsigned mask) {
    Bits bit{};
    for (int lane = 0; lane < LANES; ++lane) bit[lane] = 1 << lane;
    return (bit & (long long)mask) != 0;
  }
};

// The range that a place of low or high leaves.
void range(Bits low, Bits high, Bits free, Block lowest, Block highest, Block *from, Block *to) {
  const Block none = every(INFINITE);
  *to = high | free ? none : low ? lowest : highest;
  *from = low | free ? -none : high ? highest : lowest;
}

}  // namespace

Region::Region(const Network &net) : network_(net), places(net.k) {
  const std::size_t kp = net.kp, k = net.k, rows = MOST_KINDS * kp;
  const std::size_t lists = (2 * k * sizeof(int) + sizeof(double) - 1) / sizeof(double);
  room_.assign(7 * kp + 3 * rows + k * k + lists + LANES, 0.0);
  double *next = room_.data();
  for (auto *part : {&inside, &edge, &above, &decay, &active, &level, &follows})
    *part = std::exchange(next, next + kp);
  for (auto *part : {&low, &high, &unit}) *part = std::exchange(next, next + rows);
  columns_ = reinterpret_cast<int *>(next), members_ = columns_ + k;
  balance = next + lists;
}

void Region::become(const Places &at) {
  places = at;
  any_pressed = false, all_pressed = true;
  bool at_limit = false;
  int acting = 0, held = 0;
  for (int first = 0; first < network_.k; first += 8) {
    const Group group(places, first);
    const unsigned pressed = group.with(PRESSED);
    any_pressed = any_pressed || pressed;
    all_pressed = all_pressed && pressed == group.there;
    at_limit = at_limit || group.with(CLAMP_INSIDE) != group.there;
    each_bit(group.with(STAGE_INSIDE) & group.with(ABOVE),
             [&](int i) { columns_[acting++] = first + i; });
    each_bit(group.with(CONDUCTS), [&](int i) { members_[held++] = first + i; });
  }
  columns = {columns_, std::size_t(acting)}, members = {members_, std::size_t(held)};
  for (int s = 0; s < held; ++s) {
    const int j = members[s];
    const double *loop =
        network_.hold_loop[places[j].above].data() + std::size_t(j) * network_.kp;
    for (int r = 0; r < held; ++r) balance[std::size_t(s) * held + r] = loop[members[r]];
  }
  if (held > 0) invert(balance, held);
  rows = 0;
  const auto add = [&](bool needed, Kind kind) {
    if (!needed) return -1;
    kinds[rows / network_.kp] = kind;
    return std::exchange(rows, rows + network_.kp);
  };
  add(true, Kind::STAGE);
  node_row = add(network_.second, Kind::NODE);
  drive_row = add(network_.slews || at_limit, Kind::DRIVE);
  hold_row = add(network_.holds, Kind::HOLD);
  output_row = add(network_.holds, Kind::OUTPUT);
  for (int b = 0; b < network_.kp / LANES; ++b) fill(b);
}

// Bounds and factors of a block of amplifiers.
void Region::fill(int b) {
  const Network &net = network_;
  const Marks at(places, b * LANES);
  const auto of = [b](const Numbers &values) { return blocks(values.data())[b]; };
  const auto to = [b](double *values, int row = 0) -> Block & { return blocks(values + row)[b]; };
  const Block zero{}, one = every(1), none = every(INFINITE);
  const Bits clamped = at.clamped_low | at.clamped_high, limited = at.low | at.high;
  const Block limit = at.clamped_high ? of(net.highest) : of(net.lowest);
  const Block clamp = every(CLAMP * net.eq.unity), fine = every(1 / CLAMP);
  to(inside) = at.there & ~limited ? one : zero;
  to(edge) = at.high ? of(net.highest) : at.low ? of(net.lowest) : zero;
  to(above) = at.above ? one : zero;
  to(active) = at.there & ~at.pressed ? one : zero;
  to(follows) = at.there & ~at.pressed ? every(net.eq.second) : zero;
  to(decay) = at.pressed ? zero : of(net.leak) + (clamped ? clamp : zero);
  to(level) = clamped & ~at.pressed ? clamp * limit : zero;

  range(at.low, at.high, at.pressed, of(net.lowest), of(net.highest), &to(low), &to(high));
  // A clamp keeps a node from going far: what counts is how far it would go without.
  to(unit) = limited & ~at.pressed && !net.second ? fine : one;
  if (node_row >= 0) {
    range(at.clamped_low, at.clamped_high, at.pressed, of(net.lowest), of(net.highest),
          &to(low, node_row), &to(high, node_row));
    to(unit, node_row) = clamped & ~at.pressed ? fine : one;
  }
  if (drive_row >= 0) {
    const Block push = at.clamped_high ? of(net.push_high) : of(net.push_low);
    const Bits decides = (at.clamped_high & at.high) | (at.clamped_low & at.low);
    const Bits below = ~(at.clamped_high ^ at.pressed);
    to(low, drive_row) = decides & below ? push : -none;
    to(high, drive_row) = decides & ~below ? push : none;
    to(unit, drive_row) = one;
  }
  if (!net.holds) return;
  const Bits held = of(net.hold) > zero;
  to(low, hold_row) = held & at.conducts ? zero : -none;
  to(high, hold_row) = held & ~at.conducts ? zero : none;
  to(unit, hold_row) = held & at.conducts ? one / of(net.hold_resistance) : one;
  to(low, output_row) = held & at.above ? zero : -none;
  to(high, output_row) = held & ~at.above ? zero : none;
  to(unit, output_row) = one;
}

void leave(const Network &net, const Region &region, int row, double value, double drive,
           Place &place) {
  const int i = row % net.kp;
  const auto where = [&](double at) -> std::uint8_t {
    return at > net.highest[i] ? Place::HIGH : at < net.lowest[i] ? Place::LOW : Place::INSIDE;
  };
  switch (region.kinds[row / net.kp]) {
    case Kind::STAGE:
      place.stage = where(value);
      if (!net.second) place.clamp = place.stage;
      break;
    case Kind::NODE: place.clamp = where(value); break;
    case Kind::DRIVE: place.pressed = !place.pressed; return;
    case Kind::HOLD: place.conducts = !place.conducts; break;
    case Kind::OUTPUT: place.above = !place.above; break;
  }
  place.pressed = 0;
  if (place.clamp != Place::INSIDE && place.clamp == place.stage) {
    const bool high = place.clamp == Place::HIGH;
    place.pressed = high ? drive > net.push_high[i] : drive < net.push_low[i];
  }
}

Regions::Regions(const Network &network)
    : network_(network), region_(network), known_(std::make_unique<KnownModes>()) {}

Regions::~Regions() = default;

Region &Regions::at(const Places &places) {
  if (!asked_ || region_.places != places) {
    modes_ = known_->find(places);
    region_.become(places);
  }
  asked_ = true;
  return region_;
}

Modes &Regions::modes_of(const Region &region) {
  if (!modes_) modes_ = &known_->add(network_, region, SMALLEST_RATE * network_.eq.unity, room_);
  return *modes_;
}

void Regions::trim() {
  if (known_->bytes() < LARGEST_ROOM) return;
  known_ = std::make_unique<KnownModes>();
  modes_ = nullptr;
}

}  // namespace amc
