// Functions of trajectories with mathematics in them, for their tests.
#include <nanobind/stl/optional.h>

#include <algorithm>
#include <complex>
#include <optional>

#include "engine/behavioural/kernel/bindings.hpp"
#include "engine/behavioural/kernel/curves.hpp"
#include "engine/behavioural/kernel/dense.hpp"
#include "engine/behavioural/kernel/few.hpp"
#include "engine/behavioural/kernel/pressed.hpp"
#include "engine/behavioural/kernel/taylor.hpp"
#include "engine/behavioural/kernel/testing.hpp"

namespace amc {

namespace {

// The bounds of rows, padded; what is added has none.
struct Limits {
  Limits(const Line &low_of, const Line &high_of, const Line &unit_of, double slack_of)
      : rows(padded(int(low_of.size()))), low(copied(low_of, rows, -INFINITE)),
        high(copied(high_of, rows, INFINITE)), unit(copied(unit_of, rows, 1)), slack(slack_of) {}
  Bounds bounds() const { return {low.data(), high.data(), unit.data(), slack}; }
  int rows;
  Numbers low, high, unit;
  double slack;
};

// The first exit as (time, row) or None, whether rows surely stay inside, and the rows at both
// ends with their slopes.
template <class Rows>
nb::tuple follow(const Rows &curves, double from, double to, std::size_t rows) {
  const auto a = curves.at(from), b = curves.at(to);
  const auto exit = curves.first_exit(a, b);
  const nb::object found = exit ? nb::object(nb::make_tuple(exit->time, exit->row)) : nb::none();
  bool stays = true;
  for (std::size_t i = 0; i < rows; i += LANES)
    stays = stays && !curves.failing(int(i) / LANES, a, b);
  const auto numbers = [rows](const auto *of) {
    return line(reinterpret_cast<const double *>(of), rows);
  };
  return nb::make_tuple(found, stays, numbers(a.value), numbers(a.slope), numbers(b.value),
                        numbers(b.slope));
}

nb::tuple follow_series(const Table &coefficients, double unit, const Line &low, const Line &high,
                        const Line &units, double slack, double from, double to) {
  const Limits limits(low, high, units, slack);
  const Numbers columns = copied(coefficients, limits.rows);
  Arena arena;
  const Time law{int(coefficients.shape(0)), unit, nullptr};
  const Curves curves(law, columns.data(), nullptr, nullptr, limits.rows, limits.bounds(), arena);
  return follow(curves, from, to, low.size());
}

// One row by itself at a time, its integral until then, and the same look of all rows.
template <class Rows>
nb::tuple looks(const Rows &curves, int number, double time) {
  const auto shown = [](const Look<Single> &at) {
    return nb::make_tuple(at.value, at.slope, at.bend, at.smooth, at.smooth_slope, at.convex,
                          at.convex_slope, at.concave, at.concave_slope, at.reach);
  };
  const Row row = curves.row(number);
  return nb::make_tuple(shown(row.at(time)), row.integral(time), shown(curves.single(curves.at(time), number)));
}

nb::tuple looks_of_series(const Table &coefficients, double unit, int number, double time) {
  const Numbers none(padded(int(coefficients.shape(1))));
  const Numbers columns = copied(coefficients, int(none.size()));
  Arena arena;
  const Time law{int(coefficients.shape(0)), unit, nullptr};
  const Curves curves(law, columns.data(), nullptr, nullptr, int(none.size()),
                      {none.data(), none.data(), nullptr, 1}, arena);
  return looks(curves, number, time);
}

nb::object integral_of_series(int count, double unit, double time) {
  std::vector<double> value(count);
  Time{count, unit, nullptr}.integral(time, value.data());
  return line(value.data(), count);
}

// The outputs of modes, few at once or one by one.
template <class Use>
auto with_curves(const Modes &modes, const Time &law, const Numbers &base, int rows,
                 const Bounds &bounds, Arena &arena, bool few, Use use) {
  const ModalColumns &made = modes.outputs;
  if (few && !are_few(law, rows)) throw std::invalid_argument("these are not few");
  if (few) return with_rows(law, made.columns, nullptr, base.data(), rows, bounds, arena, use);
  return use(Curves(law, made.columns, made.magnitudes, base.data(), rows, bounds, arena));
}

// One circuit; states and responses are padded as the kernel has them.
class Probe {
 public:
  Probe(nb::object equations, Table outputs, Table currents, Line zero)
      : equations_(equations), outputs_(outputs), currents_(currents), zero_(zero),
        network(view_equations(equations, 0),
                {view(outputs), view(currents), zero.data(), zero.data()}),
        regions_(network) {}
  Probe(const Probe &) = delete;

  Region &region(const Marks &marks) {
    Places places;
    for (std::size_t i = 0; i < marks.shape(0); ++i) {
      const std::uint8_t *mark = view(marks)[i];
      Place place{};
      place.stage = mark[0], place.clamp = mark[1], place.conducts = mark[2];
      place.above = mark[3], place.pressed = mark[4];
      places.push_back(place);
    }
    return regions_.at(places);
  }

