// What Python sees of the stepping kernel; amcspice/engine/behavioural/stepping.py.
#include "engine/behavioural/kernel/dense.hpp"
#include "engine/behavioural/kernel/stepping_integrator.hpp"

namespace amc {

namespace {

using namespace stepping;

using Stack = Input<double, 3>;

// Right-hand sides through each of many circuits: samples by rows, the first of each right-hand
// side, and whether it came to rest.
nb::tuple integrate(const nb::object &equations, Pieces &pieces, const Stack &difference,
                    const Stack &held, const Stack &charge, const Input<double, 1> &start,
                    const Input<std::int64_t, 1> &outputs, const Input<double, 2> &controls) {
  load_lapack();
  find_lapack();
  const std::size_t circuits = difference.shape(0), each = difference.shape(1);
  const std::size_t width = 1 + 2 * difference.shape(2) + charge.shape(2);
  std::vector<Equations> equations_of;
  for (std::size_t one = 0; one < circuits; ++one) {
    equations_of.push_back(view_equations(equations, one));
  }
  std::vector<double> samples;
  std::vector<std::int64_t> starts{0};
  std::vector<std::uint8_t> at_rest;
  {
    const nb::gil_scoped_release unlocked;
    Interrupts interrupts;
    samples.reserve(64 * circuits * each * width);
    for (std::size_t one = 0; one < circuits; ++one) {
      // What follows from other pieces depends on which was met first.
      if (circuits > 1 || pieces.large()) pieces.clear();
      const double *row = view(controls)[one];
      const Control control{row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7],
                            row[8]};
      Integrator integrator(equations_of[one], pieces, control, {outputs.data(), outputs.size()},
                            start.data(), samples, interrupts);
      for (std::size_t r = 0; r < each; ++r) {
        const Drive drive{view(difference, one)[r], view(held, one)[r], view(charge, one)[r]};
        at_rest.push_back(integrator.run(drive));
        starts.push_back(std::int64_t(samples.size() / width));
      }
    }
  }
  const std::size_t rows = samples.size() / width, sides = at_rest.size();
  return nb::make_tuple(to_numpy(std::move(samples), {rows, width}),
                        to_numpy(std::move(starts), {sides + 1}),
                        to_numpy(std::move(at_rest), {sides}));
}

Dense owned(const Input<double, 2> &array) {
  Dense result(array.shape(0), array.shape(1));
  result.values.assign(array.data(), array.data() + array.size());
  return result;
}

nb::object to_numpy(const Dense &matrix) {
  const Vector &values = matrix.values;
  return amc::to_numpy(std::vector(values.begin(), values.end()), {matrix.rows, matrix.columns});
}

nb::object to_numpy(const Vector &vector) {
  return amc::to_numpy(std::vector(vector.begin(), vector.end()), {vector.size()});
}

// As stored: matrices by state and by held nodes, transposed, and the constant.
nb::tuple to_numpy(const Affine &function) {
  return nb::make_tuple(to_numpy(function.by_state), to_numpy(function.by_held),
                        to_numpy(function.fixed));
}

using Places = Input<std::uint8_t, 2>;

Code code_of(const Places &places) {
  Code code;
  for (std::size_t i = 0; i < places.shape(0); ++i) {
    const std::uint8_t *place = view(places)[i];
    code.push_back({place[0], place[1], place[2], place[3]});
    if (places.shape(1) > 4) code.back().full = place[4];
  }
  return code;
}

// Functions with mathematics in them, for their tests.
void bind_testing(nb::module_ module) {
  module.def("prepare", &load_lapack);
  using Square = Input<double, 2>;
  using Line = Input<double, 1>;
  module.def("product", [](const Square &a, const Square &b) {
    Dense out(a.shape(0), b.shape(1));
    accumulate(view(a), view(b), out);
    return to_numpy(out);
  });
  module.def("inverse", [](const Square &matrix) { return to_numpy(inverse(owned(matrix))); });
  module.def("grow", [](const Square &rate, double step) {
    return to_numpy(grow(view(rate), step));
  });
  module.def("phis", [](const Square &rate, double step) {
    const Phis of = phis(view(rate), step);
    return nb::make_tuple(to_numpy(of.phi1), to_numpy(of.phi2), to_numpy(of.growth));
  });
  module.def("krylov_phi", [](int order, const Square &resolvent, double pole, double step,
                              double allowed, const Line &vector) {
    const std::size_t n = resolvent.shape(0);
    const Dense transposed = owned(resolvent);
    Krylov space(n);
    Vector out(n);
    space.begin(Vector(vector.data(), vector.data() + vector.size()), {&transposed, pole});
    const bool exact = space.add_phi(order, step, allowed, out);
    return nb::make_tuple(to_numpy(out), exact, space.dimensions());
  });
  // What J, transposed, has in one place beyond another, and an inverse that follows from it.
  module.def("follow", [](const nb::object &equations, const Places &now, const Places &before,
                          const Square &known, double factor) -> nb::object {
    const Equations eq = view_equations(equations, 0);
    const auto beyond = Factored(eq, code_of(now)).beyond(Factored(eq, code_of(before)));
    if (!beyond) return nb::none();
    return nb::make_tuple(to_numpy(beyond->left), to_numpy(beyond->right),
                          to_numpy(updated_inverse(owned(known), *beyond, factor)));
  });
  // Sources, currents, watched nodes, differences and rates of a state.
  module.def("factored", [](const nb::object &equations, const Places &places, const Line &state,
                            const Line &difference, const Line &held, const Line &charge) {
    const Equations eq = view_equations(equations, 0);
    const Factored factored(eq, code_of(places));
    const Drive drive{difference.data(), held.data(), charge.data()};
    Flow flow;
    Vector watched(watched_nodes(eq)), along(eq.amplifiers()), rate(eq.states());
    factored.flow(state.data(), &drive, flow, watched);
    factored.differences(state.data(), &drive, flow, along);
    factored.rates(state.data(), &drive, flow, along, rate);
    return nb::make_tuple(to_numpy(watched), to_numpy(along), to_numpy(rate));
  });
  module.def("linearise", [](const nb::object &equations, const Places &places) {
    const Linear made = linearise(view_equations(equations, 0), code_of(places));
    return nb::make_tuple(to_numpy(made.rate), to_numpy(made.difference), to_numpy(made.watched));
  });
}

}  // namespace

void bind_stepping(nb::module_ &parent) {
  nb::module_ module = parent.def_submodule("stepping");
  nb::class_<Pieces>(module, "Pieces")
      .def(nb::init<std::size_t, std::size_t, bool, bool>(), nb::arg("states"), nb::arg("most"),
           nb::arg("slews"), nb::arg("large"));
  module.def("integrate", &integrate);
  module.attr("CLAMP") = CLAMP;
  module.attr("TAIL") = TAIL;
  bind_testing(module.def_submodule("testing"));
}

}  // namespace amc
