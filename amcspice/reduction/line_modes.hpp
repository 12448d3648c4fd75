// The slow modes of a word line, in many rows and of several vectors at once; see lines.py.
#pragma once

#include <algorithm>
#include <cstddef>

#include "native/arrays.hpp"
#include "reduction/lanes.hpp"

namespace amc {

class LineModes {
 public:
  // Shapes (k, n) belong to the caller.
  explicit LineModes(Matrix shapes) : shapes_(shapes) {}

  std::size_t size() const { return shapes_.rows; }

  // Amplitudes (rows, k, K) of ROWS rows (rows, n, K).
  template <int K, std::size_t ROWS>
  void project(const double *rows, double *amplitudes) const {
    std::size_t mode = 0;
    for (; mode + MODES <= shapes_.rows; mode += MODES) {
      project_on<K, ROWS, MODES>(mode, rows, amplitudes);
    }
    for (; mode < shapes_.rows; ++mode) project_on<K, ROWS, 1>(mode, rows, amplitudes);
  }

  // Add the modes with their amplitudes (k, K) to a row (n, K).
  template <int K>
  void add(const double *amplitudes, double *row) const {
    std::size_t mode = 0;
    for (; mode + MODES <= shapes_.rows; mode += MODES) {
      add_some<K, MODES>(mode, amplitudes + mode * K, row);
    }
    for (; mode < shapes_.rows; ++mode) add_some<K, 1>(mode, amplitudes + mode * K, row);
  }

 private:
  // Modes at once: their sums, for two rows, stay in registers.
  static constexpr std::size_t MODES = 4;

  // In partial sums, one a lane.
  template <int K, std::size_t ROWS, std::size_t COUNT>
  void project_on(std::size_t first, const double *rows, double *amplitudes) const {
    constexpr int points = LANES / K;
    const std::size_t n = shapes_.columns, whole = n / points * points;
    const double *shapes = shapes_[first];
    Wide sums[ROWS][COUNT] = {};
    for (std::size_t j = 0; j < whole; j += points) {
      for (std::size_t s = 0; s < COUNT; ++s) {
        const Wide shape = spread<K, points>(shapes + s * n + j);
        for (std::size_t r = 0; r < ROWS; ++r) {
          sums[r][s] += shape * *lanes<LANES>(rows + (r * n + j) * K);
        }
      }
    }
    for (std::size_t r = 0; r < ROWS; ++r) {
      for (std::size_t s = 0; s < COUNT; ++s) {
        double *sum = amplitudes + (r * shapes_.rows + first + s) * K;
        std::fill_n(sum, K, 0.0);
        for (int l = 0; l < LANES; ++l) sum[l % K] += sums[r][s][l];
        for (std::size_t j = whole; j < n; ++j) {
          *lanes<K>(sum) += shapes[s * n + j] * lanes<K>(rows)[r * n + j];
        }
      }
    }
  }

  template <int K, std::size_t COUNT>
  void add_some(std::size_t first, const double *amplitudes, double *__restrict row) const {
    const std::size_t n = shapes_.columns;
    const double *__restrict shapes = shapes_[first];
    Wide of[COUNT];
    for (std::size_t s = 0; s < COUNT; ++s) of[s] = repeated<K>(amplitudes + s * K);
    over_points<K>(0, n, [&](std::size_t j, auto points) {
      constexpr int P = points();
      Lanes<K * P> sum = *lanes<K * P>(row + j * K);
      for (std::size_t s = 0; s < COUNT; ++s) {
        sum += leading<K * P>(of[s]) * spread<K, P>(shapes + s * n + j);
      }
      *lanes<K * P>(row + j * K) = sum;
    });
  }

  Matrix shapes_;
};

}  // namespace amc