  nb::tuple layout() const {
    const Network &net = network;
    return nb::make_tuple(net.kp, net.cp, net.stage, net.states, net.width, net.held, net.flow,
                          net.rate, net.response, net.op);
  }

  nb::tuple bounds(const Marks &marks) {
    const Region &at = region(marks);
    return nb::make_tuple(line(at.low, at.rows), line(at.high, at.rows),
                          line(at.unit, at.rows));
  }

  nb::tuple respond_to(const Marks &marks, const Line &state, const std::optional<Line> &inputs) {
    const Region &at = region(marks);
    const Numbers u = copied(state, network.states);
    Numbers y(network.response), g(at.rows), x(network.width);
    const Numbers given = inputs ? copied(*inputs, network.response) : Numbers();
    respond(network, at, u.data(), inputs ? given.data() : nullptr, {y.data(), g.data(), x.data()});
    return nb::make_tuple(line(y.data(), y.size()), line(g.data(), g.size()),
                          line(x.data(), x.size()));
  }

  nb::object rates_of(const Marks &marks, const Line &state, const std::optional<Line> &drive,
                      const Line &response, bool change) {
    const Numbers u = copied(state, network.states), y = copied(response, network.response);
    const Numbers given = drive ? copied(*drive, network.kp) : Numbers();
    Numbers rate(network.states);
    rates(network, region(marks), u.data(), drive ? given.data() : nullptr, y.data(), change,
          rate.data());
    return line(rate.data(), rate.size());
  }

  nb::tuple expanded(const Marks &marks, const Line &inputs, const Line &state, bool bends,
                     double smallest, double slack, double wanted) {
    const Region &at = region(marks);
    Arena arena;
    const Series made = series(at, inputs, state, bends, smallest, slack, wanted, arena);
    const auto rows = [&](const double *values, int length) -> nb::object {
      return values ? table(values, made.count, length) : nb::none();
    };
    return nb::make_tuple(made.unit, made.reach, rows(made.states, network.states),
                          rows(made.rows, at.rows), rows(made.sources, network.width),
                          rows(made.currents, network.kp), rows(made.drive, network.kp));
  }

  // The state at a time by a series, pressed ones included.
  nb::tuple advanced_by_series(const Marks &marks, const Line &inputs, const Line &state,
                               bool bends, double smallest, double wanted, double part) {
    const Region &at = region(marks);
    Arena arena;
    const Series made = series(at, inputs, state, bends, smallest, 1e6, wanted, arena);
    const double time = part * made.reach;
    Numbers u = copied(state, network.states);
    state_at(network, made, time, u.data());
    advance_pressed(network, at, made, time, u.data());
    return nb::make_tuple(time, line(u.data(), u.size()));
  }

  nb::object advanced_by_modes(const Marks &marks, const Line &inputs, const Line &state,
                               double time) {
    Region &at = region(marks);
    const Modes &modes = regions_.modes_of(at);
    Numbers u = copied(state, network.states), rate(network.states), drive(network.kp);
    const Numbers given = copied(inputs, network.response);
    Numbers y(network.response), g(at.rows), x(network.width), share(modes.share_rows);
    respond(network, at, u.data(), given.data(), {y.data(), g.data(), x.data()});
    rates(network, at, u.data(), nullptr, y.data(), false, rate.data());
    modes.split(rate.data(), share.data());
    for (int i = 0; i < network.kp; ++i) drive[i] = network.eq.unity * y[i];
    Numbers value(modes.share_rows + LANES), slope(value), swing(value);
    ModalTime{&modes, share.data()}.at(time, value.data(), slope.data(), swing.data());
    advance_pressed(network, at, modes, share.data(), drive.data(), time, u.data());
    add_columns(modes.state.columns, network.states, network.states, nullptr, modes.count,
                value.data(), u.data());
    return line(u.data(), u.size());
  }

  nb::object rested(const Marks &marks, const Line &drive, const Line &state) {
    const Numbers given = copied(drive, network.kp);
    Numbers u = copied(state, network.states);
    rest_pressed(network, region(marks), given.data(), u.data());
    return line(u.data(), u.size());
  }

  nb::tuple modes(const Marks &marks) {
    const Modes &made = regions_.modes_of(region(marks));
    return nb::make_tuple(made.usable, made.stable, made.decaying, made.real, made.fastest,
                          made.slowest, line(made.rate, made.usable ? made.count : 0),
                          line(made.turning, made.usable ? made.count : 0));
  }

  // For rates of the state: values and slopes by column, integrals by column, the columns that
  // turn them into states, and bounds of the amplitudes.
  nb::tuple modal_time(const Marks &marks, const Line &rate, double time) {
    const Modes &made = regions_.modes_of(region(marks));
    const Numbers share = shares(made, rate);
    const ModalTime law{&made, share.data()};
    Numbers value(made.share_rows + LANES), slope(value), swing(value), integral(value);
    law.at(time, value.data(), slope.data(), swing.data());
    if (time < INFINITE) law.integral(time, integral.data());
    return nb::make_tuple(line(value.data(), made.count), line(slope.data(), made.count),
                          line(integral.data(), made.count),
                          table(made.state.columns, made.count, network.states),
                          line(swing.data(), made.pairs()));
  }

