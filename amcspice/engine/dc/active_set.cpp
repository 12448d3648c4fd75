#include "engine/dc/active_set.hpp"

#include <nanobind/stl/array.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "engine/dc/search.hpp"
#include "native/arrays.hpp"

namespace amc {
namespace {

// What a stage stays below all that its slew limit lets it reach, as a fraction of it.
constexpr double SATURATION = 1e-14;

// The amplifiers between their limits, within what slew limits let them reach; and the same with
// the limits left out that are no constraints.
struct Ranges {
  std::vector<double> low, high, wide_low, reach;
  bool bounded = false;

  Ranges(const Stages &stages, const bool *constrained, std::size_t k) {
    for (std::size_t i = 0; i < k; ++i) {
      reach.push_back((1 - SATURATION) * stages.gain[i] * stages.knee);
      low.push_back(std::max(stages.lowest[i], -reach[i]));
      high.push_back(std::max(std::min(stages.highest[i], reach[i]), low[i]));
      const bool floor = constrained[i] && stages.hold[i] == 0.0;
      wide_low.push_back(floor ? low[i] : -reach[i]);
      bounded = bounded || constrained[i];
    }
  }

  Stages every(Stages stages) const {
    stages.lowest = low.data(), stages.highest = high.data();
    return stages;
  }
  Stages wide(Stages stages) const {
    stages.lowest = wide_low.data(), stages.highest = reach.data();
    return stages;
  }
};

template <class T, int Dimensions>
using Output = nb::ndarray<T, nb::ndim<Dimensions>, nb::c_contig, nb::device::cpu>;
using Vector = Input<double, 1>;

// Constraints first and other limits once these rest, where nothing is known of the pieces; at
// last with every output at its constraint.
bool find_rest(Search &search, const Stages &every, const Stages &wide, const bool *constrained,
               bool bounded, const Codes &codes, const Case &at) {
  if (at.code[0] != codes.suggested) return search.find(every, at);
  const Stages &first = bounded ? wide : every;
  search.suggest(first, at.sources, at.code);
  if (search.find(first, at) && (!bounded || search.is_within(every))) return true;
  if (search.find(every, at)) return true;
  search.put_at_constraint(every, constrained, at.code);
  return search.find(every, at);
}

void find_rests(const Input<double, 3> &by_source, const Input<double, 3> &by_hold,
                const Input<double, 2> &drive, const Input<std::int64_t, 1> &member,
                const Vector &gain, const Vector &offset, const Vector &hold,
                const Vector &lowest, const Vector &highest, double rout, double knee,
                const Input<bool, 1> &constrained, const std::array<Code, 7> &numbers,
                const Output<Code, 2> &codes, const Output<double, 2> &sources,
                const Output<double, 2> &held, const Output<bool, 1> &at_rest) {
  const std::size_t k = drive.shape(1);
  const Stages stages{gain.data(), offset.data(), hold.data(), lowest.data(), highest.data(),
                      rout, knee};
  const auto [low, inside, high, place, conducts, above, suggested] = numbers;
  const Codes meaning{low, inside, high, place, conducts, above, suggested};
  const Ranges ranges(stages, constrained.data(), k);
  const Stages every = ranges.every(stages), wide = ranges.wide(stages);
  Search search(k, meaning);
  for (std::size_t r = 0; r < drive.shape(0); ++r) {
    const std::size_t circuit = member.data()[r], row = r * k;
    const Case at{view(by_source, circuit), view(by_hold, circuit), drive.data() + row,
                  codes.data() + row, sources.data() + row, held.data() + row};
    at_rest.data()[r] = find_rest(search, every, wide, constrained.data(), ranges.bounded,
                                  meaning, at);
  }
}

}  // namespace

void bind_active_set(nb::module_ &module) {
  using namespace nb::literals;
  module.def("find_rests", &find_rests, "by_source"_a, "by_hold"_a, "drive"_a, "member"_a,
             "gain"_a, "offset"_a, "hold"_a, "lowest"_a, "highest"_a, "rout"_a, "knee"_a,
             "constrained"_a, "numbers"_a, "codes"_a.noconvert(), "sources"_a.noconvert(),
             "held"_a.noconvert(), "at_rest"_a.noconvert(),
             nb::call_guard<nb::gil_scoped_release>());
}

}  // namespace amc
