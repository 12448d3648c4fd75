#include "engine/dc/single.hpp"

#include <nanobind/stl/array.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "engine/dc/search.hpp"
#include "native/arrays.hpp"

namespace amc {
namespace {

template <class T, int Dimensions>
using Output = nb::ndarray<T, nb::ndim<Dimensions>, nb::c_contig, nb::device::cpu>;
using Vector = Input<double, 1>;

// The largest part of what its slew limit lets a stage reach, as in active_set.cpp.
constexpr double REACHED = 1 - 1e-14;

// Numbers that are worked on together.
constexpr std::size_t LOT = 8;
typedef double Lot __attribute__((vector_size(LOT * sizeof(double))));

// Invert a positive definite matrix in its place, p x p in rows of `lots` lots; false if it is not
// one.
bool invert(Lot *matrix, std::size_t p, std::size_t lots) {
  for (std::size_t a = 0; a < p; ++a) {
    Lot *__restrict top = matrix + a * lots;
    double *const pivot = reinterpret_cast<double *>(top) + a;
    if (!(*pivot > 0)) return false;
    const double inverse = 1 / *pivot;
    *pivot = 1.0;
    for (std::size_t c = 0; c < lots; ++c) top[c] *= inverse;
    for (std::size_t b = 0; b < p; ++b) {
      if (b == a) continue;
      Lot *__restrict row = matrix + b * lots;
      double *const under = reinterpret_cast<double *>(row) + a;
      const double share = *under;
      *under = 0.0;
      for (std::size_t c = 0; c < lots; ++c) row[c] -= share * top[c];
    }
  }
  return true;
}

// One circuit after the other in the same memory: outputs are ports 0 to k, inverting inputs the
// others, in this order.
class Circuit {
 public:
  Circuit(std::size_t k, const Stages &stages, const Codes &codes, double input)
      : k_(k), stages_(stages), codes_(codes), input_(input), search_(k, codes),
        lots_((2 * k + LOT - 1) / LOT), resistance_(2 * k * lots_), by_source_(k * k), by_hold_(k * k), drive_(k) {}

  bool rest(const double *conductance, const double *into, Code *code, double *sources,
            double *held, double *voltages) {
    const std::size_t p = 2 * k_;
    for (std::size_t q = 0; q < p; ++q) std::copy_n(conductance + q * p, p, row(q));
    for (std::size_t j = 0; j < k_; ++j) {
      row(j)[j] += 1 / stages_.rout;
      row(k_ + j)[k_ + j] += input_;
    }
    if (!invert(resistance_.data(), p, lots_)) return false;
    for (std::size_t j = 0; j < k_; ++j) {
      const double *own = row(k_ + j);
      double along = 0.0;
      for (std::size_t q = 0; q < p; ++q) along -= own[q] * into[q];
      drive_[j] = along;
      for (std::size_t q = 0; q < k_; ++q) {
        by_source_[j * k_ + q] = -own[q] / stages_.rout, by_hold_[j * k_ + q] = -own[k_ + q];
      }
    }
    const Case at{{by_source_.data(), k_, k_}, {by_hold_.data(), k_, k_}, drive_.data(), code,
                  sources, held};
    if (!search_.find(stages_, at)) return false;
    for (std::size_t q = 0; q < p; ++q) {
      const double *own = row(q);
      double voltage = 0.0;
      for (std::size_t r = 0; r < p; ++r) voltage += own[r] * into[r];
      for (std::size_t j = 0; j < k_; ++j) {
        voltage += own[j] * sources[j] / stages_.rout - own[k_ + j] * held[j];
      }
      voltages[q] = voltage;
    }
    return true;
  }

 private:
  double *row(std::size_t q) { return reinterpret_cast<double *>(&resistance_[q * lots_]); }

  std::size_t k_;
  Stages stages_;
  Codes codes_;
  double input_;
  Search search_;
  std::size_t lots_;
  std::vector<Lot> resistance_;
  std::vector<double> by_source_, by_hold_, drive_;
};

void find_single_rests(const Input<double, 3> &conductance, const Input<double, 2> &into,
                       const Vector &gain, const Vector &offset, const Vector &hold,
                       const Vector &lowest, const Vector &highest, double rout, double knee,
                       double input, const std::array<Code, 7> &numbers,
                       const Output<Code, 2> &codes, const Output<double, 2> &sources,
                       const Output<double, 2> &held, const Output<double, 2> &voltages,
                       const Output<bool, 1> &at_rest) {
  const std::size_t k = codes.shape(1);
  const auto [low, inside, high, place, conducts, above, suggested] = numbers;
  std::vector<double> least(lowest.data(), lowest.data() + k), most(highest.data(), highest.data() + k);
  for (std::size_t i = 0; i < k; ++i) {
    const double reach = REACHED * gain.data()[i] * knee;
    least[i] = std::max(least[i], -reach), most[i] = std::max(std::min(most[i], reach), least[i]);
  }
  const Stages stages{gain.data(), offset.data(), hold.data(), least.data(), most.data(), rout,
                      knee};
  Circuit circuit(k, stages, {low, inside, high, place, conducts, above, suggested}, input);
  for (std::size_t c = 0; c < codes.shape(0); ++c) {
    at_rest.data()[c] = circuit.rest(
        conductance.data() + c * 4 * k * k, into.data() + c * 2 * k, codes.data() + c * k,
        sources.data() + c * k, held.data() + c * k, voltages.data() + c * 2 * k);
  }
}

}  // namespace

void bind_single_rests(nb::module_ &module) {
  using namespace nb::literals;
  module.def("find_single_rests", &find_single_rests, "conductance"_a, "into"_a, "gain"_a,
             "offset"_a, "hold"_a, "lowest"_a, "highest"_a, "rout"_a, "knee"_a, "input"_a,
             "numbers"_a, "codes"_a.noconvert(), "sources"_a.noconvert(), "held"_a.noconvert(),
             "voltages"_a.noconvert(), "at_rest"_a.noconvert(),
             nb::call_guard<nb::gil_scoped_release>());
}

}  // namespace amc
