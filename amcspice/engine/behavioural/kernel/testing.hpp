// What functions bound for tests share.
#pragma once

#include <algorithm>
#include <vector>

#include "engine/behavioural/kernel/vectors.hpp"
#include "native/arrays.hpp"

namespace amc {

using namespace nb::literals;
using Line = Input<double, 1>;
using Table = Input<double, 2>;
using Marks = Input<std::uint8_t, 2>;

inline nb::object line(const double *at, std::size_t count) {
  return to_numpy(std::vector<double>(at, at + count), {count});
}

inline nb::object table(const double *at, std::size_t rows, std::size_t columns) {
  return to_numpy(std::vector<double>(at, at + rows * columns), {rows, columns});
}

inline Numbers copied(const Line &values, std::size_t room, double beyond = 0) {
  Numbers copy(room, beyond);
  std::copy_n(values.data(), values.size(), copy.data());
  return copy;
}

// Rows of equal length, each padded to whole blocks.
inline Numbers copied(const Table &values, std::size_t room) {
  Numbers copy(values.shape(0) * room, 0.0);
  for (std::size_t row = 0; row < values.shape(0); ++row)
    std::copy_n(view(values)[row], values.shape(1), copy.data() + row * room);
  return copy;
}

// Numbers in registers, e^x, and dense matrices.
void bind_dense_testing(nb::module_ &module);

}  // namespace amc