  // An output as a curve: see `looks`.
  nb::tuple looks_of_modes(const Marks &marks, const Line &rate, const Line &base, int number,
                           double time, bool few) {
    const Modes &made = regions_.modes_of(region(marks));
    const Numbers share = shares(made, rate), start = copied(base, network.op), none(network.op);
    const ModalTime modal{&made, share.data()};
    const Time law{made.count, 0, &modal};
    Arena arena;
    return with_curves(made, law, start, network.op, {none.data(), none.data(), nullptr, 1}, arena,
                       few, [=](const auto &curves) { return looks(curves, number, time); });
  }

  // The outputs as curves: see `follow`; whether they stay for good from the first time on, and a
  // later one from which on they might.
  nb::tuple follow_modes(const Marks &marks, const Line &rate, const Line &base, const Line &low,
                         const Line &high, const Line &units, double slack, double from,
                         double to, bool few) {
    const Limits limits(low, high, units, slack);
    return with_outputs(marks, rate, base, limits, few, [&](const Modes &modes, const auto &curves) {
      const nb::tuple found = follow(curves, from, to, low.size());
      const auto first = curves.at(from);
      const double later = modes.stable ? curves.good_after(first) : INFINITE;
      return nb::make_tuple(found, curves.stays_for_good(first), later);
    });
  }

  // How the outputs go on from 0: see `Ahead`.
  nb::tuple ahead(const Marks &marks, const Line &rate, const Line &base, const Line &low,
                  const Line &high, const Line &units, double slack, double until, bool few) {
    const Limits limits(low, high, units, slack);
    return with_outputs(marks, rate, base, limits, few, [&](const Modes &, const auto &curves) {
      const Ahead found = curves.ahead(until);
      const auto exit = found.exit;
      return nb::make_tuple(
          exit ? nb::object(nb::make_tuple(exit->time, exit->row)) : nb::none(), found.for_good);
    });
  }

 private:
  template <class Use>
  nb::tuple with_outputs(const Marks &marks, const Line &rate, const Line &base,
                         const Limits &limits, bool few, Use use) {
    const Modes &made = regions_.modes_of(region(marks));
    const Numbers share = shares(made, rate), start = copied(base, network.op);
    const ModalTime modal{&made, share.data()};
    const Time law{made.count, 0, &modal};
    Arena arena;
    return with_curves(made, law, start, limits.rows, limits.bounds(), arena, few,
                       [&](const auto &curves) { return use(made, curves); });
  }

  static Numbers shares(const Modes &modes, const Line &rate) {
    Numbers share(modes.share_rows);
    modes.split(rate.data(), share.data());
    return share;
  }

  Series series(const Region &at, const Line &inputs, const Line &state, bool bends,
                double smallest, double slack, double wanted, Arena &arena) const {
    const Numbers u = copied(state, network.states), given = copied(inputs, network.response);
    const Inputs all{given.data(), nullptr, nullptr, 0};
    return expand(network, at, all, u.data(), bends, smallest, slack, wanted, arena);
  }

  nb::object equations_;
  Table outputs_, currents_;
  Line zero_;

 public:
  const Network network;

 private:
  Regions regions_;
};

}  // namespace

void bind_trajectories_testing(nb::module_ &parent) {
  nb::module_ module = parent.def_submodule("trajectories_testing");
  module.def("prepare", &find_lapack);
  module.attr("MOST_TERMS") = MOST_TERMS;
  module.attr("CLAMP") = CLAMP;
  module.attr("FEW_ROWS") = FEW_BLOCKS * LANES;
  bind_dense_testing(module);
  module.def("follow_series", &follow_series);
  module.def("looks_of_series", &looks_of_series);
  module.def("integral_of_series", &integral_of_series);
  nb::class_<Probe>(module, "Probe")
      .def(nb::init<nb::object, Table, Table, Line>())
      .def("layout", &Probe::layout)
      .def("bounds", &Probe::bounds)
      .def("respond", &Probe::respond_to, "places"_a, "state"_a, "inputs"_a.none())
      .def("rates", &Probe::rates_of, "places"_a, "state"_a, "drive"_a.none(), "response"_a,
           "change"_a)
      .def("expand", &Probe::expanded)
      .def("advance_by_series", &Probe::advanced_by_series)
      .def("advance_by_modes", &Probe::advanced_by_modes)
      .def("rest", &Probe::rested)
      .def("modes", &Probe::modes)
      .def("modal_time", &Probe::modal_time)
      .def("looks_of_modes", &Probe::looks_of_modes)
      .def("follow_modes", &Probe::follow_modes)
      .def("ahead", &Probe::ahead);
}

}  // namespace amc
