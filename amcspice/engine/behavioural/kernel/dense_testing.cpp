// Functions of numbers and matrices, for their tests.
#include <nanobind/stl/optional.h>

#include <complex>
#include <optional>

#include "engine/behavioural/kernel/dense.hpp"
#include "engine/behavioural/kernel/exponential.hpp"
#include "engine/behavioural/kernel/symmetric.hpp"
#include "engine/behavioural/kernel/testing.hpp"

namespace amc {

namespace {

nb::tuple exponential_of(const Line &x) {
  const std::size_t room = padded(int(x.size()));
  Numbers from = copied(x, room), grown(room), growth(room);
  for (std::size_t b = 0; b < room / LANES; ++b)
    exponential(blocks(from.data())[b], blocks(grown.data())[b], blocks(growth.data())[b]);
  return nb::make_tuple(line(grown.data(), x.size()), line(growth.data(), x.size()));
}

// Matrices come and go with their columns as rows.
nb::object inverse(const Table &columns) {
  std::vector<double> matrix(columns.data(), columns.data() + columns.size());
  invert(matrix.data(), int(columns.shape(0)));
  return table(matrix.data(), columns.shape(0), columns.shape(0));
}

nb::tuple eigenvectors_of(const Table &columns) {
  const std::size_t n = columns.shape(0);
  std::vector<double> matrix(columns.data(), columns.data() + columns.size()), vectors(n * n);
  std::vector<double> inverse(n * n);
  std::vector<std::complex<double>> values(n);
  Arena room;
  const bool found = eigenvectors_by_parts(matrix.data(), int(n), values.data(), vectors.data(),
                                           inverse.data(), room);
  const auto *parts = reinterpret_cast<const double *>(values.data());
  return nb::make_tuple(found, table(parts, n, 2), table(vectors.data(), n, n),
                        table(inverse.data(), n, n));
}

nb::tuple symmetric_of(const Table &matrix) {
  const int n = int(matrix.shape(0)), rows = padded(n);
  Numbers columns = copied(matrix, rows), vectors(std::size_t(n) * rows, 0.0), values(n);
  Arena room;
  const bool found = symmetric_eigenvectors(columns.data(), n, values.data(), vectors.data(), room);
  std::vector<double> apart;
  for (int j = 0; j < n; ++j)
    apart.insert(apart.end(), &vectors[std::size_t(j) * rows], &vectors[std::size_t(j) * rows] + n);
  return nb::make_tuple(found, line(values.data(), n), table(apart.data(), n, n));
}

nb::object sum_of_columns(const Table &columns,
                          const std::optional<Input<std::int32_t, 1>> &numbers, int count,
                          const Line &times, const Line &start) {
  const int rows = padded(int(columns.shape(1)));
  const Numbers stored = copied(columns, rows);
  Numbers out = copied(start, rows);
  add_columns(stored.data(), rows, rows, numbers ? numbers->data() : nullptr, count, times.data(),
              out.data());
  return line(out.data(), columns.shape(1));
}

}  // namespace

void bind_dense_testing(nb::module_ &module) {
  module.def("exponential", &exponential_of);
  module.def("inverse", &inverse);
  module.def("eigenvectors", &eigenvectors_of);
  module.def("symmetric_eigenvectors", &symmetric_of);
  module.def("sum_of_columns", &sum_of_columns, "columns"_a, "numbers"_a.none(), "count"_a,
             "times"_a, "start"_a);
  module.def("dot", [](const Line &a, const Line &b) {
    const int rows = padded(int(a.size()));
    return dot(copied(a, rows).data(), copied(b, rows).data(), rows);
  });
  module.def("largest_magnitude", [](const Line &a) {
    const int rows = padded(int(a.size()));
    return largest_magnitude(copied(a, rows).data(), rows);
  });
}

}  // namespace amc
