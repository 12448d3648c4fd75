// What Python sees of trajectories.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <stdexcept>

#include "engine/behavioural/kernel/bindings.hpp"
#include "engine/behavioural/kernel/dense.hpp"
#include "engine/behavioural/kernel/trajectory.hpp"

namespace amc {

namespace {

using namespace nb::literals;
using Cube = Input<double, 3>;
using Table = Input<double, 2>;

// Samples of a right-hand side that no step may ask for more of.
constexpr double MOST_SAMPLES = 1e6;

// One circuit with its inputs padded for the kernel.
class Circuit {
 public:
  Circuit(const Equations &equations, const Readings &readings, const Settings &settings)
      : network(equations, readings), follower(network, settings),
        reader(network, follower.arena()) {}

  // From sources as Python has them (a, w, q) to the kernel's, and back.
  void pad(const double *from, double *to) const {
    const int k = network.k;
    std::fill_n(to, network.width, 0.0);
    std::copy_n(from, k, to);
    if (network.holds) std::copy_n(from + k, k, to + network.kp);
    std::copy_n(from + 2 * k, network.c, to + network.q_source());
  }
  void unpad(const double *from, double *to) const {
    const int k = network.k;
    std::copy_n(from, k, to);
    if (network.holds) std::copy_n(from + network.kp, k, to + k);
    else std::fill_n(to + k, k, 0.0);
    std::copy_n(from + network.q_source(), network.c, to + 2 * k);
  }

  const Network network;
  Follower follower;
  Reader reader;
};

struct Drives {
  Cube difference, held, charge, outputs, currents, power;
  Table power_0;
};

struct Found {
  std::vector<double> final, settling, energy, rest, sampled, time, sources;
  std::vector<std::int64_t> starts;
  std::vector<std::uint8_t> at_rest;
};

class Trajectories {
 public:
  Trajectories(nb::object equations, Cube outputs, Cube currents, Cube charging,
               Input<double, 1> sourcing, Input<double, 1> sinking, Input<double, 1> longest,
               bool given, double rest, bool bounded, std::size_t most, double longest_step)
      : equations_(equations), outputs_(outputs), currents_(currents), charging_(charging),
        sourcing_(sourcing), sinking_(sinking), given_(given), longest_step_(longest_step) {
    find_lapack();
    for (std::size_t at = 0; at < longest.shape(0); ++at)
      settings_.push_back({rest, longest(at), bounded, most});
  }

  nb::tuple run(const Drives &drives, double band, std::optional<double> sample_time, bool keep,
                bool rest_times) {
    Found found;
    const std::size_t count = drives.difference.shape(0), each = drives.difference.shape(1);
    const std::size_t width = drives.power.shape(2), all = count * each;
    found.final.reserve(all * width);
    for (std::size_t number = 0; number < count; ++number) {
      if (!circuit_ || count > 1) {
        const Readings readings{view(outputs_, number), view(currents_, number),
                                sourcing_.data(), sinking_.data(), view(charging_, number)};
        circuit_ = std::make_unique<Circuit>(view_equations(equations_, number), readings,
                                             settings_[number]);
      }
      circuit_->follower.want_rest_times(rest_times);
      const nb::gil_scoped_release released;
      stream(*circuit_, drives, number, band, sample_time, keep, found);
    }
    found.starts.push_back(std::int64_t(found.time.size()));
    const std::size_t samples = found.time.size(), sampled = found.sampled.size() / width;
    return nb::make_tuple(
        to_numpy(std::move(found.final), {all, width}), to_numpy(std::move(found.settling), {all}),
        to_numpy(std::move(found.energy), {all}), to_numpy(std::move(found.rest), {all}),
        to_numpy(std::move(found.at_rest), {all}),
        to_numpy(std::move(found.sampled), {sampled, width}),
        to_numpy(std::move(found.time), {samples}),
        to_numpy(std::move(found.sources), {samples, width}),
        to_numpy(std::move(found.starts), {all + 1}));
  }

