// Dense matrices in columns: products, inverse, eigenvectors.
#pragma once

#include <complex>
#include <vector>

#include "engine/behavioural/kernel/vectors.hpp"

namespace amc {

inline void add_columns_at(const double *column, int rows, double times, double *out) {
  for (int b = 0; b < rows / LANES; ++b) blocks(out)[b] += blocks(column)[b] * times;
}

// Invert an n x n matrix where it stands, columns without padding, by elimination with row
// exchange; what is singular gives inf and nan.
void invert(double *matrix, int n);

// Fill in factors s that make S J S^-1 symmetric; false if there are none.
bool symmetrise(const double *matrix, int n, double *factors, Arena &room);

// Eigenvalues and right eigenvectors, in columns; false where that fails.  The columns of a
// complex pair, positive imaginary part first, are the real and the imaginary part of its vector.
// `inverse` of the vectors, in columns, is null where it is not wanted; `matrix` is lost.
//
// J of a circuit of resistors is S^-1 T S with T symmetric and S diagonal, which takes a tenth of
// the time of others, that are LAPACK's.
bool eigenvectors(double *matrix, int n, std::complex<double> *values, double *vectors,
                  double *inverse, Arena &room);

// The same, where columns with nothing but their diagonal, of what acts on nothing else, need no
// LAPACK: with the others first J = [A 0; B D], and v of A goes on as (rate - D)^-1 B v.
bool eigenvectors_by_parts(const double *matrix, int n, std::complex<double> *values,
                           double *vectors, double *inverse, Arena &room);

// Find LAPACK; with the GIL held, before eigenvectors are asked for.
void find_lapack();

}  // namespace amc
