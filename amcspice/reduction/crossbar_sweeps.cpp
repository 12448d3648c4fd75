#include "reduction/crossbar_sweeps.hpp"

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "native/arrays.hpp"
#include "reduction/lanes.hpp"
#include "reduction/line_modes.hpp"

namespace amc {
namespace {

// Rows of a sweep along word lines: a recurrence along one alone waits for itself, and rows whose
// length is a power of two drive each other out of the caches.
constexpr std::size_t TOGETHER = 2;

using Cells = Input<double, 2>;
using Stack = nb::ndarray<double, nb::ndim<3>, nb::c_contig, nb::device::cpu>;
using Vector = nb::ndarray<double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

class CrossbarSweeps {
 public:
  CrossbarSweeps(const Cells &cells, const Cells &across, double row, double column, double driver,
                 double sense)
      : kept_(cells), kept_across_(across), cells_(view(cells)), modes_(view(across)), row_(row),
        column_(column), driver_(driver), words_(cells.size()), bits_(cells.size()) {
    const nb::gil_scoped_release unlocked;
    const std::size_t m = cells_.rows, n = cells_.columns;
    // Towards the far end of a line, what is behind a crossing point: the cell there, in parallel
    // with all before in series with a segment.  Nothing is subtracted, so nothing is lost.
    std::vector<double> behind(n);
    for (std::size_t i = 0; i < m; ++i) {
      double before = driver;
      for (std::size_t j = 0; j < n; ++j) {
        const double all = cells_[i][j] + before;
        const double inverse = 1 / (all + (j + 1 < n ? row : 0.0));
        words_[i * n + j] = inverse;
        before = all * row * inverse;
      }
      const double onward = i + 1 < m ? column : sense;
      for (std::size_t j = 0; j < n; ++j) {
        const double all = cells_[i][j] + behind[j];
        const double inverse = 1 / (all + onward);
        bits_[i * n + j] = inverse;
        behind[j] = all * column * inverse;
      }
    }
  }

  template <int K>
  void precondition(double *residual, double *image, const double *step, double *squares,
                    double *along, double *amplitudes) const {
    const std::size_t m = cells_.rows, length = cells_.columns * K, k = modes_.size() * K;
    std::fill_n(squares, K, 0.0);
    std::fill_n(along, K, 0.0);
    std::size_t i = 0;
    for (; i + TOGETHER <= m; i += TOGETHER) {
      solve_words<K, TOGETHER>(i, residual + i * length, image + i * length, step, squares, along);
      modes_.project<K, TOGETHER>(residual + i * length, amplitudes + i * k);
    }
    for (; i < m; ++i) {
      solve_words<K, 1>(i, residual + i * length, image + i * length, step, squares, along);
      modes_.project<K, 1>(residual + i * length, amplitudes + i * k);
    }
  }

  template <int K>
  void eliminate(double *direction, double *image, const double *before,
                 const double *amplitudes) const {
    const std::size_t m = cells_.rows, n = cells_.columns;
    const std::vector<double> none(n * K);
    const double *above = none.data();
    const Wide times = repeated<K>(before);
    for (std::size_t i = 0; i < m; ++i) {
      const double *__restrict cells = cells_[i], *__restrict inverse = &bits_[i * n];
      double *__restrict along = direction + i * n * K, *__restrict here = image + i * n * K;
      modes_.add<K>(amplitudes + i * modes_.size() * K, here);
      over_points<K>(0, n, [&](std::size_t j, auto points) {
        constexpr int P = points(), L = K * P;
        const Lanes<L> turned =
            *lanes<L>(here + j * K) + leading<L>(times) * *lanes<L>(along + j * K);
        *lanes<L>(along + j * K) = turned;
        *lanes<L>(here + j * K) = spread<K, P>(inverse + j) * (spread<K, P>(cells + j) * turned +
                                                               column_ * *lanes<L>(above + j * K));
      });
      above = here;
    }
  }

