// Dense products and inverses: plain loops for small matrices, BLAS and LAPACK for others.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

#include "native/arrays.hpp"

namespace amc::stepping {

// Memory that begins with a cache line: vectors that straddle two take a third longer.
template <class T>
struct Aligned {
  using value_type = T;
  static constexpr std::align_val_t LINE{64};

  T *allocate(std::size_t n) { return static_cast<T *>(::operator new(n * sizeof(T), LINE)); }
  void deallocate(T *memory, std::size_t) { ::operator delete(memory, LINE); }
  bool operator==(const Aligned &) const = default;
};

using Vector = std::vector<double, Aligned<double>>;

// A matrix in C order, zero at first.
struct Dense {
  Dense() = default;
  Dense(std::size_t rows, std::size_t columns)
      : rows(rows), columns(columns), values(rows * columns) {}

  double *operator[](std::size_t row) { return values.data() + row * columns; }
  const double *operator[](std::size_t row) const { return values.data() + row * columns; }
  operator Matrix() const { return {values.data(), rows, columns}; }
  std::size_t size() const { return values.size(); }
  bool empty() const { return values.empty(); }

  std::size_t rows = 0, columns = 0;
  Vector values;
};

// Take BLAS and LAPACK from scipy, once; needs the GIL.
void load_lapack();

// Add the product of a matrix, given transposed, and a vector to out.
void add(Matrix transposed, const double *vector, double *out);

// Add the matrix product of a and b to out.
void accumulate(Matrix a, Matrix b, Dense &out);

double dot(const double *a, const double *b, std::size_t n);

// The largest magnitude; what is no number counts as none.
double largest(const double *values, std::size_t n);

// Invert; what is singular gives inf and nan.
Dense inverse(Dense matrix);

// The same by elimination with row exchange, for any size.
Dense eliminate(Dense matrix);

}  // namespace amc::stepping
