#include "algorithm/alternating/selected_rows.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "algorithm/alternating/row_sums.hpp"
#include "native/arrays.hpp"

namespace amc {
namespace {

template <class T, int Dimensions>
using Output = nb::ndarray<T, nb::ndim<Dimensions>, nb::c_contig, nb::device::cpu>;
using Table = Input<double, 2>;
using Vector = Input<double, 1>;
using Integers = Input<std::int64_t, 1>;

// The rows and right-hand sides of one regression after the other.
struct Known {
  Matrix rows;
  const std::int64_t *starts, *indices;
  const double *values;

  // The panels of a regression, of which some numbers of a row are read.
  Panels panels(std::size_t k, std::size_t first, std::size_t last) const {
    return {{rows, indices + starts[k], std::size_t(starts[k + 1] - starts[k])},
            values + starts[k], first, last};
  }
};

void reduce_rows(const Table &records, std::size_t n, const Integers &starts,
                 const Integers &indices, const Vector &values, const Vector &ridges,
                 const Output<double, 3> &conductance, const Output<double, 2> &into,
                 const Output<double, 2> &figures, const Output<double, 2> &answers,
                 const Output<bool, 1> &left) {
  const Places at(n);
  const Known known{view(records), starts.data(), indices.data(), values.data()};
  ArraySums arrays(n);
  MatrixSums matrix(n, at.matrix);
  Pivoting pivoting(n);
  for (std::size_t k = 0; k < left.shape(0); ++k) {
    arrays.clear(), matrix.clear();
    for (Panels panels = known.panels(k, 0, at.length); panels.next();) {
      arrays.add(panels.panel), matrix.add(panels.panel);
    }
    arrays.write(conductance.data() + k * 4 * n * n, into.data() + k * 2 * n);
    double least = std::numeric_limits<double>::infinity(), most = -least;
    const auto swing = [&](const Panel &panel, const double *residual) {
      for (std::size_t i = 0; i < panel.count; ++i) {
        const double over = residual[i] * panel.row[i][at.totals + NOMINAL_INVERSE];
        least = std::min(least, over), most = std::max(most, over);
      }
    };
    left.data()[k] = !matrix.solve(pivoting, known.panels(k, at.matrix, at.length),
                                   ridges.data()[k], answers.data() + k * n, swing);
    double *own = figures.data() + k * 5;
    own[0] = arrays.square, own[1] = matrix.size, own[2] = matrix.largest;
    own[3] = least, own[4] = most;
  }
}

void solve_known(const Table &matrix, std::size_t n, const Integers &starts,
                 const Integers &indices, const Vector &values, const Vector &ridges,
                 const Output<double, 2> &answers, const Output<bool, 1> &left) {
  const Known known{view(matrix), starts.data(), indices.data(), values.data()};
  const std::size_t width = padded(n);
  MatrixSums sums(n, 0);
  Pivoting pivoting(n);
  for (std::size_t k = 0; k < left.shape(0); ++k) {
    sums.clear();
    for (Panels panels = known.panels(k, 0, width); panels.next();) sums.add(panels.panel);
    left.data()[k] = !sums.solve(pivoting, known.panels(k, 0, width), ridges.data()[k],
                                 answers.data() + k * n, [](const Panel &, const double *) {});
  }
}

// Fill in the sums of squared errors of W H' at stored entries: as it is, and cut to a scale.
void squared_errors(const Table &factor, const Integers &starts, const Integers &indices,
                    const Vector &values, const Table &solutions, double lowest, double highest,
                    const Output<double, 2> &errors) {
  const std::size_t n = solutions.shape(1);
  const Matrix rows = view(factor);
  for (std::size_t k = 0; k < solutions.shape(0); ++k) {
    const double *x = view(solutions)[k];
    double plain = 0.0, cut = 0.0;
    for (std::int64_t i = starts.data()[k]; i < starts.data()[k + 1]; ++i) {
      const double *row = rows[indices.data()[i]], value = values.data()[i];
      double product = 0.0;
      for (std::size_t j = 0; j < n; ++j) product += row[j] * x[j];
      const double off = std::min(std::max(product, lowest), highest) - value;
      plain += (product - value) * (product - value), cut += off * off;
    }
    errors.data()[2 * k] = plain, errors.data()[2 * k + 1] = cut;
  }
}

}  // namespace

void bind_selected_rows(nb::module_ &module) {
  using namespace nb::literals;
  const auto unlocked = nb::call_guard<nb::gil_scoped_release>();
  module.def("reduce_rows", &reduce_rows, "records"_a, "n"_a, "starts"_a, "indices"_a, "values"_a,
             "ridges"_a, "conductance"_a.noconvert(), "into"_a.noconvert(),
             "figures"_a.noconvert(), "answers"_a.noconvert(), "left"_a.noconvert(), unlocked);
  module.def("solve_known", &solve_known, "matrix"_a, "n"_a, "starts"_a, "indices"_a, "values"_a,
             "ridges"_a, "answers"_a.noconvert(), "left"_a.noconvert(), unlocked);
  module.def("squared_errors", &squared_errors, "factor"_a, "starts"_a, "indices"_a, "values"_a,
             "solutions"_a, "lowest"_a, "highest"_a, "errors"_a.noconvert(), unlocked);
}

}  // namespace amc