  template <int K>
  void apply(const double *direction, double *image, double *along) const {
    const std::size_t n = cells_.columns;
    std::vector<double> below(n * K);
    std::fill_n(along, K, 0.0);
    for (std::size_t i = cells_.rows; i-- > 0;) {
      const double *words = direction + i * n * K;
      double *row = image + i * n * K;
      substitute_row<K>(i, row, below.data());
      leave<K>(cells_[i], words, below.data(), row);
      add_dot<K>(words, row, n * K, along);
    }
  }

  template <int K>
  void substitute(double *image) const {
    const std::size_t length = cells_.columns * K;
    std::vector<double> below(length);
    for (std::size_t i = cells_.rows; i-- > 0;) {
      substitute_row<K>(i, image + i * length, below.data());
      std::copy(below.begin(), below.end(), image + i * length);
    }
  }

  // Resistance from the last crossing point of each bit line, with the word lines at 0 V.
  std::vector<double> end_resistance() const {
    return {bits_.end() - std::ptrdiff_t(cells_.columns), bits_.end()};
  }

 private:
  // R -= step * SP, and in place of SP what P^-1 makes of R, some rows at once.
  template <int K, std::size_t ROWS>
  void solve_words(std::size_t row, double *residuals, double *images, const double *steps,
                   double *squares, double *along) const {
    const std::size_t n = cells_.columns;
    const double *inverse = &words_[row * n];
    Lanes<K> *residual = lanes<K>(residuals), *image = lanes<K>(images);
    const Lanes<K> step = *lanes<K>(steps);
    Lanes<K> current[ROWS] = {}, voltage[ROWS] = {}, square[ROWS] = {}, product[ROWS] = {};
    double onward[ROWS] = {};
    for (std::size_t j = 0; j < n; ++j) {
      for (std::size_t r = 0; r < ROWS; ++r) {
        const std::size_t at = r * n + j;
        const Lanes<K> left = residual[at] - step * image[at];
        residual[at] = left;
        square[r] += left * left;
        current[r] = left + onward[r] * current[r];
        onward[r] = row_ * inverse[at];
        image[at] = inverse[at] * current[r];
      }
    }
    for (std::size_t j = n; j-- > 0;) {
      for (std::size_t r = 0; r < ROWS; ++r) {
        const std::size_t at = r * n + j;
        voltage[r] = image[at] + (row_ * inverse[at]) * voltage[r];
        image[at] = voltage[r];
        product[r] += residual[at] * voltage[r];
      }
    }
    for (std::size_t r = 0; r < ROWS; ++r) {
      *lanes<K>(squares) += square[r];
      *lanes<K>(along) += product[r];
    }
  }

  // From the bit-line voltages of the row below to those of a row.
  template <int K>
  void substitute_row(std::size_t i, const double *__restrict eliminated,
                      double *__restrict bits) const {
    const double *__restrict inverse = &bits_[i * cells_.columns];
    over_points<K>(0, cells_.columns, [&](std::size_t j, auto points) {
      constexpr int P = points(), L = K * P;
      Lanes<L> &bit = *lanes<L>(bits + j * K);
      bit = *lanes<L>(eliminated + j * K) + column_ * spread<K, P>(inverse + j) * bit;
    });
  }

  // Currents that leave a word line, through its wire and its cells.
  template <int K>
  void leave(const double *__restrict cells, const double *__restrict words,
             const double *__restrict bits, double *__restrict currents) const {
    const std::size_t last = cells_.columns - 1;
    over_points<K>(1, last, [&](std::size_t j, auto points) {
      constexpr int P = points(), L = K * P;
      const double *at = words + j * K;
      const Lanes<L> word = *lanes<L>(at);
      *lanes<L>(currents + j * K) =
          row_ * ((word - *lanes<L>(at - K)) + (word - *lanes<L>(at + K))) +
          spread<K, P>(cells + j) * (word - *lanes<L>(bits + j * K));
    });
    const Lanes<K> *word = lanes<K>(words), *bit = lanes<K>(bits);
    Lanes<K> *current = lanes<K>(currents);
    current[0] = driver_ * word[0] + cells[0] * (word[0] - bit[0]);
    if (last == 0) return;
    current[0] += row_ * (word[0] - word[1]);
    current[last] =
        row_ * (word[last] - word[last - 1]) + cells[last] * (word[last] - bit[last]);
  }