 private:
  void stream(Circuit &circuit, const Drives &drives, std::size_t number, double band,
              std::optional<double> sample_time, bool keep, Found &found) {
    const Network &net = circuit.network;
    const std::size_t each = drives.difference.shape(1), width = drives.power.shape(2);
    Numbers response(net.response), outputs(net.op), power(net.width);
    Numbers x(net.width);
    const auto row = [&](const Cube &cube, std::size_t r) { return view(cube, number)[r]; };
    circuit.follower.start();
    for (std::size_t r = 0; r < each; ++r) {
      std::copy_n(row(drives.difference, r), net.k, response.data());
      if (net.holds) std::copy_n(row(drives.held, r), net.k, response.data() + net.held);
      std::copy_n(row(drives.charge, r), net.c, response.data() + net.rate);
      std::copy_n(row(drives.currents, r), net.k, response.data() + net.flow);
      std::copy_n(row(drives.outputs, r), net.outputs, outputs.data());
      circuit.pad(row(drives.power, r), power.data());
      const Inputs inputs{response.data(), outputs.data(), power.data(), drives.power_0(number, r)};
      const Track &track = circuit.follower.follow(inputs);
      double settling = NAN, energy = NAN;
      const bool rests = track.at_rest || (given_ && circuit.reader.flat_at_end(track, inputs, band));
      if (rests) {
        settling = circuit.reader.settling_time(track, inputs, band);
        energy = circuit.reader.energy(track, inputs, settling);
      }
      found.settling.push_back(settling);
      found.energy.push_back(energy);
      found.rest.push_back(track.rest_time);
      found.at_rest.push_back(rests);
      append(circuit, track.final, found.final, width);
      if (sample_time) {
        if (track.at_rest || *sample_time <= track.records.back().end()) {
          circuit.reader.sources_at(track, *sample_time, x.data());
          append(circuit, x.data(), found.sampled, width);
        } else {
          found.sampled.resize(found.sampled.size() + width, NAN);
        }
      }
      found.starts.push_back(std::int64_t(found.time.size()));
      if (keep) show(circuit, track, inputs, x.data(), found, width);
    }
  }

  static void append(const Circuit &circuit, const double *x, std::vector<double> &to,
                     std::size_t width) {
    to.resize(to.size() + width);
    circuit.unpad(x, to.data() + to.size() - width);
  }

  void show(const Circuit &circuit, const Track &track, const Inputs &inputs, double *x,
            Found &found, std::size_t width) const {
    const std::size_t first = found.time.size();
    const double until = track.at_rest ? track.rest_time : track.records.back().end();
    if (until / longest_step_ > MOST_SAMPLES) throw std::overflow_error("samples");
    circuit.reader.sample_times(track, inputs, longest_step_, found.time);
    for (std::size_t at = first; at < found.time.size(); ++at) {
      circuit.reader.sources_at(track, found.time[at], x);
      append(circuit, x, found.sources, width);
    }
    const auto add = [&](double time, const double *sources) {
      if (found.time.size() > first && time <= found.time.back())
        time = found.time.back() + 0.01 / circuit.network.eq.unity;
      found.time.push_back(time);
      append(circuit, sources, found.sources, width);
    };
    if (!track.at_rest) {
      add(track.records.back().end(), track.final);
      return;
    }
    // What rests stays: samples enough to see it by the waveform alone, and the last one is the
    // rest itself.
    const double usual = 0.04 * std::max(track.rest_time, 1 / circuit.network.eq.unity);
    const double step = std::min(usual, longest_step_);
    for (int more = 0; more < 3; ++more) {
      circuit.reader.sources_at(track, track.rest_time + more * step, x);
      add(track.rest_time + more * step, x);
    }
    add(track.rest_time + 3 * step, track.final);
  }

  nb::object equations_;
  Cube outputs_, currents_, charging_;
  Input<double, 1> sourcing_, sinking_;
  bool given_;           // `longest` was, and counts as a window
  double longest_step_;  // between samples [s]
  std::vector<Settings> settings_;
  std::unique_ptr<Circuit> circuit_;
};

}  // namespace

void bind_trajectories(nb::module_ &module) {
  nb::class_<Trajectories>(module, "Trajectories")
      .def(nb::init<nb::object, Cube, Cube, Cube, Input<double, 1>, Input<double, 1>,
                    Input<double, 1>, bool, double, bool, std::size_t, double>(),
           "equations"_a, "outputs"_a, "currents"_a, "charging"_a, "sourcing"_a, "sinking"_a, "longest"_a,
           "given"_a, "rest"_a, "bounded"_a, "most"_a, "longest_step"_a)
      .def(
          "run",
          [](Trajectories &self, Cube difference, Cube held, Cube charge, Cube outputs,
             Cube currents, Cube power, Table power_0, double band,
             std::optional<double> sample_time, bool keep, bool rest_times) {
            return self.run({difference, held, charge, outputs, currents, power, power_0}, band,
                            sample_time, keep, rest_times);
          },
          "difference"_a, "held"_a, "charge"_a, "outputs"_a, "currents"_a, "power"_a, "power_0"_a,
          "band"_a, "sample_time"_a.none(), "keep"_a, "rest_times"_a);
  bind_trajectories_testing(module);
}

}  // namespace amc
