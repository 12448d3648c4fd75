// Views of numpy arrays and owned arrays, C order, and their way in and out of Python.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace amc {

namespace nb = nanobind;

// A matrix in C order that belongs to somebody else; a row is a pointer.
template <class T>
struct View {
  T *data = nullptr;
  std::size_t rows = 0, columns = 0;

  T *operator[](std::size_t row) const { return data + row * columns; }
  std::size_t size() const { return rows * columns; }
};

using Matrix = View<const double>;

template <class T, int Dimensions>
using Input = nb::ndarray<const T, nb::ndim<Dimensions>, nb::c_contig, nb::device::cpu>;

// View an array of one or two dimensions, or one matrix of a stack.
template <class T>
View<const T> view(const Input<T, 1> &array) {
  return {array.data(), 1, array.shape(0)};
}
template <class T>
View<const T> view(const Input<T, 2> &array) {
  return {array.data(), array.shape(0), array.shape(1)};
}
template <class T>
View<const T> view(const Input<T, 3> &array, std::size_t number) {
  const std::size_t rows = array.shape(1), columns = array.shape(2);
  return {array.data() + number * rows * columns, rows, columns};
}

// Hand a vector over to numpy; nothing is copied.
template <class T, std::size_t Dimensions>
nb::object to_numpy(std::vector<T> &&values, const std::size_t (&shape)[Dimensions]) {
  auto *kept = new std::vector<T>(std::move(values));
  nb::capsule owner(kept, [](void *it) noexcept { delete static_cast<std::vector<T> *>(it); });
  return nb::cast(nb::ndarray<nb::numpy, T>(kept->data(), Dimensions, shape, owner));
}

}  // namespace amc