  Cells kept_, kept_across_;
  Matrix cells_;
  LineModes modes_;
  double row_, column_, driver_;
  std::vector<double> words_, bits_;  // inverse pivots
};

// Call a function for the number of vectors that stand side by side.
template <int K = 1, class Call>
void with_lanes(std::size_t count, Call call) {
  if (count == K) {
    const nb::gil_scoped_release unlocked;
    call(std::integral_constant<int, K>());
  } else if constexpr (2 * K <= LANES) {
    with_lanes<2 * K>(count, call);
  } else {
    throw std::invalid_argument("so many vectors do not fit side by side");
  }
}

void precondition(const CrossbarSweeps &sweeps, const Vector &step, const Stack &residual,
                  const Stack &image, const Vector &squares, const Vector &along,
                  const Stack &amplitudes) {
  with_lanes(residual.shape(2), [&](auto lanes) {
    sweeps.precondition<lanes()>(residual.data(), image.data(), step.data(), squares.data(),
                                 along.data(), amplitudes.data());
  });
}

void eliminate(const CrossbarSweeps &sweeps, const Vector &before, const Stack &amplitudes,
               const Stack &direction, const Stack &image) {
  with_lanes(image.shape(2), [&](auto lanes) {
    sweeps.eliminate<lanes()>(direction.data(), image.data(), before.data(), amplitudes.data());
  });
}

void apply(const CrossbarSweeps &sweeps, const Stack &direction, const Stack &image,
           const Vector &along) {
  with_lanes(image.shape(2), [&](auto lanes) {
    sweeps.apply<lanes()>(direction.data(), image.data(), along.data());
  });
}

void substitute(const CrossbarSweeps &sweeps, const Stack &image) {
  with_lanes(image.shape(2), [&](auto lanes) { sweeps.substitute<lanes()>(image.data()); });
}

void add(const Stack &direction, const Vector &step, const Stack &words) {
  with_lanes(words.shape(2), [&](auto count) {
    constexpr int K = count();
    const Lanes<K> *__restrict from = lanes<K>(direction.data()), by = *lanes<K>(step.data());
    Lanes<K> *__restrict to = lanes<K>(words.data());
    const std::size_t points = words.shape(0) * words.shape(1);
    for (std::size_t at = 0; at < points; ++at) to[at] += by * from[at];
  });
}

}  // namespace

void bind_crossbar_sweeps(nb::module_ &module) {
  using namespace nb::literals;
  nb::class_<CrossbarSweeps>(module, "CrossbarSweeps")
      .def(nb::init<const Cells &, const Cells &, double, double, double, double>(), "cells"_a,
           "across"_a, "row"_a, "column"_a, "driver"_a, "sense"_a)
      .def("precondition", &precondition, "step"_a, "residual"_a.noconvert(),
           "image"_a.noconvert(), "squares"_a.noconvert(), "along"_a.noconvert(),
           "amplitudes"_a.noconvert())
      .def("eliminate", &eliminate, "before"_a, "amplitudes"_a, "direction"_a.noconvert(),
           "image"_a.noconvert())
      .def("apply", &apply, "direction"_a, "image"_a.noconvert(), "along"_a.noconvert())
      .def("end_resistance",
           [](const CrossbarSweeps &sweeps) {
             const std::size_t columns = sweeps.end_resistance().size();
             return to_numpy(sweeps.end_resistance(), {columns});
           })
      .def("substitute", &substitute, "image"_a.noconvert());
  module.attr("CROSSBAR_LANES") = LANES;
  module.def("add", &add, "direction"_a, "step"_a, "words"_a.noconvert());
}

}  // namespace amc
